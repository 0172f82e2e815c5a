using System.Globalization;
using System.Text;
using System.Text.Unicode;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf.Reflection;

namespace AimcCompiler.Onnx;

/// <summary>Reads the bytes of a model before protobuf does: every tag, length and name is where the message descriptors say, so that what is wrong
/// has a byte offset and a path, and small files cannot grow to many objects. Contents of tensors are skipped by their lengths.</summary>
/// <remarks>Protobuf itself drops a known field of the wrong wire type, replaces bytes that are no text, and tells neither where it stopped nor
/// how much memory it took.</remarks>
internal sealed class WireChecker
{
    /// <summary>What protobuf allows.</summary>
    private const int MaximumDepth = 100;

    /// <summary>A message without content takes two bytes in the file and a hundred in memory.</summary>
    private const long MessagesAllowed = 1_000_000;

    private const int BytesPerFurtherMessage = 8;
    private const int BufferSize = 1 << 16;
    private const int MaximumVarint = 10;
    private const int LongestName = 1 << 20;
    private const int PrintedName = 80;

    private readonly Stream _stream;
    private readonly long _length;
    private readonly long _maximumMessages;
    private readonly byte[] _buffer = new byte[BufferSize];
    private readonly Frame[] _frames = new Frame[MaximumDepth];
    private readonly Dictionary<MessageDescriptor, FieldDescriptor?[]> _fields = [];
    private readonly WeightsOfFile? _weights;
    private long _bufferStart;
    private int _buffered;
    private int _at;
    private int _depth;
    private long _messages;

    private WireChecker(Stream stream, WeightsOfFile? weights)
    {
        _stream = stream;
        _weights = weights;
        _length = stream.Length;
        _maximumMessages = MessagesAllowed + (_length / BytesPerFurtherMessage);
    }

    private long Position => _bufferStart + _at;

    /// <summary>Checks a serialized ModelProto from the start of the stream to its end; leaves the stream anywhere.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="weights">Is told where the raw data of the graph's initializers are; null = nobody asks.</param>
    /// <exception cref="FormatException">The bytes are not what they say; the message has offset and path.</exception>
    public static void Check(Stream stream, WeightsOfFile? weights = null)
    {
        stream.Position = 0;
        WireChecker checker = new(stream, weights);
        checker.Message(ModelProto.Descriptor, checker._length);
    }

    private void Message(MessageDescriptor descriptor, long end)
    {
        if (++_messages > _maximumMessages)
        {
            throw Wrong(Position, string.Create(CultureInfo.InvariantCulture, $"there are more than {_maximumMessages} messages in {_length} bytes"));
        }

        var fields = FieldsOf(descriptor);
        ref Frame frame = ref _frames[_depth];
        frame.Counts ??= new int[32];
        frame.Counts.AsSpan().Clear();
        frame.NameLength = 0;
        while (Position < end)
        {
            long start = Position;
            frame.Field = null;
            ulong tag = Varint(end);
            ulong number = tag >> 3;
            if (number == 0 || number > 0x1FFF_FFFF)
            {
                throw Wrong(start, $"there is no field {number}");
            }

            var field = number < (ulong)fields.Length ? fields[number] : null;
            frame.Field = field;
            int wire = (int)(tag & 7);
            if (field is null)
            {
                SkipUnknown(wire, number, start, end, 0);
                continue;
            }

            frame.Index = frame.Counts[number]++;
            Known(field, wire, start, end);
        }
    }

    private void Known(FieldDescriptor field, int wire, long start, long end)
    {
        int needed = WireType(field.FieldType);
        bool isPacked = field.IsRepeated && needed != 2 && wire == 2;
        if (wire != needed && !isPacked)
        {
            throw Wrong(start, $"it has wire type {wire} where {needed} is due");
        }

        switch (wire)
        {
            case 0:
                Varint(end);
                break;
            case 1:
                Skip(8, start, end);
                break;
            case 5:
                Skip(4, start, end);
                break;
            default:
                long lengthAt = Position;
                long length = Length(start, end);
                if (field.FieldType == FieldType.Message)
                {
                    if (_depth + 1 >= MaximumDepth)
                    {
                        throw Wrong(start, $"messages are nested more than {MaximumDepth} deep");
                    }

                    long content = Position;
                    long inner = Position + length;
                    _depth++;
                    _weights?.Enter(field, _depth, lengthAt, content, length);
                    Message(field.MessageType, inner);
                    _weights?.Leave(_depth);
                    _depth--;
                }
                else if (isPacked)
                {
                    Packed(needed, length, start);
                }
                else if (field.FieldType == FieldType.String && IsIdentifier(field))
                {
                    Text(field, length, start);
                }
                else
                {
                    _weights?.Bytes(field, _depth, lengthAt, Position, length);
                    Skip(length, start, end);
                }

                break;
        }
    }

