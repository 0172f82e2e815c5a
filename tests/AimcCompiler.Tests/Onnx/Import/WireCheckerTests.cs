using System.Text;
using AimcCompiler.Core;
using AimcCompiler.Onnx;
using AimcCompiler.Onnx.Proto;

namespace AimcCompiler.Tests.Onnx;

/// <summary>What is wrong with the bytes of a model is said with the byte and the path to it.</summary>
public sealed class WireCheckerTests
{
    [Fact]
    public void ASoundModelPasses() => WireChecker.Check(new MemoryStream(Small().ToArray()));

    [Fact]
    public void EveryCutHasAPlaceUnlessItLeavesASmallerModel()
    {
        byte[] whole = Small().ToArray();
        int refused = 0;
        for (int length = 1; length < whole.Length; length++)
        {
            if (Message(whole[..length]) is { } message)
            {
                int offset = int.Parse(message["at byte ".Length..].Split([',', ':'])[0], System.Globalization.CultureInfo.InvariantCulture);
                Assert.InRange(offset, 0, length);
                refused++;
            }
        }

        Assert.InRange(refused, whole.Length / 2, whole.Length);
    }

    /// <summary>Every place is one that protobuf refuses as well, and the other way round: what passes parses.</summary>
    [Fact]
    public void WhatPassesProtobufReads()
    {
        byte[] whole = Small().ToArray();
        Random random = new(7);
        int passed = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] changed = [.. whole];
            for (int n = random.Next(1, 4); n > 0; n--)
            {
                changed[random.Next(changed.Length)] ^= (byte)(1 << random.Next(8));
            }

