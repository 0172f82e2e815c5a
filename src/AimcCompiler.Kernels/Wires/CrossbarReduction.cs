using System.Buffers;
using System.Diagnostics;

namespace AimcCompiler.Kernels;

/// <summary>The effective matrix of a crossbar with resistive wires: y = M^T x for every x, y the currents into virtual ground. Exact for linear cells
/// (nodal analysis A v = B x, y = C v, M^T = C A^-1 B).</summary>
/// <remarks>
/// The crossbar is halved until a few cells are left; a part is known by the conductances between the ends of its lines, two parts are joined by taking
/// out the ends that they share (nested dissection): about 20 n^3 fused multiply-adds for n x n cells, where eliminating line by line takes n^4. Last,
/// only drivers and grounds are left, and M is the conductances between them. As these are sums of positive terms (<see cref="PortElimination"/>), weak and
/// strong wires are the same work and have the same accuracy. Solving for each input, even from a factorisation that is already there, reads and writes
/// n^3 voltages and costs more than this from scratch: that is why there is no warm start (measured: docs/chips.md).
/// </remarks>
public static class CrossbarReduction
{
    /// <summary>Sides of the parts that are taken at once.</summary>
    private const int LeafCells = 4;

    /// <summary>Of the largest input or output.</summary>
    private const double Tolerance = 1e-10;

    /// <param name="wires">The wires.</param>
    /// <param name="cells">Conductances, rows x columns, row-major, not negative.</param>
    /// <param name="effective">M, rows x columns; not the memory of cells.</param>
    /// <exception cref="ArithmeticException">The solution does not obey Kirchhoff's laws to 1e-10: such wires lose all of the signal.</exception>
    public static void Solve(CrossbarWires wires, ReadOnlySpan<double> cells, Span<double> effective)
    {
        Reduce(wires, cells, effective);
        Verify(wires, cells, effective);
    }

