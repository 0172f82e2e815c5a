using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Passes;
using Google.Protobuf;

namespace AimcCompiler.Tests.Onnx;

/// <summary>What a model says and what the graph then says.</summary>
public sealed class OnnxImporterTests
{
    [Fact]
    public void ReadsNodesConstantsAndPorts()
    {
        var graph = new TestModel(13, 7).Input("x", "N", 3, 0).Weights("w", 3, 2).Node("MatMul", "x w", "y").Output("y").Import();
        var node = Assert.Single(graph.Nodes);
        Assert.Equal(("n0", "matmul_y", "MatMul"), (node.Id.ToString(), node.Name, node.QualifiedOp));
        Assert.Equal([-1L, 3, -1], graph.Header.Inputs.Single().Shape.ToArray());
        Assert.Equal(["N", "", ""], graph.Header.Inputs.Single().Symbols.ToArray());
        Assert.Equal((7, 13, 6), (graph.Header.IrVersion, graph.Header.Opsets[""], graph.Header.Parameters));
        Assert.Equal([3L, 2], graph.Constants["w"].Shape.ToArray());
        Assert.Equal(6, graph.Header.OriginalNodes.Single().Parameters);
    }

    [Fact]
    public void AnInitializerThatIsAlsoAnInputIsAConstant()
    {
        var graph = new TestModel(9, 3).Input("x", 1, 3).Input("w", 3, 2).Weights("w", 3, 2).Node("MatMul", "x w", "y").Output("y").Import();
        Assert.Equal(["x"], graph.Header.Inputs.Select(i => i.Name));
    }

    public static TheoryData<long, long> Versions
    {
        get
        {
            TheoryData<long, long> versions = new();
            for (long opset = 7; opset <= 26; opset++)
            {
                versions.Add(opset, opset < 9 ? 3 : 8);
            }

            foreach (long ir in new long[] { 3, 4, 5, 6, 7, 9, 10, 11, 12, 13 })
            {
                versions.Add(17, ir);
            }

            return versions;
        }
    }

    /// <summary>From the first operator sets that ONNX Runtime knows to the last.</summary>
    [Theory]
    [MemberData(nameof(Versions))]
    public void EveryVersionOfTheFormatIsReadAndWritten(long opset, long ir)
    {
        var model = new TestModel(opset, ir).Input("x", 1, 2, 6, 6).Weights("w", 3, 2, 3, 3).Statistics("s", 3).Ints("shape", 1, -1).Weights("k", 48, 4)
            .Node("Conv", "x w", "c").Node("BatchNormalization", "c sg sb sm sv", "n").Node("Relu", "n", "r").Node("Reshape", "r shape", "f").Node("MatMul", "f k", "m")
            .Node("Softmax", "m", "y", ("axis", 1)).Output("y");
        if (ir < 4)
        {
            // Then every initializer is an input too.
            model.Input("w", 3, 2, 3, 3).Input("k", 48, 4).Input("shape", TensorType.Int64, 2);
            foreach (string statistic in (string[])["sg", "sb", "sm", "sv"])
            {
                model.Input(statistic, 3);
            }
        }

        var graph = model.Import();
        Assert.Equal("x", Assert.Single(graph.Header.Inputs).Name);
        using DigitalSession session = new(model.ToArray(), new DigitalOptions(Optimize: false));
        var inputs = Meaning.Inputs(graph);
        var result = Meaning.IsKeptOnTheFloatChip(model);
        Assert.Equal(2, result.Program.Layers.Length);
        Meaning.Equal(session.Run(inputs), Meaning.Evaluate(graph, inputs), 0);
    }

    [Fact]
    public void AnInputAndAConstantNodeCannotBeTheSameValue() => Refused(
        new TestModel().Input("x", 1).Node("Constant", "", "x", ("value_float", 1f)).Node("Relu", "x", "y").Output("y"), "input 'x'", "has the name of a constant");

