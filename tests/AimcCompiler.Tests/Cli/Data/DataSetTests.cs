using System.Collections.Immutable;
using System.IO.Compression;
using AimcCompiler.Cli;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Cli.Data;

public sealed class DataSetTests : DataFixture
{
    [Fact]
    public void ReshapesAndScalesAndReadsLabels()
    {
        Save("net.preprocess.json", """{"scale": 0.5, "mean": [1], "std": [2]}"""u8.ToArray());
        using var set = DataSet.Open(Request(Save("x-idx3-ubyte", Idx(8, [3, 2, 2], Bytes(12))), [-1, 1, 2, 2]) with
        {
            Labels = Save("y-idx1-ubyte", Idx(8, [3], [2, 0, 1])),
            Classes = 3,
            Model = Path.Combine(Folder, "net.onnx"),
        });
        Assert.Equal(3, set.Count);
        Assert.Equal([2, 0, 1], set.Labels!);
        var batch = set.Batch("x", 1, 2);
        Assert.Equal("Float 2x1x2x2", batch.ToString());
        Assert.Equal([.. Enumerable.Range(4, 8).Select(v => ((v * 0.5f) - 1) / 2)], batch.Floats);
    }

    [Theory]
    [InlineData("(2, 2, 1, 3)")]
    [InlineData("(2, 6)")]
    public void TurnsChannelsLastIntoChannelsFirst(string shape)
    {
        using var set = DataSet.Open(Request(Save("x.npy", Npy("|u1", shape, Bytes(12))), [-1, 3, 2, 1]) with
        {
            Preprocess = new Preprocess(Mean: [0, 10, 20], Layout: DataLayout.NhwcToNchw),
        });
        Assert.Equal([0, 3, -9, -6, -18, -15], set.Batch("x", 0, 1).Floats);
        Assert.Equal([6, 9, -3, 0, -12, -9], set.Batch("x", 1, 1).Floats);
    }

    [Fact]
    public void ScalesTheLastAxisOfChannelsLastModels()
    {
        using var set = DataSet.Open(Request(Save("x.npy", Npy("|u1", "(1, 2, 1, 2)", Bytes(4))), [-1, 2, 1, 2]) with
        {
            Preprocess = new Preprocess(Mean: [0, 1], Std: [1, 2], Layout: DataLayout.Nhwc),
        });
        Assert.Equal([0, 0, 2, 1], set.Batch("x", 0, 1).Floats);
    }

    [Theory]
    [InlineData("(3, 4)", new long[] { -1, 3, 4 }, 1, "1x3x4")]
    [InlineData("(12,)", new long[] { -1, -1 }, 1, "1x12")]
    [InlineData("(3, 4)", new long[] { -1, -1 }, 3, "3x4")]
    [InlineData("(3, 2, 2)", new long[] { -1, 4 }, 3, "3x4")]
    [InlineData("(3, 4)", new long[] { -1, 2, -1 }, 3, "3x2x2")]
    [InlineData("(12,)", new long[] { -1 }, 12, "12")]
    public void FindsTheSamplesOfAnArray(string shape, long[] model, int count, string batch)
    {
        using var set = DataSet.Open(Request(Save("x.npy", Npy("|u1", shape, Bytes(12))), [.. model]));
        Assert.Equal(count, set.Count);
        Assert.Equal(batch, Tensor.Format(set.Batch("x", 0, count).Shape));
    }

    [Fact]
    public void ReadsRawSamplesByShapeAndType()
    {
        string path = Save("x.bin", Bytes(24));
        var request = Request(path, [-1, 3, 2, 2]) with { Type = "uint8", Preprocess = new Preprocess(Layout: DataLayout.NhwcToNchw) };
        foreach (string? shape in new[] { "2x2x3", "2x2x2x3", null })
        {
            using var set = DataSet.Open(request with { Shape = shape });
            Assert.Equal(2, set.Count);
            Assert.Equal([12, 15, 18, 21, 13, 16, 19, 22, 14, 17, 20, 23], set.Batch("x", 1, 1).Floats);
        }

        Assert.Contains("--dtype", Refused(() => DataSet.Open(request with { Type = null, Shape = "2x2x3" })), StringComparison.Ordinal);
    }

