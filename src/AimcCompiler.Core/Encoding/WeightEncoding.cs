using System.Numerics;
using System.Runtime.CompilerServices;

namespace AimcCompiler.Core;

/// <summary>The rule by which a chip holds a signed weight code in cells: code -> (offset) -> digits, one a bit slice -> levels of one cell or of a
/// differential pair. Every step can be undone exactly (hardware.md 4.1 to 4.3).</summary>
/// <remarks>Analog weights (<see cref="WeightBits"/> null) have no digits: u = w / s itself is the content, in [-1, 1].</remarks>
public sealed class WeightEncoding
{
    /// <summary>Bits of a weight, at most, with <see cref="SignEncoding.CenterOffset"/>: a distance from a center takes one bit more and is stored in 16.</summary>
    public const int MaximumCenteredBits = 15;

    private WeightEncoding(TileDescription tile)
    {
        Sign = tile.Encoding.Sign;
        Slicing = tile.Weights.Slicing;
        WeightBits = tile.Weights.Bits;
        HasFlip = tile.Encoding.Flip;
        HasUnitColumn = tile.Encoding.UnitColumn;
        if (tile.Weights.Bits is { } bits && tile.Cell.Bits is { } cellBits)
        {
            CellBits = cellBits;
            MaxLevel = (1 << cellBits) - 1;
            Slices = Slicing switch
            {
                Slicing.None => 1,
                Slicing.SignedDigits => DivideUp(HasCenters ? bits : bits - 1, cellBits),
                _ => DivideUp(bits, cellBits),
            };
            MaxCode = (1 << (bits - 1)) - 1;
            Offset = IsDifferential ? 0 : 1 << (bits - 1);
        }
        else
        {
            MaxLevel = 1;
            Slices = 1;
        }
    }

    public SignEncoding Sign { get; }

    public Slicing Slicing { get; }

    public int? WeightBits { get; }

    public int? CellBits { get; }

    public bool HasFlip { get; }

    public bool HasUnitColumn { get; }

    /// <summary>Bit slices of a weight; 1 for analog weights.</summary>
    public int Slices { get; }

    /// <summary>Highest level of a cell, 2^k - 1; 1 for an analog cell, whose content is real.</summary>
    public int MaxLevel { get; }

    /// <summary>Largest weight code, 2^(B-1) - 1; 0 for analog weights.</summary>
    public int MaxCode { get; }

    /// <summary>What is added to a code so that it is not negative: 2^(B-1) for the offset encodings, else 0. An analog offset cell holds (1 + u) / 2.</summary>
    public int Offset { get; }

    /// <summary>Cells hold the distance of a code from the center of its column.</summary>
    public bool HasCenters => Sign == SignEncoding.CenterOffset;

    /// <summary>The highest number that cells hold: a code, or a distance from a center.</summary>
    public int HighestInCells => HasCenters ? (2 * MaxCode) + 1 : MaxCode;

    /// <summary>The lowest number that cells hold.</summary>
    public int LowestInCells() => HasCenters ? -HighestInCells : LowestCode();

    /// <summary>The center of a column that brings its slices' sums closest to 0: the least sum over slices of 2^(k slice) times the fourth power of the sum of the digits, so that no
    /// slice's sum is large (the idea is that of Andrulis et al., ISCA 2023; the fourth power and its weights are from memory of the paper).</summary>
    /// <param name="codes">How often each code occurs in the column, from -MaxCode - 1 up.</param>
    public int Center(ReadOnlySpan<int> codes)
    {
        int lowest = -MaxCode - 1;
        double least = double.PositiveInfinity;
        int best = 0;
        Span<int> digits = stackalloc int[Slices];
        Span<long> sums = stackalloc long[Slices];
        for (int distance = 0; distance <= MaxCode; distance++)
        {
            foreach (int center in distance == 0 ? (ReadOnlySpan<int>)[0] : [distance, -distance])
            {
                sums.Clear();
                for (int i = 0; i < codes.Length; i++)
                {
                    if (codes[i] == 0)
                    {
                        continue;
                    }

                    Split(lowest + i - center, digits);
                    for (int s = 0; s < digits.Length; s++)
                    {
                        sums[s] += (long)codes[i] * digits[s];
                    }
                }

                double cost = 0;
                for (int s = 0; s < sums.Length; s++)
                {
                    double sum = sums[s];
                    cost += SliceWeight(s) * sum * sum * sum * sum;
                }

                // The nearest to 0 of equally good centers.
                if (cost < least)
                {
                    (least, best) = (cost, center);
                }
            }
        }

        return best;
    }

    /// <summary>The lowest code that slices and cells can hold: -2^(B-1), which occurs in imported integers, or its successor.</summary>
    public int LowestCode()
    {
        int code = -MaxCode - 1;
        if (HasCenters)
        {
            return code;
        }

        Span<int> digits = stackalloc int[Slices];
        Split(code, digits);
        bool holds = Join(digits) == code;
        foreach (int digit in digits)
        {
            var (positive, negative) = Levels(digit);
            holds &= positive >= 0 && positive <= MaxLevel && negative >= 0 && negative <= MaxLevel;
        }

        return holds ? code : code + 1;
    }

    public bool IsAnalog => WeightBits is null;

    public bool IsDifferential => TileGeometry.IsDifferential(Sign);

