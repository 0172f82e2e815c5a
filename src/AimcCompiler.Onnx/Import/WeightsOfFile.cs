using AimcCompiler.Onnx.Proto;
using Google.Protobuf.Reflection;

namespace AimcCompiler.Onnx;

/// <summary>Where in the file of a model the large raw data of its initializers are, and the message without them: protobuf would hold them all in memory.
/// <code>
/// file:     graph (length 5,000,100) { initializer (length 5,000,020) { name, dims, raw_data (length 5,000,000) ... } ... }
/// message:  graph (length 100)       { initializer (length 20)        { name, dims, raw_data (length 0)         } ... }
/// </code></summary>
/// <param name="minimum">Raw data of fewer bytes stay in the message.</param>
internal sealed class WeightsOfFile(long minimum)
{
    private static readonly FieldDescriptor s_graph = ModelProto.Descriptor.FindFieldByNumber(ModelProto.GraphFieldNumber);
    private static readonly FieldDescriptor s_initializer = GraphProto.Descriptor.FindFieldByNumber(GraphProto.InitializerFieldNumber);
    private static readonly FieldDescriptor s_rawData = TensorProto.Descriptor.FindFieldByNumber(TensorProto.RawDataFieldNumber);

    /// <summary>Graph and initializer that are being read, by depth.</summary>
    private readonly Open[] _open = new Open[3];
    private readonly List<(long Start, long Length)> _leftOut = [];
    private readonly List<Change> _changes = [];
    private readonly Dictionary<int, (long Start, long Length)> _dataOf = [];
    private int _initializer = -1;
    private long _bytes;

    /// <summary>By number among all initializers of the graph: where the raw data are that the message lacks.</summary>
    public IReadOnlyDictionary<int, (long Start, long Length)> DataOf => _dataOf;

    /// <summary>A message begins.</summary>
    /// <param name="field">The field that holds it.</param>
    /// <param name="depth">Messages around it.</param>
    /// <param name="lengthAt">Where its length stands.</param>
    /// <param name="content">Where its content begins.</param>
    /// <param name="length">Bytes of the content.</param>
    public void Enter(FieldDescriptor field, int depth, long lengthAt, long content, long length)
    {
        if (depth < _open.Length)
        {
            bool isInside = depth == 1 ? field == s_graph : _open[1].IsInside && field == s_initializer;
            _open[depth] = new Open(isInside, _bytes, new Change(lengthAt - _bytes, (int)(content - lengthAt), length));
            _initializer += isInside && depth == 2 ? 1 : 0;
        }
    }

    /// <summary>The message ends.</summary>
    public void Leave(int depth)
    {
        if (depth < _open.Length && _bytes - _open[depth].Before is > 0 and var less)
        {
            _changes.Add(_open[depth].Length with { Value = _open[depth].Length.Value - less });
        }
    }

    /// <summary>A field of bytes or text.</summary>
    /// <param name="field">The field.</param>
    /// <param name="depth">Messages around it.</param>
    /// <param name="lengthAt">Where its length stands.</param>
    /// <param name="content">Where its content begins.</param>
    /// <param name="length">Bytes of the content.</param>
    public void Bytes(FieldDescriptor field, int depth, long lengthAt, long content, long length)
    {
        if (depth != 2 || field != s_rawData || !_open[2].IsInside)
        {
            return;
        }

        // Of a field that occurs twice the last counts.
        _dataOf.Remove(_initializer);
        if (length >= minimum)
        {
            _dataOf.Add(_initializer, (content, length));
            _changes.Add(new Change(lengthAt - _bytes, (int)(content - lengthAt), 0));
            _leftOut.Add((content, length));
            _bytes += length;
        }
    }

    /// <summary>The serialized model without the data of <see cref="DataOf"/>; null where nothing is left out.</summary>
    public byte[]? MessageOf(Stream stream)
    {
        if (_leftOut.Count == 0)
        {
            return null;
        }

        byte[] message = new byte[stream.Length - _bytes];
        int at = 0;
        stream.Position = 0;
        foreach (var (start, length) in _leftOut)
        {
            int before = (int)(start - stream.Position);
            stream.ReadExactly(message, at, before);
            at += before;
            stream.Position = start + length;
        }

        stream.ReadExactly(message, at, message.Length - at);
        foreach (var (position, width, value) in _changes)
        {
            // As many bytes as before: nothing else moves.
            for (int i = 0; i < width; i++)
            {
                message[position + i] = (byte)(((value >> (7 * i)) & 0x7f) | (i < width - 1 ? 0x80L : 0));
            }
        }

        return message;
    }

    /// <param name="IsInside">It is the graph, or an initializer of it.</param>
    /// <param name="Before">Bytes that were left out before.</param>
    /// <param name="Length">As it is in the file.</param>
    private readonly record struct Open(bool IsInside, long Before, Change Length);

    /// <summary>A length in the message.</summary>
    /// <param name="At">Where, after what is left out before it.</param>
    /// <param name="Width">Its bytes.</param>
    /// <param name="Value">What it becomes.</param>
    private readonly record struct Change(long At, int Width, long Value);
}
