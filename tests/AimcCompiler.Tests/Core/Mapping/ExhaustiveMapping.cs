using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Mapping;

/// <summary>The best mapping of a small network by trying all: copies of every layer and a core for every row group of every copy.</summary>
internal static class ExhaustiveMapping
{
    /// <param name="BottleneckPs">The longest of what a core takes to begin its MVMs and what a tile works, in one inference.</param>
    /// <param name="Copies">Of every family of layers.</param>
    public sealed record Optimum(long BottleneckPs, ImmutableArray<int> Copies);

    /// <param name="graph">A few layers with known times.</param>
    /// <param name="chip">A few cores with few tiles.</param>
    /// <returns>Null = nothing fits.</returns>
    public static Optimum? Solve(StageGraph graph, ChipCapacity chip)
    {
        var families = TileFamily.Of(graph);
        int[] copies = new int[families.Length];
        Optimum? best = null;
        Try(0);
        return best;

        void Try(int family)
        {
            if (family < families.Length)
            {
                // One copy of every later family takes its tiles too.
                long left = chip.Tiles!.Value - families.Select((f, i) => i < family ? f.Tiles * copies[i] : i > family ? f.Tiles : 0).Sum();
                long most = families[family].IsSerial ? Math.Min(1, left / families[family].Tiles) : Math.Min(families[family].Vectors, left / families[family].Tiles);
                for (copies[family] = 1; copies[family] <= most; copies[family]++)
                {
                    Try(family + 1);
                }
            }
            else
            {
                long busy = families.Select((f, i) => f.BusyPs(copies[i])).Max();
                long most = best?.BottleneckPs ?? long.MaxValue;
                if (busy < most)
                {
                    most = Place(ItemsOf(families, copies), chip, busy, most);
                    best = most < (best?.BottleneckPs ?? long.MaxValue) ? new Optimum(most, [.. copies]) : best;
                }
            }
        }
    }

    /// <summary>Row groups: tiles and MVMs; alike ones stand side by side.</summary>
    private static (int Tiles, long Issues)[] ItemsOf(ImmutableArray<TileFamily> families, int[] copies) =>
    [
        .. families.SelectMany((family, i) => Enumerable.Range(0, copies[i]).SelectMany(copy =>
                family.Groups.Select(g => (g.Tiles, Issues: (family.Vectors - copy + copies[i] - 1) / copies[i] * g.Rounds))))
            .OrderByDescending(item => item.Tiles).ThenByDescending(item => item.Issues),
    ];

    /// <summary>Least bottleneck of the items on the cores, if it is below a limit; else the limit.</summary>
    private static long Place((int Tiles, long Issues)[] items, ChipCapacity chip, long busyPs, long limitPs)
    {
        int[] room = [.. chip.TilesOfCore];
        long[] issues = new long[room.Length];
        int[] cores = new int[items.Length];
        long best = limitPs;
        Try(0, busyPs);
        return best;

        void Try(int item, long bottleneck)
        {
            if (item == items.Length)
            {
                best = bottleneck;
                return;
            }

            // Two items that are alike change places for nothing.
            int first = item > 0 && items[item] == items[item - 1] ? cores[item - 1] : 0;
            for (int core = first; core < room.Length && bottleneck < best; core++)
            {
                // Nor two cores that have the same room and work.
                bool isAlike = Enumerable.Range(first, core - first).Any(c => room[c] == room[core] && issues[c] == issues[core]);
                long load = (issues[core] + items[item].Issues) * (chip.IssuePs ?? 0);
                if (!isAlike && room[core] >= items[item].Tiles && load < best)
                {
                    cores[item] = core;
                    room[core] -= items[item].Tiles;
                    issues[core] += items[item].Issues;
                    Try(item + 1, Math.Max(bottleneck, load));
                    room[core] += items[item].Tiles;
                    issues[core] -= items[item].Issues;
                }
            }
        }
    }
}
