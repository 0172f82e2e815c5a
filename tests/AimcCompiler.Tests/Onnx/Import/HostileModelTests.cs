using System.Text;
using AimcCompiler.Core;
using AimcCompiler.Onnx;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Passes;
using Google.Protobuf;

namespace AimcCompiler.Tests.Onnx;

/// <summary>Files that nobody should have made: a diagnostic, never another exception, never a wait.</summary>
public sealed class HostileModelTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aimc-hostile-").FullName;

    public static TheoryData<string, byte[], string> NoModels => new()
    {
        { "empty", [], "is empty" },
        { "git-lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"u8.ToArray(), "git-lfs pointer" },
        { "zip", "PK\u0003\u0004aaaaaaaaaaaaaaaaaaaa"u8.ToArray(), "zip file" },
        { "elf", "\u007FELF\u0002\u0001\u0001aaaaaaaaaaaaaaa"u8.ToArray(), "executable" },
        { "png", [0x89, .. "PNG\r\n\u001A\naaaaaaaaaa"u8], "image" },
        { "html", "<!DOCTYPE html><html>aaaaaaaaaaaaaaaa"u8.ToArray(), "web page" },
        { "json", "{\"a\": 1, \"b\": [1, 2, 3], \"c\": null}"u8.ToArray(), "JSON" },
        { "aimc", "AIMCaaaaaaaaaaaaaaaaaaaaaa"u8.ToArray(), "compiled program" },
        { "zeros", new byte[100], "is not an ONNX model" },
        { "tag with field 0", [0x02, 0x00], "is not an ONNX model" },
        { "wire type 6", [0x0E, 0x00, 0x00], "is not an ONNX model" },
        { "wire type 7", [0x0F, 0x00, 0x00], "is not an ONNX model" },
        { "end of a group without its start", [0x0C], "is not an ONNX model" },
        { "length 2e9", [0x3A, 0x80, 0xA8, 0xD6, 0xB9, 0x07, 0x00], "is not an ONNX model" },
        { "length 2^31", [0x3A, 0x80, 0x80, 0x80, 0x80, 0x08, 0x00], "is not an ONNX model" },
        { "length 2^63", [0x3A, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00], "is not an ONNX model" },
        { "length 2^64 - 1", [0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x00], "is not an ONNX model" },
        { "a varint of 11 bytes", [0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], "is not an ONNX model" },
        { "100,000 nested unknown groups", [.. Enumerable.Repeat((byte)0x9B, 200_000).Select((_, i) => i % 2 == 0 ? (byte)0x9B : (byte)0x06)], "is not an ONNX model" },
        { "a model without a graph", [0x08, 0x08], "holds no ONNX graph" },
        { "an empty graph", [0x08, 0x08, 0x3A, 0x00], "holds no ONNX graph" },
        { "nodes without operators", [0x3A, 0x06, 0x0A, 0x00, 0x0A, 0x00, 0x62, 0x00], "without a name" },
        { "a node without operator", [0x3A, 0x02, 0x0A, 0x00], "has no operator" },
    };

    [Theory]
    [MemberData(nameof(NoModels))]
    public void WhatIsNoModelIsNamed(string name, byte[] content, string message)
    {
        string path = Write($"{name}.onnx", content);
        var found = Assert.Single(Assert.Throws<DiagnosticException>(() => OnnxImporter.Import(path)).Diagnostics);
        Assert.Equal(("AIMC1001", path), (found.Descriptor.Id, found.Where));
        Assert.Contains(message, found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFolderAndNothingAreNoModels()
    {
        Assert.Contains("is a folder", Message(() => OnnxImporter.Import(_folder)), StringComparison.Ordinal);
        Assert.Contains("no such file", Message(() => OnnxImporter.Import(Path.Combine(_folder, "none.onnx"))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AFifoIsNotWaitedFor()
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS())
        {
            return;
        }

        string path = Path.Combine(_folder, "fifo.onnx");
        using var make = System.Diagnostics.Process.Start("mkfifo", path);
        await make.WaitForExitAsync();
        var import = Task.Run(() => Message(() => OnnxImporter.Import(path)));
        Assert.Same(import, await Task.WhenAny(import, Task.Delay(10_000)));
        Assert.Contains("FIFO", await import, StringComparison.Ordinal);

        var external = Task.Run(() => ExternalMessage([("location", "fifo.onnx")]));
        Assert.Same(external, await Task.WhenAny(external, Task.Delay(10_000)));
        Assert.Contains("FIFO", await external, StringComparison.Ordinal);
    }

    [Fact]
    public void AModelCutAnywhereIsRefusedOrSmaller()
    {
        byte[] whole = Small().ToArray();
        for (int i = 0; i < 2000; i++)
        {
            Survives(whole[..(int)((long)whole.Length * i / 2000)]);
        }
    }

    [Fact]
    public void ChangedBytesAreRefusedOrAnotherModel()
    {
        byte[] whole = Small().ToArray();
        Random random = new(29);
        for (int i = 0; i < 6000; i++)
        {
            byte[] changed = [.. whole];
            for (int n = random.Next(1, 5); n > 0; n--)
            {
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
            }

            Survives(changed);
        }
    }

    [Fact]
    public void EveryFlippedBitIsRefusedOrAnotherModel()
    {
        byte[] whole = Small().ToArray();
        for (int bit = 0; bit < whole.Length * 8; bit++)
        {
            whole[bit / 8] ^= (byte)(1 << (bit % 8));
            Survives(whole);
            whole[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    /// <summary>What the importer lets through, the compiler takes or refuses.</summary>
    [Fact]
    public void ChangedBytesDoNotBreakTheCompiler()
    {
        byte[] whole = Small().ToArray();
        Random random = new(31);
        var chip = ChipReader.Read("tiny");
        int compiled = 0;
        for (int i = 0; i < 250; i++)
        {
            byte[] changed = [.. whole];
            changed[random.Next(changed.Length)] = (byte)random.Next(256);
            try
            {
                AimcCompilation.Compile(TestModel.Import(ModelProto.Parser.ParseFrom(changed)), chip, new CompileOptions { Chips = null });
                compiled++;
            }
            catch (Exception e) when (e is DiagnosticException or InvalidProtocolBufferException)
            {
                // Refused.
            }
        }

        Assert.InRange(compiled, 20, 249);
    }

    [Theory]
    [InlineData(101)]
    [InlineData(20_000)]
    public void SubgraphsNestedTooDeepAreRefused(int depth)
    {
        byte[] graph = [];
        List<byte[]> heads = [];
        int length = 0;
        for (int i = 0; i < depth; i++)
        {
            // GraphProto { node { attribute { g } } }, from the inside out; only the heads, which carry the lengths, are kept.
            byte[] attribute = [0x32, .. Varint(length)];
            byte[] node = [0x2A, .. Varint(attribute.Length + length)];
            byte[] outer = [0x0A, .. Varint(node.Length + attribute.Length + length)];
            heads.Add([.. outer, .. node, .. attribute]);
            length += outer.Length + node.Length + attribute.Length;
        }

        graph = [0x3A, .. Varint(length), .. heads.AsEnumerable().Reverse().SelectMany(h => h)];
        string path = Write("deep.onnx", graph);
        Assert.Contains("is not an ONNX model", Message(() => OnnxImporter.Import(path)), StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownFieldsAreLeftOut()
    {
        byte[] unknown = [0xFA, 0x3E, .. Varint(1 << 20), .. new byte[1 << 20]]; // field 1007, a megabyte
        string path = Write("unknown.onnx", [.. Small().ToArray(), .. unknown]);
        Assert.Equal(3, OnnxImporter.Import(path).Nodes.Length);
    }

    [Theory]
    [InlineData(new byte[] { 0xFF, 0xFE })]
    [InlineData(new byte[] { 0xC0, 0x80 })]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })]
    [InlineData(new byte[] { 0xEF, 0xBF, 0xBD })]
    [InlineData(new byte[] { 0x00 })]
    public void NamesThatAreNoTextAreRefused(byte[] name)
    {
        // "hh" stands where the value's name goes.
        byte[] model = new TestModel().Input("x", 1).Node("Relu", "x", "hhh"[..name.Length]).Node("Neg", "hhh"[..name.Length], "y").Output("y").ToArray();
        byte[] pattern = Encoding.ASCII.GetBytes("hhh"[..name.Length]);
        for (int at = model.AsSpan().IndexOf(pattern); at >= 0; at = model.AsSpan().IndexOf(pattern))
        {
            name.CopyTo(model, at);
        }

        Assert.Contains("which is not valid text", Message(() => TestModel.Import(ModelProto.Parser.ParseFrom(model))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("an initializer twice", "initializer 'w' occurs twice")]
    [InlineData("an initializer without a name", "without a name")]
    [InlineData("a constant that is an initializer", "value 'w' is written twice")]
    [InlineData("a node that writes an initializer", "writes value 'w', which a constant writes too")]
    [InlineData("an input twice", "is declared twice")]
    [InlineData("an output from nowhere", "is written by nothing")]
    [InlineData("an output without a name", "without a name")]
    [InlineData("a value twice", "which node 'relu_y' writes too")]
    [InlineData("a cycle", "is part of a cycle")]
    [InlineData("a value from nowhere", "which nothing writes")]
    [InlineData("an attribute twice", "has the attribute 'alpha' twice")]
    [InlineData("an input of an unknown type", "input 'x' has element type 999, which this version does not read")]
    [InlineData("a sparse initializer", "without a name")]
    public void WhatIsNoGraphIsRefused(string what, string message)
    {
        var model = new TestModel().Input("x", 1).Weights("w", 1).Node("Relu", "x", "y").Output("y");
        var graph = model.Proto.Graph;
        _ = what switch
        {
            "an initializer twice" => model.Weights("w", 2),
            "an initializer without a name" => model.Weights("", 2),
            "a constant that is an initializer" => model.Node("Constant", "", "w", ("value_float", 1f)),
            "a node that writes an initializer" => model.Node("Relu", "y", "w"),
            "an input twice" => model.Input("x", 1),
            "an output from nowhere" => model.Output("z"),
            "an output without a name" => model.Output(""),
            "a value twice" => model.Node("Neg", "x", "y"),
            "a cycle" => model.Node("Add", "x b", "a").Node("Neg", "a", "b"),
            "a value from nowhere" => model.Node("Neg", "z", "a"),
            "an attribute twice" => model.Node("LeakyRelu", "x", "a", ("alpha", 1f), ("alpha", 2f)),
            "an input of an unknown type" => model.Input("q", (TensorType)999, 1),
            _ => model,
        };
        if (what == "an input of an unknown type")
        {
            graph.Input[0].Type.TensorType.ElemType = 999;
        }

        if (what == "a sparse initializer")
        {
            graph.SparseInitializer.Add(new SparseTensorProto());
        }

        Assert.Contains(message, Message(() => model.Import()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new long[] { -1 }, "is not a shape")]
    [InlineData(new[] { long.MinValue }, "is not a shape")]
    [InlineData(new[] { 1L << 62, 4 }, "is not a shape")]
    [InlineData(new[] { 1L << 32, 1L << 32 }, "is not a shape")]
    [InlineData(new[] { 1L << 62, 0 }, "is not a shape")]
    [InlineData(new[] { 0x7fffffffL }, "is not a shape")]
    [InlineData(new[] { 0x7fffffc7L }, "has 4 bytes of data, its shape needs 8589934364")]
    [InlineData(new[] { 0x7fffffc7L, 0 }, "has 4 bytes of data, its shape needs 0")]
    [InlineData(new[] { 2L }, "has 4 bytes of data, its shape needs 8")]
    public void AShapeIsMeasuredBeforeMemoryIsTaken(long[] dims, string message)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(message, TensorMessage(t =>
        {
            t.Dims.Clear();
            t.Dims.Add(dims);
        }), StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData("5 bytes", "has 5 bytes of data, its shape needs 4")]
    [InlineData("none", "has 0 bytes of data, its shape needs 4")]
    [InlineData("no field", "has 0 values, its shape needs 1")]
    [InlineData("twice", "holds its data twice")]
    [InlineData("strings as bytes", "holds strings as raw data")]
    [InlineData("dims twice", "its shape needs 16")]
    [InlineData("type 0", "has unknown element type 0")]
    [InlineData("type 999", "has unknown element type 999")]
    [InlineData("type -1", "has unknown element type -1")]
    [InlineData("type complex64", "holds complex numbers")]
    [InlineData("65 dimensions", "has 65 dimensions; at most 64 are allowed")]
    [InlineData("external", "has external data, but the model was not read from a file")]
    public void ATensorsPartsMustFit(string what, string message) => Assert.Contains(message, TensorMessage(t =>
    {
        switch (what)
        {
            case "5 bytes": t.RawData = ByteString.CopyFrom(new byte[5]); break;
            case "none": t.RawData = ByteString.Empty; break;
            case "no field": t.ClearRawData(); break;
            case "twice": t.FloatData.Add(1); break;
            case "strings as bytes": t.DataType = (int)TensorType.String; break;
            case "dims twice": t.Dims.Clear(); t.Dims.Add([2, 2]); break;
            case "type 0": t.DataType = 0; break;
            case "type 999": t.DataType = 999; break;
            case "type -1": t.DataType = -1; break;
            case "type complex64": t.DataType = 14; break;
            case "65 dimensions": t.Dims.Clear(); t.Dims.Add(Enumerable.Repeat(1L, 65)); break;
            case "external": t.ClearRawData(); t.DataLocation = TensorProto.Types.DataLocation.External; break;
            default: throw new ArgumentException(what);
        }
    }), StringComparison.Ordinal);

    [Theory]
    [InlineData("../secret")]
    [InlineData("a/../../secret")]
    [InlineData("a/../secret")]
    [InlineData("/etc/passwd")]
    [InlineData("C:\\x")]
    [InlineData("C:x")]
    [InlineData("\\\\srv\\share")]
    [InlineData("..\\x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("~/x")]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("./data")]
    [InlineData("a//b")]
    [InlineData("data\0.bin")]
    [InlineData("*/_ORT_MEM_ADDR_/*")]
    public void ExternalDataStayBelowTheModelsFolder(string location) => Assert.Contains(
        "which is not a plain path below the model's folder", ExternalMessage([("location", location)]), StringComparison.Ordinal);

    [Fact]
    public void AVeryLongLocationIsNotThere() => Assert.Contains("external data in 'aaa", ExternalMessage([("location", new string('a', 5000))]), StringComparison.Ordinal);

    [Theory]
    [InlineData("offset", "-1", "whose offset is '-1'")]
    [InlineData("offset", "1e3", "whose offset is '1e3'")]
    [InlineData("offset", " 12", "whose offset is ' 12'")]
    [InlineData("offset", "0x10", "whose offset is '0x10'")]
    [InlineData("offset", "9223372036854775808", "whose offset is")]
    [InlineData("offset", "9223372036854775807", "is asked for 4 at 9223372036854775807")]
    [InlineData("offset", "5", "of 8 bytes is asked for 4 at 5")]
    [InlineData("length", "1125899906842624", "is asked for 1125899906842624 at 0")]
    [InlineData("length", "3", "needs 4 bytes of external data")]
    [InlineData("location", "data", "names 'location' of its external data twice")]
    public void ExternalDataAreWhereTheyAreSaidToBe(string key, string value, string message) =>
        Assert.Contains(message, ExternalMessage([("location", "data"), (key, value)]), StringComparison.Ordinal);

    [Fact]
    public void ExternalDataAreRead()
    {
        Write("data", [.. BitConverter.GetBytes(1f), .. BitConverter.GetBytes(2.5f)]);
        var tensor = TensorReader.Read(External([("location", "data"), ("offset", "4"), ("length", "4"), ("checksum", "ignored")]), new ExternalData(_folder));
        Assert.Equal([2.5f], tensor!.Floats);
    }

    [Theory]
    [InlineData("link")]
    [InlineData("dangling")]
    [InlineData("loop")]
    [InlineData("folder/data")]
    public void SymbolicLinksAreNotFollowed(string location)
    {
        if (OperatingSystem.IsWindows())
        {
            return; // needs a privilege there
        }

        string outside = Directory.CreateTempSubdirectory("aimc-outside-").FullName;
        try
        {
            File.WriteAllBytes(Path.Combine(outside, "data"), new byte[8]);
            File.CreateSymbolicLink(Path.Combine(_folder, "link"), Path.Combine(outside, "data"));
            File.CreateSymbolicLink(Path.Combine(_folder, "dangling"), Path.Combine(outside, "none"));
            File.CreateSymbolicLink(Path.Combine(_folder, "loop"), Path.Combine(_folder, "loop"));
            Directory.CreateSymbolicLink(Path.Combine(_folder, "folder"), outside);
            Assert.Contains("behind the symbolic link", ExternalMessage([("location", location)]), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(outside, recursive: true);
        }
    }

    [Fact]
    public void AFolderHoldsNoExternalData()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "sub"));
        Assert.Contains("folder", ExternalMessage([("location", "sub")]), StringComparison.Ordinal);
    }

    /// <summary>A node is given to ONNX Runtime in memory, from where it finds no file.</summary>
    [Fact]
    public void ATensorInsideANodeComesAlongFromItsFile()
    {
        GraphProto branch = new() { Name = "branch" };
        TensorProto weights = External([("location", "inner.bin")]);
        weights.Dims[0] = 2;
        branch.Initializer.Add(weights);
        branch.Node.Add(TestModel.NodeOf("Mul", ["x", "w"], ["t"]));
        branch.Output.Add(new ValueInfoProto { Name = "t" });
        var model = new TestModel().Input("x", 2).Input("c", TensorType.Bool, 1).Node("If", "c", "y", ("then_branch", branch), ("else_branch", branch.Clone())).Output("y");
        File.WriteAllBytes(Path.Combine(_folder, "inner.bin"), [0, 0, 0, 64, 0, 0, 64, 64]);
        var graph = OnnxImporter.Import(Write("inner.onnx", model.ToArray()));
        var inputs = new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats([1, 1], 2), ["c"] = new(TensorType.Bool, [1], new[] { true }) };
        Assert.Equal([2f, 3], Passes.Meaning.Evaluate(graph, inputs).Single().Floats);
        File.Delete(Path.Combine(_folder, "inner.bin"));
        Assert.Contains("a tensor inside node 'if_y'", Message(() => OnnxImporter.Import(Path.Combine(_folder, "inner.onnx"))), StringComparison.Ordinal);
    }

    [Fact]
    public void FunctionsInACircleAreRefused()
    {
        Assert.Contains("has the function 'F', which calls itself", Functions(("F", "F")), StringComparison.Ordinal);
        Assert.Contains("calls itself", Functions(("F", "G"), ("G", "F")), StringComparison.Ordinal);
    }

    [Fact]
    public void FunctionsThatGrowBeyondMeasureAreRefused() => Assert.Contains(
        "nodes once its functions are inlined",
        Functions([.. Enumerable.Range(0, 30).Select(i => (i == 0 ? "F" : $"F{i}", $"F{i + 1} F{i + 1}"))]),
        StringComparison.Ordinal);

    [Fact]
    public void FunctionsWhoseConstantsGrowBeyondMeasureAreRefused()
    {
        var model = new TestModel().Input("x", 1).Output("y");
        var large = TestModel.NodeOf("Constant", [], ["t"], ("value", Tensor.Zeros(TensorType.Float, [1 << 20])));
        model.Proto.Functions.Add(OnnxImporterTests.Function("G", large, TestModel.NodeOf("Add", ["a", "t"], ["b"])));
        model.Proto.Functions.Add(OnnxImporterTests.Function("F", [.. Enumerable.Range(0, 600).Select(i => OnnxImporterTests.Call("G", i == 0 ? "a" : $"c{i - 1}", i == 599 ? "b" : $"c{i}"))]));
        model.Proto.Graph.Node.Add(OnnxImporterTests.Call("F", "x", "y"));
        Assert.Contains("bytes of nodes once its functions are inlined", Message(() => model.Import()), StringComparison.Ordinal);
    }

    [Fact]
    public void FunctionsThatCallTooDeepAreRefused() => Assert.Contains(
        "more than 100 deep", Functions([.. Enumerable.Range(0, 5000).Select(i => (i == 0 ? "F" : $"F{i}", $"F{i + 1}"))]), StringComparison.Ordinal);

    [Fact]
    public void AnAttributeOfTheWrongTypeIsNotReadAsZero()
    {
        var model = new TestModel().Input("x", 1).Node("Constant", "", "k", ("value_float", 3)).Node("Add", "x k", "y").Output("y");
        Assert.Throws<DiagnosticException>(() => AimcCompilation.Compile(model.Import(), ChipReader.Read("tiny"), new CompileOptions()));
    }

    [Theory]
    [InlineData(new[] { 1L << 62, 4 })]
    [InlineData(new[] { 0x7fffffffL })]
    [InlineData(new[] { 1L << 20, 1L << 20 })]
    public void AnInputBeyondMeasureIsRefused(long[] dims)
    {
        var model = new TestModel().Input("x", [.. dims.Cast<object>()]).Node("Relu", "x", "y").Output("y");
        Assert.Contains("elements", Message(() => Calibrate.Run(model.Import(), new CompileOptions())), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kernel_shape", new[] { 0, 0 })]
    [InlineData("kernel_shape", new[] { 3, 3, 3 })]
    [InlineData("strides", new[] { 0, 1 })]
    [InlineData("strides", new[] { -1, 1 })]
    [InlineData("strides", new[] { 1 })]
    [InlineData("dilations", new[] { int.MaxValue, 1 })]
    [InlineData("dilations", new[] { 0, 0 })]
    [InlineData("pads", new[] { int.MinValue, 0, 0, 0 })]
    [InlineData("pads", new[] { -1, 0, 0, 0 })]
    [InlineData("pads", new[] { 1 })]
    [InlineData("auto_pad", "SOMEHOW")]
    [InlineData("group", 0)]
    [InlineData("group", 2)]
    [InlineData("group", -1)]
    public void AConvolutionOfImpossibleAttributesIsRefusedOrDigital(string name, object value)
    {
        var model = new TestModel().Input("x", 1, 3, 5, 5).Weights("w", 3, 3, 3, 3).Node("Conv", "x w", "y", (name, value)).Output("y");
        try
        {
            Assert.Empty(AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions()).Program.Layers);
        }
        catch (DiagnosticException e)
        {
            Assert.Equal("AIMC1002", e.Diagnostics.Single().Descriptor.Id);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static TestModel Small() => new TestModel().Input("x", "N", 2, 4, 4).Weights("w", 2, 2, 3, 3).Ints("s", 1, 8)
        .Node("Conv", "x w", "c", ("pads", new[] { 0, 0, 0, 0 }), ("auto_pad", "NOTSET")).Node("Reshape", "c s", "r").Node("LeakyRelu", "r", "y", ("alpha", 0.5f)).Output("y");

    private static void Survives(byte[] content)
    {
        try
        {
            TestModel.Import(ModelProto.Parser.ParseFrom(content));
        }
        catch (Exception e) when (e is DiagnosticException or InvalidProtocolBufferException)
        {
            // Refused; Import(path) turns the second into the first.
        }
    }

    private static string Functions(params (string Name, string Calls)[] functions)
    {
        var model = new TestModel().Input("x", 1).Output("y");
        foreach (var (name, calls) in functions)
        {
            string[] called = calls.Split(' ');
            model.Proto.Functions.Add(OnnxImporterTests.Function(
                name, [.. called.Select((c, i) => OnnxImporterTests.Call(c, i == 0 ? "a" : $"t{i}", i == called.Length - 1 ? "b" : $"t{i + 1}"))]));
        }

        model.Proto.Graph.Node.Add(OnnxImporterTests.Call("F", "x", "y"));
        return Message(() => model.Import());
    }

    private static string TensorMessage(Action<TensorProto> change)
    {
        var model = new TestModel().Input("x", 1).Weights("w", 1).Node("Mul", "x w", "y").Output("y");
        change(model.Proto.Graph.Initializer[0]);
        return Message(() => TestModel.Import(model.Proto));
    }

    private static TensorProto External((string Key, string Value)[] entries)
    {
        TensorProto tensor = new() { Name = "w", DataType = (int)TensorType.Float, DataLocation = TensorProto.Types.DataLocation.External };
        tensor.Dims.Add(1);
        tensor.ExternalData.Add(entries.Select(e => new StringStringEntryProto { Key = e.Key, Value = e.Value }));
        return tensor;
    }

    private static string Message(Action action) => Assert.Single(Assert.Throws<DiagnosticException>(action).Diagnostics).Message;

    private static string Message<T>(Func<T> action) => Message(() => { action(); });

    private static IEnumerable<byte> Varint(int value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            yield return (byte)(value | 0x80);
        }

        yield return (byte)value;
    }

    private string ExternalMessage((string Key, string Value)[] entries)
    {
        if (!File.Exists(Path.Combine(_folder, "data")))
        {
            Write("data", new byte[8]);
        }

        var model = new TestModel().Input("x", 1).Node("Mul", "x w", "y").Output("y");
        model.Proto.Graph.Initializer.Add(External(entries));
        string path = Write("model.onnx", model.ToArray());
        return Message(() => OnnxImporter.Import(path));
    }

    private string Write(string name, byte[] content)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
