using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AimcCompiler.Kernels;

/// <summary>A crossbar whose inputs only gate the cells: the current comes from a source line that runs beside each bit line, from a driver before row 0 to an
/// open end (CrossSim's separate source). A row that is not driven takes no part; so the network is another for every input, but columns do not see each
/// other.</summary>
/// <remarks>
/// A cell of row r takes g (x[r] + source - bit), source and bit the voltages that the currents leave on its lines; the negative half of a pair on the same bit
/// line has a source line of its own and -x[r]. Rows are taken out from the first to the last (star-mesh, positive terms only): exact, some 40
/// operations and 3 divisions a cell and input, eight columns at a time.
/// </remarks>
public static class SourceLineCrossbar
{
    private const int Lanes = 8;

    /// <summary>A driver without resistance.</summary>
    private const double Perfect = 1e30;

    /// <param name="wires">Driver and word line are those of the source lines.</param>
    /// <param name="positive">Conductances, rows x columns, row-major.</param>
    /// <param name="negative">The negative halves on the same bit lines; empty = there are none.</param>
    /// <param name="inputs">One a row; 0 = gated off.</param>
    /// <param name="outputs">Currents into virtual ground, one a column.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Solve(CrossbarWires wires, ReadOnlySpan<float> positive, ReadOnlySpan<float> negative, ReadOnlySpan<float> inputs, Span<double> outputs)
    {
        ArgumentNullException.ThrowIfNull(wires);
        int rows = wires.Rows;
        int columns = wires.Columns;
        if (positive.Length != rows * columns || (negative.Length != 0 && negative.Length != positive.Length) || inputs.Length != rows || outputs.Length != columns)
        {
            throw new ArgumentException($"{rows} x {columns} cells need as many conductances, inputs and outputs.", nameof(positive));
        }

        var driver = Vector512.Create(wires.Driver == 0 ? Perfect : Math.Min(Perfect, 1 / wires.Driver));
        var one = Vector512<double>.One;
        var zero = Vector512<double>.Zero;
        bool isPair = negative.Length > 0;
        Span<float> tail = stackalloc float[2 * Lanes];
        for (int c = 0; c < columns; c += Lanes)
        {
            // To ground and to each other: source a, source b of the negative halves, bit line p. Then what the cells inject.
            Vector512<double> ga = driver, gb = isPair ? driver : zero, gp = zero, ap = zero, bp = zero, ab = zero;
            Vector512<double> ja = zero, jb = zero, jp = zero;
            int width = Math.Min(Lanes, columns - c);
            for (int r = 0; r < rows; r++)
            {
                if (inputs[r] != 0)
                {
                    var x = Vector512.Create((double)inputs[r]);
                    var g = Load(positive, (r * columns) + c, width, tail);
                    ap += g;
                    ja -= g * x;
                    jp += g * x;
                    if (isPair)
                    {
                        g = Load(negative, (r * columns) + c, width, tail[Lanes..]);
                        bp += g;
                        jb += g * x;
                        jp -= g * x;
                    }
                }

                bool isLast = r == rows - 1;
                double along = isLast ? 0 : wires.Along(r + 1);
                TakeOut(ref ga, ref ap, ref ab, ref ja, ref gp, ref jp, ref gb, ref jb, ref bp, along, isLast);
                if (isPair)
                {
                    TakeOut(ref gb, ref bp, ref ab, ref jb, ref gp, ref jp, ref ga, ref ja, ref ap, along, isLast);
                }

                if (isLast)
                {
                    jp /= Vector512.FusedMultiplyAdd(Vector512.Create(wires.Below(r)), gp, one);
                }
                else
                {
                    TakeOut(ref gp, ref ap, ref bp, ref jp, ref ga, ref ja, ref gb, ref jb, ref ab, wires.Below(r), false);
                }
            }

            for (int i = 0; i < width; i++)
            {
                outputs[c + i] = jp.GetElement(i);
            }
        }
    }

    /// <summary>Moves a line from a row to the next over a resistance; at its open end it goes away. Its branches: to ground, to the two other lines.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TakeOut(
        ref Vector512<double> ground,
        ref Vector512<double> toFirst,
        ref Vector512<double> toSecond,
        ref Vector512<double> current,
        ref Vector512<double> groundFirst,
        ref Vector512<double> currentFirst,
        ref Vector512<double> groundSecond,
        ref Vector512<double> currentSecond,
        ref Vector512<double> between,
        double resistance,
        bool isLast)
    {
        var total = ground + toFirst + toSecond;
        Vector512<double> pass;
        Vector512<double> share;
        if (isLast)
        {
            pass = Vector512<double>.Zero;
            share = Vector512<double>.One / total;
        }
        else
        {
            pass = Vector512<double>.One / Vector512.FusedMultiplyAdd(Vector512.Create(resistance), total, Vector512<double>.One);
            share = Vector512.Create(resistance) * pass;
        }

        var first = toFirst * share;
        var second = toSecond * share;
        groundFirst = Vector512.FusedMultiplyAdd(ground, first, groundFirst);
        groundSecond = Vector512.FusedMultiplyAdd(ground, second, groundSecond);
        between = Vector512.FusedMultiplyAdd(toFirst, second, between);
        currentFirst = Vector512.FusedMultiplyAdd(first, current, currentFirst);
        currentSecond = Vector512.FusedMultiplyAdd(second, current, currentSecond);
        ground *= pass;
        toFirst *= pass;
        toSecond *= pass;
        current *= pass;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Load(ReadOnlySpan<float> cells, int at, int width, Span<float> tail)
    {
        if (width < Lanes)
        {
            tail[..Lanes].Clear();
            cells.Slice(at, width).CopyTo(tail);
            return Widen(in MemoryMarshal.GetReference(tail));
        }

        return Widen(in Unsafe.Add(ref MemoryMarshal.GetReference(cells), at));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Widen(ref readonly float source)
    {
        var (low, high) = Vector256.Widen(Vector256.LoadUnsafe(in source));
        return Vector512.Create(low, high);
    }
}