    [Fact]
    public void CastsToIntegersOnlyWhatFits()
    {
        string path = Save("x.npy", Npy("<f4", "(2, 1)", [.. BitConverter.GetBytes(3f), .. BitConverter.GetBytes(1.5f)]));
        using var set = DataSet.Open(new DataRequest { Paths = [path], Inputs = [new DataInput("x", TensorType.Int64, [-1, 1])] });
        Assert.Equal(new long[] { 3 }, set.Batch("x", 0, 1).Data);
        Assert.Contains("1.5", Refused(() => set.Batch("x", 1, 1)), StringComparison.Ordinal);
    }

    [Fact]
    public void ServesSeveralInputs()
    {
        ImmutableArray<DataInput> inputs = [new("a", TensorType.Float, [-1, 2]), new("b=c", TensorType.Int64, [-1, 3])];
        byte[] a = Npy("|u1", "(2, 2)", Bytes(4));
        byte[] b = Npy("|u1", "(2, 3)", Bytes(6));
        string fileA = Save("a.npy", a);
        string fileB = Save("b.npy", b);
        string both = Save("both.npz", Zip(CompressionLevel.Optimal, ("a.npy", a), ("b=c.npy", b)));
        foreach (ImmutableArray<string> paths in new ImmutableArray<string>[] { [fileA, fileB], [$"b=c={fileB}", fileA], [both], [$"a={both}", $"b=c={both}"] })
        {
            using var set = DataSet.Open(new DataRequest { Paths = paths, Inputs = inputs });
            Assert.Equal([2, 3], set.Batch("a", 1, 1).Floats);
            Assert.Equal(new long[] { 3, 4, 5 }, set.Batch("b=c", 1, 1).Data);
        }

        Assert.Contains("has no data", Refused(() => DataSet.Open(new DataRequest { Paths = [fileA], Inputs = inputs })), StringComparison.Ordinal);
        Assert.Contains("no input is left", Refused(() => DataSet.Open(new DataRequest { Paths = [fileA, fileB, fileB], Inputs = inputs })), StringComparison.Ordinal);
        string three = Save("three.npy", Npy("|u1", "(3, 3)", Bytes(9)));
        Assert.Contains("3 samples", Refused(() => DataSet.Open(new DataRequest { Paths = [fileA, three], Inputs = inputs })), StringComparison.Ordinal);
    }

    [Fact]
    public void StatesBesideTheSamplesComeWithEverySampleOrServeThemAll()
    {
        ImmutableArray<DataInput> inputs = [new("x", TensorType.Float, [-1, 4]), new("state", TensorType.Float, [2, -1, 3]), new("rate", TensorType.Int64, [])];
        string x = Save("x.npy", Npy("|u1", "(3, 4)", Bytes(12)));
        string each = Save("each.npy", Npy("|u1", "(3, 2, 1, 3)", Bytes(18)));
        string one = Save("one.npy", Npy("|u1", "(2, 1, 3)", Bytes(6)));
        string rate = Save("rate.npy", Npy("|u1", "()", [16]));
        using (var set = DataSet.Open(new DataRequest { Paths = [x, each, rate], Inputs = inputs }))
        {
            Assert.Equal(3, set.Count);
            Assert.True(set.IsOneByOne);
            Assert.Equal([4, 5, 6, 7], set.Batch("x", 1, 1).Floats);
            Assert.Equal([6, 7, 8, 9, 10, 11], set.Batch("state", 1, 1).Floats);
            Assert.Equal([2L, 1, 3], set.Batch("state", 1, 1).Shape.ToArray());
            Assert.Equal(new long[] { 16 }, set.Batch("rate", 1, 1).Data);
        }

        using (var set = DataSet.Open(new DataRequest { Paths = [x, one, rate], Inputs = inputs }))
        {
            Assert.Equal(3, set.Count);
            Assert.Equal([0, 1, 2, 3, 4, 5], set.Batch("state", 2, 1).Floats);
            Assert.Equal([2L, 1, 3], set.Batch("state", 2, 1).Shape.ToArray());
        }

        string four = Save("four.npy", Npy("|u1", "(4, 2, 1, 3)", Bytes(24)));
        Assert.Contains("4 samples", Refused(() => DataSet.Open(new DataRequest { Paths = [x, four, rate], Inputs = inputs })), StringComparison.Ordinal);
    }

