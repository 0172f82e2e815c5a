using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AimcCompiler.Kernels;

/// <summary>A crossbar of cells at whole levels, packed for <see cref="LevelMvm"/>: for each column and group of rows a table of what the group adds for each index of its pulses,
/// less the least of them, so that bytes without sign hold it.</summary>
public sealed class LevelColumns
{
    /// <summary>Columns whose tables lie together.</summary>
    internal const int PanelColumns = 4;

    internal const int TableBytes = 16;

    private LevelColumns(int rows, int columns, PulseFields fields)
    {
        (Rows, Columns, Fields) = (rows, columns, fields);
        Groups = (rows + fields.Rows - 1) / fields.Rows;
        Panels = (columns + PanelColumns - 1) / PanelColumns;
        Tables = new byte[(long)Panels * Groups * PanelColumns * TableBytes];
        Offsets = new short[Panels * PanelColumns];
        Least = new int[Panels];
        Most = new int[Panels];
        Stretches = new int[Panels][];
    }

    public int Rows { get; }

    public int Columns { get; }

    public PulseFields Fields { get; }

    /// <summary>The least sum of any column.</summary>
    public int LeastCount => Least.Length == 0 ? 0 : Least.Min();

    public int MostCount => Most.Length == 0 ? 0 : Most.Max();

    internal int Groups { get; }

    internal int Panels { get; }

    /// <summary>Panel, group, column, index.</summary>
    internal byte[] Tables { get; }

    /// <summary>What the sum over a column's tables is more than the column's sum, modulo 2^16.</summary>
    internal short[] Offsets { get; }

    /// <summary>By panel.</summary>
    internal int[] Least { get; }

    internal int[] Most { get; }

    /// <summary>By panel: ends of runs of groups whose sums no byte overflows.</summary>
    internal int[][] Stretches { get; }

    /// <param name="levels">Rows x columns, row-major.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="fields">The pulses.</param>
    /// <param name="squares">Sums are those of the pulses' squares.</param>
    /// <returns>Null where a level is no whole number, a table's entries do not fit bytes or a column's sums int16.</returns>
    public static LevelColumns? Pack(ReadOnlySpan<float> levels, int rows, int columns, PulseFields fields, bool squares = false)
    {
        foreach (float level in levels)
        {
            if (level != MathF.Floor(level) || Math.Abs(level) > byte.MaxValue)
            {
                return null;
            }
        }

        // What each row of a group adds to each index, by level.
        Span<Vector256<short>> patterns = stackalloc Vector256<short>[fields.Rows];
        for (int r = 0; r < fields.Rows; r++)
        {
            for (int i = 0; i < TableBytes; i++)
            {
                patterns[r] = patterns[r].WithElement(i, (short)(squares ? fields.Pulse(i, r) * fields.Pulse(i, r) : fields.Pulse(i, r)));
            }
        }

        LevelColumns packed = new(rows, columns, fields);
        var (least, greatest) = squares ? (0, Math.Max(fields.Least * fields.Least, fields.Greatest * fields.Greatest)) : (fields.Least, fields.Greatest);
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            if (!packed.PackPanel(levels, panel, patterns, least, greatest))
            {
                return null;
            }
        }

        return packed;
    }

    private bool PackPanel(ReadOnlySpan<float> levels, int panel, ReadOnlySpan<Vector256<short>> patterns, int leastPulse, int greatestPulse)
    {
        int first = panel * PanelColumns;
        int columns = Math.Min(PanelColumns, Columns - first);
        List<int> ends = [];
        Span<int> spans = stackalloc int[PanelColumns];
        Span<int> groupSpans = stackalloc int[PanelColumns];
        Span<int> least = stackalloc int[PanelColumns];
        Span<int> most = stackalloc int[PanelColumns];
        spans.Clear();
        least.Clear();
        most.Clear();
        groupSpans.Clear();
        for (int g = 0; g < Groups; g++)
        {
            int firstRow = g * Fields.Rows;
            int rows = Math.Min(Fields.Rows, Rows - firstRow);
            bool overflows = false;
            for (int c = 0; c < columns; c++)
            {
                int low = 0;
                int high = 0;
                var table = Vector256<short>.Zero;
                for (int r = 0; r < rows; r++)
                {
                    int level = (int)levels[((firstRow + r) * Columns) + first + c];
                    low += level * (level > 0 ? leastPulse : greatestPulse);
                    high += level * (level > 0 ? greatestPulse : leastPulse);
                    table += patterns[r] * (short)level;
                }

                if (high - low > byte.MaxValue)
                {
                    return false;
                }

                table -= Vector256.Create((short)low);
                Vector128.Narrow(table.GetLower().AsUInt16(), table.GetUpper().AsUInt16())
                    .StoreUnsafe(ref MemoryMarshal.GetArrayDataReference(Tables), (nuint)(((((long)panel * Groups) + g) * PanelColumns) + c) * TableBytes);
                least[c] += low;
                most[c] += high;
                groupSpans[c] = high - low;
                overflows |= spans[c] + groupSpans[c] > byte.MaxValue;
            }

            if (overflows)
            {
                ends.Add(g);
                spans.Clear();
            }

            for (int c = 0; c < columns; c++)
            {
                spans[c] += groupSpans[c];
            }
        }

        if (Groups > 0)
        {
            ends.Add(Groups);
        }

        Stretches[panel] = [.. ends];
        for (int c = 0; c < columns; c++)
        {
            Offsets[first + c] = unchecked((short)-least[c]);
            Least[panel] = Math.Min(Least[panel], least[c]);
            Most[panel] = Math.Max(Most[panel], most[c]);
        }

        return Least[panel] >= short.MinValue && Most[panel] <= short.MaxValue;
    }
}