    [Fact]
    public void EveryKindOfConstantNodeIsAConstant()
    {
        var graph = FoldConstants.Run(new TestModel().Input("x", 1)
            .Node("Constant", "", "tensor", ("value", Tensor.FromFloats([1, 2], 2, 1)))
            .Node("Constant", "", "float", ("value_float", 1.5f))
            .Node("Constant", "", "floats", ("value_floats", new[] { 1f, 2, 3 }))
            .Node("Constant", "", "int", ("value_int", 7))
            .Node("Constant", "", "ints", ("value_ints", new[] { 7, 8 }))
            .Node("Constant", "", "string", ("value_string", "s"))
            .Node("Constant", "", "strings", ("value_strings", (string[])["s", "t"]))
            .Output("tensor", "float", "floats", "int", "ints", "string", "strings").Import());
        Assert.Empty(graph.Nodes);
        Assert.Equal([2L, 1], graph.Constants["tensor"].Shape.ToArray());
        Assert.Equal((0, 1.5f), (graph.Constants["float"].Shape.Length, graph.Constants["float"].Floats[0]));
        Assert.Equal([1f, 2, 3], graph.Constants["floats"].Floats);
        Assert.Equal(7L, Assert.Single((long[])graph.Constants["int"].Data));
        Assert.Equal([7L, 8], (long[])graph.Constants["ints"].Data);
        Assert.Equal(["s"], (string[])graph.Constants["string"].Data);
        Assert.Equal(["s", "t"], (string[])graph.Constants["strings"].Data);
    }

    [Fact]
    public void ASparseConstantIsAConstant()
    {
        SparseTensorProto sparse = new() { Values = ModelWriter.Write("s", Tensor.FromFloats([5], 1)), Indices = ModelWriter.Write("i", Tensor.FromInt64([2], 1)) };
        sparse.Dims.Add([2, 2]);
        var before = new TestModel().Input("x", 2, 2).Weights("w", 2, 2).Node("Constant", "", "k", ("sparse_value", sparse)).Node("Transpose", "w", "t")
            .Node("MatMul", "x t", "h").Node("Add", "h k", "y").Output("y").Import();
        var after = FoldConstants.Run(before);
        Assert.Equal(["MatMul", "Add"], after.Nodes.Select(n => n.OpType));
        Assert.Equal([0f, 0, 5, 0], after.Constants["k"].Floats);
        Meaning.IsKept(before, after);
    }

    [Fact]
    public void AConstantOfATypeThatOnlyOnnxRuntimeComputesWithKeepsItsBytes()
    {
        var model = new TestModel(19, 9).Input("x", 2);
        TensorProto tensor = new() { DataType = 17, RawData = ByteString.CopyFrom(0x38, 0x40) }; // float8: 1, 2
        tensor.Dims.Add(2);
        NodeProto constant = new() { OpType = "Constant", Name = "c" };
        constant.Output.Add("k");
        constant.Attribute.Add(new AttributeProto { Name = "value", Type = AttributeProto.Types.AttributeType.Tensor, T = tensor });
        model.Proto.Graph.Node.Add(constant);
        var graph = model.Node("Cast", "k", "f", ("to", 1)).Node("Mul", "x f", "y").Output("y").Import();
        var folded = FoldConstants.Run(graph);
        Assert.Equal([1f, 2], folded.Constants["f"].Floats);
    }

