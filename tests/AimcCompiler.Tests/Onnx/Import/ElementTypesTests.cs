using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Onnx;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Passes;

namespace AimcCompiler.Tests.Onnx;

/// <summary>Element types without a .NET type, and sparse tensors.</summary>
public sealed class ElementTypesTests
{
    public static TheoryData<TensorType, byte[], float[]> Packed => new()
    {
        { TensorType.Float8E4M3FN, [0x38, 0xC0, 0x01, 0x7E], [1, -2, 0.001953125f, 448] },
        { TensorType.Float8E4M3FNUZ, [0x40, 0xC8, 0x01, 0x7F], [1, -2, 0.0009765625f, 240] },
        { TensorType.Float8E5M2, [0x3C, 0xC0, 0x01, 0x7B], [1, -2, 1.52587890625e-5f, 57344] },
        { TensorType.Float8E5M2FNUZ, [0x40, 0xC4, 0x01, 0x7F], [1, -2, 7.62939453125e-6f, 57344] },
        { TensorType.UInt4, [0x21, 0xFE], [1, 2, 14, 15] },
        { TensorType.Int4, [0x21, 0xF8], [1, 2, -8, -1] },
        { TensorType.Float4E2M1, [0x21, 0xF8], [0.5f, 1, -0f, -6] },
        { TensorType.Float8E8M0, [0x7F, 0x80, 0x00, 0x70], [1, 2, 5.877472e-39f, 3.0517578e-05f] },
        { TensorType.UInt2, [0xE4], [0, 1, 2, 3] },
        { TensorType.Int2, [0xE4], [0, 1, -2, -1] },
    };

    [Theory]
    [MemberData(nameof(Packed))]
    public void PackedElementsReadAlikeRawAndTyped(TensorType type, byte[] data, float[] values)
    {
        Tensor tensor = new(type, [2, 2], data);
        Assert.Equal(4, tensor.Count);
        Assert.Equal(values, tensor.ToFloats());
        var raw = ModelWriter.Write("t", tensor);
        Assert.Equal(data, TensorReader.Read(raw, null).Data);
        TensorProto typed = new() { Name = "t", DataType = (int)type };
        typed.Dims.Add([2, 2]);
        typed.Int32Data.Add(data.Select(b => (int)b));
        Assert.Equal(data, TensorReader.Read(typed, null).Data);
    }

    /// <summary>ONNX Runtime's own Cast says what the bits stand for.</summary>
    [Theory]
    [InlineData(TensorType.Float8E4M3FN)]
    [InlineData(TensorType.Float8E4M3FNUZ)]
    [InlineData(TensorType.Float8E5M2)]
    [InlineData(TensorType.Float8E5M2FNUZ)]
    [InlineData(TensorType.UInt4)]
    [InlineData(TensorType.Int4)]
    [InlineData(TensorType.UInt2)]
    [InlineData(TensorType.Int2)]
    public void EveryCodeStandsForWhatOnnxRuntimeTakesItFor(TensorType type)
    {
        byte[] codes = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        Tensor tensor = new(type, [256 * (8 / Tensor.BitsOf(type))], codes);
        var folded = FoldConstants.Run(new TestModel(type >= TensorType.UInt2 ? 25 : 21, 10).Constant("k", tensor).Node("Cast", "k", "y", ("to", 1)).Output("y").Import());
        Assert.Equal(tensor.ToFloats(), folded.Constants["y"].Floats);
    }

    [Fact]
    public void AnOddNumberOfNibblesTakesAWholeByte()
    {
        Assert.Equal([1f, 2, 3], new Tensor(TensorType.UInt4, [3], new byte[] { 0x21, 0x03 }).ToFloats());
        Assert.Throws<ArgumentException>(() => new Tensor(TensorType.UInt4, [3], new byte[1]));
        Assert.Throws<ArgumentException>(() => new Tensor(TensorType.UInt2, [5], new byte[3]));
        Assert.Equal(2, Tensor.Zeros(TensorType.Int2, [5]).Data.Length);
    }

