using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Passes;
using Xunit.Abstractions;

namespace AimcCompiler.Tests.Runtime.Timing;

/// <summary>A program made for latency takes one inference through sooner than what was made for throughput, or for nothing.</summary>
public sealed class LatencyTargetTests(ITestOutputHelper output)
{
    /// <summary>Transfers are not weighed when copies and homes are chosen: on a chip of slow links, which copies no message, they may take so much more (measured 1.046 at most, not derived).</summary>
    private const double Unweighed = 1.05;

    public static TheoryData<string, string> Cases
    {
        get
        {
            TheoryData<string, string> cases = [];
            foreach (string model in (string[])["lenet5.onnx", "mlp.onnx", "resnet.onnx", "transformer.onnx", "lstm.onnx"])
            {
                cases.Add(model, "pimcomp");
            }

            foreach (string model in (string[])["lenet5.onnx", "mlp.onnx", "resnet.onnx"])
            {
                cases.Add(model, "isaac");
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void OneInferenceIsSoonest(string file, string chip) => IsSoonest(OnnxImporter.Import(Path.Combine(SharedFolder.Repository, "onnx-models", file)), ChipReader.Read(chip), file, [MappingTarget.Tiles, MappingTarget.Throughput]);

    /// <param name="name">Model in the shared folder.</param>
    [SharedTheory]
    [Trait("Category", "Long")]
    [MemberData(nameof(DrawnNetworks.OfPimcomp), MemberType = typeof(DrawnNetworks))]
    public void OneInferenceOfALargeNetworkIsSoonest(string name) => IsSoonest(DrawnNetworks.Import(name), ChipReader.Read("pimcomp"), name, [MappingTarget.Throughput]);

    private void IsSoonest(Graph graph, ChipDescription chip, string name, MappingTarget[] others)
    {
        double latency = LatencyS(graph, chip, MappingTarget.Latency);
        foreach (var target in others)
        {
            double other = LatencyS(graph, chip, target);
            output.WriteLine(FormattableString.Invariant($"{name}: {latency * 1e6:F1} us for latency, {other * 1e6:F1} us for {target} ({latency / other:F3})"));
            Assert.InRange(latency, 0, (chip.Noc?.Multicast == true ? 1 : Unweighed) * other);
        }
    }

    private static double LatencyS(Graph graph, ChipDescription chip, MappingTarget target)
    {
        var program = AimcCompilation.Compile(graph, chip, DrawnNetworks.AsPimcomp with { Target = target }).Program;
        return TimingSimulator.Run(program, new TimingOptions { Inferences = 1, HasStalls = false }).LatencyS!.Value;
    }
}
