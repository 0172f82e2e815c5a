using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf;

namespace AimcCompiler.Onnx;

/// <summary>Writes a graph, or some of its nodes, as an ONNX model.</summary>
public static class ModelWriter
{
    /// <summary>The nodes as a model of their own.</summary>
    /// <param name="graph">Constants, types, opsets and functions come from here.</param>
    /// <param name="nodes">In execution order.</param>
    /// <param name="inputs">Values that are given from outside.</param>
    /// <param name="outputs">Values that are wanted; their types need not be known.</param>
    /// <returns>A serialized ModelProto. Deterministic.</returns>
    public static byte[] Extract(Graph graph, IReadOnlyList<Node> nodes, IReadOnlyList<string> inputs, IReadOnlyList<string> outputs) =>
        Build(graph, nodes, inputs, outputs).ToByteArray();

    internal static ModelProto Build(Graph graph, IReadOnlyList<Node> nodes, IReadOnlyList<string> inputs, IReadOnlyList<string> outputs)
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
                    model.Graph.Initializer.Add(Write(value, tensor));
                }
            }

            written.UnionWith(node.Writes);
        }

        foreach (string output in outputs)
        {
            if (graph.Constants.TryGetValue(output, out var tensor) && written.Add(output))
            {
                model.Graph.Initializer.Add(Write(output, tensor));
            }

            model.Graph.Output.Add(new ValueInfoProto { Name = output });
        }

        foreach (string input in inputs)
        {
            model.Graph.Input.Add(new ValueInfoProto { Name = input, Type = TypeOf(graph, input) });
        }

        return model;
    }

    /// <summary>A tensor as a TensorProto with raw data.</summary>
    internal static TensorProto Write(string name, Tensor tensor)
    {
        TensorProto proto = new() { Name = name, DataType = (int)tensor.Type };
        proto.Dims.AddRange(tensor.Shape);
        if (tensor.Data is string[] strings)
        {
            proto.StringData.AddRange(strings.Select(ByteString.CopyFromUtf8));
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
            throw new InvalidOperationException($"The type of value '{value}' is not known.");
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
