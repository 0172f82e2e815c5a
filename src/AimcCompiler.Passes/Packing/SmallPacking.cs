using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Copies and cores of few row groups, by branch and bound: no other choice has a shorter interval, unless the nodes run out.</summary>
internal sealed class SmallPacking
{
    /// <summary>Tiles and cores up to which everything is tried.</summary>
    public const int MostTiles = 16;
    public const int MostCores = 4;
    private const int Nodes = 200_000;

    private readonly ImmutableArray<TileFamily> _families;
    private readonly ChipCapacity _chip;
    private readonly long _issuePs;
    private readonly double[] _noVectors;
    private int _nodes = Nodes;

    private SmallPacking(ImmutableArray<TileFamily> families, ChipCapacity chip, long issuePs) =>
        (_families, _chip, _issuePs, _noVectors) = (families, chip, issuePs, new double[families.Length]);

    /// <param name="families">The layers.</param>
    /// <param name="chip">At most <see cref="MostTiles"/> tiles on at most <see cref="MostCores"/> cores.</param>
    /// <param name="issuePs">Between two MVMs of a core.</param>
    /// <param name="knownPs">An interval that is reached already.</param>
    /// <returns>Copies of every family, and the core of every item in the order of <see cref="PackCores.ItemsOf"/>; null = nothing is shorter than what is known.</returns>
    public static (long[] Copies, int[] CoreOf, long Ps)? Solve(ImmutableArray<TileFamily> families, ChipCapacity chip, long issuePs, long knownPs)
    {
        SmallPacking search = new(families, chip, issuePs);
        (long[] Copies, int[] CoreOf, long Ps)? best = null;
        foreach (var (copies, bound) in search.Choices(0, [], chip.Tiles!.Value - TileFamily.SharedTilesOf(families)).Select(c => (c, search.BoundOf(c))).OrderBy(c => c.Item2))
        {
            if (bound >= knownPs || search._nodes <= 0)
            {
                break;
            }

            if (search.Assign(copies, knownPs) is { } found)
            {
                knownPs = found.Ps;
                best = (copies, found.CoreOf, found.Ps);
            }
        }

        return best;
    }

    private IEnumerable<long[]> Choices(int family, long[] copies, long tiles)
    {
        if (family == _families.Length)
        {
            return [copies];
        }

        var next = _families[family];
        long others = _families.Skip(family + 1).Sum(f => f.Tiles);
        long most = next.HasOneCopy ? 1 : Math.Min(next.Vectors, (tiles - others) / Math.Max(1, next.Tiles));
        return Enumerable.Range(1, (int)Math.Max(0, Math.Min(most, MostTiles))).SelectMany(r => Choices(family + 1, [.. copies, r], tiles - (r * next.Tiles)));
    }

    private long BusyPs(long[] copies) => _families.Select((f, i) => f.BusyPs(copies[i])).Max();

    private long BoundOf(long[] copies)
    {
        long loads = PackCores.ItemsOf(_families, copies, _issuePs, _noVectors).Sum(i => i.LoadPs);
        return Math.Max(BusyPs(copies), (loads + _chip.Cores - 1) / _chip.Cores);
    }

    private (int[] CoreOf, long Ps)? Assign(long[] copies, long knownPs)
    {
        var items = PackCores.ItemsOf(_families, copies, _issuePs, _noVectors);
        int[] order = [.. Enumerable.Range(0, items.Length).OrderByDescending(i => items[i].LoadPs).ThenByDescending(i => items[i].Tiles)];
        int[] coreOf = new int[items.Length];
        int[] free = [.. _chip.TilesOfCore];
        long[] loads = new long[free.Length];
        long busy = BusyPs(copies);
        (int[] CoreOf, long Ps)? best = null;

        void Put(int at)
        {
            long most = Math.Max(busy, loads.Max());
            if (most >= knownPs || _nodes-- <= 0)
            {
                return;
            }

            if (at == order.Length)
            {
                (best, knownPs) = (([.. coreOf], most), most);
                return;
            }

            int item = order[at];
            for (int core = 0; core < free.Length; core++)
            {
                // Cores with the same room and load are one.
                bool isNew = true;
                for (int before = 0; before < core; before++)
                {
                    isNew &= free[before] != free[core] || loads[before] != loads[core];
                }

                if (isNew && free[core] >= items[item].Tiles)
                {
                    coreOf[item] = core;
                    free[core] -= items[item].Tiles;
                    loads[core] += items[item].LoadPs;
                    Put(at + 1);
                    free[core] += items[item].Tiles;
                    loads[core] -= items[item].LoadPs;
                }
            }
        }

        Put(0);
        return best;
    }
}
