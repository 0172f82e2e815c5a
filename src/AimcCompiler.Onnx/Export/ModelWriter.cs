using System.Collections.Immutable;
using System.Globalization;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf;

namespace AimcCompiler.Onnx;

/// <summary>Writes a graph, or some of its nodes, as an ONNX model.</summary>
public static class ModelWriter
{
    /// <summary>More tensor data than this stand beside the message, which protobuf ends at 2 GiB and ONNX Runtime copies twice.</summary>
    private const long MaximumInside = 1L << 30;

    /// <summary>Smaller tensors stay inside: shapes and scales are read while the model is checked.</summary>
    private const int SmallBytes = 1024;

    /// <summary>Files are mapped by pages.</summary>
    private const int PageBytes = 4096;

    private const int PieceBytes = 1 << 30;

    /// <summary>Smaller tensors are copied sooner than a file is made.</summary>
    private const long MinimumLent = 1 << 20;

    /// <summary>The nodes as a model of their own, of any size.</summary>
    /// <param name="graph">Constants, types, opsets and functions come from here.</param>
    /// <param name="nodes">In execution order.</param>
    /// <param name="inputs">Values that are given from outside.</param>
    /// <param name="outputs">Values that are wanted; their types need not be known.</param>
    /// <param name="maximumInside">Bytes of tensors that stand inside the message.</param>
    public static DigitalModel ExtractModel(
        Graph graph, IReadOnlyList<Node> nodes, IReadOnlyList<string> inputs, IReadOnlyList<string> outputs, long maximumInside = MaximumInside)
    {
        List<(TensorProto Proto, Tensor Tensor)> tensors = [];
        var model = Build(graph, nodes, inputs, outputs, (name, tensor) =>
        {
            if (tensor.Type == TensorType.String || tensor.Bytes < SmallBytes)
            {
                return Write(name, tensor);
            }

            var proto = Empty(name, tensor);
            tensors.Add((proto, tensor));
            return proto;
        });
        if (tensors.Sum(t => t.Tensor.Bytes) <= maximumInside)
        {
            foreach (var (proto, tensor) in tensors)
            {
                proto.RawData = Write("", tensor).RawData;
            }

            return new DigitalModel(model.ToByteArray(), []);
        }

        var weights = ImmutableArray.CreateBuilder<ReadOnlyMemory<byte>>();
        long offset = 0;
        foreach (var (proto, tensor) in tensors)
        {
            long length = tensor.Bytes;
            Beside(proto, offset, length);
            for (long start = 0; start < length; start += PieceBytes)
            {
                weights.Add(new TensorBytes(tensor, start, (int)Math.Min(PieceBytes, length - start)).Memory);
            }

            int padding = (int)((PageBytes - (length % PageBytes)) % PageBytes);
            if (padding > 0)
            {
                weights.Add(new byte[padding]);
            }

            offset += length + padding;
        }

        return new DigitalModel(model.ToByteArray(), weights.ToImmutable());
    }

    private static TensorProto Beside(TensorProto proto, long offset, long length)
    {
        proto.DataLocation = TensorProto.Types.DataLocation.External;
        proto.ExternalData.Add(Entry("location", DigitalModel.WeightsFile));
        proto.ExternalData.Add(Entry("offset", offset.ToString(CultureInfo.InvariantCulture)));
        proto.ExternalData.Add(Entry("length", length.ToString(CultureInfo.InvariantCulture)));
        return proto;

        static StringStringEntryProto Entry(string key, string value) => new() { Key = key, Value = value };
    }

