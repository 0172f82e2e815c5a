using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>How many copies every layer has. For throughput the least interval at which all copies fit the tiles, exactly: the tiles needed fall with the interval, so bisection over whole picoseconds finds where they first fit;
/// copies for no less than another bound allows, and tiles left over go where they shorten the latency most per tile. For latency, copies one after the other where they shorten it most per tile.
/// <code>
/// before:  conv1 12,544 vectors, 1 tile; conv2 3,136 vectors, 2 tiles; 16 tiles       after:  conv1 x 10 copies, conv2 x 3: 1,255 vectors at most
/// </code></summary>
public static class ReplicateLayers
{
    /// <summary>Copies that cells can be told apart by.</summary>
    internal const int MostCopies = 65535;

    public static Replication Run(StageGraph graph, ChipCapacity chip, CompileOptions options)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(options);
        var families = TileFamily.Of(graph);
        return options.Target switch
        {
            MappingTarget.Throughput => Throughput(graph, families, chip),
            MappingTarget.Latency => Latency(graph, families, chip, chip.Tiles ?? TileFamily.TilesOf(families, [.. families.Select(_ => 1L)])),
            _ => ToReplication(graph, families, [.. families.Select(_ => 1L)], null),
        };
    }

    /// <summary>The least interval, ps, at which the copies that it takes fit the tiles; a chip without bounds on tiles has one copy for every vector.</summary>
    internal static long LeastInterval(ImmutableArray<TileFamily> families, ChipCapacity chip)
    {
        long low = 1; // no interval below it is possible
        long high = families.Select(f => f.BusyPs(1)).DefaultIfEmpty(1).Max();
        while (low < high)
        {
            long middle = low + ((high - low) / 2);
            if (CopiesWithin(families, middle) is { } copies && Fits(families, copies, chip))
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }

    /// <summary>Copies of every family with which no tile works longer in an inference; null = one family cannot.</summary>
    internal static long[]? CopiesWithin(ImmutableArray<TileFamily> families, long periodPs)
    {
        long[] copies = new long[families.Length];
        for (int f = 0; f < copies.Length; f++)
        {
            if (families[f].CopiesWithin(periodPs) is not (<= MostCopies and var count))
            {
                return null;
            }

            copies[f] = count;
        }

        return copies;
    }

    /// <summary>No more tiles than there are, nor more cores than there are by the bound of bin packing: a row group is on one core.</summary>
    internal static bool Fits(ImmutableArray<TileFamily> families, IReadOnlyList<long> copies, ChipCapacity chip)
    {
        if (chip.Tiles is not { } tiles)
        {
            return true;
        }

        int core = chip.TilesOfCore.Max();
        if (TileFamily.TilesOf(families, copies) > tiles || core == 0)
        {
            return false;
        }

        long[] sizes = new long[families.SelectMany(f => f.Groups).Select(g => g.Tiles).Append(core).Max() + 1];
        for (int f = 0; f < families.Length; f++)
        {
            foreach (var group in families[f].Groups)
            {
                sizes[group.Tiles] += group.Tiles > 0 ? copies[f] : 0;
            }
        }

        sizes[1] += TileFamily.SharedTilesOf(families);

        return BinPackingBound.L2(sizes, core) <= chip.TilesOfCore.Count(t => t > 0);
    }

    internal static Replication ToReplication(StageGraph graph, ImmutableArray<TileFamily> families, IReadOnlyList<long> copies, string? stoppedBy)
    {
        int[] ofStages = new int[graph.Stages.Length];
        foreach (var (family, count) in families.Zip(copies))
        {
            foreach (int member in family.Members)
            {
                ofStages[member] = (int)count;
            }
        }

        bool isKnown = families.All(f => f.IntervalPs is not null);
        return new Replication([.. ofStages], isKnown ? families.Select((f, i) => f.BusyPs(copies[i])).DefaultIfEmpty().Max() / 1000.0 : null, stoppedBy);
    }

    internal static Replication Throughput(StageGraph graph, ImmutableArray<TileFamily> families, ChipCapacity chip)
    {
        long least = LeastInterval(families, chip);
        var other = families.All(f => f.IntervalPs is not null) ? OtherBound.Of(graph, chip, families) : default;
        bool isStopped = other.Ps >= least;
        if (chip.Tiles is null && !isStopped)
        {
            // A copy for every vector would stop at nothing else.
            return ToReplication(graph, families, [.. families.Select(_ => 1L)], null);
        }

        long[] copies = CopiesWithin(families, Math.Max(least, other.Ps)) ?? [.. families.Select(_ => 1L)];
        return ToReplication(graph, families, chip.Tiles is { } tiles ? Spend(graph, families, copies, chip, tiles, null) : copies, isStopped ? other.Name : null);
    }

    /// <param name="graph">The stages.</param>
    /// <param name="families">Their tiles.</param>
    /// <param name="chip">The chip.</param>
    /// <param name="tiles">Tiles to spend; at least one copy of everything is there.</param>
    internal static Replication Latency(StageGraph graph, ImmutableArray<TileFamily> families, ChipCapacity chip, long tiles)
    {
        // Copies of one layer alone shorten nothing where another is as slow beside it: several beginnings, of which the throughput's own interval is one.
        long least = LeastInterval(families, chip);
        int[] homes = ChooseHomes.MostOf(graph, chip);
        long[] best = [.. families.Select(_ => 1L)];
        long bestPs = long.MaxValue;
        foreach (long period in (ReadOnlySpan<long>)[long.MaxValue, 8 * least, 4 * least, 2 * least, 7 * least / 5, Math.Max(least, OtherBound.Of(graph, chip, families).Ps), least])
        {
            var begin = CopiesWithin(families, period);
            if (begin is null || TileFamily.TilesOf(families, begin) > tiles || !Fits(families, begin, chip))
            {
                continue;
            }

            long[] copies = TakeBack(graph, families, Spend(graph, families, begin, chip, tiles, homes), chip, homes);
            long latency = PipelineEstimate.Latency(graph, chip, ToReplication(graph, families, copies, null).Copies, homes);
            if (latency < bestPs)
            {
                (best, bestPs) = (copies, latency);
            }
        }

        return ToReplication(graph, families, best, null);
    }

    /// <summary>More copies of the families that shorten the latency most per tile, until none gains a thousandth or the tiles end.</summary>
    internal static long[] Spend(StageGraph graph, ImmutableArray<TileFamily> families, long[] begin, ChipCapacity chip, long tiles, int[]? homes)
    {
        long[] copies = [.. begin];
        int[] ofStages = [.. ToReplication(graph, families, copies, null).Copies];
        long used = TileFamily.TilesOf(families, copies);
        long latency = PipelineEstimate.Latency(graph, chip, ofStages, homes);

        // A gain that was found earlier seldom grows: only what leads the queue is tried again.
        PriorityQueue<int, (double, int)> queue = new();
        Dictionary<int, long> triedAt = [];
        long Gain(int f, long count)
        {
            Set(f, copies[f] + count);
            long gain = latency - PipelineEstimate.Latency(graph, chip, ofStages, homes);
            Set(f, copies[f]);
            return gain;
        }

        void Set(int f, long count)
        {
            foreach (int member in families[f].Members)
            {
                ofStages[member] = (int)count;
            }
        }

        long StepOf(int f) => Math.Min(Math.Min(Math.Max(1, copies[f] / 20), families[f].Vectors - copies[f]), MostCopies - copies[f]);
        for (int f = 0; f < families.Length; f++)
        {
            queue.Enqueue(f, (double.NegativeInfinity, f));
        }

        while (queue.TryDequeue(out int f, out _))
        {
            long step = families[f].HasOneCopy ? 0 : Math.Min(StepOf(f), (tiles - used) / Math.Max(1, families[f].Tiles));
            if (step <= 0)
            {
                continue;
            }

            if (triedAt.GetValueOrDefault(f, long.MaxValue) != latency)
            {
                long gain = Gain(f, step);
                triedAt[f] = latency;
                if (gain * 1000 > latency)
                {
                    queue.Enqueue(f, (-(double)gain / (step * families[f].Tiles), f));
                }

                continue;
            }

            copies[f] += step;
            if (!Fits(families, copies, chip))
            {
                copies[f] -= step;
                continue;
            }

            Set(f, copies[f]);
            used += step * families[f].Tiles;
            latency = PipelineEstimate.Latency(graph, chip, ofStages, homes);
            queue.Enqueue(f, (double.NegativeInfinity, f));
        }

        return copies;
    }

    /// <summary>Copies that shorten nothing go, those of the largest layers first.</summary>
    private static long[] TakeBack(StageGraph graph, ImmutableArray<TileFamily> families, long[] begin, ChipCapacity chip, int[] homes)
    {
        long[] copies = [.. begin];
        long Latency() => PipelineEstimate.Latency(graph, chip, ToReplication(graph, families, copies, null).Copies, homes);
        long latency = Latency();
        foreach (int f in Enumerable.Range(0, families.Length).OrderByDescending(f => families[f].Tiles))
        {
            for (long step = copies[f] - 1; step > 0; step /= 2)
            {
                while (copies[f] > step)
                {
                    copies[f] -= step;
                    if (Latency() > latency)
                    {
                        copies[f] += step;
                        break;
                    }
                }
            }
        }

        return copies;
    }
}
