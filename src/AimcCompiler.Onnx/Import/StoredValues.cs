using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf;

namespace AimcCompiler.Onnx;

/// <summary>Reads serialized TensorProto, SequenceProto, MapProto and OptionalProto, as ONNX test-set folders hold them.</summary>
public static class StoredValues
{
    private const int MaximumDepth = 32;

    /// <param name="bytes">The whole file.</param>
    /// <param name="kind">Which message it holds.</param>
    /// <exception cref="FormatException">The bytes are no value of that kind that this version reads.</exception>
    public static StoredValue Parse(byte[] bytes, StoredKind kind)
    {
        try
        {
            return kind switch
            {
                StoredKind.Tensor => Read(TensorProto.Parser.ParseFrom(bytes)),
                StoredKind.Sequence => Read(SequenceProto.Parser.ParseFrom(bytes), 0),
                StoredKind.Map => Read(MapProto.Parser.ParseFrom(bytes), 0),
                StoredKind.Optional => Read(OptionalProto.Parser.ParseFrom(bytes), 0),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new FormatException($"is no {kind} ({e.Message})", e);
        }
    }

    /// <summary>A model's inputs that have no initializer, and its outputs, with what kind of value each is.</summary>
    /// <exception cref="FormatException">The bytes are no model.</exception>
    public static (ImmutableArray<StoredPort> Inputs, ImmutableArray<StoredPort> Outputs) Ports(byte[] model)
    {
        try
        {
            var graph = ModelProto.Parser.WithDiscardUnknownFields(true).ParseFrom(model).Graph ?? throw new FormatException("is a model without a graph");
            var initializers = graph.Initializer.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
            return ([.. graph.Input.Where(i => !initializers.Contains(i.Name)).Select(Port)], [.. graph.Output.Select(Port)]);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new FormatException($"is no model ({e.Message})", e);
        }
    }

    private static StoredPort Port(ValueInfoProto info) => new(info.Name, info.Type?.ValueCase switch
    {
        TypeProto.ValueOneofCase.SequenceType => StoredKind.Sequence,
        TypeProto.ValueOneofCase.MapType => StoredKind.Map,
        TypeProto.ValueOneofCase.OptionalType => StoredKind.Optional,
        _ => StoredKind.Tensor,
    });

    private static StoredTensor Read(TensorProto proto) =>
        new(TensorReader.Read(proto, null) ?? throw new FormatException($"has element type {proto.DataType}"));

    private static StoredSequence Read(SequenceProto proto, int depth)
    {
        Deeper(depth);
        return new StoredSequence(
        [
            .. proto.TensorValues.Select(Read),
            .. proto.SequenceValues.Select(v => Read(v, depth + 1)),
            .. proto.MapValues.Select(v => Read(v, depth + 1)),
            .. proto.OptionalValues.Select(v => Read(v, depth + 1)),
        ]);
    }

    private static StoredMap Read(MapProto proto, int depth)
    {
        Deeper(depth);
        var keys = proto.StringKeys.Count > 0
            ? new Tensor(TensorType.String, [proto.StringKeys.Count], proto.StringKeys.Select(k => k.ToStringUtf8()).ToArray())
            : Tensor.FromInt64([.. proto.Keys], proto.Keys.Count);
        return new StoredMap(new StoredTensor(keys), Read(proto.Values ?? new SequenceProto(), depth + 1));
    }

    private static StoredValue Read(OptionalProto proto, int depth)
    {
        Deeper(depth);
        return proto switch
        {
            { TensorValue: { } tensor } => Read(tensor),
            { SequenceValue: { } sequence } => Read(sequence, depth + 1),
            { MapValue: { } map } => Read(map, depth + 1),
            { OptionalValue: { } optional } => Read(optional, depth + 1),
            _ => new StoredNothing(),
        };
    }

    private static void Deeper(int depth)
    {
        if (depth > MaximumDepth)
        {
            throw new FormatException($"has values nested more than {MaximumDepth} deep");
        }
    }
}
