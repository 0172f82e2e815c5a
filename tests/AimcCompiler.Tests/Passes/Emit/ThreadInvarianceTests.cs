using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class ThreadInvarianceTests
{
    /// <summary>Odd extents: threads share them unevenly.</summary>
    private static readonly long[] s_shape = [2, 37, 61, 53];

    public static TheoryData<string> Operators => [.. ThreadInvariance.Operators.Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Operators))]
    public void BitsDoNotDependOnThreads(string op)
    {
        var model = Model(op);
        byte[] bytes = model.ToArray();
        Dictionary<string, Tensor> inputs = [];
        foreach (var input in model.Proto.Graph.Input)
        {
            inputs.Add(input.Name, TestModel.Random(7 + inputs.Count, s_shape));
        }

        using DigitalSession one = new(bytes);
        var expected = one.Run(inputs);
        foreach (var options in new[] { new DigitalOptions { SharesThreads = true }, new DigitalOptions(3), new DigitalOptions(5) })
        {
            using DigitalSession several = new(bytes, options);
            foreach (var (e, a) in expected.Zip(several.Run(inputs)))
            {
                Assert.True(e.Floats.AsSpan().SequenceEqual(a.Floats), $"{op}, {options}");
            }
        }
    }

    [Fact]
    public void AClusterIsInvariantOnlyIfAllItsNodesAre()
    {
        var program = Meaning.IsKeptOnTheFloatChip(new TestModel().Input("x", 1, 4).Weights("w", 4, 4).Weights("v", 4, 3)
            .Node("Relu", "x", "a").Node("MatMul", "a w", "b").Node("Relu", "b", "c").Node("Tanh", "c", "d").Node("MatMul", "d v", "y").Output("y")).Program;
        Assert.Equal([true, false], program.Partitions.Select(p => p.IsThreadInvariant));
    }

    private static TestModel Model(string op)
    {
        var model = new TestModel().Input("x", [.. s_shape.Cast<object>()]);
        return op switch
        {
            "Add" or "Sub" or "Mul" or "Div" or "Max" or "Min" => model.Input("z", [.. s_shape.Cast<object>()]).Node(op, "x z", "y").Output("y"),
            "Concat" => model.Input("z", [.. s_shape.Cast<object>()]).Node(op, "x z", "y", ("axis", 2)).Output("y"),
            "AveragePool" or "MaxPool" => model.Node(op, "x", "y", ("kernel_shape", new[] { 3, 3 }), ("strides", new[] { 2, 2 }), ("pads", new[] { 1, 1, 1, 1 })).Output("y"),
            "Clip" => model.Floats("low", [-0.5f]).Floats("high", [0.25f]).Node(op, "x low high", "y").Output("y"),
            "Pad" => model.Ints("pads", 0, 0, 1, 2, 0, 0, 3, 1).Node(op, "x pads", "y").Output("y"),
            "Reshape" => model.Ints("shape", 37, 2, -1).Node(op, "x shape", "y").Output("y"),
            "Slice" => model.Ints("starts", 1, 2).Ints("ends", 30, 50).Ints("axes", 1, 3).Node(op, "x starts ends axes", "y").Output("y"),
            "Split" => model.Ints("parts", 20, 17).Node(op, ["x", "parts"], ["y", "z"], ("axis", 1)).Output("y", "z"),
            "Squeeze" => model.Ints("axes", 0).Node("Unsqueeze", "x axes", "u").Node(op, "u axes", "y").Output("y"),
            "Transpose" => model.Node(op, "x", "y", ("perm", new[] { 0, 2, 3, 1 })).Output("y"),
            "Unsqueeze" => model.Ints("axes", 1).Node(op, "x axes", "y").Output("y"),
            "Abs" or "Flatten" or "GlobalAveragePool" or "GlobalMaxPool" or "Identity" or "Neg" or "Relu" => model.Node(op, "x", "y").Output("y"),
            _ => throw new ArgumentOutOfRangeException(nameof(op), op, "has no model"),
        };
    }
}
