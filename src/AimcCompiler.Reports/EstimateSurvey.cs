using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Reports;

/// <summary>Time and energy of the whole program by the chip's constants.</summary>
internal static class EstimateSurvey
{
    /// <param name="program">The program.</param>
    /// <param name="cost">Its layers, all copies.</param>
    /// <param name="segments">What is on the tiles at a time; empty = everything.</param>
    public static EstimateReport Of(MappedProgram program, NetworkCost cost, ImmutableArray<SegmentReport> segments)
    {
        long operations = program.Partitions.Sum(p => p.Operations);
        DigitalUnitDescription unit = program.Chip.Core.Digital;
        double? digitalPj = operations == 0 ? 0 : operations * unit.PjPerOp;
        TileEnergy tiles = cost.Energy ?? new TileEnergy { LumpedPj = 0, BufferPj = 0 };
        var transfers = TransferEnergy.Of(program);
        (string Part, double? Pj)[] parts =
        [
            .. tiles.LumpedPj is not null
                ? [("tiles", tiles.LumpedPj)]
                : new (string, double?)[]
                {
                    ("dac", tiles.DacPj), ("cells", tiles.CellsPj), ("adc", tiles.AdcPj), ("shift_add", tiles.ShiftAddPj), ("static", tiles.StaticPj),
                },
            ("buffer", tiles.BufferPj),
            ("digital", digitalPj),
            .. PartsOf(transfers, program.Chips),
            .. segments.IsEmpty ? [] : new (string, double?)[] { ("reload", segments.Aggregate((double?)0, (sum, s) => sum + s.ReloadJ) * 1e12 / program.SegmentBatch) },
        ];
        double? reloadS = segments.IsEmpty ? 0 : segments.Aggregate((double?)0, (sum, s) => sum + (s.ReloadS ?? 0));
        bool isModelled = cost.Layers.Count > 0 && tiles.TilesPj is not null;
        double? total = isModelled ? parts.Sum(p => p.Pj ?? 0) : null;
        LayerCost? slowest = cost.BottleneckNs is null ? null : cost.Layers.MaxBy(l => l.TimeNs);
        bool hasLayers = cost.Layers.Count > 0;
        var programming = Enumerable.Range(0, program.Segments).Select(s => ProgrammingCost.Of(
            program.Chip, [.. program.Layers.Where(l => l.SharesTilesOf is null && l.Segment == s).SelectMany(l => l.Blocks).Select(b => (b.Tile, b.Rows, b.Columns))])).ToArray();
        return new EstimateReport
        {
            // The pipeline formula counts the slowest layer on top of every fill; one layer after the other is never slower than that.
            LatencyS = !segments.IsEmpty ? SegmentSurvey.LatencyS(segments) : hasLayers ? Least(cost.PipelinedLatencyNs, cost.SerialLatencyNs) * 1e-9 : null,
            LatencySerialS = (cost.SerialLatencyNs * 1e-9) + reloadS,
            ThroughputPerS = segments.IsEmpty ? cost.InferencesPerSecond : 1 / SegmentSurvey.IntervalS(segments, program.SegmentBatch),
            EnergyJ = total * 1e-12,
            Breakdown = [.. parts.Select(p => new EnergyPart(p.Part, p.Pj * 1e-12, total > 0 ? p.Pj / total : null))],
            Bottleneck = slowest is null
                ? null
                : new BottleneckReport(slowest.Work.Name, slowest.TimeNs!.Value * 1e-9, slowest.TimeNs!.Value / cost.SerialLatencyNs!.Value),
            Tops = segments.IsEmpty ? cost.Tops : 2e-12 * cost.Macs / SegmentSurvey.IntervalS(segments, program.SegmentBatch),
            TopsPerWMacro = hasLayers ? cost.TilesTopsPerWatt : null,
            TopsPerWSystem = hasLayers ? 2 * cost.Macs / parts.Aggregate((double?)0, (sum, p) => sum + p.Pj) : null,
            DigitalTimeS = operations == 0 ? 0 : operations * unit.NsPerOp / unit.Lanes * 1e-9,
            ProgrammingTimeS = programming.Aggregate((double?)0, (sum, p) => sum + (p?.TimeS is { } pulses ? Math.Max(pulses, p.LoadS ?? 0) : null)),
            ProgrammingEnergyJ = programming.Aggregate((double?)0, (sum, p) => sum + p?.EnergyJ),
            NotModelled = [.. NotModelled(program, parts, isModelled, transfers is not null)],
        };
    }

    private static IEnumerable<(string Part, double? Pj)> PartsOf(TransferEnergy? transfers, int chips) => transfers is null
        ? []
        : [("noc", transfers.NocPj), .. chips == 1 ? [] : new (string, double?)[] { ("board", transfers.BoardPj) }, ("off_chip", transfers.OffChipPj)];

    private static double? Least(double? left, double? right) => left < right ? left : right;

    private static IEnumerable<string> NotModelled(MappedProgram program, IEnumerable<(string Part, double? Pj)> parts, bool isModelled, bool hasTransfers)
    {
        if (!isModelled && !program.Layers.IsEmpty)
        {
            yield return "tiles";
        }

        foreach (var (part, pj) in parts)
        {
            if (pj is null)
            {
                yield return part;
            }
        }

        // Without streams nobody says what moves.
        if (!hasTransfers)
        {
            yield return "noc";
            yield return "off_chip";
        }

        // How long the chip is on for an inference only a timed run knows.
        if (program.Chip.Mesh is not null && ChipRollUp.Of(program.Chip).StaticMw is not 0)
        {
            yield return "chip_static";
        }
    }
}