    /// <summary>The nodes as a model for a session of this process: large tensors are not copied, the session reads them where they are.</summary>
    /// <param name="graph">Constants, types, opsets and functions come from here.</param>
    /// <param name="nodes">In execution order.</param>
    /// <param name="inputs">Values that are given from outside.</param>
    /// <param name="outputs">Values that are wanted; their types need not be known.</param>
    /// <param name="minimumLent">Bytes of a tensor that is not copied.</param>
    public static DigitalModel Lend(Graph graph, IReadOnlyList<Node> nodes, IReadOnlyList<string> inputs, IReadOnlyList<string> outputs, long minimumLent = MinimumLent)
    {
        var lent = ImmutableArray.CreateBuilder<(string, Tensor)>();
        var model = Build(graph, nodes, inputs, outputs, (name, tensor) =>
        {
            if (tensor.Type == TensorType.String || Tensor.IsPacked(tensor.Type) || tensor.Bytes < minimumLent)
            {
                return Write(name, tensor);
            }

            lent.Add((name, tensor));
            return Beside(Empty(name, tensor), 0, tensor.Bytes);
        });
        return new DigitalModel(model.ToByteArray(), []) { Lent = lent.ToImmutable() };
    }

    /// <summary>The same for a session that is only asked for types and shapes: large tensors are not even read.</summary>
    /// <inheritdoc cref="Lend"/>
    public static DigitalModel Outline(Graph graph, IReadOnlyList<Node> nodes, IReadOnlyList<string> inputs, IReadOnlyList<string> outputs, long minimumLent = MinimumLent) =>
        Lend(graph, nodes, inputs, outputs, minimumLent) with { IsOutline = true };

    /// <summary>The nodes as a model of their own, of less than 2 GiB.</summary>
    /// <param name="graph">Constants, types, opsets and functions come from here.</param>
    /// <param name="nodes">In execution order.</param>
    /// <param name="inputs">Values that are given from outside.</param>
    /// <param name="outputs">Values that are wanted; their types need not be known.</param>
    /// <returns>A serialized ModelProto. Deterministic.</returns>
    public static byte[] Extract(Graph graph, IReadOnlyList<Node> nodes, IReadOnlyList<string> inputs, IReadOnlyList<string> outputs) =>
        Build(graph, nodes, inputs, outputs, Write).ToByteArray();

