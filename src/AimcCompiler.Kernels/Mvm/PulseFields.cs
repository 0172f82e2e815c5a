namespace AimcCompiler.Kernels;

/// <summary>How the pulses of a few rows are packed in 4 bits, the index of a table: a field of 1, 2 or 4 bits a row, the pulse in two's complement where it has a sign.</summary>
public readonly record struct PulseFields
{
    private PulseFields(int bits, int least, int greatest) => (Bits, Least, Greatest) = (bits, least, greatest);

    public int Bits { get; }

    /// <summary>The least pulse.</summary>
    public int Least { get; }

    public int Greatest { get; }

    /// <summary>Rows of a group.</summary>
    public int Rows => 4 / Bits;

    /// <summary>The narrowest fields of pulses least .. greatest; null where 4 bits do not hold one.</summary>
    public static PulseFields? For(int least, int greatest)
    {
        foreach (int bits in (ReadOnlySpan<int>)[1, 2, 4])
        {
            int limit = 1 << (least < 0 ? bits - 1 : bits);
            if (greatest < limit && least >= -limit)
            {
                return new PulseFields(bits, least, greatest);
            }
        }

        return null;
    }

    public int Field(int pulse) => pulse & ((1 << Bits) - 1);

    /// <summary>The pulse of a row of a group; 0 for a field that no pulse has.</summary>
    internal int Pulse(int index, int row)
    {
        int field = (index >> (row * Bits)) & ((1 << Bits) - 1);
        int pulse = Least < 0 ? (field << (32 - Bits)) >> (32 - Bits) : field;
        return pulse < Least || pulse > Greatest ? 0 : pulse;
    }
}
