using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Reads NumPy's .npy, versions 1 to 3. The header is parsed by a grammar of its own; nothing in it is evaluated.</summary>
internal static class NpyReader
{
    /// <exception cref="DiagnosticException">The file is not a plain array of numbers of the length it declares.</exception>
    public static StoredArray Read(ByteSource bytes)
    {
        string where = bytes.Where;
        byte[] start = bytes.Head(12);
        if (!IsNpy(start) || start.Length < 10)
        {
            throw DataLimits.Invalid(where, "this is not a .npy file: it does not start with \\x93NUMPY", "save it with numpy.save");
        }

        int version = start[6];
        if (version is < 1 or > 3 || start[7] != 0 || (version > 1 && start.Length < 12))
        {
            throw DataLimits.Invalid(where, $".npy version {start[6]}.{start[7]}, known are 1.0, 2.0 and 3.0");
        }

        int prefix = version == 1 ? 10 : 12;
        long length = version == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(start.AsSpan(8)) : BinaryPrimitives.ReadUInt32LittleEndian(start.AsSpan(8));
        if (length > DataLimits.MaxHeaderBytes || length > bytes.Length - prefix)
        {
            throw DataLimits.Invalid(
                where,
                $"header length {length} at byte 8, at most {Math.Min(DataLimits.MaxHeaderBytes, bytes.Length - prefix)} are allowed here");
        }

        byte[] text = new byte[length];
        bytes.Read(prefix, text);
        var header = new NpyHeaderParser(where, text, prefix).Parse();
        long offset = prefix + length;
        _ = DataLimits.CheckedBytes(where, header.Shape, header.Type, bytes.Length - offset);
        return new StoredArray(bytes, offset, header.Type, header.Shape, header.IsBigEndian, header.IsFortran);
    }

    public static bool IsNpy(ReadOnlySpan<byte> head) => head.Length >= 6 && head[0] == 0x93 && head[1..].StartsWith("NUMPY"u8);
}

/// <summary>What a .npy header says.</summary>
internal readonly record struct NpyHeader(TensorType Type, bool IsBigEndian, bool IsFortran, ImmutableArray<long> Shape);

/// <summary>The grammar of a .npy header: a Python dict literal with the keys descr, fortran_order and shape, each once.</summary>
internal sealed class NpyHeaderParser(string where, byte[] text, int origin)
{
    private int _position;

    public NpyHeader Parse()
    {
        (TensorType Type, bool IsBigEndian)? descr = null;
        bool? isFortran = null;
        ImmutableArray<long>? shape = null;
        Expect('{');
        while (Peek() != '}')
        {
            int at = _position;
            string key = ParseString();
            Expect(':');
            switch (key)
            {
                case "descr" when descr is null:
                    descr = ParseDescr();
                    break;
                case "fortran_order" when isFortran is null:
                    isFortran = ParseBool();
                    break;
                case "shape" when shape is null:
                    shape = ParseShape();
                    break;
                default:
                    _position = at;
                    throw Wrong($"the key '{key}' is unknown or stands twice; allowed are descr, fortran_order and shape, each once");
            }

            if (Peek() != '}')
            {
                Expect(',');
            }
        }

        Expect('}');
        if (Peek() != '\0' || _position != text.Length)
        {
            throw Wrong("text after the closing brace");
        }

        if (descr is not { } type || isFortran is not { } fortran || shape is not { } dimensions)
        {
            throw Wrong($"the key {(descr is null ? "descr" : isFortran is null ? "fortran_order" : "shape")} is missing");
        }

        return new NpyHeader(type.Type, type.IsBigEndian, fortran, dimensions);
    }