            if (Message(changed) is null)
            {
                ModelProto.Parser.WithDiscardUnknownFields(true).ParseFrom(changed);
                passed++;
            }
        }

        Assert.InRange(passed, 1000, 19_000);
    }

    [Fact]
    public void ALengthBeyondItsMessageIsNamedWithItsNode()
    {
        byte[] model = Small().ToArray();
        int name = model.AsSpan().IndexOf("auto_pad"u8);
        model[name - 1] = 120;
        Assert.Equal(
            $"at byte {name - 2}, graph.node[0] 'conv_c'.attribute[1].name: it has a length of 120 bytes, and {AttributeBytes("auto_pad") - 2} are left in what holds it",
            Message(model));

        static int AttributeBytes(string name) => Small().Proto.Graph.Node[0].Attribute.Single(a => a.Name == name).CalculateSize();
    }

    [Fact]
    public void ACutInTheWeightsNamesTheInitializer()
    {
        byte[] model = Small().ToArray();
        int weights = model.AsSpan().IndexOf(Small().Proto.Graph.Initializer[0].RawData.Span);
        string? message = Message(model[..(weights + 5)]);
        Assert.StartsWith("at byte 2, graph: it has a length of ", message, StringComparison.Ordinal);

        // The graph's own length corrected, as tools that repair files do.
        byte[] graph = [0x3A, .. Varint(weights)];
        Assert.Equal(0x3A, model[2]);
        message = Message([.. model[..2], .. graph, .. model[5..(weights + 5)]]);
        Assert.Contains("graph.initializer[0]", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 0xFF, 0xFE })]
    [InlineData(new byte[] { 0xED, 0xA0 })]
    public void ANameThatIsNoTextIsNamedByItsPath(byte[] name)
    {
        byte[] model = new TestModel().Input("x", 1).Node("Relu", "x", "qq").Node("Neg", "qq", "y").Output("y").ToArray();
        int at = model.AsSpan().LastIndexOf("qq"u8);
        name.CopyTo(model, at);
        Assert.Equal($"at byte {at}, graph.node[1].input[0]: it is not valid UTF-8 text", Message(model));
    }

    [Fact]
    public void WhatIsOnlySaidToPeopleMayBeAnyBytes()
    {
        var model = Small();
        model.Proto.Graph.DocString = "abcd";
        byte[] bytes = model.ToArray();
        bytes[bytes.AsSpan().IndexOf("abcd"u8)] = 0xFF;
        Assert.Null(Message(bytes));
    }

    [Fact]
    public void AFieldOfAnotherKindIsRefused()
    {
        // ir_version as two bytes of text: protobuf would leave it out without a word.
        Assert.Equal("at byte 0, ir_version: it has wire type 2 where 0 is due", Message([0x0A, 0x01, 0x61, 0x3A, 0x00]));
    }

    [Fact]
    public void PackedAndSingleNumbersAreBothFine()
    {
        // graph { initializer { dims: [2, 3] packed, dims: 4 } }
        Assert.Null(Message([0x3A, 0x08, 0x2A, 0x06, 0x0A, 0x02, 0x02, 0x03, 0x08, 0x04]));
        Assert.Equal("at byte 4, graph.initializer[0].dims[0]: its last number does not end", Message([0x3A, 0x08, 0x2A, 0x06, 0x0A, 0x02, 0x02, 0x83, 0x08, 0x04]));
        Assert.Equal("at byte 4, graph.initializer[0].float_data[0]: its 3 bytes are not a multiple of 4", Message([0x3A, 0x07, 0x2A, 0x05, 0x22, 0x03, 1, 2, 3]));
    }

    [Fact]
    public void UnknownFieldsAndGroupsArePassedOver()
    {
        Assert.Null(Message([0xFA, 0x3E, 0x02, 0xFF, 0xFF, 0x9B, 0x06, 0x08, 0x01, 0x9C, 0x06]));
        Assert.Contains("ends with field 98", Message([0x9B, 0x06, 0x94, 0x06]), StringComparison.Ordinal);
        Assert.Contains("a group ends that did not begin", Message([0x9C, 0x06]), StringComparison.Ordinal);
    }

    [Fact]
    public void ManyEmptyMessagesAreRefusedBeforeTheyAreMade()
    {
        const int Nodes = 5_000_000;
        byte[] file = [0x3A, .. Varint(Nodes * 2), .. Enumerable.Range(0, Nodes * 2).Select(i => (byte)(i % 2 == 0 ? 0x0A : 0x00))];
        using MemoryStream stream = new(file);
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<FormatException>(() => WireChecker.Check(stream)).Message;
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Contains("graph.node[", message, StringComparison.Ordinal);
        Assert.Contains("there are more than 2250000 messages", message, StringComparison.Ordinal);
    }

    [Fact]
    public void ManySmallDimensionsAreNot()
    {
        // What shape inference leaves in large models: 4 bytes a dimension.
        var model = Small();
        for (int i = 0; i < 20_000; i++)
        {
            model.Proto.Graph.ValueInfo.Add(TestModel.Port($"v{i}", TensorType.Float, 1, 2, 3, 4));
        }

        Assert.Null(Message(model.ToArray()));
    }

    /// <summary>A value that the buffer's end cuts in two is read as one.</summary>
    [Fact]
    public void ThePlaceOfABufferDoesNotMatter()
    {
        for (int pad = 65_400; pad < 65_540; pad++)
        {
            byte[] text = Encoding.ASCII.GetBytes(new string('a', pad));
            Assert.Null(Message([0x32, .. Varint(text.Length), .. text, .. Small().ToArray()]));
        }
    }

    private static string? Message(byte[] file)
    {
        try
        {
            WireChecker.Check(new MemoryStream(file));
            return null;
        }
        catch (FormatException e)
        {
            return e.Message;
        }
    }

    private static TestModel Small() => new TestModel().Input("x", "N", 2, 4, 4).Weights("w", 2, 2, 3, 3)
        .Node("Conv", "x w", "c", ("pads", new[] { 0, 0, 0, 0 }), ("auto_pad", "NOTSET")).Node("LeakyRelu", "c", "y", ("alpha", 0.5f)).Output("y");

    private static IEnumerable<byte> Varint(int value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            yield return (byte)(value | 0x80);
        }

        yield return (byte)value;
    }
}