    [Fact]
    public void ReadsLabelsOfEveryKindAndChecksThem()
    {
        var request = Request(Save("x.npy", Npy("|u1", "(3, 2)", Bytes(6))), [-1, 2]) with { Classes = 500 };
        string[] good =
        [
            Save("y.bin", [1, 0, 2]),
            Save("y_u16.bin", [1, 0, 0, 0, 2, 0]),
            Save("y.npy", Npy("<i8", "(3, 1)", [.. new long[] { 1, 0, 2 }.SelectMany(BitConverter.GetBytes)])),
            Save("y.npz", Zip(CompressionLevel.Optimal, ("y.npy", Npy("|u1", "(3,)", [1, 0, 2])), ("x.npy", Npy("|u1", "(1,)", [1])))),
        ];
        foreach (string labels in good)
        {
            using var set = DataSet.Open(request with { Labels = labels });
            Assert.Equal([1, 0, 2], set.Labels!);
        }

        string[] bad =
        [
            Save("few.bin", [1, 0]),
            Save("none.bin", []),
            Save("negative.npy", Npy("|i1", "(3,)", [255, 0, 0])),
            Save("fraction.npy", Npy("<f4", "(3,)", [.. new[] { 0, 1.5f, 2 }.SelectMany(BitConverter.GetBytes)])),
            Save("onehot.npy", Npy("|u1", "(3, 2)", Bytes(6))),
            Save("big_u16.bin", [1, 0, 0, 2, 2, 0]),
            Path.Combine(Folder, "missing.bin"),
        ];
        foreach (string labels in bad)
        {
            Refused(() => DataSet.Open(request with { Labels = labels }));
        }

        using var archive = DataSet.Open(Request(
            Save("xy.npz", Zip(CompressionLevel.Optimal, ("x.npy", Npy("|u1", "(2, 2)", Bytes(4))), ("labels.npy", Npy("|u1", "(2,)", [1, 0])))),
            [-1, 2]));
        Assert.Equal([1, 0], archive.Labels!);
    }

    [Theory]
    [InlineData("y.txt", "1\n0\n2\n")]
    [InlineData("y.csv", "label\r\n1\r\n0\r\n2\r\n\r\n")]
    [InlineData("y.csv", "\uFEFF1\n 0 \n2")]
    public void ReadsLabelsOneALine(string name, string text)
    {
        using var set = DataSet.Open(Request(Save("x.npy", Npy("|u1", "(3, 2)", Bytes(6))), [-1, 2]) with { Labels = Save(name, System.Text.Encoding.UTF8.GetBytes(text)) });
        Assert.Equal([1, 0, 2], set.Labels!);
    }

    [Theory]
    [InlineData("y.txt", "label\n1\n0\n2", "line 1 is 'label'")]
    [InlineData("y.csv", "a\n1\n0,5\n2", "line 3 is '0,5'")]
    [InlineData("y.txt", "1\n-1\n2", "line 2 is '-1'")]
    [InlineData("y.txt", "1\n2", "2 labels for 3 samples")]
    [InlineData("y.txt", "", "line 1 is ''")]
    public void RefusesOtherLines(string name, string text, string message) => Assert.Contains(
        message,
        Refused(() => DataSet.Open(Request(Save("x.npy", Npy("|u1", "(3, 2)", Bytes(6))), [-1, 2]) with { Labels = Save(name, System.Text.Encoding.UTF8.GetBytes(text)) })),
        StringComparison.Ordinal);

    /// <summary>The bytes of a raw file divided by the samples are the bytes of a label.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void RawLabelsAreAsWideAsTheFileSays(int width)
    {
        byte[] bytes = [.. new long[] { 1, 0, 2 }.SelectMany(v => BitConverter.GetBytes(v)[..width])];
        using var set = DataSet.Open(Request(Save("x.npy", Npy("|u1", "(3, 2)", Bytes(6))), [-1, 2]) with { Labels = Save("y.bin", bytes) });
        Assert.Equal([1, 0, 2], set.Labels!);
    }