    private static ModelProto Build(
        Graph graph, IReadOnlyList<Node> nodes, IReadOnlyList<string> inputs, IReadOnlyList<string> outputs, Func<string, Tensor, TensorProto> write)
    {
        ModelProto model = new() { IrVersion = graph.Header.IrVersion, ProducerName = "AimcCompiler", Graph = new GraphProto { Name = "graph" } };
        foreach (var (domain, version) in graph.Header.Opsets.OrderBy(o => o.Key, StringComparer.Ordinal))
        {
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = version });
        }

        foreach (var function in graph.Header.Functions)
        {
            model.Functions.Add(FunctionProto.Parser.ParseFrom(function.Span));
        }

        HashSet<string> written = new(inputs, StringComparer.Ordinal);
        foreach (var node in nodes)
        {
            model.Graph.Node.Add(Write(node));
            foreach (string value in node.Reads)
            {
                if (graph.Constants.TryGetValue(value, out var tensor) && written.Add(value))
                {
                    model.Graph.Initializer.Add(write(value, tensor));
                }
            }

            written.UnionWith(node.Writes);
        }

        foreach (string output in outputs)
        {
            if (graph.Constants.TryGetValue(output, out var tensor) && written.Add(output))
            {
                model.Graph.Initializer.Add(write(output, tensor));
            }

            model.Graph.Output.Add(new ValueInfoProto { Name = output });
        }

        foreach (string input in inputs)
        {
            model.Graph.Input.Add(new ValueInfoProto { Name = input, Type = TypeOf(graph, input) });
        }

        return model;
    }

    private static TensorProto Empty(string name, Tensor tensor)
    {
        TensorProto proto = new() { Name = name, DataType = (int)tensor.Type };
        proto.Dims.AddRange(tensor.Shape);
        return proto;
    }

    /// <summary>A tensor as a TensorProto with raw data.</summary>
    internal static TensorProto Write(string name, Tensor tensor)
    {
        var proto = Empty(name, tensor);
        if (tensor.Type == TensorType.String)
        {
            proto.StringData.AddRange(((string[])tensor.Data).Select(ByteString.CopyFromUtf8));
        }
        else
        {
            proto.RawData = tensor.Count == 0 ? ByteString.Empty : UnsafeByteOperations.UnsafeWrap(new TensorBytes(tensor).Memory);
        }

        return proto;
    }

    internal static NodeProto Write(Node node)
    {
        var proto = node.Payload.IsEmpty ? new NodeProto { OpType = node.OpType, Domain = node.Domain } : NodeProto.Parser.ParseFrom(node.Payload.Span);
        proto.Name = node.Name;
        proto.Input.Clear();
        proto.Input.AddRange(node.Inputs);
        proto.Output.Clear();
        proto.Output.AddRange(node.Outputs);
        if (node.Payload.IsEmpty)
        {
            foreach (var (name, attribute) in node.Attributes.OrderBy(a => a.Key, StringComparer.Ordinal))
            {
                proto.Attribute.Add(Write(name, attribute));
            }
        }

        return proto;
    }

    private static AttributeProto Write(string name, NodeAttribute attribute)
    {
        AttributeProto proto = new() { Name = name };
        switch (attribute)
        {
            case IntAttribute a:
                (proto.Type, proto.I) = (AttributeProto.Types.AttributeType.Int, a.Value);
                break;
            case FloatAttribute a:
                (proto.Type, proto.F) = (AttributeProto.Types.AttributeType.Float, a.Value);
                break;
            case StringAttribute a:
                (proto.Type, proto.S) = (AttributeProto.Types.AttributeType.String, ByteString.CopyFromUtf8(a.Value));
                break;
            case IntsAttribute a:
                proto.Type = AttributeProto.Types.AttributeType.Ints;
                proto.Ints.AddRange(a.Values);
                break;
            case FloatsAttribute a:
                proto.Type = AttributeProto.Types.AttributeType.Floats;
                proto.Floats.AddRange(a.Values);
                break;
            case StringsAttribute a:
                proto.Type = AttributeProto.Types.AttributeType.Strings;
                proto.Strings.AddRange(a.Values.Select(ByteString.CopyFromUtf8));
                break;
            default:
                throw new System.Diagnostics.UnreachableException();
        }

        return proto;
    }

    private static TypeProto? TypeOf(Graph graph, string value)
    {
        var port = graph.Header.Inputs.FirstOrDefault(p => p.Name == value);
        TensorType type = port?.Type ?? (graph.Facts.TryGetValue(value, out var facts) ? facts.Type : TensorType.Undefined);
        if (type == TensorType.Undefined && (port?.Declaration ?? graph.Facts.GetValueOrDefault(value)?.Declaration) is { IsEmpty: false } declaration)
        {
            return TypeProto.Parser.ParseFrom(declaration.Span);
        }

        if (type == TensorType.Undefined)
        {
            throw new DiagnosticException(Descriptors.InvalidModel, $"{graph.Header.FileName}: value '{value}'", "has no type that the file or ONNX Runtime gives", "check the model with onnx.checker");
        }

        var shape = port is not null ? port.Shape : graph.Facts[value].Declared;
        TypeProto proto = new() { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type } };
        if (!shape.IsDefault)
        {
            proto.TensorType.Shape = new TensorShapeProto();
            for (int i = 0; i < shape.Length; i++)
            {
                TensorShapeProto.Types.Dimension dimension = new();
                string symbol = port is not null && i < port.Symbols.Length ? port.Symbols[i] : "";
                if (shape[i] >= 0)
                {
                    dimension.DimValue = shape[i];
                }
                else if (symbol.Length > 0)
                {
                    dimension.DimParam = symbol;
                }

                proto.TensorType.Shape.Dim.Add(dimension);
            }
        }

        return proto;
    }
}
