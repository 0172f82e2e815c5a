using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Onnx;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using Google.Protobuf;

namespace AimcCompiler.Benchmarks;

/// <summary>Inferences of light_resnet50, its weights drawn, on as many hermes chips as it needs, a day after programming.</summary>
internal static class ResNetInference
{
    public const string Name = "light_resnet50";

    private const string Chip = "hermes";

    private const double TimeS = 86400;

    /// <summary>Methods that run once a layer or once an inference are compiled again while they run, some seconds long.</summary>
    private const double WarmUpS = 4;

    private const string OutputNoise = "tile.noise.output=0.04";

    public static string Model { get; } = Path.Combine(SharedFolder.Folder, "models", "onnx", "light_resnet50.onnx");

    /// <param name="rounds">Rounds of a row at most.</param>
    /// <param name="seconds">No round of a row begins after so many seconds.</param>
    /// <param name="cancellation">Stops between runs.</param>
    public static IEnumerable<EndToEndRow> Measure(int rounds, double seconds, CancellationToken cancellation)
    {
        var model = Opened(Reseeder.Reseed(Model, 1).Model);
        byte[] bytes = model.ToByteArray();
        string input = model.Graph.Input[0].Name;
        int threads = Environment.ProcessorCount;
        foreach (var (what, settings, goal) in new (string, string[], double)[] { ("", [OutputNoise], 2), (" + read noise", [OutputNoise, "tile.noise.read=0.01"], 3) })
        {
            var graph = OnnxImporter.Import(ModelProto.Parser.ParseFrom(bytes), Path.GetFileName(Model), new string('0', 64), null);
            var compiled = AimcCompilation.Compile(graph, ChipReader.Read(Chip, settings), new CompileOptions { Chips = null }).Program;
            var program = RangeCalibrator.Complete(compiled, [() => Inputs(input, 0, 1), () => Inputs(input, 1, 1)], cancellation: cancellation);
            using Session session = new(program, new SimulationOptions { TimeS = TimeS });
            using DigitalSession reference = new(bytes, new DigitalOptions(threads));
            foreach (int batch in (int[])[1, 8])
            {
                var inputs = Inputs(input, 2, batch);
                var found = Alternation.Measure(
                    () => session.Run(inputs, 0, null, cancellation), () => reference.Run(inputs, null, CancellationToken.None), Clock.Wall, rounds, seconds, WarmUpS, cancellation);
                yield return new EndToEndRow(Name, Chip + what, batch, threads, found.Ratio, goal, 1000 * found.OursS, 1000 * found.TheirsS, batch, found.Rounds);
            }
        }
    }

    /// <summary>The model with an open batch, for ONNX Runtime and the compiler alike.</summary>
    private static ModelProto Opened(ModelProto model)
    {
        var graph = model.Graph;
        graph.Input[0].Type.TensorType.Shape.Dim[0] = new TensorShapeProto.Types.Dimension { DimParam = "batch" };
        foreach (var output in graph.Output)
        {
            output.Type.TensorType.Shape = null;
        }

        foreach (var node in graph.Node.Where(n => n.OpType == "Reshape"))
        {
            // To [batch, all the rest].
            string target = $"{node.Output[0]}::shape";
            graph.Initializer.Add(ModelWriter.Write(target, Tensor.FromInt64([0, -1], 2)));
            node.Input[1] = target;
        }

        return model;
    }

    private static Dictionary<string, Tensor> Inputs(string name, int seed, int batch)
    {
        Random random = new(seed);
        float[] values = new float[batch * 3 * 224 * 224];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (2 * random.NextSingle()) - 1;
        }

        return new Dictionary<string, Tensor> { [name] = Tensor.FromFloats(values, batch, 3, 224, 224) };
    }
}