    /// <summary>Pixels (0, 1, 2), (3, 4, 5), ...: blue comes first, and the mean is that of the model's order.</summary>
    [Theory]
    [InlineData("nhwc->nchw", new[] { 2f, 5, 8, 11, 0, 3, 6, 9, -1, 2, 5, 8 }, new long[] { -1, 3, 2, 2 })]
    [InlineData("nhwc", new[] { 2f, 0, -1, 5, 3, 2, 8, 6, 5, 11, 9, 8 }, new long[] { -1, 2, 2, 3 })]
    public void BlueCanComeFirst(string layout, float[] expected, long[] model)
    {
        using var set = DataSet.Open(Request(Save("x.npy", Npy("|u1", "(2, 2, 2, 3)", Bytes(24))), [.. model]) with
        {
            Preprocess = new Preprocess(Mean: [0, 1, 1], Layout: Preprocess.ParseLayout(layout, "--layout"), ChannelOrder: ChannelOrder.Bgr),
        });
        Assert.Equal(expected, set.Batch("x", 0, 1).Floats);
        Assert.Equal([.. expected.Select(v => v + 12)], set.Batch("x", 1, 1).Floats);
    }

    [Fact]
    public void ChannelOrderIsForColors()
    {
        var bgr = new Preprocess(ChannelOrder: ChannelOrder.Bgr);
        Assert.Contains("3 or 4 channels", Refused(() => DataSet.Open(Request(Save("x.npy", Npy("|u1", "(2, 1, 2, 2)", Bytes(8))), [-1, 1, 2, 2]) with { Preprocess = bgr })), StringComparison.Ordinal);
        Assert.Equal(ChannelOrder.Bgr, Preprocess.Read(Save("p.json", """{"channel_order": "bgr"}"""u8.ToArray())).ChannelOrder);
        Assert.Contains("$.channel_order", Refused(() => Preprocess.Read(Save("q.json", """{"channel_order": "gbr"}"""u8.ToArray()))), StringComparison.Ordinal);
    }

    [Fact]
    public void ReadsTargets()
    {
        var request = Request(Save("x.npy", Npy("|u1", "(3, 2)", Bytes(6))), [-1, 2]) with { Scored = ("out", 0) };
        byte[] array = Npy("|u1", "(3, 2)", [9, 8, 7, 6, 5, 4]);
        foreach (string file in new[] { Save("t.npy", array), Save("t.npz", Zip(CompressionLevel.Optimal, ("a.npy", Npy("|u1", "(1,)", [1])), ("out.npy", array))) })
        {
            using var set = DataSet.Open(request with { Targets = file });
            Assert.True(set.HasTargets);
            Assert.Equal(new byte[] { 7, 6, 5, 4 }, set.Targets(1, 2).Data);
        }

        using var without = DataSet.Open(request);
        Assert.False(without.HasTargets);
        Assert.Contains("one entry for each of 3 samples", Refused(() => DataSet.Open(request with { Targets = Save("few.npy", Npy("|u1", "(2, 2)", Bytes(4))) })), StringComparison.Ordinal);
    }