    [Fact]
    public void ABranchReadsWhatItsBodyCaptures()
    {
        GraphProto inner = new() { Name = "inner" };
        inner.Node.Add(TestModel.NodeOf("Add", ["a", "outer"], ["i"]));
        inner.Output.Add(new ValueInfoProto { Name = "i" });
        GraphProto body = new() { Name = "body" };
        body.Initializer.Add(ModelWriter.Write("k", Tensor.FromFloats([1], 1)));
        body.Node.Add(TestModel.NodeOf("Add", ["x", "k"], ["a"]));
        body.Node.Add(TestModel.NodeOf("If", ["c"], ["b"], ("then_branch", inner), ("else_branch", inner.Clone())));
        body.Output.Add(new ValueInfoProto { Name = "b" });
        GraphProto other = new() { Name = "other" };
        other.Output.Add(new ValueInfoProto { Name = "outer" });
        var model = new TestModel().Input("c", TensorType.Bool, 1).Input("x", 1, 2).Node("Relu", "x", "outer")
            .Node("If", "c", "y", ("then_branch", body), ("else_branch", other)).Output("y");
        var branch = model.Import().Nodes.Single(n => n.Is("If"));
        Assert.Equal(["c", "outer", "x"], branch.Captured.Order(StringComparer.Ordinal));
        Assert.Equal(1, branch.Id.Value);
    }

    [Fact]
    public void EqualNodeNamesBecomeDifferent()
    {
        var model = new TestModel().Input("x", 1);
        foreach (var (name, input, output) in (ReadOnlySpan<(string, string, string)>)[("a#1", "x", "p"), ("a", "p", "q"), ("a", "q", "r"), ("a#2", "r", "s"), ("", "s", "t"), ("t", "t", "y")])
        {
            var node = TestModel.NodeOf("Relu", [input], [output]);
            node.Name = name;
            model.Proto.Graph.Node.Add(node);
        }

        var names = model.Output("y").Import().Nodes.Select(n => n.Name).ToList();
        Assert.Equal(6, names.Distinct().Count());
        Assert.Equal(["a#1", "a", "a#2", "t"], [names[0], names[1], names[2], names[4]]);
    }

    [Fact]
    public void OnnxsOwnDomainHasTwoNames()
    {
        var model = new TestModel().Input("x", 1).Node("Relu", "x", "y").Output("y");
        model.Proto.Graph.Node[0].Domain = "ai.onnx";
        model.Proto.OpsetImport[0].Domain = "ai.onnx";
        var graph = model.Import();
        Assert.True(graph.Nodes[0].Is("Relu"));
        Assert.Equal(17, graph.Header.Opsets[""]);
        Meaning.IsKept(new TestModel().Input("x", 1).Node("Relu", "x", "y").Output("y").Import(), graph, 0);
    }

    [Theory]
    [InlineData(TensorType.Float, new float[] { 1, -2 })]
    [InlineData(TensorType.Double, new double[] { 1, -2 })]
    [InlineData(TensorType.Int64, new long[] { 1, -2 })]
    [InlineData(TensorType.Int32, new[] { 1, -2 })]
    [InlineData(TensorType.Int16, new short[] { 1, -2 })]
    [InlineData(TensorType.Int8, new sbyte[] { 1, -2 })]
    [InlineData(TensorType.UInt8, new byte[] { 1, 200 })]
    [InlineData(TensorType.UInt16, new ushort[] { 1, 60000 })]
    [InlineData(TensorType.UInt32, new uint[] { 1, 4000000000 })]
    [InlineData(TensorType.UInt64, new ulong[] { 1, ulong.MaxValue })]
    [InlineData(TensorType.Bool, new[] { true, false })]
    [InlineData(TensorType.BFloat16, new ushort[] { 0x3F80, 0xC000 })]
    public void EveryElementTypeReadsAlikeRawAndTyped(TensorType type, Array data)
    {
        Tensor tensor = new(type, [2], data);
        var raw = ModelWriter.Write("t", tensor);
        Assert.Equal(data, TensorReader.Read(raw, null).Data);
        TensorProto typed = new() { Name = "t", DataType = (int)type };
        typed.Dims.Add(2);
        switch (type)
        {
            case TensorType.Float: typed.FloatData.Add((float[])data); break;
            case TensorType.Double: typed.DoubleData.Add((double[])data); break;
            case TensorType.Int64: typed.Int64Data.Add((long[])data); break;
            case TensorType.UInt32: typed.Uint64Data.Add(((uint[])data).Select(v => (ulong)v)); break;
            case TensorType.UInt64: typed.Uint64Data.Add((ulong[])data); break;
            case TensorType.Bool: typed.Int32Data.Add(((bool[])data).Select(v => v ? 1 : 0)); break;
            default: typed.Int32Data.Add(data.Cast<IConvertible>().Select(v => v.ToInt32(null))); break;
        }

        Assert.Equal(data, TensorReader.Read(typed, null).Data);
    }

