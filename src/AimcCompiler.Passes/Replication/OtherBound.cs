using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>What bounds the interval however many copies there are.</summary>
/// <param name="Name">work, digital, memory or serial; empty = nothing does.</param>
/// <param name="Ps">The bound.</param>
internal readonly record struct OtherBound(string Name, long Ps)
{
    /// <summary>The largest of: issues of all row groups spread over all cores, operations over all vector units, inputs and outputs over off-chip memory, recurrences.</summary>
    public static OtherBound Of(StageGraph graph, ChipCapacity chip, IReadOnlyCollection<TileFamily> families)
    {
        long issues = graph.Stages.Where(s => s.Matrix is not null).Sum(s => s.Matrix!.Vectors * s.Matrix.Groups.Sum(g => (long)g.Rounds));
        double operations = graph.Stages.Where(s => s.Kind != StageKind.Host).Sum(s => (double)graph.Values[s.Output].Rows * s.OperationsPerRow + (s.Matrix is { } m ? (double)m.Vectors * m.AdditionsPerVector : 0));
        double bytes = graph.Values.Where(v => v.Producer < 0 || v.IsOutput).Sum(v => (double)v.Rows * v.BytesPerRow);
        OtherBound[] bounds =
        [
            new("", 0),
            new("work", (issues + chip.Cores - 1) / chip.Cores * (chip.IssuePs ?? 0)),
            new("digital", (long)(operations / 1000 * (chip.PsPerThousandOperations ?? 0) / chip.Cores)),
            new("memory", (long)(bytes / 1000 * (chip.MemoryPsPerKilobyte ?? 0) / chip.Chips)),
            new("serial", families.Where(f => f.IsSerial).Select(f => f.BusyPs(1)).DefaultIfEmpty().Max()),
        ];
        return bounds.MaxBy(b => b.Ps);
    }
}
