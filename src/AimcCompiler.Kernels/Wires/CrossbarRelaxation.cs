using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AimcCompiler.Kernels;

/// <summary>All voltages and currents of a crossbar for one input after the other: bit lines for given word lines, word lines for given bit lines, and so
/// on, each line exactly (it is a ladder), with Chebyshev's acceleration. The independent check of <see cref="CrossbarReduction"/>.</summary>
/// <remarks>
/// One step, b -> T b + c, has T similar to a symmetric matrix with eigenvalues in [0, rho), rho &lt; 1 for all wires; T has no negative entry, so the
/// largest ratio of T v to v, v positive, bounds rho (Collatz, Wielandt). Weak wires take a handful of steps, a crossbar that loses nearly all of its
/// signal some dozens. Ladders are solved from resistances, in sums of positive terms, so that perfect wires need no care.
/// </remarks>
public sealed class CrossbarRelaxation
{
    private const int Lanes = 8;

    /// <summary>Steps from a positive vector that bound rho.</summary>
    private const int BoundSteps = 8;

    private const int MaximumSteps = 10000;

    /// <summary>Of the largest input: what the last step may still move.</summary>
    private const double Tolerance = 1e-15;

    private readonly CrossbarWires _wires;
    private readonly int _rows;
    private readonly int _columns;

    /// <summary>Crossings of a bit line: rows, or pairs of rows.</summary>
    private readonly int _crossings;

    private readonly Ladder _words;
    private readonly Ladder _bits;
    private readonly double[] _cells;
    private readonly double[] _turned;

    /// <summary>columns x rows, columns x crossings and crossings x columns.</summary>
    private readonly double[] _word;
    private readonly double[] _scratch;
    private readonly double[] _flow;

    private readonly double[] _bit;
    private readonly double[] _next;
    private readonly double[] _step;
    private readonly double[] _drive;

    public CrossbarRelaxation(CrossbarWires wires, ReadOnlySpan<double> cells)
    {
        ArgumentNullException.ThrowIfNull(wires);
        _wires = wires;
        _rows = wires.Rows;
        _columns = wires.Columns;
        if (cells.Length != _rows * _columns || _rows % wires.RowsPerCrossing != 0)
        {
            throw new ArgumentException($"{_rows} x {_columns} cells need as many conductances, and whole crossings.", nameof(cells));
        }

        _crossings = _rows / wires.RowsPerCrossing;
        _cells = cells.ToArray();
        _turned = new double[_cells.Length];
        Turn(_cells, _rows, _columns, _turned);
        _words = new Ladder(_columns, _rows, wires.Before, _turned, fromEnd: false);
        double[] crossing = new double[_crossings * _columns];
        AddRows(_cells, crossing);
        _bits = new Ladder(_crossings, _columns, k => wires.Below((k * wires.RowsPerCrossing) + wires.RowsPerCrossing - 1), crossing, fromEnd: true);
        _word = new double[_cells.Length];
        _scratch = new double[_cells.Length];
        _flow = new double[crossing.Length];
        _bit = new double[crossing.Length];
        _next = new double[crossing.Length];
        _step = new double[crossing.Length];
        _drive = new double[_rows];
        Rho = BoundRho();
    }

    /// <summary>No eigenvalue of a step is larger.</summary>
    public double Rho { get; }

    /// <summary>Steps of the last solution.</summary>
    public int Steps { get; private set; }

    /// <summary>How far the last solution is from Kirchhoff's voltage law along any path from driver to ground, of the largest input.</summary>
    public double Residual { get; private set; }

    /// <summary>Voltages of the word lines at their cells, rows x columns, of the last solution.</summary>
    public double[] WordVoltages()
    {
        double[] result = new double[_cells.Length];
        Turn(_word, _columns, _rows, result);
        return result;
    }

    /// <summary>Voltages of the bit lines at their cells, rows x columns, of the last solution.</summary>
    public double[] BitVoltages()
    {
        double[] result = new double[_cells.Length];
        for (int r = 0; r < _rows; r++)
        {
            _bit.AsSpan(r / _wires.RowsPerCrossing * _columns, _columns).CopyTo(result.AsSpan(r * _columns));
        }

        return result;
    }

