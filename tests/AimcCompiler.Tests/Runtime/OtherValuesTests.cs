using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Models whose inputs, outputs or values are not tensors of a known rank: they compile, and a session takes and gives such values.</summary>
public sealed class OtherValuesTests
{
    [Fact]
    public void ASequenceIsAnInput()
    {
        var model = new TestModel().Weights("w", 4, 3).Constant("i", Tensor.FromInt64([1]));
        model.Proto.Graph.Input.Add(new ValueInfoProto { Name = "q", Type = SequenceOf(TestModel.Port("", TensorType.Float, 1, 4).Type) });
        model.Node("SequenceAt", "q i", "x").Node("Relu", "x", "h").Node("MatMul", "h w", "y").Output("y");
        using var q = DigitalValue.FromSequence([TestModel.Random(1, 1, 4), TestModel.Random(2, 1, 4)]);
        // Whatever the compiler sees of the shapes: what it cannot know is digital.
        Same(model, new() { ["q"] = q }, null);
    }

    [Fact]
    public void ASequenceIsAnOutput() => Same(
        new TestModel().Input("x", 2, 4).Weights("w", 4, 3).Node("MatMul", "x w", "h").Node("SplitToSequence", "h", "y").Output("y"),
        Given(("x", TestModel.Random(1, 2, 4))),
        1);

    [Fact]
    public void ASequencePassesFromPartitionToPartition() => Same(
        new TestModel().Input("x", 2, 4).Weights("w", 4, 4).Constant("i", Tensor.FromInt64([0])).Node("SplitToSequence", "x", "q").Node("SequenceAt", "q i", "h")
            .Node("MatMul", "h w", "m").Node("SequenceInsert", "q m", "r").Node("ConcatFromSequence", "r", "y", ("axis", 0)).Output("y"),
        Given(("x", TestModel.Random(1, 2, 4))),
        1);

    [Fact]
    public void AnOptionalPassesFromPartitionToPartitionAndOut() => Same(
        new TestModel().Input("x", 2, 4).Weights("w", 4, 4).Node("Relu", "x", "a").Node("Optional", "a", "o").Node("OptionalGetElement", "o", "h").Node("MatMul", "h w", "m")
            .Node("OptionalGetElement", "o", "g").Node("Add", "m g", "y").Output("y", "o"),
        Given(("x", TestModel.Random(1, 2, 4))),
        1);

    [Fact]
    public void AnOptionalIsAnInput()
    {
        var model = new TestModel(18).Weights("w", 4, 3);
        model.Proto.Graph.Input.Add(new ValueInfoProto
        {
            Name = "o",
            Type = new TypeProto { OptionalType = new TypeProto.Types.Optional { ElemType = TestModel.Port("", TensorType.Float, 2, 4).Type } },
        });
        model.Node("OptionalGetElement", "o", "x").Node("Relu", "x", "h").Node("MatMul", "h w", "y").Output("y");
        Same(model, Given(("o", TestModel.Random(1, 2, 4))), null);
    }

    [Fact]
    public void AnInputMayDeclareNoRank()
    {
        var model = new TestModel().Input("x").Weights("w", 4, 3).Node("MatMul", "x w", "y").Output("y");
        model.Proto.Graph.Input[0].Type.TensorType.Shape = null;
        var result = Same(model, Given(("x", TestModel.Random(1, 2, 5, 4))), null);
        Assert.True(result.Program.Values[result.Program.Inputs[0]].IsUnranked);
        Same(model, Given(("x", TestModel.Random(1, 2, 4))), null);
    }

    [Theory]
    [InlineData("1.5")]
    [InlineData("-2")]
    public void TextIsAnInput(string text) => Same(
        new TestModel().Input("t", TensorType.String, 1, 4).Weights("w", 4, 3).Node("Cast", "t", "x", ("to", 1)).Node("MatMul", "x w", "y").Output("y"),
        Given(("t", new Tensor(TensorType.String, [1, 4], new[] { text, "1", "2", "3" }))),
        1);

    [Fact]
    public void ArraysDoNotHoldASequence()
    {
        var program = Compile(new TestModel().Input("x", 2, 4).Node("SplitToSequence", "x", "y").Output("y")).Program;
        using Session session = new(program, new SimulationOptions());
        var found = Assert.Single(Assert.Throws<DiagnosticException>(() => session.Run(new Dictionary<string, Tensor> { ["x"] = TestModel.Random(1, 2, 4) })).Diagnostics);
        Assert.Equal("AIMC5002", found.Descriptor.Id);
        Assert.Contains("not a tensor", found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AValueThatDoesNotFitIsRefused()
    {
        using Session session = new(Compile(new TestModel().Input("x", 2, 4).Node("SplitToSequence", "x", "y").Output("y")).Program, new SimulationOptions());
        using DigitalValue wrong = new(TestModel.Random(1, 2, 5));
        Assert.Contains("is Float 2x5", Refused(new() { ["x"] = wrong }), StringComparison.Ordinal);
        Assert.Contains("is not given", Refused([]), StringComparison.Ordinal);

        string Refused(Dictionary<string, DigitalValue> inputs) => Assert.Single(Assert.Throws<DiagnosticException>(() => session.Run(inputs)).Diagnostics).Message;
    }

    private static TypeProto SequenceOf(TypeProto element) => new() { SequenceType = new TypeProto.Types.Sequence { ElemType = element } };

    private static Dictionary<string, DigitalValue> Given(params (string Name, Tensor Tensor)[] inputs) =>
        inputs.ToDictionary(i => i.Name, i => new DigitalValue(i.Tensor), StringComparer.Ordinal);

    private static CompilationResult Compile(TestModel model) => AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions());

    /// <summary>The program on the chip without loss gives what ONNX Runtime gives, and so many layers are on tiles (null = as may be).</summary>
    private static CompilationResult Same(TestModel model, Dictionary<string, DigitalValue> inputs, int? layers)
    {
        var result = Compile(model);
        Assert.Equal(layers ?? result.Program.Layers.Length, result.Program.Layers.Length);
        using DigitalSession reference = new(model.ToArray(), new DigitalOptions(Optimize: false));
        using Session session = new(result.Program, new SimulationOptions { Threads = 1 });
        var expected = reference.Run(inputs);
        var actual = session.Run(inputs);
        foreach (var (e, a) in expected.Zip(actual, (e, a) => (e, a)))
        {
            Passes.Meaning.Equal(Tensors(e), Tensors(a), Passes.Meaning.ReorderedSum);
        }

        foreach (var value in expected.Concat(actual).Concat(inputs.Values))
        {
            value.Dispose();
        }

        return result;
    }

    private static IReadOnlyList<Tensor> Tensors(DigitalValue value)
    {
        if (value.Kind == DigitalKind.Tensor)
        {
            return [value.ToTensor()];
        }

        var elements = value.Elements();
        IReadOnlyList<Tensor> tensors = [.. elements.Select(e => e.ToTensor())];
        foreach (var element in elements)
        {
            element.Dispose();
        }

        return tensors;
    }
}