    [Theory]
    [InlineData(TensorType.Int4)]
    [InlineData(TensorType.UInt4)]
    [InlineData(TensorType.Float8E4M3FN)]
    public void DequantizedWeightsReachTheTiles(TensorType type)
    {
        Random random = new(3);
        byte[] codes = new byte[Tensor.LengthOf(type, 32)];
        for (int i = 0; i < codes.Length; i++)
        {
            codes[i] = (byte)random.Next(0x78);
        }

        var model = new TestModel(21, 10).Input("x", 2, 8).Constant("q", new Tensor(type, [8, 4], codes)).Floats("s", [0.125f])
            .Node("DequantizeLinear", "q s", "w").Node("MatMul", "x w", "y").Output("y");
        var result = Meaning.IsKeptOnTheFloatChip(model);
        Assert.Equal("MatMul", Assert.Single(result.Program.Layers).Op);
        Assert.Equal(32, result.Program.ModelParameters - 1);
    }

    /// <summary>Such values go into no session and come out of none: each partition that reads them makes them.</summary>
    [Fact]
    public void ActivationsOfSuchTypesPassTiles() => Assert.Equal(2, Meaning.IsKeptOnTheFloatChip(new TestModel(21, 10).Input("x", 2, 8).Floats("s", [0.25f])
        .Constant("z", new Tensor(TensorType.Int4, [], new byte[1])).Node("QuantizeLinear", "x s z", "q").Node("DequantizeLinear", "q s z", "d").Weights("w", 8, 8)
        .Node("MatMul", "d w", "m").Node("DequantizeLinear", "q s z", "e").Node("Add", "m e", "y").Node("MatMul", "y w", "v").Output("v")).Program.Layers.Length);