    /// <summary>Currents into virtual ground for driver voltages; begins with the voltages of the last solution.</summary>
    /// <param name="inputs">One a row.</param>
    /// <param name="outputs">One a column.</param>
    public void Solve(ReadOnlySpan<double> inputs, Span<double> outputs)
    {
        inputs.CopyTo(_drive);
        double largest = 0;
        foreach (double input in inputs)
        {
            largest = Math.Max(largest, Math.Abs(input));
        }

        if (largest == 0)
        {
            Array.Clear(_bit);
        }

        // Chebyshev's iteration for (1 - T) b = c with eigenvalues in [1 - rho, 1].
        double center = (2 - Rho) / 2;
        double half = Math.Max(Rho / 2, 1e-9);
        double factor = half / center;
        double limit = Tolerance * (1 - Rho) * largest;
        double least = double.PositiveInfinity;
        int stalled = 0;
        for (Steps = 1; Steps <= MaximumSteps; Steps++)
        {
            Advance(_bit, _drive, _next);
            double change = 0;
            double keep = Steps == 1 ? 0 : 1;
            double previous = factor;
            if (Steps > 1)
            {
                factor = 1 / ((2 * center / half) - previous);
                keep = factor * previous;
            }

            double take = Steps == 1 ? 1 / center : 2 * factor / half;
            for (int i = 0; i < _bit.Length; i++)
            {
                double z = _next[i] - _bit[i];
                change = Math.Max(change, Math.Abs(z));
                _step[i] = (keep * _step[i]) + (take * z);
                _bit[i] += _step[i];
            }

            // At the last digits a step only moves roundings.
            stalled = change < 0.9 * least ? 0 : stalled + 1;
            least = Math.Min(least, change);
            if (change <= limit || (stalled > 4 && least <= 1e-12 * largest))
            {
                break;
            }
        }

        Advance(_bit, _drive, _next);
        _next.CopyTo(_bit, 0);
        Measure(outputs, largest);
    }

    private double BoundRho()
    {
        // The slowest mode of strong wires and equal cells is a quarter of a wave along each line; weak wires forget where they began.
        double[] mode = new double[_bit.Length];
        for (int k = 0; k < mode.Length; k++)
        {
            mode[k] = Math.Cos(Math.PI * (k / _columns) / ((2 * _crossings) + 1)) * Math.Sin(Math.PI * ((k % _columns) + 1) / ((2 * _columns) + 1));
        }

        double rho = 1;
        for (int i = 0; i < BoundSteps; i++)
        {
            Advance(mode, _drive, _next);
            double largest = 0;
            for (int k = 0; k < mode.Length; k++)
            {
                largest = Math.Max(largest, mode[k] > 0 ? _next[k] / mode[k] : 0);
                mode[k] = _next[k];
            }

            rho = Math.Min(rho, largest);
        }

        return Math.Min(rho, 1 - 1e-12);
    }

    /// <summary>Word lines for given bit lines and drivers, then bit lines for these.</summary>
    private void Advance(double[] bit, double[] drive, double[] result)
    {
        int pair = _wires.RowsPerCrossing;
        if (pair == 1)
        {
            Turn(bit, _rows, _columns, _scratch);
        }
        else
        {
            for (int c = 0; c < _columns; c++)
            {
                for (int r = 0; r < _rows; r++)
                {
                    _scratch[(c * _rows) + r] = bit[(r / pair * _columns) + c];
                }
            }
        }

        Multiply(_scratch, _turned);
        _words.Solve(drive, _scratch, _word);
        _word.CopyTo(_scratch, 0);
        Multiply(_scratch, _turned);
        if (pair == 1)
        {
            Turn(_scratch, _columns, _rows, _flow);
        }
        else
        {
            Array.Clear(_flow);
            for (int c = 0; c < _columns; c++)
            {
                for (int r = 0; r < _rows; r++)
                {
                    _flow[(r / pair * _columns) + c] += _scratch[(c * _rows) + r];
                }
            }
        }

        _bits.Solve([], _flow, result);
    }

    /// <summary>Currents of the cells, their sums along the lines, and the voltages that these leave.</summary>
    private void Measure(Span<double> outputs, double largest)
    {
        double[] word = WordVoltages();
        double[] bit = BitVoltages();
        double[] current = new double[_cells.Length];
        for (int i = 0; i < current.Length; i++)
        {
            current[i] = _cells[i] * (word[i] - bit[i]);
        }

        double[] below = new double[_columns];
        double worst = 0;
        for (int c = 0; c < _columns; c++)
        {
            double sum = 0;
            for (int r = 0; r < _rows; r++)
            {
                sum += current[(r * _columns) + c];
            }

            outputs[c] = sum;
            double voltage = 0;
            for (int r = _rows - 1; r >= 0; r--)
            {
                voltage += _wires.Below(r) * sum;
                worst = Math.Max(worst, Math.Abs(voltage - bit[(r * _columns) + c]));
                sum -= current[(r * _columns) + c];
            }
        }

        for (int r = 0; r < _rows; r++)
        {
            double sum = 0;
            for (int c = 0; c < _columns; c++)
            {
                sum += current[(r * _columns) + c];
            }

            double voltage = _drive[r];
            for (int c = 0; c < _columns; c++)
            {
                voltage -= _wires.Before(c) * sum;
                worst = Math.Max(worst, Math.Abs(voltage - word[(r * _columns) + c]));
                sum -= current[(r * _columns) + c];
            }
        }

        Residual = largest > 0 ? worst / largest : worst;
    }

