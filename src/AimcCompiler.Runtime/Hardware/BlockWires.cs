using System.Diagnostics;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>What the wires of a tile make of a block's cells. Word lines that feed the cells: the block's contents become those of the effective matrix
/// (baseline taken off like a cell's), so that a product with them is exact; what read noise needs besides is kept here. Gated cells: nothing is the same
/// for two inputs, so their conductances are kept and every read is solved.</summary>
internal sealed class BlockWires
{
    private BlockWires(WireLayout layout, float[][] cells, float[][] effective, float[][] adjoint, float[]?[] negative)
    {
        (Layout, Cells, Effective, Adjoint, Negative) = (layout, cells, effective, adjoint, negative);
    }

    public WireLayout Layout { get; }

    /// <summary>Conductances of each network; empty without read noise.</summary>
    public float[][] Cells { get; }

    /// <summary>The effective matrix of each network, g_min included; empty without read noise.</summary>
    public float[][] Effective { get; }

    /// <summary>Of each network: the voltage that one volt at the foot of a cell's own column would put across the cell. By reciprocity the part of a change of
    /// the cell's current that arrives there. Empty without read noise.</summary>
    public float[][] Adjoint { get; }

    /// <summary>Contents of the negative halves of gated pairs; the block's own are those that are converted alone.</summary>
    public float[]?[] Negative { get; }

    /// <summary>Read noise is added to the exact sums, to first order.</summary>
    public bool HasNoise => Effective.Length > 0;

    /// <summary>Replaces the cells of a block, which has both polarities, by what the wires leave of them.</summary>
    public static BlockWires Apply(ProgrammedBlock block, WireLayout layout, bool subtractsInArray, bool isPair)
    {
        if (layout.IsGated)
        {
            float[]?[] halves = [.. block.Negative];
            if (subtractsInArray)
            {
                Array.Clear(block.Negative);
            }

            return new BlockWires(layout, [], [], [], halves);
        }

        int polarities = isPair ? 2 : 1;
        int slices = block.Positive.Length;
        double[][] effective = new double[layout.Networks][];
        double[][] all = new double[layout.Networks][];
        bool isNoisy = block.PositiveSigma[0] is not null;
        for (int network = 0; network < effective.Length; network++)
        {
            double[] cells = new double[layout.PhysicalRows * layout.PhysicalColumns];
            Each((slice, polarity, r, c, at) =>
            {
                if (layout.Network(polarity) == network)
                {
                    float content = Contents(block, slice, polarity)[(r * layout.Columns) + c];
                    cells[at] = Math.Max(0, content + layout.Baseline);
                }
            });
            for (int r = 0; r < layout.Rows && layout.HasUnit; r++)
            {
                cells[layout.UnitAt(r)] = Math.Max(0, block.Unit![r] + layout.Baseline);
            }

            all[network] = cells;
            effective[network] = new double[cells.Length];
            CrossbarReduction.Solve(layout.Wires, cells, effective[network]);
        }

        for (int slice = 0; slice < slices; slice++)
        {
            float[] positive = block.Positive[slice];
            float[]? negative = block.Negative[slice];
            for (int r = 0; r < layout.Rows; r++)
            {
                for (int c = 0; c < layout.Columns; c++)
                {
                    int i = (r * layout.Columns) + c;
                    double p = effective[0][layout.At(slice, 0, r, c)];
                    if (!isPair)
                    {
                        positive[i] = (float)(p - layout.Baseline);
                        continue;
                    }

                    double n = effective[layout.Network(1)][layout.At(slice, 1, r, c)];
                    positive[i] = (float)(p - (subtractsInArray ? n : layout.Baseline));
                    negative![i] = (float)(n - layout.Baseline);
                }
            }

            block.Negative[slice] = subtractsInArray ? null : negative;
        }

        for (int r = 0; r < layout.Rows && layout.HasUnit; r++)
        {
            block.Unit![r] = (float)(effective[0][layout.UnitAt(r)] - layout.Baseline);
        }

        return isNoisy
            ? new BlockWires(layout, Array.ConvertAll(all, Floats), Array.ConvertAll(effective, Floats), Array.ConvertAll(all, cells => AdjointOf(layout.Wires, cells)), [])
            : new BlockWires(layout, [], [], [], []);

        static float[] Floats(double[] values) => Array.ConvertAll(values, v => (float)v);

        void Each(Action<int, int, int, int, int> visit)
        {
            for (int slice = 0; slice < slices; slice++)
            {
                for (int polarity = 0; polarity < polarities; polarity++)
                {
                    for (int r = 0; r < layout.Rows; r++)
                    {
                        for (int c = 0; c < layout.Columns; c++)
                        {
                            visit(slice, polarity, r, c, layout.At(slice, polarity, r, c));
                        }
                    }
                }
            }
        }
    }