    /// <summary><see cref="Solve"/> without its check.</summary>
    internal static void Reduce(CrossbarWires wires, ReadOnlySpan<double> cells, Span<double> effective)
    {
        ArgumentNullException.ThrowIfNull(wires);
        int rows = wires.Rows;
        int columns = wires.Columns;
        if (cells.Length != rows * columns || effective.Length != cells.Length)
        {
            throw new ArgumentException($"{rows} x {columns} cells need as many conductances and results.", nameof(cells));
        }

        if (wires.ArePerfect || cells.IsEmpty)
        {
            cells.CopyTo(effective);
            return;
        }

        using var whole = Reduce(wires, cells, new Area(0, rows, 0, columns));
        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < columns; c++)
            {
                effective[(r * columns) + c] = whole.At(r, rows + c);
            }
        }
    }

    /// <summary>One input that drives every row, by relaxation: its voltages obey Kirchhoff's laws, and M gives the same outputs.</summary>
    private static void Verify(CrossbarWires wires, ReadOnlySpan<double> cells, ReadOnlySpan<double> effective)
    {
        if (wires.ArePerfect || cells.IsEmpty)
        {
            return;
        }

        double[] inputs = [.. Enumerable.Range(0, wires.Rows).Select(r => 1 - (0.5 * (r % 3)))];
        double[] outputs = new double[wires.Columns];
        CrossbarRelaxation relaxation = new(wires, cells);
        relaxation.Solve(inputs, outputs);
        double[] product = new double[wires.Columns];
        for (int r = 0; r < wires.Rows; r++)
        {
            for (int c = 0; c < wires.Columns; c++)
            {
                product[c] += inputs[r] * effective[(r * wires.Columns) + c];
            }
        }

        double largest = 0;
        double worst = 0;
        for (int c = 0; c < wires.Columns; c++)
        {
            largest = Math.Max(largest, outputs[c]);
            worst = Math.Max(worst, Math.Abs(outputs[c] - product[c]));
        }

        if (!(relaxation.Residual <= Tolerance && worst <= Tolerance * largest))
        {
            throw new ArithmeticException(
                FormattableString.Invariant($"The effective matrix of {wires} leaves {relaxation.Residual:E1} of the inputs and {worst:E1} of {largest:E1} of the outputs; allowed: {Tolerance:E0}."));
        }
    }

    private static Part Reduce(CrossbarWires wires, ReadOnlySpan<double> cells, Area area)
    {
        if (area.Rows <= LeafCells && area.Columns <= LeafCells)
        {
            return Leaf(wires, cells, area);
        }

        if (area.Columns >= area.Rows)
        {
            int middle = area.Left + ((area.Columns + 1) / 2);
            using var left = Reduce(wires, cells, area with { Right = middle });
            using var right = Reduce(wires, cells, area with { Left = middle });
            return Join(
                wires,
                area,
                area.Rows,
                left,
                [Of(left.Left, Port.Left), Of(left.Right, Port.Shared), Of(left.Top, Port.Top), Of(left.Bottom, Port.Bottom)],
                right,
                [Of(right.Left, Port.Shared), Of(right.Right, Port.Right), Of(right.Top, Port.Top, left.Top), Of(right.Bottom, Port.Bottom, left.Bottom)]);
        }
        else
        {
            int middle = area.Top + ((area.Rows + 1) / 2);
            using var upper = Reduce(wires, cells, area with { Bottom = middle });
            using var lower = Reduce(wires, cells, area with { Top = middle });
            return Join(
                wires,
                area,
                area.Columns,
                upper,
                [Of(upper.Left, Port.Left), Of(upper.Right, Port.Right), Of(upper.Top, Port.Top), Of(upper.Bottom, Port.Shared)],
                lower,
                [Of(lower.Left, Port.Left, upper.Left), Of(lower.Right, Port.Right, upper.Right), Of(lower.Top, Port.Shared), Of(lower.Bottom, Port.Bottom)]);
        }

        static Segment Of(int count, Port port, int offset = 0) => new(count, port, offset);
    }

    /// <summary>Joins two parts at the ends they share, which become nodes 0 .. shared - 1 and are taken out.</summary>
    private static Part Join(CrossbarWires wires, Area area, int shared, Part first, Segment[] firstSegments, Part second, Segment[] secondSegments)
    {
        Part result = new(wires, area, shared);
        Add(result, first, firstSegments);
        Add(result, second, secondSegments);
        result.EliminateInner(isWhole: area.Rows == wires.Rows && area.Columns == wires.Columns);
        return result;
    }

    private static void Add(Part result, Part part, Segment[] segments)
    {
        int fromRow = 0;
        for (int s = 0; s < segments.Length; s++)
        {
            int toRow = result.First(segments[s].Port) + segments[s].Offset;
            int fromColumn = fromRow;
            for (int t = s; t < segments.Length; t++)
            {
                int toColumn = result.First(segments[t].Port) + segments[t].Offset;
                for (int i = 0; i < segments[s].Count; i++)
                {
                    int start = t == s ? i + 1 : 0;
                    var source = part.Row(fromRow + i).Slice(fromColumn + start, segments[t].Count - start);
                    if (toRow <= toColumn)
                    {
                        var target = result.Row(toRow + i).Slice(toColumn + start, source.Length);
                        for (int j = 0; j < source.Length; j++)
                        {
                            target[j] += source[j];
                        }
                    }
                    else
                    {
                        for (int j = 0; j < source.Length; j++)
                        {
                            result.Row(toColumn + start + j)[toRow + i] += source[j];
                        }
                    }
                }

                fromColumn += segments[t].Count;
            }

            fromRow += segments[s].Count;
        }
    }

    /// <summary>A few cells: nodes are the crossings' two points, those that are no ends of the part are taken out.</summary>
    private static Part Leaf(CrossbarWires wires, ReadOnlySpan<double> cells, Area area)
    {
        // A driver or an upper end that is not there makes the first points of a line inner ones.
        int innerLeft = area.Left == 0 ? 0 : 1;
        int innerTop = area.Top == 0 ? 0 : 1;
        int words = area.Rows * (area.Columns - innerLeft);
        Part part = new(wires, area, words + ((area.Rows - innerTop) * area.Columns));
        for (int r = 0; r < area.Rows; r++)
        {
            for (int c = 0; c < area.Columns; c++)
            {
                int word = Word(r, c);
                int bit = Bit(r, c);
                part.Connect(word, bit, cells[((area.Top + r) * wires.Columns) + area.Left + c]);
                if (area.Left + c == 0)
                {
                    part.Connect(part.First(Port.Left) + r, word, wires.ConductanceBefore(0));
                }

                if (area.Left + c + 1 < wires.Columns)
                {
                    int next = c + 1 < area.Columns ? Word(r, c + 1) : part.First(Port.Right) + r;
                    part.Connect(word, next, wires.ConductanceBefore(area.Left + c + 1));
                }

                int below = r + 1 < area.Rows ? Bit(r + 1, c) : part.First(Port.Bottom) + c;
                part.Connect(bit, below, wires.ConductanceBelow(area.Top + r));
            }
        }

        part.EliminateInner(isWhole: area.Rows == wires.Rows && area.Columns == wires.Columns);
        return part;

        int Word(int r, int c) => c < innerLeft ? part.First(Port.Left) + r : (r * (area.Columns - innerLeft)) + c - innerLeft;

        int Bit(int r, int c) => r < innerTop ? part.First(Port.Top) + c : words + ((r - innerTop) * area.Columns) + c;
    }

    /// <summary>Ends of lines by side; drivers are the left ends of the first columns, virtual grounds the lower ends of the last rows. Right of the last
    /// column and above the first row there are none.</summary>
    private enum Port
    {
        Shared,
        Left,
        Right,
        Top,
        Bottom,
    }

    private readonly record struct Segment(int Count, Port Port, int Offset);

    private readonly record struct Area(int Top, int Bottom, int Left, int Right)
    {
        public int Rows => Bottom - Top;

        public int Columns => Right - Left;
    }

    /// <summary>What the rest of the crossbar sees of an area: the conductances between its ends, in the order of <see cref="Port"/>.</summary>
    private sealed class Part : IDisposable
    {
        private readonly double[] _network;
        private readonly int _nodes;
        private readonly int _stride;
        private int _inner;

        public Part(CrossbarWires wires, Area area, int inner)
        {
            _inner = inner;
            Left = area.Rows;
            Right = area.Right < wires.Columns ? area.Rows : 0;
            Top = area.Top > 0 ? area.Columns : 0;
            Bottom = area.Columns;
            _nodes = inner + Left + Right + Top + Bottom;
            _stride = PortElimination.StrideOf(_nodes);
            _network = ArrayPool<double>.Shared.Rent(_nodes * _stride);
            Array.Clear(_network, 0, _nodes * _stride);
        }

        public int Left { get; }

        public int Right { get; }

        public int Top { get; }

        public int Bottom { get; }

        /// <summary>The first node of a side; shared nodes are there until they are taken out.</summary>
        public int First(Port port) => port switch
        {
            Port.Shared => 0,
            Port.Left => _inner,
            Port.Right => _inner + Left,
            Port.Top => _inner + Left + Right,
            _ => _inner + Left + Right + Top,
        };

        /// <summary>Row of a node that is left, from the first of these on.</summary>
        public Span<double> Row(int node) => _network.AsSpan(((_offset + node) * _stride) + _offset, _stride - _offset);

        private int _offset;

        public double At(int p, int q) => Row(p)[q];

        public void Connect(int p, int q, double conductance)
        {
            Debug.Assert(conductance >= 0);
            Row(Math.Min(p, q))[Math.Max(p, q)] += conductance;
        }

        public void EliminateInner(bool isWhole)
        {
            PortElimination.Eliminate(_network.AsSpan(0, _nodes * _stride), _nodes, _inner, isWhole ? First(Port.Bottom) : 0);
            _offset = _inner;
            _inner = 0;
        }

        public void Dispose() => ArrayPool<double>.Shared.Return(_network);
    }
}
