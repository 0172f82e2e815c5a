using System.Runtime.InteropServices;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Onnx;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Core;
using AimcCompiler.Tests.Passes;

namespace AimcCompiler.Tests.Onnx;

/// <summary>Models whose weights do not fit a protobuf message.</summary>
public sealed class LargeModelTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aimc-large-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(TensorType.Float)]
    [InlineData(TensorType.Double)]
    [InlineData(TensorType.Float16)]
    public void WeightsBesideTheModelAreTheSameWeights(TensorType type)
    {
        var model = new TestModel().Input("x", 2, 40).Weights("w", 40, 30).Node("Cast", "w", "h", ("to", (int)type)).Node("Cast", "h", "k", ("to", 1))
            .Node("MatMul", "x k", "m").Weights("b", 30).Node("Add", "m b", "y").Output("y");
        var graph = model.Import();
        var inside = ModelWriter.ExtractModel(graph, graph.Nodes, ["x"], ["y"]);
        var beside = ModelWriter.ExtractModel(graph, graph.Nodes, ["x"], ["y"], maximumInside: 0);
        Assert.Empty(inside.Weights);
        Assert.Equal(4800, beside.Weights[0].Length);
        Assert.Equal(0, beside.Weights.Sum(w => w.Length) % 4096);
        Assert.InRange(beside.Proto.Length, 1, inside.Proto.Length - 4800 + 200);
        using DigitalSession one = new(inside);
        using DigitalSession two = new(beside);
        var inputs = Meaning.Inputs(graph);
        Meaning.Equal(one.Run(inputs), two.Run(inputs), 0);
    }

    [Theory]
    [InlineData(TensorType.Float)]
    [InlineData(TensorType.Double)]
    [InlineData(TensorType.Float16)]
    [InlineData(TensorType.BFloat16)]
    [InlineData(TensorType.UInt8)]
    [InlineData(TensorType.Int8)]
    [InlineData(TensorType.UInt16)]
    [InlineData(TensorType.Int16)]
    [InlineData(TensorType.UInt32)]
    [InlineData(TensorType.Int32)]
    [InlineData(TensorType.UInt64)]
    [InlineData(TensorType.Int64)]
    [InlineData(TensorType.Bool)]
    public void WeightsThatAreLentAreReadWhereTheyAre(TensorType type)
    {
        var tensor = Tensor.Zeros(type, [40, 30]);
        MemoryMarshal.CreateSpan(ref MemoryMarshal.GetArrayDataReference(tensor.Data), Tensor.SizeOf(type)).Fill(type == TensorType.Bool ? (byte)1 : (byte)0x3f);
        var graph = new TestModel().Constant("w", tensor).Node("Identity", "w", "same").Node("Cast", "same", "y", ("to", 1)).Output("y").Import();
        var lent = ModelWriter.Lend(graph, graph.Nodes, [], ["y"], minimumLent: 0);
        Assert.Same(graph.Constants["w"].Data, Assert.Single(lent.Lent).Tensor.Data);
        Assert.InRange(lent.Proto.Length, 1, 300);
        using DigitalSession session = new(lent, new DigitalOptions(Optimize: false) { SparesMemory = true });
        using DigitalSession copied = new(ModelWriter.ExtractModel(graph, graph.Nodes, [], ["y"]), new DigitalOptions(Optimize: false));
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        float[] found = session.Run(new Dictionary<string, Tensor>())[0].Floats;
        Assert.Equal(copied.Run(new Dictionary<string, Tensor>())[0].Floats, found);
        Assert.NotEqual(0, found[0]);
    }

    [Fact]
    public void AnOutlineHasTheTypesAndShapesOfTheModelAndReadsNoWeights()
    {
        var model = new TestModel().Input("x", "N", 3, 8, 8).Weights("w", 5, 3, 3, 3).Node("Conv", "x w", "c").Node("Flatten", "c", "f").Weights("v", 180, 7).Node("MatMul", "f v", "y").Output("y");
        BytesInPlaceOfAFile file = new(MemoryMarshal.AsBytes(TestModel.Random(1, 180, 7).Floats.AsSpan()).ToArray());
        var graph = model.Import();
        graph = graph.With(constants: graph.Constants.SetItem("v", new Tensor(TensorType.Float, [180, 7], file)));
        string[] values = ["c", "f", "y"];
        using DigitalSession outline = new(ModelWriter.Outline(graph, graph.Nodes, ["x"], values, minimumLent: 0), new DigitalOptions(Optimize: false) { SparesMemory = true });
        Assert.Equal(0, file.Taken);
        using DigitalSession lent = new(ModelWriter.Lend(graph, graph.Nodes, ["x"], values, minimumLent: 0), new DigitalOptions(Optimize: false));
        Assert.Equal(180 * 7 * 4, file.Taken);
        foreach (var (expected, found) in lent.Outputs.Concat(lent.Inputs).Zip(outline.Outputs.Concat(outline.Inputs)))
        {
            Assert.Equal((expected.Name, expected.Type), (found.Name, found.Type));
            Assert.Equal(expected.Shape.ToArray(), found.Shape.ToArray());
        }
    }

    [Fact]
    public void PackedTensorsAndTextsAreNotLent()
    {
        var graph = new TestModel(opset: 21).Constant("t", new Tensor(TensorType.String, [2], new[] { "a", "b" })).Constant("p", new Tensor(TensorType.Int4, [2], new byte[] { 0x21 }))
            .Node("Identity", "t", "y").Node("Cast", "p", "z", ("to", 1)).Output("y", "z").Import();
        var lent = ModelWriter.Lend(graph, graph.Nodes, [], ["y", "z"], minimumLent: 0);
        Assert.Empty(lent.Lent);
        using DigitalSession session = new(lent);
        Assert.Equal([1f, 2f], session.Run(new Dictionary<string, Tensor>())[1].Floats);
    }

    [Fact]
    public void APartitionWithWeightsBesideItsModelComesBackFromItsFile()
    {
        var model = new TestModel().Input("x", 2, 40).Weights("w", 40, 30).Node("MatMul", "x w", "y").Output("y");
        var graph = model.Import();
        var program = AimcCompilation.Compile(graph, ChipReader.Read("float"), new CompileOptions { Digital = ["matmul_y"] }).Program;
        var beside = ModelWriter.ExtractModel(graph, graph.Nodes, ["x"], ["y"], maximumInside: 0);
        var apart = program with { Partitions = [program.Partitions.Single() with { Model = beside.Proto, Weights = beside.Weights }] };
        string path = Path.Combine(_folder, "apart.aimc");
        AimcWriter.WriteFile(apart, path);
        using AimcFile file = AimcReader.Open(path);
        Assert.Equal(beside.Weights.SelectMany(w => w.ToArray()), file.Program.Partitions.Single().Weights.SelectMany(w => w.ToArray()));
        using Session session = new(file.Program, new SimulationOptions { Threads = 1 });
        var inputs = Meaning.Inputs(graph);
        Meaning.Equal(Meaning.Evaluate(graph, inputs), session.Run(inputs), Meaning.ReorderedSum);
        Assert.Contains("and 8192 of weights", Disassembler.Print(apart), StringComparison.Ordinal);
        Assert.Throws<InvalidIrException>(() => ProgramVerifier.Verify(apart with { Partitions = [apart.Partitions[0] with { Weights = [ReadOnlyMemory<byte>.Empty] }] }));
    }

    /// <summary>Two matrices of 1.2 GB each, on tiles or in a digital partition.</summary>
    [Theory]
    [Trait("Category", "Long")]
    [InlineData(false)]
    [InlineData(true)]
    public void AModelOfMoreThanTwoGigabytesCompilesAndRuns(bool isDigital)
    {
        const int Rows = 8192;
        const int Columns = 36864;
        var model = new TestModel().Input("x", 1, Rows).Node("MatMul", "x w0", "h0").Node("Relu", "h0", "h1").Node("MatMul", "h1 w1", "y").Output("y");
        const long Bytes = (long)Rows * Columns * sizeof(float);
        foreach (var (name, shape, offset) in (ReadOnlySpan<(string, long[], long)>)[("w0", [Rows, Columns], 0), ("w1", [Columns, Rows], Bytes)])
        {
            TensorProto tensor = new() { Name = name, DataType = 1, DataLocation = TensorProto.Types.DataLocation.External };
            tensor.Dims.Add(shape);
            foreach (var (key, value) in (ReadOnlySpan<(string, string)>)[("location", "large.bin"), ("offset", $"{offset}"), ("length", $"{Bytes}")])
            {
                tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
            }

            model.Proto.Graph.Initializer.Add(tensor);
        }

        WriteWeights(Path.Combine(_folder, "large.bin"), 2 * Bytes);
        string path = Path.Combine(_folder, "large.onnx");
        File.WriteAllBytes(path, model.ToArray());
        string program = Path.Combine(_folder, "large.aimc");
        var options = new CompileOptions { Chips = null, Digital = isDigital ? ["matmul_h0", "matmul_y"] : [] };
        var result = AimcCompilation.Compile(OnnxImporter.Import(path), ChipReader.Read("float"), options);
        Assert.Equal(isDigital ? 0 : 2, result.Program.Layers.Length);
        AimcWriter.WriteFile(result.Program, program);
        result = null;
        GC.Collect();
        var inputs = new Dictionary<string, Tensor> { ["x"] = TestModel.Random(1, 1, Rows) };
        IReadOnlyList<Tensor> expected;
        using (DigitalSession reference = new(path))
        {
            expected = reference.Run(inputs);
        }

        using AimcFile file = AimcReader.Open(program);
        using Session session = new(file.Program, new SimulationOptions());
        float largest = expected[0].Floats.Max(Math.Abs);
        var actual = session.Run(inputs);
        Assert.All(expected[0].Floats.Zip(actual[0].Floats), p => Assert.InRange(Math.Abs(p.First - p.Second), 0, 1e-4f * largest));
    }

    private static void WriteWeights(string path, long bytes)
    {
        // A prime number of values, so that no row equals another.
        float[] block = TestModel.Random(1, 15485863).Floats;
        for (int i = 0; i < block.Length; i++)
        {
            block[i] /= 64;
        }

        using var file = File.Create(path);
        var piece = MemoryMarshal.AsBytes(block.AsSpan());
        for (long left = bytes; left > 0; left -= piece.Length)
        {
            file.Write(piece[..(int)Math.Min(left, piece.Length)]);
        }
    }
}