    private void AddRows(double[] cells, double[] crossing)
    {
        for (int r = 0; r < _rows; r++)
        {
            int target = r / _wires.RowsPerCrossing * _columns;
            for (int c = 0; c < _columns; c++)
            {
                crossing[target + c] += cells[(r * _columns) + c];
            }
        }
    }

    private static void Multiply(double[] values, double[] factors)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] *= factors[i];
        }
    }

    /// <summary>Transposes rows x columns.</summary>
    private static void Turn(double[] source, int rows, int columns, double[] target)
    {
        const int Tile = 16;
        for (int r0 = 0; r0 < rows; r0 += Tile)
        {
            for (int c0 = 0; c0 < columns; c0 += Tile)
            {
                int lastRow = Math.Min(r0 + Tile, rows);
                int lastColumn = Math.Min(c0 + Tile, columns);
                for (int c = c0; c < lastColumn; c++)
                {
                    for (int r = r0; r < lastRow; r++)
                    {
                        target[(c * rows) + r] = source[(r * columns) + c];
                    }
                }
            }
        }
    }

    /// <summary>Many ladders at once, one a lane: nodes 0 .. n - 1 between resistances, a source before node 0 (or, from the end, ground after node n - 1), the
    /// other end open; each node takes a current and has a conductance to ground.</summary>
    private sealed class Ladder
    {
        private readonly int _nodes;
        private readonly int _lanes;
        private readonly bool _fromEnd;

        /// <summary>1 / (1 + r Y) and r / (1 + r Y), Y the conductance of a node and all beyond it.</summary>
        private readonly double[] _pass;
        private readonly double[] _lift;

        public Ladder(int nodes, int lanes, Func<int, double> resistance, double[] conductances, bool fromEnd)
        {
            (_nodes, _lanes, _fromEnd) = (nodes, lanes, fromEnd);
            _pass = new double[conductances.Length];
            _lift = new double[conductances.Length];
            double[] beyond = new double[lanes];
            for (int step = 0; step < nodes; step++)
            {
                int node = fromEnd ? step : nodes - 1 - step;
                double r = resistance(node);
                for (int i = 0; i < lanes; i++)
                {
                    int at = (node * lanes) + i;
                    double y = beyond[i] + conductances[at];
                    _pass[at] = 1 / (1 + (r * y));
                    _lift[at] = r * _pass[at];
                    beyond[i] = y * _pass[at];
                }
            }
        }

        /// <summary>Voltages for sources and currents into the nodes; no sources = 0. The currents are overwritten.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Solve(ReadOnlySpan<double> sources, Span<double> currents, Span<double> voltages)
        {
            ref double current = ref MemoryMarshal.GetReference(currents);
            ref double voltage = ref MemoryMarshal.GetReference(voltages);
            ref double pass = ref MemoryMarshal.GetArrayDataReference(_pass);
            ref double lift = ref MemoryMarshal.GetArrayDataReference(_lift);
            nint down = _fromEnd ? -_lanes : _lanes;
            nint first = _fromEnd ? (nint)(_nodes - 1) * _lanes : 0;

            // From the open end: what a node and all beyond it inject.
            for (int n = _nodes - 2; n >= 0; n--)
            {
                nint at = first + (n * down);
                int i = 0;
                for (; i <= _lanes - Lanes; i += Lanes)
                {
                    nuint here = (nuint)(at + i);
                    nuint beyond = (nuint)(at + down + i);
                    Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref pass, beyond), Vector512.LoadUnsafe(ref current, beyond), Vector512.LoadUnsafe(ref current, here))
                        .StoreUnsafe(ref current, here);
                }

                for (; i < _lanes; i++)
                {
                    ref double here = ref Unsafe.Add(ref current, at + i);
                    here = Math.FusedMultiplyAdd(Unsafe.Add(ref pass, at + down + i), Unsafe.Add(ref current, at + down + i), here);
                }
            }

            for (int n = 0; n < _nodes; n++)
            {
                nint at = first + (n * down);
                int i = 0;
                for (; i <= _lanes - Lanes; i += Lanes)
                {
                    nuint here = (nuint)(at + i);
                    var before = n > 0 ? Vector512.LoadUnsafe(ref voltage, (nuint)(at - down + i))
                        : sources.IsEmpty ? Vector512<double>.Zero : Vector512.Create(sources.Slice(i, Lanes));
                    var raised = Vector512.LoadUnsafe(ref lift, here) * Vector512.LoadUnsafe(ref current, here);
                    Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref pass, here), before, raised).StoreUnsafe(ref voltage, here);
                }

                for (; i < _lanes; i++)
                {
                    double before = n > 0 ? Unsafe.Add(ref voltage, at - down + i) : sources.IsEmpty ? 0 : sources[i];
                    double raised = Unsafe.Add(ref lift, at + i) * Unsafe.Add(ref current, at + i);
                    Unsafe.Add(ref voltage, at + i) = Math.FusedMultiplyAdd(Unsafe.Add(ref pass, at + i), before, raised);
                }
            }
        }
    }
}