    [Fact]
    public void HalfPrecisionReadsAlikeRawAndTyped()
    {
        Half[] data = [(Half)1.5f, (Half)(-2f)];
        Assert.Equal(data, TensorReader.Read(ModelWriter.Write("t", new Tensor(TensorType.Float16, [2], data)), null).Data);
        TensorProto typed = new() { DataType = (int)TensorType.Float16 };
        typed.Dims.Add(2);
        typed.Int32Data.Add(data.Select(h => (int)BitConverter.HalfToUInt16Bits(h)));
        Assert.Equal(data, TensorReader.Read(typed, null).Data);
    }

    [Fact]
    public void ABooleanByteIsZeroOrOne()
    {
        TensorProto proto = new() { DataType = (int)TensorType.Bool, RawData = ByteString.CopyFrom(0, 7, 255) };
        proto.Dims.Add(3);
        Assert.Equal([false, true, true], (bool[])TensorReader.Read(proto, null).Data);
    }

    [Fact]
    public void WhatIsWrittenReadsAlike()
    {
        var before = new TestModel().Input("x", "N", 3, 6, 6).Weights("w", 4, 3, 3, 3)
            .Node("Conv", "x w", "h", ("auto_pad", "SAME_UPPER"), ("strides", new[] { 2, 2 })).Node("Clip", "h _ _", "y").Output("y").Import();
        byte[] written = ModelWriter.Extract(before, before.Nodes, ["x"], ["y"]);
        var after = TestModel.Import(ModelProto.Parser.ParseFrom(written));
        Assert.Equal(IrPrinter.Print(before), IrPrinter.Print(after));
        Assert.Equal(written, ModelWriter.Extract(after, after.Nodes, ["x"], ["y"]));
    }

    [Fact]
    public void ANodeThatACompilerMadeIsWrittenFromItsAttributes()
    {
        var before = new TestModel().Input("x", 1, 3, 6, 6).Weights("w", 4, 3, 3, 3)
            .Node("Conv", "x w", "h", ("auto_pad", "SAME_UPPER"), ("strides", new[] { 2, 2 })).Node("LeakyRelu", "h", "l", ("alpha", 0.25f))
            .Node("Softmax", "l", "y", ("axis", 1)).Output("y").Import();
        var made = before.With(nodes: [.. before.Nodes.Select(n => n with { Payload = ReadOnlyMemory<byte>.Empty })]);
        Meaning.IsKept(before, made, 0);
    }

    internal static FunctionProto Function(string name, params NodeProto[] nodes)
    {
        FunctionProto function = new() { Name = name, Domain = "my" };
        function.Input.Add("a");
        function.Output.Add("b");
        function.Node.AddRange(nodes);
        function.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 17 });
        function.OpsetImport.Add(new OperatorSetIdProto { Domain = "my", Version = 1 });
        return function;
    }

    internal static NodeProto Call(string function, string input, string output)
    {
        var node = TestModel.NodeOf(function, [input], [output]);
        node.Domain = "my";
        return node;
    }

    private static void Refused(TestModel model, string where, string message)
    {
        var found = Assert.Single(Assert.Throws<DiagnosticException>(model.Import).Diagnostics);
        Assert.EndsWith(where, found.Where, StringComparison.Ordinal);
        Assert.Equal(message, found.Message);
    }
}