    private static float[] Contents(ProgrammedBlock block, int slice, int polarity) => polarity == 0 ? block.Positive[slice] : block.Negative[slice]!;

    /// <summary>One volt at the foot of one column, all other ends at ground: the column is a ladder whose rungs are cells in series with what their word lines are
    /// from there, with the other cells to ground.</summary>
    private static float[] AdjointOf(CrossbarWires wires, double[] cells)
    {
        int rows = wires.Rows;
        int columns = wires.Columns;
        double[] line = new double[cells.Length];
        double[] beyond = new double[columns];
        for (int r = 0; r < rows; r++)
        {
            var row = cells.AsSpan(r * columns, columns);
            for (int c = columns - 2; c >= 0; c--)
            {
                double next = row[c + 1] + beyond[c + 1];
                beyond[c] = next / (1 + (wires.Before(c + 1) * next));
            }

            // Towards the driver a resistance, away from it a conductance.
            double toDriver = 0;
            for (int c = 0; c < columns; c++)
            {
                toDriver = wires.Before(c) + (c == 0 ? 0 : toDriver / (1 + (row[c - 1] * toDriver)));
                line[(r * columns) + c] = toDriver / (1 + (beyond[c] * toDriver));
            }

            beyond[columns - 1] = 0;
        }

        float[] result = new float[cells.Length];
        double[] above = new double[rows];
        for (int c = 0; c < columns; c++)
        {
            double all = 0;
            for (int r = 0; r < rows; r++)
            {
                double g = cells[(r * columns) + c];
                double through = r == 0 ? 0 : all / (1 + (wires.Below(r - 1) * all));
                all = through + (g / (1 + (g * line[(r * columns) + c])));
                above[r] = all;
            }

            double voltage = 1;
            for (int r = rows - 1; r >= 0; r--)
            {
                voltage /= 1 + (wires.Below(r) * above[r]);
                result[(r * columns) + c] = (float)(voltage / (1 + (cells[(r * columns) + c] * line[(r * columns) + c])));
            }
        }

        return result;
    }

    /// <summary>The voltages across the cells of a network for driven rows: what the currents leave that the effective matrix says, and what those leave that
    /// these voltages bring, halved: the error is some thousandths where a third of the signal is lost.</summary>
    public void CellVoltages(int network, ReadOnlySpan<double> drive, Span<double> currents, Span<double> voltages)
    {
        Debug.Assert(HasNoise);
        int columns = Layout.PhysicalColumns;
        ReadOnlySpan<float> effective = Effective[network];
        for (int i = 0; i < currents.Length; i++)
        {
            currents[i] = effective[i] * drive[i / columns];
        }

        voltages.Clear();
        AddHalfVoltages(drive, currents, voltages);
        ReadOnlySpan<float> cells = Cells[network];
        for (int i = 0; i < currents.Length; i++)
        {
            currents[i] = 2 * cells[i] * voltages[i];
        }

        AddHalfVoltages(drive, currents, voltages);
    }

    /// <summary>Half of the voltages that currents leave across the cells.</summary>
    private void AddHalfVoltages(ReadOnlySpan<double> drive, ReadOnlySpan<double> currents, Span<double> voltages)
    {
        var wires = Layout.Wires;
        int rows = Layout.PhysicalRows;
        int columns = Layout.PhysicalColumns;
        Span<double> sums = new double[columns];
        Span<double> drops = new double[columns];

        // The drop of a bit line at a row: of all segments below, each with the currents of all rows above it.
        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < columns; c++)
            {
                sums[c] += currents[(r * columns) + c];
            }
        }

        for (int r = rows - 1; r >= 0; r--)
        {
            var current = currents.Slice(r * columns, columns);
            var row = voltages.Slice(r * columns, columns);
            double below = wires.Below(r);
            double all = 0;
            for (int c = 0; c < columns; c++)
            {
                drops[c] += below * sums[c];
                sums[c] -= current[c];
                row[c] -= drops[c] / 2;
                all += current[c];
            }

            double voltage = drive[r];
            for (int c = 0; c < columns; c++)
            {
                voltage -= wires.Before(c) * all;
                all -= current[c];
                row[c] += voltage / 2;
            }
        }
    }
}
