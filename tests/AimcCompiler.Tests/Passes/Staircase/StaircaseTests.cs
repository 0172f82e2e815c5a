using System.Text.RegularExpressions;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>A small network on the chip "tiny", stair by stair.</summary>
public sealed partial class StaircaseTests
{
    [Fact]
    public void EveryStairOfASmallNetworkPrintsAsApproved()
    {
        List<(string Pass, string Text)> dumps = [];
        AimcCompilation.Compile(Network().Import(), Stairs.Tiny, new CompileOptions { Dump = (pass, text) => dumps.Add((pass, text)) });
        Assert.Equal(AimcCompilation.Passes.Where(p => !p.Purpose.StartsWith("for ", StringComparison.Ordinal)).Select((p, i) => $"{i + 1:00}-{p.Name}"), dumps.Select(d => d.Pass));
        Assert.All(dumps, d => Approved.Check(d.Pass, Producer().Replace(d.Text, "by \"aimc\"")));
    }

    [Fact]
    public void TheSmallNetworkKeepsItsMeaning() => Meaning.IsKeptOnTheFloatChip(Network());

    [Fact]
    public void CompilingTwiceGivesTheSame()
    {
        string[] prints = [.. Enumerable.Range(0, 2).Select(_ =>
        {
            string text = "";
            AimcCompilation.Compile(Network().Import(), Stairs.Tiny, new CompileOptions { Dump = (_, t) => text += t });
            return text;
        })];
        Assert.Equal(prints[0], prints[1]);
    }

    [Fact]
    public void AnIdealTinyChipIsExactOnWeightsAndInputsThatItsCodesHold()
    {
        // Weights are multiples of 1/7 of their column's largest, inputs of 1/7 of 1: nothing is lost in 4 bits.
        float[] weights = [.. Enumerable.Range(0, 12 * 3).Select(i => ((i * 5 % 15) - 7) / 7f)];
        (weights[0], weights[1], weights[2]) = (1, -1, 1);
        var graph = new TestModel().Input("x", 1, 12).Floats("w", weights, 12, 3).Node("MatMul", "x w", "y").Output("y").Import();
        var program = AimcCompilation.Compile(graph, Stairs.Tiny, new CompileOptions()).Program;
        using Session session = new(program, new SimulationOptions { Ideal = true });
        Dictionary<string, Tensor> inputs = new()
        {
            ["x"] = Tensor.FromFloats([.. Enumerable.Range(0, 12).Select(i => i == 0 ? 1 : ((i * 4 % 15) - 7) / 7f)], 1, 12),
        };
        Meaning.Equal(Meaning.Evaluate(graph, inputs), session.Run(inputs), 1e-6f);
    }

    private static TestModel Network() => new TestModel()
        .Input("x", 1, 1, 4, 4)
        .Floats("w", [1, -0.5f, 0.25f, 0, 0.75f, -1, 0.5f, 0.125f, -0.25f, 0.5f, 0.5f, -0.5f, 1, -1, 0.25f, 0.75f, 0, -0.125f], 2, 1, 3, 3)
        .Floats("g", [2, 1], 2).Floats("b", [0.5f, 0], 2).Floats("m", [1, -0.5f], 2).Floats("v", [0.25f, 1], 2)
        .Node("Conv", "x w", "c")
        .Node("BatchNormalization", "c g b m v", "n", ("epsilon", 0f))
        .Node("Relu", "n", "r")
        .Node("Flatten", "r", "f")
        .Floats("fc", [.. Enumerable.Range(0, 24).Select(i => ((i * 7 % 16) - 8) / 8f)], 3, 8)
        .Floats("fb", [0.5f, -0.5f, 0], 3)
        .Node("Gemm", "f fc fb", "y", ("transB", 1))
        .Output("y");

    [GeneratedRegex("by \"aimc[^\"]*\"")]
    private static partial Regex Producer();
}