    private void SkipUnknown(int wire, ulong number, long start, long end, int depth)
    {
        switch (wire)
        {
            case 0:
                Varint(end);
                return;
            case 1:
                Skip(8, start, end);
                return;
            case 5:
                Skip(4, start, end);
                return;
            case 2:
                Skip(Length(start, end), start, end);
                return;
            case 3:
                if (_depth + depth + 1 >= MaximumDepth)
                {
                    throw Wrong(start, $"groups are nested more than {MaximumDepth} deep");
                }

                while (true)
                {
                    long inner = Position;
                    ulong tag = Varint(end);
                    if ((tag & 7) == 4)
                    {
                        if (tag >> 3 != number)
                        {
                            throw Wrong(inner, $"a group of field {number} ends with field {tag >> 3}");
                        }

                        return;
                    }

                    if (tag >> 3 == 0)
                    {
                        throw Wrong(inner, "there is no field 0");
                    }

                    SkipUnknown((int)(tag & 7), tag >> 3, inner, end, depth + 1);
                }

            case 4:
                throw Wrong(start, "a group ends that did not begin");
            default:
                throw Wrong(start, $"there is no wire type {wire}");
        }
    }

    /// <summary>Numbers one after the other; the last must end where they end.</summary>
    private void Packed(int wire, long length, long start)
    {
        if (wire != 0)
        {
            int size = wire == 1 ? 8 : 4;
            if (length % size != 0)
            {
                throw Wrong(start, $"its {length} bytes are not a multiple of {size}");
            }

            Skip(length, start, Position + length);
            return;
        }

        long end = Position + length;
        int run = 0;
        while (Position < end)
        {
            Fill();
            int count = (int)Math.Min(end - Position, _buffered - _at);
            foreach (byte b in _buffer.AsSpan(_at, count))
            {
                run = b < 0x80 ? 0 : run + 1;
                if (run >= MaximumVarint)
                {
                    throw Wrong(start, $"it has a number of more than {MaximumVarint} bytes");
                }
            }

            _at += count;
        }

        if (run > 0)
        {
            throw Wrong(start, "its last number does not end");
        }
    }

    private void Text(FieldDescriptor field, long length, long start)
    {
        if (length > LongestName)
        {
            throw Wrong(start, $"the name has {length} bytes, at most {LongestName} are read");
        }

        long at = Position;
        ReadOnlySpan<byte> bytes = Take((int)length);
        if (!Utf8.IsValid(bytes))
        {
            throw Wrong(at, "it is not valid UTF-8 text");
        }

        // The operator stands for a name that is not there or comes later; a graph's name helps nobody.
        ref Frame frame = ref _frames[_depth];
        if ((field.Name == "name" && field.ContainingType != GraphProto.Descriptor) || (frame.NameLength == 0 && field.Name == "op_type"))
        {
            if (frame.Name is null || frame.Name.Length < bytes.Length)
            {
                frame.Name = new byte[bytes.Length];
            }

            bytes.CopyTo(frame.Name);
            frame.NameLength = bytes.Length;
        }
    }

    /// <summary>Names that something refers to; what is only said to people may be any bytes.</summary>
    private static bool IsIdentifier(FieldDescriptor field) => field.Name is not ("doc_string" or "producer_name" or "producer_version" or "denotation");

