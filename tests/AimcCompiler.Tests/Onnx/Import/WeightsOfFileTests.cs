using AimcCompiler.Core;
using AimcCompiler.Onnx;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf;

namespace AimcCompiler.Tests.Onnx;

/// <summary>A model without its large data and those data are the model.</summary>
public sealed class WeightsOfFileTests : IDisposable
{
    private const int Minimum = 100;

    private readonly string _folder = Directory.CreateTempSubdirectory("aimc-weights-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void LargeDataOfInitializersAreLeftOutAndFound()
    {
        var model = Mixed();
        // Not an initializer: it stays.
        model.Node("Constant", "", "c", ("value", TestModel.Random(9, 60)));
        var data = Check(model.ToArray());
        Assert.Equal([1, 3], data.Keys.Order());
        Assert.Equal(4 * 40, data[1].Length);
        Assert.Equal(4 * 20_000, data[3].Length);
    }

    [Fact]
    public void AModelOfSmallDataIsLeftAsItIs()
    {
        WeightsOfFile weights = new(Minimum);
        using MemoryStream file = new(new TestModel().Input("x", 2, 4).Weights("w", 4, 3).Node("MatMul", "x w", "y").Output("y").ToArray());
        WireChecker.Check(file, weights);
        Assert.Empty(weights.DataOf);
        Assert.Null(weights.MessageOf(file));
    }

    /// <summary>Protobuf takes the last of two fields and joins two messages of one field.</summary>
    [Fact]
    public void FieldsThatOccurTwiceAreReadAsProtobufReadsThem()
    {
        byte[] Data(int count) => new TensorProto { RawData = ByteString.CopyFrom([.. Enumerable.Range(0, count).Select(i => (byte)i)]) }.ToByteArray();
        byte[] Tensor(params byte[][] parts) => [.. new TensorProto { Name = "w", DataType = 3 }.ToByteArray(), .. parts.SelectMany(p => p)];
        byte[] Graph(params byte[][] tensors) => Message(7, [.. tensors.SelectMany(t => Message(5, t))]);
        Assert.Equal([0], Check(Graph(Tensor(Data(5), Data(200)))).Keys);
        Assert.Empty(Check(Graph(Tensor(Data(200), Data(5)))));
        Assert.Equal(300, Check(Graph(Tensor(Data(200), Data(300))))[0].Length);
        Assert.Equal([0, 2, 3], Check([.. Graph(Tensor(Data(200)), Tensor(Data(5))), .. Graph(Tensor(Data(150)), Tensor(Data(160)))]).Keys.Order());
    }

    /// <summary>Whatever bytes protobuf takes for a model.</summary>
    [Fact]
    public void ChangedFilesAreReadAsProtobufReadsThem()
    {
        byte[] whole = new TestModel().Input("x", "N", 2, 4, 4).Weights("w", 2, 2, 3, 3).Weights("small", 2).Weights("v", 4, 8)
            .Node("Conv", "x w", "y").Output("y").ToArray();
        Random random = new(5);
        int passed = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] changed = [.. whole];
            for (int n = random.Next(1, 4); n > 0; n--)
            {
                changed[random.Next(changed.Length)] ^= (byte)(1 << random.Next(8));
            }

            try
            {
                Check(changed);
                passed++;
            }
            catch (FormatException)
            {
                // No model.
            }
        }

        Assert.InRange(passed, 1000, 19_999);
    }

    [Fact]
    public void AnImportedModelHasTheSameConstantsAsOneInMemory()
    {
        var model = new TestModel().Input("x", 1, 600).Weights("large", 600, 500).Weights("b", 500).Node("Gemm", "x large b", "y").Output("y");
        string path = Path.Combine(_folder, "model.onnx");
        File.WriteAllBytes(path, model.ToArray());
        var expected = model.Import();
        var found = OnnxImporter.Import(path);
        Assert.True(found.Constants["large"].IsStored);
        Assert.False(found.Constants["b"].IsStored);
        Assert.Equal(expected.Header.Parameters, found.Header.Parameters);
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(model.ToArray())), found.Header.Sha256);
        foreach (var (name, tensor) in expected.Constants)
        {
            Assert.Equal(tensor.Shape.ToArray(), found.Constants[name].Shape.ToArray());
            Assert.Equal(tensor.Floats, found.Constants[name].Floats);
        }
    }

    [Fact]
    public void WrongAmountsAreSaidAsOfDataInTheMessage()
    {
        var model = new TestModel().Input("x", 1, 600).Weights("large", 600, 500).Node("MatMul", "x large", "y").Output("y");
        model.Proto.Graph.Initializer[0].Dims[0] = 601;
        string path = Path.Combine(_folder, "wrong.onnx");
        File.WriteAllBytes(path, model.ToArray());
        string message = Assert.Throws<DiagnosticException>(() => OnnxImporter.Import(path)).Diagnostics.Single().Message;
        Assert.Equal("initializer 'large' has 1200000 bytes of data, its shape needs 1202000", message);
        model.Proto.Graph.Initializer[0].DataLocation = TensorProto.Types.DataLocation.External;
        File.WriteAllBytes(path, model.ToArray());
        Assert.Equal("initializer 'large' holds its data twice", Assert.Throws<DiagnosticException>(() => OnnxImporter.Import(path)).Diagnostics.Single().Message);
    }

    [Fact]
    public void AFileThatIsCutAfterwardsIsSaidToBe()
    {
        string path = Path.Combine(_folder, "cut.onnx");
        File.WriteAllBytes(path, new TestModel().Input("x", 1, 600).Weights("large", 600, 500).Node("MatMul", "x large", "y").Output("y").ToArray());
        var graph = OnnxImporter.Import(path);
        using (var file = File.OpenWrite(path))
        {
            file.SetLength(1000);
        }

        var found = Assert.Throws<DiagnosticException>(() => graph.Constants["large"].Data).Diagnostics.Single();
        Assert.Equal(path, found.Where);
        Assert.Contains("became shorter while it was read", found.Message, StringComparison.Ordinal);
    }

    private static TestModel Mixed() => new TestModel().Input("x", 1, 2).Weights("a", 2).Weights("b", 5, 8).Weights("c", 3).Weights("d", 200, 100).Node("Add", "x a", "y").Output("y");

    private static byte[] Message(int field, byte[] content)
    {
        using MemoryStream bytes = new();
        using CodedOutputStream output = new(bytes);
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(content));
        output.Flush();
        return bytes.ToArray();
    }

    /// <summary>What is left out, put back into the message, gives what protobuf makes of the file.</summary>
    private static IReadOnlyDictionary<int, (long Start, long Length)> Check(byte[] bytes)
    {
        WeightsOfFile weights = new(Minimum);
        using MemoryStream file = new(bytes);
        WireChecker.Check(file, weights);
        var parser = ModelProto.Parser.WithDiscardUnknownFields(true);
        var expected = parser.ParseFrom(bytes);
        var found = parser.ParseFrom(weights.MessageOf(file) ?? bytes);
        foreach (var (initializer, (start, length)) in weights.DataOf)
        {
            Assert.Empty(found.Graph.Initializer[initializer].RawData);
            found.Graph.Initializer[initializer].RawData = ByteString.CopyFrom(bytes.AsSpan((int)start, (int)length));
        }

        Assert.Equal(expected, found);
        return weights.DataOf;
    }
}
