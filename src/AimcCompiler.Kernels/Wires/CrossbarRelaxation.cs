using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AimcCompiler.Kernels;

/// <summary>All voltages and currents of a crossbar for one input: bit lines for given word lines, word lines for given bit lines, each line exactly (it is a
/// ladder), as the preconditioner of conjugate gradients. The independent check of <see cref="CrossbarReduction"/>.</summary>
/// <remarks>
/// With the word lines taken out, the bit lines' voltages b obey (P - F) b = h: P the bit lines' ladders with the cells to fixed word lines, F b the currents that word lines
/// follow b with. Preconditioned by P the eigenvalues are in (0, 1], near 1 for weak wires, which take a handful of steps; a crossbar that loses nearly all of its
/// signal takes some dozens. Ladders are solved from resistances, in sums of positive terms, so that perfect wires need no care: P is never multiplied with,
/// only its inverse, and currents are carried along.
/// </remarks>
public sealed class CrossbarRelaxation
{
    private const int Lanes = 8;

    private const int MaximumSteps = 10000;

    /// <summary>Solutions of what the one before left.</summary>
    private const int MaximumRounds = 6;

    /// <summary>Of the largest input: beyond it are the last digits.</summary>
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
    private readonly double[] _bit;
    private readonly double[] _flow;
    private readonly double[] _residual;
    private readonly double[] _step;
    private readonly double[] _stepCurrents;
    private readonly double[] _solved;
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
        _bit = new double[crossing.Length];
        _flow = new double[crossing.Length];
        _residual = new double[crossing.Length];
        _step = new double[crossing.Length];
        _stepCurrents = new double[crossing.Length];
        _solved = new double[crossing.Length];
        _drive = new double[_rows];
    }

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

        Steps = 0;
        double last = double.PositiveInfinity;
        for (int round = 0; round < MaximumRounds; round++)
        {
            // b is now what the bit lines make of currents that are known; what new currents differ by is left to solve for.
            Flow(_bit, _drive, _stepCurrents);
            _stepCurrents.CopyTo(_flow, 0);
            _bits.Solve([], _flow, _bit);
            Flow(_bit, _drive, _residual);
            for (int i = 0; i < _residual.Length; i++)
            {
                _residual[i] -= _stepCurrents[i];
            }

            double change = Correct(Tolerance * largest);
            if (change <= 4 * Tolerance * largest || change >= 0.5 * last)
            {
                break;
            }

            last = change;
        }

        Flow(_bit, _drive, _flow);
        _bits.Solve([], _flow, _bit);
        Measure(outputs, largest);
    }

    /// <summary>Conjugate gradients for (P - F) e = residual; adds e to the bit lines' voltages and returns its largest part.</summary>
    private double Correct(double limit)
    {
        double[] correction = new double[_bit.Length];
        double[] zeros = new double[_rows];
        _residual.CopyTo(_flow, 0);
        _bits.Solve([], _flow, _solved);
        double product = Dot(_residual, _solved);
        double first = product;
        _solved.CopyTo(_step, 0);
        _residual.CopyTo(_stepCurrents, 0);
        for (int k = 0; k < MaximumSteps && product > 0; k++)
        {
            Steps++;
            Flow(_step, zeros, _flow);
            double curvature = 0;
            for (int i = 0; i < _flow.Length; i++)
            {
                _flow[i] = _stepCurrents[i] - _flow[i];
                curvature += _step[i] * _flow[i];
            }

            if (!(curvature > 0))
            {
                break;
            }

            double length = product / curvature;
            double change = 0;
            for (int i = 0; i < _flow.Length; i++)
            {
                correction[i] += length * _step[i];
                _residual[i] -= length * _flow[i];
                change = Math.Max(change, Math.Abs(length * _step[i]));
            }

            _residual.CopyTo(_flow, 0);
            _bits.Solve([], _flow, _solved);
            double next = Dot(_residual, _solved);
            if (change <= limit || next <= 1e-26 * first)
            {
                break;
            }

            double keep = next / product;
            product = next;
            for (int i = 0; i < _flow.Length; i++)
            {
                _step[i] = _solved[i] + (keep * _step[i]);
                _stepCurrents[i] = _residual[i] + (keep * _stepCurrents[i]);
            }
        }

        double largest = 0;
        for (int i = 0; i < correction.Length; i++)
        {
            _bit[i] += correction[i];
            largest = Math.Max(largest, Math.Abs(correction[i]));
        }

        return largest;
    }

    private static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    /// <summary>The cells' currents into fixed bit lines, one a crossing: conductance times the voltage of the word line, which follows the bit lines.</summary>
    private void Flow(double[] bit, double[] drive, double[] result)
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
            Turn(_scratch, _columns, _rows, result);
        }
        else
        {
            Array.Clear(result);
            for (int c = 0; c < _columns; c++)
            {
                for (int r = 0; r < _rows; r++)
                {
                    result[(r / pair * _columns) + c] += _scratch[(c * _rows) + r];
                }
            }
        }
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