    [Fact]
    public void AnInputOfSuchATypeCompiles()
    {
        var model = new TestModel(21, 10).Input("q", TensorType.Int4, "N", 8).Floats("s", [0.25f]).Node("DequantizeLinear", "q s", "d").Weights("w", 8, 4).Node("MatMul", "d w", "y").Output("y");
        var program = AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions()).Program;
        Assert.Equal(TensorType.Int4, program.Values[program.Inputs.Single()].Type);
        Assert.Single(program.Layers);
        using Session session = new(program, new SimulationOptions());
        var found = Assert.Throws<DiagnosticException>(() => session.Run(new Dictionary<string, Tensor> { ["q"] = Tensor.Zeros(TensorType.Int4, [1, 8]) }));
        Assert.Equal("AIMC5002", Assert.Single(found.Diagnostics).Descriptor.Id);
    }

    [Fact]
    public void AResultThatNoSessionGivesOutIsNotFolded()
    {
        var before = new TestModel(21, 10).Input("x", 2, 2).Constant("q", new Tensor(TensorType.Int4, [2, 2], new byte[] { 0x21, 0x43 }))
            .Floats("a", [1, 2], 2).Floats("b", [3, 4], 2).Node("Add", "a b", "s").Node("Transpose", "q", "r").Node("DequantizeLinear", "r s", "d", ("axis", 1))
            .Node("If", "c", "u", ("then_branch", Captures("r")), ("else_branch", Captures("r"))).Input("c", TensorType.Bool, 1).Node("Mul", "x d", "m").Node("Add", "m u", "y").Output("y");
        var after = FoldConstants.Run(before.Import());
        Assert.Equal(["Transpose", "If", "Mul", "Add"], after.Nodes.Select(n => n.OpType));
        Assert.Equal([4f, 18, 8, 24], after.Constants["d"].Floats);
    }

    private static GraphProto Captures(string value)
    {
        GraphProto graph = new() { Name = "branch" };
        graph.Node.Add(TestModel.NodeOf("Cast", [value], ["t"], ("to", 1)));
        graph.Output.Add(new ValueInfoProto { Name = "t" });
        return graph;
    }

    [Theory]
    [InlineData(TensorType.BFloat16)]
    [InlineData(TensorType.Float16)]
    [InlineData(TensorType.Double)]
    public void WeightsOfOtherFloatingTypesReachTheTiles(TensorType type)
    {
        float[] values = [.. TestModel.Random(3, 8, 4).Floats.Select(v => (float)(Half)(MathF.Round(v * 64) / 64))];
        Array data = type switch
        {
            TensorType.Double => Array.ConvertAll(values, v => (double)v),
            TensorType.Float16 => Array.ConvertAll(values, v => (Half)v),
            _ => Array.ConvertAll(values, v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16)),
        };
        var model = new TestModel().Input("x", 2, 8).Constant("k", new Tensor(type, [8, 4], data)).Node("Cast", "k", "w", ("to", 1)).Node("MatMul", "x w", "y").Output("y");
        Assert.Single(Meaning.IsKeptOnTheFloatChip(model).Program.Layers);
    }

    [Theory]
    [InlineData(14, "complex numbers")]
    [InlineData(15, "complex numbers")]
    [InlineData(27, "unknown element type 27")]
    [InlineData(0, "unknown element type 0")]
    public void OtherTypesAreRefused(int type, string message)
    {
        TensorProto proto = new() { DataType = type };
        Assert.Contains(message, Assert.Throws<FormatException>(() => TensorReader.Read(proto, null)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new long[] { 1, 5 }, new long[] { 2 })]
    [InlineData(new long[] { 0, 1, 1, 2 }, new long[] { 2, 2 })]
    public void ASparseInitializerIsReadInBothForms(long[] indices, long[] shape)
    {
        var model = Sparse(s => s.Indices = ModelWriter.Write("", Tensor.FromInt64(indices, shape)));
        Assert.Equal([0f, 7, 0, 0, 0, 8], model.Import().Constants["s"].Floats);
        using DigitalSession session = new(model.ToArray());
        var inputs = new Dictionary<string, Tensor> { ["x"] = TestModel.Random(4, 2, 3) };
        Meaning.Equal(session.Run(inputs), Meaning.Evaluate(model.Import(), inputs), 0);
    }

    [Theory]
    [InlineData(new long[] { 1, 6 }, new long[] { 2 }, "index 1 outside its shape 2x3")]
    [InlineData(new long[] { -1, 5 }, new long[] { 2 }, "index 0 outside")]
    [InlineData(new long[] { 5, 1 }, new long[] { 2 }, "index 1 out of ascending order")]
    [InlineData(new long[] { 1, 1 }, new long[] { 2 }, "index 1 out of ascending order")]
    [InlineData(new long[] { 0, 3, 1, 0 }, new long[] { 2, 2 }, "index 0 outside")]
    [InlineData(new long[] { 1 }, new long[] { 1 }, "indices Int64 1")]
    [InlineData(new long[] { 1, 2, 3, 4, 5, 6 }, new long[] { 2, 3 }, "indices Int64 2x3")]
    public void SparseIndicesAreChecked(long[] indices, long[] shape, string message) =>
        SparseRefused(s => s.Indices = ModelWriter.Write("", Tensor.FromInt64(indices, shape)), message);

    [Fact]
    public void ASparseTensorIsMeasuredBeforeMemoryIsTaken()
    {
        SparseRefused(s => s.Dims[0] = 1L << 40, "is not a shape of at most");
        SparseRefused(s => s.Dims[0] = -1, "is not a shape of at most");
        SparseRefused(s => s.Values.Dims.Add(1), "has values Float 2x1");
        SparseRefused(s => s.Indices = null, "has no values or no indices");
    }

    private static void SparseRefused(Action<SparseTensorProto> change, string message)
    {
        var found = Assert.Single(Assert.Throws<DiagnosticException>(Sparse(change).Import).Diagnostics);
        Assert.Equal("AIMC1001", found.Descriptor.Id);
        Assert.Contains(message, found.Message, StringComparison.Ordinal);
    }

    private static TestModel Sparse(Action<SparseTensorProto> change)
    {
        var model = new TestModel().Input("x", 2, 3).Node("Add", "x s", "y").Output("y");
        SparseTensorProto sparse = new() { Values = ModelWriter.Write("s", Tensor.FromFloats([7, 8], 2)), Indices = ModelWriter.Write("", Tensor.FromInt64([1, 5], 2)) };
        sparse.Dims.Add([2, 3]);
        change(sparse);
        model.Proto.Graph.SparseInitializer.Add(sparse);
        return model;
    }
}