    private (TensorType Type, bool IsBigEndian) ParseDescr()
    {
        if (Peek() is '[' or '(')
        {
            throw Wrong("structured element types are not supported", "save each field as an array of its own");
        }

        string descr = ParseString();
        if (descr.Contains('O', StringComparison.Ordinal))
        {
            throw Wrong("object arrays are never loaded: they hold pickled code", "save an array of numbers: array.astype('float32')");
        }

        char order = descr.Length > 0 ? descr[0] : '\0';
        string name = order is '<' or '>' or '|' or '=' ? descr[1..] : descr;
        TensorType? type = name switch
        {
            "f2" => TensorType.Float16,
            "f4" => TensorType.Float,
            "f8" => TensorType.Double,
            "i1" => TensorType.Int8,
            "i2" => TensorType.Int16,
            "i4" => TensorType.Int32,
            "i8" => TensorType.Int64,
            "u1" => TensorType.UInt8,
            "u2" => TensorType.UInt16,
            "u4" => TensorType.UInt32,
            "u8" => TensorType.UInt64,
            "b1" => TensorType.Bool,
            _ => null,
        };
        return type is { } known && (order != '|' || Tensor.SizeOf(known) == 1)
            ? (known, order == '>')
            : throw Wrong($"element type '{descr}', supported are f2, f4, f8, i1 to i8, u1 to u8 and b1", "convert it: array.astype('float32')");
    }

    private bool ParseBool()
    {
        _ = Peek();
        foreach (var (word, value) in new[] { ("True", true), ("False", false) })
        {
            if (text.AsSpan(_position).StartsWith(System.Text.Encoding.ASCII.GetBytes(word)))
            {
                _position += word.Length;
                return value;
            }
        }

        throw Wrong("fortran_order is neither True nor False");
    }

    private ImmutableArray<long> ParseShape()
    {
        Expect('(');
        var shape = ImmutableArray.CreateBuilder<long>();
        bool hasComma = false;
        while (Peek() != ')')
        {
            if (shape.Count > 0 && !hasComma)
            {
                throw Wrong("a comma is missing between two dimensions");
            }

            int start = _position;
            while (_position < text.Length && text[_position] is >= (byte)'0' and <= (byte)'9')
            {
                _position++;
            }

            string digits = System.Text.Encoding.ASCII.GetString(text, start, _position - start);
            if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long dimension))
            {
                _position = start;
                throw Wrong("a dimension is not a whole number from 0 to 2^63 - 1");
            }

            if (shape.Count == DataLimits.MaxDimensions)
            {
                throw Wrong($"shape has more than {DataLimits.MaxDimensions} dimensions");
            }

            shape.Add(dimension);
            hasComma = Peek() == ',';
            if (hasComma)
            {
                _position++;
            }
        }

        Expect(')');
        return shape.Count != 1 || hasComma ? shape.ToImmutable() : throw Wrong("shape is a number in parentheses, not a tuple: (3), allowed is (3,)");
    }

    private string ParseString()
    {
        char quote = Peek();
        if (quote is not ('\'' or '"'))
        {
            throw Wrong("a quoted text is missing");
        }

        int start = ++_position;
        while (_position < text.Length && text[_position] != quote)
        {
            if (text[_position] is < 0x20 or > 0x7E or (byte)'\\')
            {
                throw Wrong($"byte 0x{text[_position]:X2} inside a text");
            }

            _position++;
        }

        if (_position == text.Length)
        {
            throw Wrong("a text does not end");
        }

        return System.Text.Encoding.ASCII.GetString(text, start, _position++ - start);
    }

    /// <summary>The next character that is not a blank; NUL at the end.</summary>
    private char Peek()
    {
        while (_position < text.Length && text[_position] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
        {
            _position++;
        }

        return _position < text.Length ? (char)text[_position] : '\0';
    }

    private void Expect(char wanted)
    {
        if (Peek() != wanted)
        {
            throw Wrong($"'{wanted}' is missing");
        }

        _position++;
    }

    private DiagnosticException Wrong(string message, params ReadOnlySpan<string> levers) =>
        DataLimits.Invalid(where, $"header, byte {origin + _position}: {message}", levers);
}
