using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Tests.Substitutes;
using Microsoft.ML.OnnxRuntime;

namespace AimcCompiler.Tests.Digital;

public sealed class DigitalSessionTests
{
    private static Dictionary<string, Tensor> X(Tensor x) => new() { ["x"] = x };

    [Fact]
    public void RunsAModelOnTensors()
    {
        using var session = new DigitalSession(TinyOnnx.Unary("Relu", 1, 2, 3));

        var y = session.Run(X(Tensor.FromFloats([-1, 2, -3, 4, -5, 6], 2, 3))).Single();

        Assert.Equal<long>([2, 3], y.Shape);
        Assert.Equal([0f, 2, 0, 4, 0, 6], y.Floats);
    }

    [Fact]
    public void DescribesItsPorts()
    {
        using var session = new DigitalSession(TinyOnnx.Unary("Relu", 1, "N", 3));

        var port = session.Inputs.Single();
        Assert.Equal("x", port.Name);
        Assert.Equal(TensorType.Float, port.Type);
        Assert.Equal<long>([-1, 3], port.Shape);
        Assert.Equal<string>(["N", ""], port.SymbolicNames);
        Assert.True(port.IsTensor);
        Assert.Equal("y", session.Outputs.Single().Name);
    }

    [Fact]
    public void FixesFreeDimensionsByName()
    {
        using var session = new DigitalSession(
            TinyOnnx.Unary("Relu", 1, "N", 3), new DigitalOptions { FreeDimensions = new Dictionary<string, long> { ["N"] = 2 } });

        Assert.Equal<long>([2, 3], session.Inputs[0].Shape);
        Assert.Equal<long>([2, 3], session.Outputs[0].Shape);
        Assert.Throws<DigitalException>(() => session.Run(X(Tensor.FromFloats(new float[3], 1, 3))));
    }

    public static TheoryData<TensorType, Array> EveryType => new()
    {
        { TensorType.Float, new[] { 1.5f, -2 } },
        { TensorType.UInt8, new byte[] { 1, 255 } },
        { TensorType.Int8, new sbyte[] { 1, -128 } },
        { TensorType.UInt16, new ushort[] { 1, 65535 } },
        { TensorType.Int16, new short[] { 1, -32768 } },
        { TensorType.Int32, new[] { 1, int.MinValue } },
        { TensorType.Int64, new long[] { 1, long.MinValue } },
        { TensorType.String, new[] { "héllo", "" } },
        { TensorType.Bool, new[] { true, false } },
        { TensorType.Float16, new[] { (Half)1.5f, (Half)(-2) } },
        { TensorType.Double, new[] { 1.5, -2 } },
        { TensorType.UInt32, new uint[] { 1, uint.MaxValue } },
        { TensorType.UInt64, new ulong[] { 1, ulong.MaxValue } },
        { TensorType.BFloat16, new ushort[] { 0x3FC0, 0xC000 } },
    };

    [Theory]
    [MemberData(nameof(EveryType))]
    public void CarriesEveryElementType(TensorType type, Array data)
    {
        using var session = new DigitalSession(TinyOnnx.Unary("Identity", (int)type, 2));

        var y = session.Run(X(new Tensor(type, [2], data))).Single();

        Assert.Equal(type, y.Type);
        Assert.Equal(data, y.Data);
        Assert.NotSame(data, y.Data);
    }

    [Fact]
    public void RunsTensorsWithoutElementsAndScalars()
    {
        using var none = new DigitalSession(TinyOnnx.Unary("Relu", 1, "N", 4));
        using var scalar = new DigitalSession(TinyOnnx.Unary("Relu", 1));

        Assert.Equal<long>([0, 4], none.Run(X(Tensor.FromFloats([], 0, 4)))[0].Shape);
        var y = scalar.Run(X(Tensor.FromFloats([-1])))[0];
        Assert.Empty(y.Shape);
        Assert.Equal([0f], y.Floats);
    }

    [Fact]
    public void GivesTheOutputsAskedForInThatOrder()
    {
        byte[] type = TinyOnnx.TensorType(1, 1);
        using var session = new DigitalSession(TinyOnnx.Model(
            [TinyOnnx.Node("Neg", ["x"], ["a"]), TinyOnnx.Node("Abs", ["x"], ["b"])],
            [TinyOnnx.Port("x", type)],
            [TinyOnnx.Port("a", type), TinyOnnx.Port("b", type)]));
        var inputs = X(Tensor.FromFloats([-3], 1));

        Assert.Equal([3f, 3f], session.Run(inputs).Select(t => t.Floats[0]));
        Assert.Equal([3f], session.Run(inputs, ["b"]).Select(t => t.Floats[0]));
        Assert.Equal(2, session.Run(inputs, ["b", "a"]).Count);
    }

