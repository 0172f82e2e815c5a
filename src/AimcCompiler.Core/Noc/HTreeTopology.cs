using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>Cores are leaves; four nodes of a level share a router of the next, up to one. Routers are counted behind the cores, level by level.</summary>
public sealed class HTreeTopology : NocTopology
{
    private const int Radix = 4;
    private readonly ImmutableArray<int> _parents;

    public HTreeTopology(int cores)
        : this(cores, ParentsOf(cores))
    {
    }

    /// <summary>Link 2 i goes up from node i, link 2 i + 1 down to it; the root has none.</summary>
    private HTreeTopology(int cores, ImmutableArray<int> parents)
        : base(cores, [.. Enumerable.Range(0, parents.Length - 1).SelectMany(i => (NocLink[])[new NocLink(i, parents[i]), new NocLink(parents[i], i)])])
    {
        _parents = parents;
    }

    public override int Hops(int from, int to) => Route(from, to).Length;

    public override ImmutableArray<int> Route(int from, int to, int via = 0)
    {
        List<int> up = [];
        Stack<int> down = [];
        // Leaves are on one level, so both ends climb together.
        for (; from != to; (from, to) = (_parents[from], _parents[to]))
        {
            up.Add(2 * from);
            down.Push((2 * to) + 1);
        }

        return [.. up, .. down];
    }

    public override IEnumerable<NocCut> Cuts() => Enumerable.Range(0, _parents.Length - 1).Select(node => new NocCut(
        FormattableString.Invariant($"below node {node}"), [.. Enumerable.Range(0, Cores).Select(c => IsBelow(c, node))], [2 * node], [(2 * node) + 1]));

    private bool IsBelow(int core, int node)
    {
        while (core < node && _parents[core] != core)
        {
            core = _parents[core];
        }

        return core == node;
    }

    /// <summary>The root is its own parent.</summary>
    private static ImmutableArray<int> ParentsOf(int cores)
    {
        List<int> parents = [];
        int first = 0;
        for (int count = cores; count > 1; first += count, count = (count + Radix - 1) / Radix)
        {
            int next = first + count;
            parents.AddRange(Enumerable.Range(0, count).Select(i => next + (i / Radix)));
        }

        parents.Add(first);
        return [.. parents];
    }
}
