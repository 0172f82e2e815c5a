using System.Globalization;

namespace AimcCompiler.Conformance;

/// <summary>Breaks a model file in a way that the seed, the file's name and a number determine.</summary>
internal sealed class Mutator(byte[] file)
{
    private static readonly ulong[] Extremes =
    [
        0, 1, 2, 3, 7, 100, 127, 128, 255, 65_536, int.MaxValue, uint.MaxValue, 1UL << 32, 1UL << 40, 1UL << 62, long.MaxValue, 1UL << 63,
        ulong.MaxValue, ulong.MaxValue - 1, ulong.MaxValue - 2, 0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_0000_0000,
    ];

    private readonly WireMap _map = new(file);

    /// <returns>The broken file and how it was broken.</returns>
    public (byte[] File, string How) Mutate(string name, int number, int seed)
    {
        // One generator a mutant, seeded by what names it: any of them can be made again alone.
        uint key = 2_166_136_261;
        foreach (char c in string.Create(CultureInfo.InvariantCulture, $"{name}/{number}/{seed}"))
        {
            key = (key ^ c) * 16_777_619;
        }

#pragma warning disable CA5394 // mutants need no secrecy
        Random random = new((int)key);
        return random.Next(8) switch
        {
            0 => Cut(random),
            1 => Flip(random),
            2 => Splice(random),
            3 => EditLength(random),
            4 or 5 => EditValue(random),
            6 => RepeatField(random),
            _ => RemoveField(random),
        };
    }

    private (byte[] File, string How) Cut(Random random)
    {
        // A cut inside bulk data is one case; between small fields each is another.
        int at = random.Next(4) == 0 ? random.Next(file.Length) : _map.Fields[Pick(random)].Value;
        return (file[..at], Text($"cut at {at}"));
    }

    private (byte[] File, string How) Flip(Random random)
    {
        byte[] copy = [.. file];
        int count = random.Next(1, 17);
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            var field = _map.Fields[Pick(random)];
            at = random.Next(field.Tag, Math.Max(field.Tag + 1, field.End));
            copy[Math.Min(at, copy.Length - 1)] ^= (byte)random.Next(1, 256);
        }

        return (copy, Text($"{count} bytes flipped, the last at {at}"));
    }

    private (byte[] File, string How) Splice(Random random)
    {
        int from = random.Next(2) == 0 ? random.Next(file.Length) : _map.Fields[Pick(random)].Tag;
        int length = random.Next(1, Math.Min(4096, file.Length - from) + 1);
        int to = random.Next(2) == 0 ? random.Next(file.Length) : _map.Fields[Pick(random)].Tag;
        byte[] piece = file[from..(from + length)];
        byte[] result = random.Next(3) switch
        {
            0 => [.. file[..to], .. piece, .. file[to..]],
            1 => [.. file[..to], .. piece, .. file[Math.Min(file.Length, to + length)..]],
            _ => [.. file[..to], .. file[Math.Min(file.Length, to + length)..]],
        };
        return (result, Text($"{length} bytes of {from} spliced at {to}"));
    }

    private (byte[] File, string How) EditLength(Random random)
    {
        WireField field;
        do
        {
            field = _map.Fields[Pick(random)];
        }
        while (field.Length < 0);
        ulong length = random.Next(3) == 0 ? Extremes[random.Next(Extremes.Length)] : (ulong)(field.End - field.Value + random.Next(-3, 4));
        return ([.. file[..field.Length], .. Varint(length), .. file[field.Value..]], Text($"length at {field.Length} made {length}"));
    }

    /// <summary>Another number in a file that stays well-formed: this is how impossible attributes, dims and types come about.</summary>
    private (byte[] File, string How) EditValue(Random random)
    {
        if (_map.Varints.IsEmpty)
        {
            return Flip(random);
        }

        var field = _map.Fields[_map.Varints[random.Next(_map.Varints.Length)]];
        ulong value = Extremes[random.Next(Extremes.Length)];
        return (Replace(field, field.Value, field.End, Varint(value)), Text($"value at {field.Value} made {(long)value}"));
    }

    private (byte[] File, string How) RepeatField(Random random)
    {
        var field = _map.Fields[Pick(random)];
        return (Replace(field, field.Tag, field.Tag, file[field.Tag..field.End]), Text($"field at {field.Tag} twice"));
    }

    private (byte[] File, string How) RemoveField(Random random)
    {
        var field = _map.Fields[Pick(random)];
        return (Replace(field, field.Tag, field.End, []), Text($"field at {field.Tag} removed"));
    }

    /// <summary>Replaces a range and corrects the lengths of all that holds it.</summary>
    private byte[] Replace(WireField field, int start, int end, byte[] piece)
    {
        List<(int Start, int End, byte[] Piece)> edits = [(start, end, piece)];
        int growth = piece.Length - (end - start);
        foreach (int parent in field.Parents.Reverse())
        {
            var holder = _map.Fields[parent];
            byte[] length = Varint((ulong)(holder.End - holder.Value + growth));
            edits.Add((holder.Length, holder.Value, length));
            growth += length.Length - (holder.Value - holder.Length);
        }

        using MemoryStream result = new(file.Length + growth);
        int at = 0;
        foreach (var edit in edits.OrderBy(e => e.Start))
        {
            result.Write(file, at, edit.Start - at);
            result.Write(edit.Piece);
            at = edit.End;
        }

        result.Write(file, at, file.Length - at);
        return result.ToArray();
    }

    private int Pick(Random random) => random.Next(16) == 0 ? random.Next(_map.Fields.Count) : _map.Structure[random.Next(_map.Structure.Length)];
#pragma warning restore CA5394

    private static byte[] Varint(ulong value)
    {
        List<byte> bytes = [];
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
        return [.. bytes];
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
