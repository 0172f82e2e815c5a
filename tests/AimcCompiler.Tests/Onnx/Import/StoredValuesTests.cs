using AimcCompiler.Core;
using AimcCompiler.Onnx;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf;

namespace AimcCompiler.Tests.Onnx;

/// <summary>Test-set files hold one message each; the model's port says of which kind.</summary>
public sealed class StoredValuesTests
{
    [Fact]
    public void ATensorIsRead()
    {
        var value = Assert.IsType<StoredTensor>(StoredValues.Parse(Floats(1, 2.5f).ToByteArray(), StoredKind.Tensor));
        Assert.Equal([1, 2.5f], value.Tensor.Floats);
    }

    [Fact]
    public void ASequenceKeepsItsOrderAndNesting()
    {
        SequenceProto inner = new() { TensorValues = { Floats(1), Floats(2, 3) } };
        var value = Assert.IsType<StoredSequence>(StoredValues.Parse(new SequenceProto { SequenceValues = { inner } }.ToByteArray(), StoredKind.Sequence));
        var elements = Assert.IsType<StoredSequence>(Assert.Single(value.Elements)).Elements;
        Assert.Equal([1, 2], elements.Select(e => (int)((StoredTensor)e).Tensor.Count));
    }

    [Fact]
    public void AnOptionalIsItsValueOrNothing()
    {
        Assert.IsType<StoredNothing>(StoredValues.Parse(new OptionalProto().ToByteArray(), StoredKind.Optional));
        Assert.IsType<StoredTensor>(StoredValues.Parse(new OptionalProto { TensorValue = Floats(1) }.ToByteArray(), StoredKind.Optional));
        Assert.IsType<StoredSequence>(StoredValues.Parse(new OptionalProto { SequenceValue = new SequenceProto() }.ToByteArray(), StoredKind.Optional));
    }

    [Fact]
    public void AMapHasKeysAndValues()
    {
        MapProto map = new() { StringKeys = { ByteString.CopyFromUtf8("a"), ByteString.CopyFromUtf8("b") }, Values = new SequenceProto { TensorValues = { Floats(1), Floats(2) } } };
        var value = Assert.IsType<StoredMap>(StoredValues.Parse(map.ToByteArray(), StoredKind.Map));
        Assert.Equal(["a", "b"], (string[])((StoredTensor)value.Keys).Tensor.Data);
        Assert.Equal(2, ((StoredSequence)value.Values).Elements.Length);
    }

    [Fact]
    public void PortsLeaveOutInitializersAndSayTheirKind()
    {
        var model = new TestModel().Input("x", 1).Input("w", 1).Weights("w", 1).Node("Mul", "x w", "y").Output("y");
        model.Proto.Graph.Input.Add(new ValueInfoProto { Name = "s", Type = new TypeProto { SequenceType = new TypeProto.Types.Sequence() } });
        var (inputs, outputs) = StoredValues.Ports(model.ToArray());
        Assert.Equal(new StoredPort[] { new("x", StoredKind.Tensor), new("s", StoredKind.Sequence) }, inputs.ToArray());
        Assert.Equal(new StoredPort("y", StoredKind.Tensor), Assert.Single(outputs));
    }

    [Theory]
    [InlineData(StoredKind.Tensor)]
    [InlineData(StoredKind.Sequence)]
    [InlineData(StoredKind.Map)]
    [InlineData(StoredKind.Optional)]
    public void BytesThatAreNoValueAreRefused(StoredKind kind) => Assert.Throws<FormatException>(() => StoredValues.Parse([0x0A, 0x7F, 0x00], kind));

    [Fact]
    public void ValuesNestedTooDeepAreRefused()
    {
        SequenceProto sequence = new();
        for (int i = 0; i < 40; i++)
        {
            sequence = new SequenceProto { SequenceValues = { sequence } };
        }

        Assert.Contains("nested", Assert.Throws<FormatException>(() => StoredValues.Parse(sequence.ToByteArray(), StoredKind.Sequence)).Message, StringComparison.Ordinal);
    }

    private static TensorProto Floats(params float[] values)
    {
        TensorProto proto = new() { DataType = (int)TensorType.Float, FloatData = { values } };
        proto.Dims.Add(values.Length);
        return proto;
    }
}