    [Fact]
    public void CopiesAnInputThatTheModelHandsThrough()
    {
        byte[] type = TinyOnnx.TensorType(1, 2);
        using var session = new DigitalSession(TinyOnnx.Model(
            [TinyOnnx.Node("Neg", ["x"], ["y"])], [TinyOnnx.Port("x", type)], [TinyOnnx.Port("x", type), TinyOnnx.Port("y", type)]));
        float[] data = [1, 2];
        using var x = new DigitalValue(Tensor.FromFloats(data, 2));

        var results = session.Run(new Dictionary<string, DigitalValue> { ["x"] = x });
        data[0] = 100;

        Assert.Equal([1f, 2], results[0].ToTensor().Floats);
        foreach (var result in results) result.Dispose();
    }

    [Fact]
    public void HandsASequenceFromOneSessionToTheNext()
    {
        byte[] type = TinyOnnx.TensorType(1, "N");
        using var first = new DigitalSession(TinyOnnx.Model(
            [TinyOnnx.Node("Neg", ["x"], ["m"]), TinyOnnx.Node("SequenceConstruct", ["x", "m"], ["s"])],
            [TinyOnnx.Port("x", type)],
            [TinyOnnx.Port("s", TinyOnnx.SequenceType(type))]));
        using var second = new DigitalSession(TinyOnnx.Model(
            [TinyOnnx.Node("SequenceAt", ["s", "i"], ["y"])],
            [TinyOnnx.Port("s", TinyOnnx.SequenceType(type))],
            [TinyOnnx.Port("y", type)],
            [TinyOnnx.Int64Initializer("i", [1])]));
        Assert.False(first.Outputs[0].IsTensor);
        using var x = new DigitalValue(Tensor.FromFloats([1, 2], 2));

        using var sequence = first.Run(new Dictionary<string, DigitalValue> { ["x"] = x }).Single();
        using var y = second.Run(new Dictionary<string, DigitalValue> { ["s"] = sequence }).Single();

        Assert.Equal(DigitalKind.Sequence, sequence.Kind);
        Assert.Equal([-1f, -2], y.ToTensor().Floats);
        Assert.Equal(2, sequence.Elements().Count);
        var error = Assert.Throws<DigitalException>(() => first.Run(X(Tensor.FromFloats([1], 1))));
        Assert.Contains("'s'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FeedsASequenceMadeOfTensors()
    {
        byte[] type = TinyOnnx.TensorType(1, "N");
        using var session = new DigitalSession(TinyOnnx.Model(
            [TinyOnnx.Node("SequenceAt", ["s", "i"], ["y"])],
            [TinyOnnx.Port("s", TinyOnnx.SequenceType(type))],
            [TinyOnnx.Port("y", type)],
            [TinyOnnx.Int64Initializer("i", [1])]));
        using var s = DigitalValue.FromSequence([Tensor.FromFloats([1], 1), Tensor.FromFloats([2, 3], 2)]);

        using var y = session.Run(new Dictionary<string, DigitalValue> { ["s"] = s }).Single();

        Assert.Equal([2f, 3], y.ToTensor().Floats);
    }

    [Fact]
    public void TellsAnEmptyOptionalFromATensor()
    {
        // The package asks an empty optional for its type, which ends the process.
        if (!StandIn.Is(typeof(InferenceSession).Assembly)) return;

        byte[] type = TinyOnnx.TensorType(1, 2);
        using var empty = new DigitalSession(TinyOnnx.Model(
            [TinyOnnx.Node("Optional", [], ["o"], TinyOnnx.TypeAttribute("type", type))], [], [TinyOnnx.Port("o", TinyOnnx.OptionalType(type))]));
        using var full = new DigitalSession(TinyOnnx.Model(
            [TinyOnnx.Node("Optional", ["x"], ["o"])], [TinyOnnx.Port("x", type)], [TinyOnnx.Port("o", TinyOnnx.OptionalType(type))]));
        using var x = new DigitalValue(Tensor.FromFloats([1, 2], 2));

        using var nothing = empty.Run(new Dictionary<string, DigitalValue>()).Single();
        using var something = full.Run(new Dictionary<string, DigitalValue> { ["x"] = x }).Single();

        Assert.Equal(DigitalKind.Empty, nothing.Kind);
        Assert.Throws<DigitalException>(nothing.ToTensor);
        Assert.Equal([1f, 2], something.ToTensor().Floats);
    }

    [Fact]
    public void RefusesAnUnknownOperatorByName()
    {
        var error = Assert.Throws<DigitalException>(() => new DigitalSession(TinyOnnx.Unary("Foo", 1, 2)));

        Assert.Equal("InvalidGraph", error.ErrorCode);
        Assert.Contains("Foo", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("[ErrorCode", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("InvalidProtobuf", new byte[] { 1, 2, 3, 4, 5 })]
    [InlineData("InvalidArgument", new byte[0])]
    public void RefusesBytesThatAreNoModel(string code, byte[] model) =>
        Assert.Equal(code, Assert.Throws<DigitalException>(() => new DigitalSession(model)).ErrorCode);

    [Fact]
    public void RefusesAMissingFile()
    {
        var error = Assert.Throws<DigitalException>(() => new DigitalSession("no-such-model.onnx"));

        Assert.Equal("NoSuchFile", error.ErrorCode);
        Assert.Contains("no-such-model.onnx", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RefusesWrongNamesTypesAndShapes()
    {
        using var session = new DigitalSession(TinyOnnx.Unary("Relu", 1, 2));
        var x = X(Tensor.FromFloats(new float[2], 2));

        Assert.Contains("'zz'", Refusal(new() { ["zz"] = x["x"] }, null), StringComparison.Ordinal);
        Assert.Contains("'zz'", Refusal(x, ["zz"]), StringComparison.Ordinal);
        Assert.Contains("Unexpected input data type", Refusal(X(Tensor.FromInt64(new long[2], 2)), null), StringComparison.Ordinal);
        Assert.Contains("Invalid rank", Refusal(X(Tensor.FromFloats(new float[2], 1, 2)), null), StringComparison.Ordinal);
        Assert.Contains("invalid dimensions", Refusal(X(Tensor.FromFloats(new float[3], 3)), null), StringComparison.Ordinal);

        string Refusal(Dictionary<string, Tensor> inputs, string[]? outputs) =>
            Assert.Throws<DigitalException>(() => session.Run(inputs, outputs)).Message;
    }

    [Fact]
    public void SaysWhatFailedWithoutBuildPaths()
    {
        using var session = new DigitalSession(TinyOnnx.Model(
            [TinyOnnx.Node("Reshape", ["x", "s"], ["y"])],
            [TinyOnnx.Port("x", TinyOnnx.TensorType(1, "N")), TinyOnnx.Port("s", TinyOnnx.TensorType(7, 2))],
            [TinyOnnx.Port("y", TinyOnnx.TensorType(1, "A", "B"))]));

        var error = Assert.Throws<DigitalException>(
            () => session.Run(new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats(new float[6], 6), ["s"] = Tensor.FromInt64([4, 4], 2) }));

        Assert.Contains("cannot be reshaped", error.Message, StringComparison.Ordinal);
        Assert.Contains("n_y", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(".h:", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(".cc:", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("/onnxruntime", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void StopsWhenCancelled()
    {
        using var session = new DigitalSession(TinyOnnx.Unary("Relu", 1, 2));
        var x = X(Tensor.FromFloats(new float[2], 2));

        Assert.Throws<OperationCanceledException>(() => session.Run(x, null, new CancellationToken(true)));
        using var source = new CancellationTokenSource();
        Assert.Equal(2, session.Run(x, null, source.Token)[0].Count);
    }

    [Fact]
    public void ServesSeveralThreadsAtOnce()
    {
        using var session = new DigitalSession(TinyOnnx.Unary("Neg", 1, 64));

        Parallel.For(0, 200, i =>
        {
            var y = session.Run(X(Tensor.FromFloats([.. Enumerable.Repeat((float)i, 64)], 64)))[0];
            Assert.All(y.Floats, value => Assert.Equal(-i, value));
        });
    }

    [Fact]
    public void NamesTheVersionOfOnnxRuntime() => Assert.Matches(@"^1\.\d+\.\d+", DigitalRuntime.Version);
}
