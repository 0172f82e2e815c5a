using System.Diagnostics;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>What the wires of a tile make of a block's cells. Word lines that feed the cells: the block's contents become those of the effective matrix
/// (baseline taken off like a cell's), so that a product with them is exact; what read noise needs besides is kept here. Gated cells: nothing is the same
/// for two inputs, so their conductances are kept and every read is solved.</summary>
internal sealed class BlockWires
{
    private BlockWires(WireLayout layout, float[][] effective, float[][] adjoint)
    {
        (Layout, Effective, Adjoint) = (layout, effective, adjoint);
    }

    public WireLayout Layout { get; }

    /// <summary>The effective matrix of each network, g_min included; empty without read noise.</summary>
    public float[][] Effective { get; }

    /// <summary>Of each network: the voltage that one volt at the foot of a cell's own column would put across the cell. By reciprocity the part of a change of
    /// the cell's current that arrives there. Empty without read noise.</summary>
    public float[][] Adjoint { get; }

    /// <summary>Read noise is added to the exact sums, to first order.</summary>
    public bool HasNoise => Effective.Length > 0;

    /// <summary>Replaces the cells of a block, which has both polarities, by what the wires leave of them.</summary>
    public static BlockWires Apply(ProgrammedBlock block, WireLayout layout, bool subtractsInArray, bool isPair)
    {
        if (layout.IsGated)
        {
            return new BlockWires(layout, [], []);
        }

        int polarities = isPair ? 2 : 1;
        int slices = block.Positive.Length;
        double[][] effective = new double[layout.Networks][];
        bool isNoisy = block.PositiveSigma[0] is not null;
        for (int network = 0; network < effective.Length; network++)
        {
            double[] cells = new double[layout.PhysicalRows * layout.PhysicalColumns];
            Each((slice, polarity, r, c, at) =>
            {
                if (layout.Network(polarity) == network)
                {
                    float content = Cells(block, slice, polarity)[(r * layout.Columns) + c];
                    cells[at] = Math.Max(0, content + layout.Baseline);
                }
            });
            for (int r = 0; r < layout.Rows && layout.HasUnit; r++)
            {
                cells[layout.UnitAt(r)] = Math.Max(0, block.Unit![r] + layout.Baseline);
            }

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
            ? new BlockWires(layout, Array.ConvertAll(effective, m => Array.ConvertAll(m, v => (float)v)), Array.ConvertAll(effective, m => AdjointOf(layout, m)))
            : new BlockWires(layout, [], []);

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

    private static float[] Cells(ProgrammedBlock block, int slice, int polarity) => polarity == 0 ? block.Positive[slice] : block.Negative[slice]!;

    /// <summary>One volt at the foot of column j sends M[i, j] to driver i; the drops of these currents along the column and along the cell's word line are
    /// taken off.</summary>
    private static float[] AdjointOf(WireLayout layout, double[] effective)
    {
        var wires = layout.Wires;
        int columns = layout.PhysicalColumns;
        float[] result = new float[effective.Length];
        double toDriver = 0;
        for (int c = 0; c < columns; c++)
        {
            toDriver += wires.Before(c);
            double sum = 0;
            for (int r = 0; r < layout.PhysicalRows; r++)
            {
                sum += effective[(r * columns) + c];
            }

            double drop = 0;
            for (int r = layout.PhysicalRows - 1; r >= 0; r--)
            {
                int i = (r * columns) + c;
                drop += wires.Below(r) * sum;
                sum -= effective[i];
                result[i] = (float)(1 - drop - (toDriver * effective[i]));
            }
        }

        return result;
    }

    /// <summary>The voltages across the cells of a network for driven rows, from the currents that the effective matrix says.</summary>
    public void CellVoltages(int network, ReadOnlySpan<double> drive, Span<double> voltages)
    {
        Debug.Assert(HasNoise);
        var wires = Layout.Wires;
        int rows = Layout.PhysicalRows;
        int columns = Layout.PhysicalColumns;
        ReadOnlySpan<float> effective = Effective[network];
        Span<double> sums = new double[columns];
        for (int r = 0; r < rows; r++)
        {
            var row = voltages.Slice(r * columns, columns);
            double x = drive[r];
            for (int c = 0; c < columns; c++)
            {
                sums[c] += effective[(r * columns) + c] * x;
                row[c] = sums[c];
            }
        }

        Span<double> drops = new double[columns];
        for (int r = rows - 1; r >= 0; r--)
        {
            var row = voltages.Slice(r * columns, columns);
            double below = wires.Below(r);
            for (int c = 0; c < columns; c++)
            {
                drops[c] += below * row[c];
                row[c] = -drops[c];
            }

            double x = drive[r];
            double current = 0;
            for (int c = columns - 1; c >= 0; c--)
            {
                current += effective[(r * columns) + c] * x;
                sums[c] = current;
            }

            double voltage = x;
            for (int c = 0; c < columns; c++)
            {
                voltage -= wires.Before(c) * sums[c];
                row[c] += voltage;
            }
        }
    }
}