    [Fact]
    public void RefusesWrongShapesAndEmptySets()
    {
        Assert.Contains("takes ?x1x28x28", Refused(() => DataSet.Open(Request(Save("x.npy", Npy("|u1", "(3, 2)", Bytes(6))), [-1, 1, 28, 28]))), StringComparison.Ordinal);
        foreach (string shape in new[] { "(1, 2, 2, 3)", "(2, 2, 3)" })
        {
            string refused = Refused(() => DataSet.Open(Request(Save("x.npy", Npy("|u1", shape, Bytes(12))), [-1, 3, 2, 2])));
            Assert.Contains("nhwc->nchw", refused, StringComparison.Ordinal);
        }

        Assert.Contains("no samples", Refused(() => DataSet.Open(Request(Save("x.npy", Npy("|u1", "(0, 2)", [])), [-1, 2]))), StringComparison.Ordinal);
        Refused(() => DataSet.Open(Request(Folder, [-1, 2])));
        Refused(() => DataSet.Open(Request("/dev/zero", [-1, 2])));
        Assert.Contains("2 means", Refused(() => DataSet.Open(Request(Save("x.npy", Npy("|u1", "(2, 3)", Bytes(6))), [-1, 3]) with
        {
            Preprocess = new Preprocess(Mean: [1, 2]),
        })), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"scal": 1}""", "$.scal")]
    [InlineData("""{"scale": 1, "scale": 2}""", "scale")]
    [InlineData("""{"scale": "1"}""", "$.scale")]
    [InlineData("""{"scale": 1e400}""", "$.scale")]
    [InlineData("""{"mean": [1, null]}""", "$.mean[1]")]
    [InlineData("""{"mean": []}""", "$.mean")]
    [InlineData("""{"std": [1, 0]}""", "$.std")]
    [InlineData("""{"layout": "chw"}""", "$.layout")]
    [InlineData("""{"layout": 1}""", "$.layout")]
    [InlineData("""{"layout": "\uD800"}""", "p.json")]
    [InlineData("""[]""", "$")]
    [InlineData("""{"scale": NaN}""", "p.json")]
    [InlineData("", "p.json")]
    public void RefusesWrongPreprocessingFiles(string json, string place) =>
        Assert.Contains(place, Refused(() => Preprocess.Read(Save("p.json", System.Text.Encoding.UTF8.GetBytes(json)))), StringComparison.Ordinal);

    [Fact]
    public void OptionsGoBeforeThePreprocessingFile()
    {
        string file = Save("p.json", [0xEF, 0xBB, 0xBF, .. """{"scale": 0.0039, "std": 2, "layout": "nhwc->nchw"}"""u8]);
        var merged = new Preprocess(Scale: 3).Over(Preprocess.Read(file));
        Assert.Equal((3, 2.0, DataLayout.NhwcToNchw), (merged.Scale, merged.Std!.Value[0], merged.Layout));
    }

    [Fact]
    public void ReadsTestSets()
    {
        // The decoder here reads a name, a NUL and uint8 elements.
        static (string Name, Tensor Tensor) Decode(byte[] bytes)
        {
            int end = Array.IndexOf(bytes, (byte)0);
            return (System.Text.Encoding.ASCII.GetString(bytes, 0, end), new Tensor(TensorType.UInt8, [1, bytes.Length - end - 1], bytes[(end + 1)..]));
        }

        for (int i = 0; i < 11; i++)
        {
            Save($"test_data_set_{i}/input_0.pb", [(byte)'b', 0, (byte)i, 1]);
            Save($"test_data_set_{i}/input_1.pb", [(byte)'a', 0, (byte)i]);
            Save($"test_data_set_{i}/output_0.pb", [(byte)'y', 0, 5]);
        }

        var request = new DataRequest
        {
            Paths = [Folder],
            Inputs = [new("a", TensorType.Float, [-1, 1]), new("b", TensorType.Float, [-1, 2])],
            TensorDecoder = Decode,
        };
        using (var set = DataSet.Open(request))
        {
            Assert.Equal(11, set.Count);
            Assert.Equal([2, 1, 3, 1], set.Batch("b", 2, 2).Floats);
            Assert.Equal([10], set.Batch("a", 10, 1).Floats);
        }

        using (var set = DataSet.Open(request with { Scored = ("y", 0) }))
        {
            Assert.Equal(new byte[] { 5, 5 }, set.Targets(3, 2).Data);
            Assert.Equal("UInt8 11x1", set.Expected("another name", 0)!.ToString());
            Assert.Null(set.Expected("y2", 1));
        }

        var sets = new TestSetReader(Decode).Read(Path.Combine(Folder, "test_data_set_3"));
        Assert.Equal("y", sets[0].Outputs[0].Name);
        File.Delete(Path.Combine(Folder, "test_data_set_3", "input_1.pb"));
        Refused(() => DataSet.Open(request));
        Save("test_data_set_3/input_1.pb", [1, 2, 3]);
        Assert.Contains("input_1.pb", Refused(() => DataSet.Open(request)), StringComparison.Ordinal);
    }

    private static DataRequest Request(string path, ImmutableArray<long> shape) =>
        new() { Paths = [path], Inputs = [new DataInput("x", TensorType.Float, shape)] };
}
