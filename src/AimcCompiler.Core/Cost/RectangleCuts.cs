namespace AimcCompiler.Core;

/// <summary>Rectangles of a mesh as cuts: what must cross them, all of them at once. Messages to one core are summed over the pairs of cores first, so that a rectangle costs a step a core of its edge.</summary>
internal sealed class RectangleCuts
{
    /// <summary>Larger meshes are cut along straight lines and around single cores only.</summary>
    private const int MostCores = 256;
    private readonly int _rows;
    private readonly int _columns;
    private readonly List<Flow> _multicasts = [];

    // Bytes to and from every core, summed over the cores above and to the left of a corner.
    private readonly long[][] _to;
    private readonly long[][] _from;

    public RectangleCuts(MeshTopology mesh, IReadOnlyList<Multicast> transfers)
    {
        (_rows, _columns) = (mesh.Rows, mesh.Columns);
        bool sums = mesh.Cores <= MostCores;
        _to = [.. Enumerable.Range(0, sums ? mesh.Cores : 0).Select(_ => new long[(_rows + 1) * (_columns + 1)])];
        _from = [.. Enumerable.Range(0, sums ? mesh.Cores : 0).Select(_ => new long[(_rows + 1) * (_columns + 1)])];
        foreach (var transfer in transfers)
        {
            var receivers = transfer.To.Select((core, i) => (Core: core, Bytes: transfer.Needs.IsDefaultOrEmpty ? transfer.Bytes : transfer.Needs[i])).Where(r => r.Core != transfer.From && r.Bytes > 0)
                .OrderByDescending(r => r.Bytes).ToArray();
            if (receivers.Length == 1 && sums)
            {
                var (core, bytes) = receivers[0];
                _to[core][CornerOf(transfer.From)] += bytes;
                _from[transfer.From][CornerOf(core)] += bytes;
            }
            else if (receivers.Length > 0)
            {
                _multicasts.Add(new Flow(RowOf(transfer.From), ColumnOf(transfer.From), [.. receivers.Select(r => (RowOf(r.Core), ColumnOf(r.Core), r.Bytes))]));
            }
        }

        foreach (long[] sum in _to.Concat(_from))
        {
            for (int row = 1; row <= _rows; row++)
            {
                for (int column = 1; column <= _columns; column++)
                {
                    int at = (row * (_columns + 1)) + column;
                    sum[at] += sum[at - 1] + sum[at - _columns - 1] - sum[at - _columns - 2];
                }
            }
        }
    }

    /// <param name="Row">Of the sender.</param>
    /// <param name="Column">The same.</param>
    /// <param name="Receivers">What takes most first.</param>
    private sealed record Flow(int Row, int Column, (int Row, int Column, long Bytes)[] Receivers);

    private readonly record struct Rectangle(int Top, int Bottom, int Left, int Right)
    {
        public bool Holds(int row, int column) => row >= Top && row <= Bottom && column >= Left && column <= Right;
    }

    /// <returns>The largest load that a rectangle asks of the links around it, and that rectangle; the empty one where nothing crosses any.</returns>
    public (double Bytes, (int Top, int Bottom, int Left, int Right) Cores) MostLoaded()
    {
        double most = 0;
        Rectangle best = new(0, -1, 0, -1);
        foreach (var (rectangle, outward, inward) in _to.Length > 0 ? All() : Simple().Select(r => (r, 0L, 0L)))
        {
            int height = rectangle.Bottom - rectangle.Top + 1;
            int width = rectangle.Right - rectangle.Left + 1;
            int links = (rectangle.Top > 0 ? width : 0) + (rectangle.Bottom < _rows - 1 ? width : 0) + (rectangle.Left > 0 ? height : 0) + (rectangle.Right < _columns - 1 ? height : 0);
            if (links == 0)
            {
                continue;
            }

            var (moreOut, moreIn) = Crossing(rectangle);
            double load = (double)Math.Max(outward + moreOut, inward + moreIn) / links;
            if (load > most)
            {
                (most, best) = (load, rectangle);
            }
        }

        return (most, (best.Top, best.Bottom, best.Left, best.Right));
    }

    /// <summary>All rectangles, with what leaves and enters them of the messages to one core.</summary>
    private IEnumerable<(Rectangle Rectangle, long Outward, long Inward)> All()
    {
        for (int top = 0; top < _rows; top++)
        {
            for (int left = 0; left < _columns; left++)
            {
                for (int right = left; right < _columns; right++)
                {
                    long inner = 0;
                    long sent = 0;
                    long received = 0;
                    for (int bottom = top; bottom < _rows; bottom++)
                    {
                        Rectangle before = new(top, bottom - 1, left, right);
                        Rectangle now = before with { Bottom = bottom };
                        for (int column = left; column <= right; column++)
                        {
                            int core = (bottom * _columns) + column;
                            inner += Sum(_to[core], now) + Sum(_from[core], before);
                            sent += _from[core][^1];
                            received += _to[core][^1];
                        }

                        yield return (now, sent - inner, received - inner);
                    }
                }
            }
        }
    }

    /// <summary>Straight cuts and single cores.</summary>
    private IEnumerable<Rectangle> Simple() =>
    [
        .. Enumerable.Range(0, _rows).Select(row => new Rectangle(0, row, 0, _columns - 1)),
        .. Enumerable.Range(0, _columns).Select(column => new Rectangle(0, _rows - 1, 0, column)),
        .. Enumerable.Range(0, _rows * _columns).Select(core => new Rectangle(RowOf(core), RowOf(core), ColumnOf(core), ColumnOf(core))),
    ];

    /// <summary>A message crosses once, with what the receiver on the other side takes that takes most.</summary>
    private (long Outward, long Inward) Crossing(Rectangle rectangle)
    {
        long outward = 0;
        long inward = 0;
        foreach (var flow in _multicasts)
        {
            bool isInside = rectangle.Holds(flow.Row, flow.Column);
            foreach (var (row, column, bytes) in flow.Receivers)
            {
                if (rectangle.Holds(row, column) != isInside)
                {
                    (outward, inward) = isInside ? (outward + bytes, inward) : (outward, inward + bytes);
                    break;
                }
            }
        }

        return (outward, inward);
    }

    private long Sum(long[] corners, Rectangle rectangle)
    {
        int stride = _columns + 1;
        int above = rectangle.Top * stride;
        int below = (rectangle.Bottom + 1) * stride;
        return corners[below + rectangle.Right + 1] - corners[above + rectangle.Right + 1] - corners[below + rectangle.Left] + corners[above + rectangle.Left];
    }

    private int CornerOf(int core) => ((RowOf(core) + 1) * (_columns + 1)) + ColumnOf(core) + 1;

    private int RowOf(int core) => core / _columns;

    private int ColumnOf(int core) => core % _columns;
}