    public static WeightEncoding Of(TileDescription tile)
    {
        ArgumentNullException.ThrowIfNull(tile);
        return new WeightEncoding(tile);
    }

    /// <summary>The factor by which a slice counts: 2^(k slice).</summary>
    public long SliceWeight(int slice) => 1L << (slice * (CellBits ?? 0));

    /// <summary>Splits a signed weight code into the digits of its slices, least significant first.</summary>
    /// <param name="code">-2^(B-1) .. 2^(B-1) - 1; signed digits hold +-(2^(B-1) - 1), or +-(2^B - 1) of distances from a center.</param>
    /// <param name="digits">One a slice.</param>
    public void Split(int code, Span<int> digits)
    {
        int width = CellBits!.Value;
        switch (Slicing)
        {
            case Slicing.None:
                digits[0] = code + Offset;
                break;
            case Slicing.SignedDigits:
                int magnitude = Math.Abs(code);
                for (int i = 0; i < digits.Length; i++)
                {
                    int digit = (magnitude >> (i * width)) & MaxLevel;
                    digits[i] = code < 0 ? -digit : digit;
                }

                break;
            case Slicing.Unsigned:
                int shifted = code + Offset;
                for (int i = 0; i < digits.Length; i++)
                {
                    digits[i] = (shifted >> (i * width)) & MaxLevel;
                }

                break;
            case Slicing.TwosComplement:
                // The arithmetic shift leaves the sign in the top digit.
                for (int i = 0; i < digits.Length; i++)
                {
                    digits[i] = i < digits.Length - 1 ? (code >> (i * width)) & MaxLevel : code >> (i * width);
                }

                break;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    /// <summary>The code that <see cref="Split"/> made these digits from.</summary>
    public int Join(ReadOnlySpan<int> digits)
    {
        long value = 0;
        for (int i = 0; i < digits.Length; i++)
        {
            value += SliceWeight(i) * digits[i];
        }

        return (int)(value - Offset);
    }

    /// <summary>The levels of the cell or pair that hold a digit; a single cell's negative level is 0.</summary>
    /// <remarks>A two-sided pair of 2^k levels cannot keep its sum constant for every digit (2^k - 1 is odd): the sum is MaxLevel or MaxLevel + 1.</remarks>
    public (int Positive, int Negative) Levels(int digit) => Sign switch
    {
        SignEncoding.DifferentialOneSided or SignEncoding.CenterOffset => digit >= 0 ? (digit, 0) : (0, -digit),
        SignEncoding.DifferentialTwoSided => TwoSided(digit),
        _ => (digit, 0),
    };

    /// <summary>The digit that <see cref="Levels"/> made these levels from.</summary>
    public static int Digit(int positive, int negative) => positive - negative;

    /// <summary>The content of an analog cell or pair that holds u in [-1, 1]; contents are fractions of g_max - g_min above g_min.</summary>
    public (float Positive, float Negative) Contents(float u) => Sign switch
    {
        SignEncoding.DifferentialOneSided => u >= 0 ? (u, 0f) : (0f, -u),
        SignEncoding.DifferentialTwoSided => ((1f + u) / 2f, (1f - u) / 2f),
        _ => ((1f + u) / 2f, 0f),
    };

    /// <summary>Undoes <see cref="Contents"/> within 4 ulp of full scale.</summary>
    public float Content(float positive, float negative) => Sign switch
    {
        SignEncoding.DifferentialOneSided or SignEncoding.DifferentialTwoSided => positive - negative,
        _ => (2f * positive) - 1f,
    };

    /// <summary>The first of the contents that <see cref="Content"/> gives back with a larger error; -1 = none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int IndexOfInexact(ReadOnlySpan<float> contents, float tolerance)
    {
        int i = 0;
        for (; i <= contents.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> content = new(contents[i..]);
            if (Vector.GreaterThanAny(Vector.Abs(InAndOut(content) - content), new Vector<float>(tolerance)))
            {
                break;
            }
        }

        for (; i < contents.Length; i++)
        {
            var (positive, negative) = Contents(contents[i]);
            if (Math.Abs(Content(positive, negative) - contents[i]) > tolerance)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary><see cref="Content"/> of <see cref="Contents"/>, in the same steps.</summary>
    private Vector<float> InAndOut(Vector<float> u)
    {
        Vector<float> one = Vector<float>.One;
        Vector<float> two = one + one;
        return Sign switch
        {
            SignEncoding.DifferentialOneSided => Vector.Max(u, Vector<float>.Zero) - Vector.Max(-u, Vector<float>.Zero),
            SignEncoding.DifferentialTwoSided => ((one + u) / two) - ((one - u) / two),
            _ => (two * ((one + u) / two)) - one,
        };
    }

    /// <summary>ISAAC's flip rule for one physical column of a block: store the complement when the sum of the levels exceeds half of what the rows can hold.</summary>
    public bool IsFlipped(long levelSum, int rows) => HasFlip && 2 * levelSum > (long)rows * MaxLevel;

    private (int Positive, int Negative) TwoSided(int digit)
    {
        int sum = MaxLevel + digit;
        int positive = (sum + 1) >> 1;
        return (positive, positive - digit);
    }

    private static int DivideUp(int value, int divisor) => (value + divisor - 1) / divisor;
}
