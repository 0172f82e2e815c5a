namespace AimcCompiler.Passes;

/// <summary>Branch and bound over all placements of few cores. A core that is not placed costs at least what its place, at best, has to the cores that are, and half of its flows to the others, the largest over the shortest
/// distances (after Gilmore, "Optimal and suboptimal algorithms for the quadratic assignment problem", 1962, and Lawler, 1963).</summary>
internal sealed class ExactPlacement
{
    private readonly QuadraticAssignment _problem;
    private readonly int[] _order;
    private readonly int[] _at;
    private readonly bool[] _isTaken;

    // At every depth: what a core at a place costs with those that are placed.
    private readonly long[][,] _linear;
    private int[] _best;
    private long _bestCost;

    private ExactPlacement(QuadraticAssignment problem, int[] begin)
    {
        _problem = problem;
        int count = problem.Movable;
        _order = [.. Enumerable.Range(0, count).OrderByDescending(a => Enumerable.Range(0, count).Sum(b => (double)problem.Flows[a, b]))];
        _at = new int[count];
        _isTaken = new bool[problem.Size];
        _linear = [.. Enumerable.Range(0, count + 1).Select(_ => new long[count, problem.Size])];
        for (int a = 0; a < count; a++)
        {
            for (int p = 0; p < problem.Size; p++)
            {
                _linear[0][a, p] = problem.ToFixed[a, p];
            }
        }

        (_best, _bestCost) = (begin, problem.Cost(begin) - problem.Constant);
    }

    /// <param name="problem">Cores and places.</param>
    /// <param name="begin">A placement to be no worse than.</param>
    public static int[] Solve(QuadraticAssignment problem, int[] begin)
    {
        ExactPlacement search = new(problem, begin);
        search.Place(0, 0);
        return search._best;
    }

    private void Place(int depth, long cost)
    {
        int count = _problem.Movable;
        if (depth == count)
        {
            if (cost < _bestCost)
            {
                (_best, _bestCost) = ([.. _at], cost);
            }

            return;
        }

        if (cost + Rest(depth) >= _bestCost)
        {
            return;
        }

        int core = _order[depth];
        var (linear, next) = (_linear[depth], _linear[depth + 1]);
        foreach (int place in Enumerable.Range(0, _problem.Size).Where(p => !_isTaken[p]).OrderBy(p => linear[core, p]))
        {
            _isTaken[place] = true;
            _at[core] = place;
            for (int i = depth + 1; i < count; i++)
            {
                int other = _order[i];
                for (int p = 0; p < _problem.Size; p++)
                {
                    next[other, p] = linear[other, p] + (_problem.Flows[core, other] * _problem.Distances[place, p]);
                }
            }

            Place(depth + 1, cost + linear[core, place]);
            _isTaken[place] = false;
        }
    }

    /// <summary>What the cores from this depth on cost at least.</summary>
    private long Rest(int depth)
    {
        int count = _problem.Movable;
        Span<long> flows = stackalloc long[count];
        Span<int> distances = stackalloc int[_problem.Size];
        long twice = 0;
        for (int i = depth; i < count; i++)
        {
            int core = _order[i];
            int others = 0;
            for (int j = depth; j < count; j++)
            {
                if (j != i)
                {
                    flows[others++] = -_problem.Flows[core, _order[j]];
                }
            }

            flows[..others].Sort();
            long least = long.MaxValue;
            for (int p = 0; p < _problem.Size; p++)
            {
                if (_isTaken[p])
                {
                    continue;
                }

                int near = 0;
                for (int q = 0; q < _problem.Size; q++)
                {
                    if (q != p && !_isTaken[q])
                    {
                        distances[near++] = _problem.Distances[p, q];
                    }
                }

                distances[..near].Sort();
                long pairs = 0;
                for (int k = 0; k < others; k++)
                {
                    pairs -= flows[k] * distances[k];
                }

                least = Math.Min(least, (2 * _linear[depth][core, p]) + pairs);
            }

            twice += least;
        }

        return (twice + 1) / 2;
    }
}
