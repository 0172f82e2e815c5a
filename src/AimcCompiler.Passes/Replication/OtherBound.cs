using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>What bounds the interval however many copies there are (<see cref="MappingBounds"/>).</summary>
/// <param name="Name">work, digital, memory or serial; empty = nothing does.</param>
/// <param name="Ps">The bound.</param>
internal readonly record struct OtherBound(string Name, long Ps)
{
    private const double PsPerNs = 1000;

    /// <summary>The largest of: issues of all row groups spread over all cores, operations over all vector units, inputs and outputs over off-chip memory, recurrences. What is not known bounds nothing.</summary>
    public static OtherBound Of(StageGraph graph, ChipCapacity chip, IReadOnlyCollection<TileFamily> families)
    {
        OtherBound[] bounds =
        [
            new("", 0),
            new("work", PsOf(MappingBounds.WorkNs(graph, chip))),
            new("digital", PsOf(MappingBounds.DigitalNs(graph, chip))),
            new("memory", PsOf(MappingBounds.MemoryNs(graph, chip, spilledBytes: 0))),
            new("serial", families.Where(f => f.IsSerial).Select(f => f.BusyPs(1)).DefaultIfEmpty().Max()),
        ];
        return bounds.MaxBy(b => b.Ps);
    }

    private static long PsOf(double? ns) => (long)Math.Round((ns ?? 0) * PsPerNs);
}