    private ulong Varint(long end)
    {
        long start = Position;
        ulong value = 0;
        for (int i = 0; i < MaximumVarint; i++)
        {
            if (Position >= end)
            {
                throw Wrong(start, end == _length ? "the file ends within a number" : "a number does not end where its message ends");
            }

            Fill();
            byte b = _buffer[_at++];
            value |= (ulong)(b & 0x7F) << (7 * i);
            if (b < 0x80)
            {
                return value;
            }
        }

        throw Wrong(start, $"a number has more than {MaximumVarint} bytes");
    }

    private long Length(long start, long end)
    {
        ulong length = Varint(end);
        if (length > (ulong)(end - Position))
        {
            throw Wrong(start, string.Create(
                CultureInfo.InvariantCulture,
                $"it has a length of {length} bytes, and {end - Position} are left in {(end == _length ? "the file" : "what holds it")}"));
        }

        return (long)length;
    }

    private void Skip(long count, long start, long end)
    {
        if (count > end - Position)
        {
            throw Wrong(start, string.Create(CultureInfo.InvariantCulture, $"it takes {count} bytes, and {end - Position} are left in {(end == _length ? "the file" : "what holds it")}"));
        }

        if (count <= _buffered - _at)
        {
            _at += (int)count;
            return;
        }

        _bufferStart = Position + count;
        _buffered = 0;
        _at = 0;
        _stream.Position = _bufferStart;
    }

    /// <summary>The next bytes; valid until more are read.</summary>
    private ReadOnlySpan<byte> Take(int count)
    {
        if (count <= _buffered - _at)
        {
            _at += count;
            return _buffer.AsSpan(_at - count, count);
        }

        byte[] bytes = new byte[count];
        for (int done = 0; done < count;)
        {
            Fill();
            int part = Math.Min(count - done, _buffered - _at);
            _buffer.AsSpan(_at, part).CopyTo(bytes.AsSpan(done));
            _at += part;
            done += part;
        }

        return bytes;
    }

    /// <summary>Makes sure that at least one byte is in the buffer; the caller knows that the file has it.</summary>
    private void Fill()
    {
        if (_at < _buffered)
        {
            return;
        }

        _bufferStart += _buffered;
        _at = 0;
        _buffered = _stream.Read(_buffer);
        if (_buffered == 0)
        {
            throw Wrong(_bufferStart, "the file became shorter while it was read");
        }
    }

    private FieldDescriptor?[] FieldsOf(MessageDescriptor descriptor)
    {
        if (!_fields.TryGetValue(descriptor, out var fields))
        {
            fields = new FieldDescriptor?[32];
            foreach (var field in descriptor.Fields.InFieldNumberOrder())
            {
                fields[field.FieldNumber] = field;
            }

            _fields.Add(descriptor, fields);
        }

        return fields;
    }

    private static int WireType(FieldType type) => type switch
    {
        FieldType.Float or FieldType.Fixed32 or FieldType.SFixed32 => 5,
        FieldType.Double or FieldType.Fixed64 or FieldType.SFixed64 => 1,
        FieldType.String or FieldType.Bytes or FieldType.Message => 2,
        _ => 0,
    };

    private FormatException Wrong(long offset, string what)
    {
        StringBuilder path = new();
        for (int i = 0; i <= _depth; i++)
        {
            ref Frame frame = ref _frames[i];
            if (i > 0 && frame.NameLength > 0)
            {
                string name = Encoding.UTF8.GetString(frame.Name.AsSpan(0, frame.NameLength));
                path.Append(" '").Append(name.Length > PrintedName ? name[..PrintedName] : name).Append('\'');
            }

            if (frame.Field is { } field)
            {
                path.Append(path.Length > 0 ? "." : "").Append(field.Name);
                if (field.IsRepeated)
                {
                    path.Append(CultureInfo.InvariantCulture, $"[{frame.Index}]");
                }
            }
        }

        return new FormatException(string.Create(CultureInfo.InvariantCulture, $"at byte {offset}{(path.Length > 0 ? ", " : "")}{path}: {what}"));
    }

    /// <summary>A message that is being read: the field in it that is next, and its own name as far as known.</summary>
    private struct Frame
    {
        public FieldDescriptor? Field;
        public int Index;
        public int[]? Counts;
        public byte[]? Name;
        public int NameLength;
    }
}
