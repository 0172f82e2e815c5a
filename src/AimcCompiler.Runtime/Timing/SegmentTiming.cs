using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>Times a program whose segments are loaded one after the other: a segment is loaded, a batch runs through it, then the next is loaded.</summary>
internal static class SegmentTiming
{
    private const int Slices = 100;
    private const double PsPerS = 1e12;

    public static TimingResult Run(MappedProgram program, TimingOptions options, CancellationToken cancellation)
    {
        int batch = options.Inferences ?? program.SegmentBatch;
        var single = options with { Inferences = batch, Trace = null };
        Dictionary<string, int> indices = new(StringComparer.Ordinal);
        List<ResourceUse> resources = [];
        List<(TimingResult Result, ReloadCost Reload)> parts = [];
        double now = 0;
        for (int s = 0; s < program.SegmentSchedules.Length; s++)
        {
            var part = program with { Schedule = program.SegmentSchedules[s], SegmentSchedules = [] };
            var result = TimingSimulator.Run(part, single, cancellation);
            var reload = ReloadOf(program, s, options.Parts);
            parts.Add((result, reload));
            int[] map = [.. result.Resources.Select(r => IndexOf(r))];
            if (options.Trace is { } trace)
            {
                long start = (long)(now * PsPerS);
                long begin = start + (long)((reload.TimeS ?? 0) * PsPerS);
                trace.Loaded(s, start, begin);
                TimingSimulator.Run(part, single with { Trace = new LaterTrace(trace, begin, map) }, cancellation);
            }

            now += (reload.TimeS ?? 0) + (result.SpanS ?? 0);
        }

        return Sum(program, batch, parts, resources, indices);

        int IndexOf(ResourceUse resource)
        {
            if (indices.TryAdd(resource.Name, resources.Count))
            {
                resources.Add(resource);
            }

            return indices[resource.Name];
        }
    }

    /// <summary>To put the layers of a segment on the tiles.</summary>
    private static ReloadCost ReloadOf(MappedProgram program, int segment, TimedParts parts)
    {
        var blocks = program.Layers.Where(l => l.Segment == segment && l.SharesTilesOf is null).SelectMany(l => l.Blocks).Select(b => (b.Tile, b.Rows, b.Columns));
        var cost = ReloadCost.Of(program.Chip, program.Chips, [.. blocks]);
        return (parts & TimedParts.Memory) == 0 ? cost with { LoadS = null } : cost;
    }

    private static TimingResult Sum(
        MappedProgram program, int batch, List<(TimingResult Result, ReloadCost Reload)> parts, List<ResourceUse> resources, Dictionary<string, int> indices)
    {
        double? spans = parts.Aggregate((double?)0, (sum, p) => sum + p.Result.SpanS);
        double reloads = parts.Sum(p => p.Reload.TimeS ?? 0);
        double? total = spans + reloads;
        double? interval = total / batch;
        var (last, _) = parts[^1];
        var rollUp = ChipRollUp.Of(program.Chip);
        return last with
        {
            // The first result is there when all segments but the last are done with the whole batch.
            LatencyS = total - last.SpanS + last.LatencyS,
            LoadedLatencyS = total,
            IntervalS = interval,
            SpanS = total,
            IntervalFrom = interval is null ? IntervalSource.None : IntervalSource.Batch,
            Period = null,
            Inferences = batch,
            Energy = Energy(parts, batch, rollUp.StaticMw * 1e-3 * program.Chips * interval),
            Resources = total is > 0 and var time ? Uses(parts, resources, indices, time) : [.. resources],
            Stalls =
            [
                .. parts.SelectMany(p => p.Result.Stalls.Select(s => s with { Share = s.Share * (p.Result.SpanS ?? 0) / Math.Max(double.Epsilon, total ?? 0) })).OrderByDescending(s => s.Share),
            ],
            SliceS = (total ?? 0) / Slices,
            MostLoadedLink = parts.Select(p => p.Result.MostLoadedLink).OfType<(string Link, long Bytes)>().OrderByDescending(l => l.Bytes).Cast<(string, long)?>().FirstOrDefault(),
            NotModelled =
            [
                .. parts.SelectMany(p => p.Result.NotModelled).Distinct(StringComparer.Ordinal),
                .. parts.Any(p => p.Reload.PulsesS is null) ? ["programming"] : Array.Empty<string>(),
            ],
            Segments = [.. parts.Select(p => new SegmentTime(p.Reload.TimeS, p.Result.SpanS, p.Reload.EnergyJ))],
        };
    }

    private static ImmutableArray<EnergyUse> Energy(List<(TimingResult Result, ReloadCost Reload)> parts, int batch, double? staticJoules)
    {
        string[] names = [.. parts.SelectMany(p => p.Result.Energy).Select(e => e.Part).Distinct(StringComparer.Ordinal).Where(n => n != "static")];
        return
        [
            .. names.Select(name => new EnergyUse(name, parts.SelectMany(p => p.Result.Energy).Where(e => e.Part == name).Aggregate((double?)0, (sum, e) => sum + e.Joules))),
            new EnergyUse("reload", parts.Aggregate((double?)0, (sum, p) => sum + p.Reload.EnergyJ) / batch),
            new EnergyUse("static", staticJoules),
        ];
    }

    /// <summary>Shares of the whole time, in which segments follow each other.</summary>
    private static ImmutableArray<ResourceUse> Uses(List<(TimingResult Result, ReloadCost Reload)> parts, List<ResourceUse> resources, Dictionary<string, int> indices, double total)
    {
        double[] busy = new double[resources.Count];
        double[] waited = new double[resources.Count];
        var timelines = resources.Select(_ => new double[Slices]).ToArray();
        double begin = 0;
        foreach (var (result, reload) in parts)
        {
            begin += reload.TimeS ?? 0;
            foreach (var use in result.Resources)
            {
                int index = indices[use.Name];
                waited[index] += use.WaitedNs;
                for (int i = 0; i < use.Timeline.Length; i++)
                {
                    double length = result.SpanS!.Value / use.Timeline.Length;
                    busy[index] += use.Timeline[i] * length;
                    AddTo(timelines[index], (begin + (i * length)) / total, length / total, use.Timeline[i]);
                }
            }

            begin += result.SpanS!.Value;
        }

        return
        [
            .. resources.Select((r, i) => r with
            {
                BusyShare = Math.Min(1, busy[i] / total),
                WaitedNs = waited[i],
                Timeline = busy[i] > 0 ? [.. timelines[i].Select(t => (float)Math.Min(1, t))] : [],
            }),
        ];
    }

    /// <summary>Spreads a busy share over a part of the whole, both in shares of it.</summary>
    private static void AddTo(double[] slices, double from, double length, double share)
    {
        double slice = 1.0 / slices.Length;
        for (int s = (int)(from / slice); s < slices.Length && s * slice < from + length; s++)
        {
            double overlap = Math.Min(from + length, (s + 1) * slice) - Math.Max(from, s * slice);
            slices[s] += share * Math.Max(0, overlap) / slice;
        }
    }

    /// <summary>A segment's spans at their time in the whole, its resources among those of all.</summary>
    private sealed class LaterTrace(ITimingTrace trace, long beginPs, int[] resources) : ITimingTrace
    {
        public void Busy(int resource, int stage, int inference, long startPs, long endPs) => trace.Busy(resources[resource], stage, inference, beginPs + startPs, beginPs + endPs);

        public void Stalled(int stream, StallCause cause, int resource, long startPs, long endPs) =>
            trace.Stalled(stream, cause, resource < 0 ? resource : resources[resource], beginPs + startPs, beginPs + endPs);
    }
}
