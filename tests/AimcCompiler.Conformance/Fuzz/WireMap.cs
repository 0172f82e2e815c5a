using System.Collections.Immutable;

namespace AimcCompiler.Conformance;

/// <summary>A field of a protobuf message in a file.</summary>
/// <param name="Tag">Offset of its tag.</param>
/// <param name="Length">Offset of its length varint; -1 for fields that have none.</param>
/// <param name="Value">Offset of its content.</param>
/// <param name="End">Offset after its content.</param>
/// <param name="Parents">Fields that hold it, outermost first, as indices of <see cref="WireMap.Fields"/>.</param>
/// <param name="IsVarint">Its content is one varint.</param>
/// <param name="IsBulk">Raw data of a tensor: most of a file, and of little interest.</param>
internal sealed record WireField(int Tag, int Length, int Value, int End, ImmutableArray<int> Parents, bool IsVarint, bool IsBulk);

/// <summary>Where the fields of an ONNX file lie. It knows just enough of the format to go down into graphs, nodes, attributes, tensors and types.</summary>
internal sealed class WireMap
{
    private const int BulkBytes = 256;

    private static readonly Dictionary<(string Message, int Field), string> Messages = new()
    {
        [("Model", 7)] = "Graph",
        [("Model", 8)] = "Leaf",
        [("Model", 25)] = "Function",
        [("Graph", 1)] = "Node",
        [("Graph", 5)] = "Tensor",
        [("Graph", 11)] = "Info",
        [("Graph", 12)] = "Info",
        [("Graph", 13)] = "Info",
        [("Graph", 15)] = "Sparse",
        [("Sparse", 1)] = "Tensor",
        [("Sparse", 2)] = "Tensor",
        [("Node", 5)] = "Attribute",
        [("Attribute", 5)] = "Tensor",
        [("Attribute", 6)] = "Graph",
        [("Attribute", 10)] = "Tensor",
        [("Attribute", 11)] = "Graph",
        [("Info", 2)] = "Type",
        [("Type", 1)] = "TensorType",
        [("Type", 4)] = "Leaf",
        [("TensorType", 2)] = "Shape",
        [("Shape", 1)] = "Leaf",
        [("Function", 7)] = "Node",
        [("Tensor", 13)] = "Leaf",
    };

    private readonly List<WireField> _fields = [];

    public WireMap(byte[] file)
    {
        Walk(file, 0, file.Length, "Model", []);
        Structure = [.. Enumerable.Range(0, _fields.Count).Where(i => !_fields[i].IsBulk)];
        Varints = [.. Structure.Where(i => _fields[i].IsVarint)];
    }

    public IReadOnlyList<WireField> Fields => _fields;

    /// <summary>Fields that are not bulk, as indices.</summary>
    public ImmutableArray<int> Structure { get; }

    public ImmutableArray<int> Varints { get; }

    private void Walk(byte[] file, int start, int end, string message, ImmutableArray<int> parents)
    {
        int at = start;
        while (at < end)
        {
            int tag = at;
            ulong key = Varint(file, ref at);
            int field = (int)(key >> 3);
            switch (key & 7)
            {
                case 0:
                    int value = at;
                    Varint(file, ref at);
                    _fields.Add(new WireField(tag, -1, value, at, parents, true, false));
                    break;
                case 1:
                    at += 8;
                    _fields.Add(new WireField(tag, -1, at - 8, at, parents, false, false));
                    break;
                case 5:
                    at += 4;
                    _fields.Add(new WireField(tag, -1, at - 4, at, parents, false, false));
                    break;
                default:
                    int length = at;
                    int content = (int)Varint(file, ref at);
                    int index = _fields.Count;
                    string? inner = Messages.GetValueOrDefault((message, field));
                    _fields.Add(new WireField(tag, length, at, at + content, parents, false, inner is null && content > BulkBytes));
                    if (inner is not null)
                    {
                        Walk(file, at, at + content, inner, parents.Add(index));
                    }

                    at += content;
                    break;
            }
        }
    }

    private static ulong Varint(byte[] file, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte b = file[at++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }
    }
}
