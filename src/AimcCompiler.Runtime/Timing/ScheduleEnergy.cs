using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>Energy of one inference, part by part.</summary>
internal static class ScheduleEnergy
{
    /// <param name="program">The program.</param>
    /// <param name="schedule">Its schedule.</param>
    /// <param name="traffic">What an inference moves and computes.</param>
    /// <param name="staticJoules">What the chips take anyway until the next inference; null = not known: then of the tiles while they are busy.</param>
    public static ImmutableArray<EnergyUse> Of(MappedProgram program, ProgramSchedule schedule, ScheduleTraffic traffic, double? staticJoules)
    {
        var chip = program.Chip;
        TileEnergy tiles = schedule.Stages.Stages
            .Where(s => s.Kind == StageKind.Analog)
            .Select(s => OfVector(program, program.Layers[s.Unit]) * s.Matrix!.Vectors)
            .Aggregate((TileEnergy?)null, (sum, one) => sum is null ? one : sum + one) ?? new TileEnergy { LumpedPj = 0 };
        List<(string Part, double? Pj)> parts = tiles.LumpedPj is not null
            ? [("tiles", tiles.LumpedPj)]
            : [("dac", tiles.DacPj), ("cells", tiles.CellsPj), ("adc", tiles.AdcPj), ("shift_add", tiles.ShiftAddPj)];
        if (tiles.LumpedPj is null && staticJoules is null)
        {
            parts.Add(("tiles_static", tiles.StaticPj));
        }

        var transfers = TransferEnergy.Of(chip, traffic);
        parts.AddRange(
        [
            ("buffer", Used(traffic.BufferBytes, 8 * chip.Core.BufferPjPerBit)),
            ("digital", Used(traffic.Operations.Sum(), chip.Core.Digital.PjPerOp)),
            ("noc", transfers.NocPj),
            ("board", transfers.BoardPj),
            ("off_chip", transfers.OffChipPj),
            ("static", staticJoules * 1e12),
        ]);
        return [.. parts.Select(p => new EnergyUse(p.Part, p.Pj * 1e-12))];
    }

    private static double? Used(long count, double? each) => count == 0 ? 0 : count * each;

    /// <summary>All tiles of one copy; blocks on one tile are driven one after the other.</summary>
    private static TileEnergy OfVector(MappedProgram program, MappedLayer layer)
    {
        var geometry = new TileGeometry(program.Chip.Tile);
        Block[] copy = [.. layer.Blocks.Where(b => b.Copy == 0)];
        int tiles = copy.Select(b => b.Tile).Distinct().Count();
        int rounds = copy.GroupBy(b => b.Tile).Max(g => g.Count());
        long PerRound(long count) => (count + rounds - 1) / rounds;
        LayerWork work = new(
            layer.Name,
            layer.Rows,
            layer.Columns,
            rounds,
            RowTiles: 1,
            ColumnTiles: tiles,
            Copies: 1,
            UsedRows: PerRound(copy.Sum(b => (long)b.Rows) * geometry.PhysicalRowsPerWeight),
            UsedColumns: PerRound(copy.Sum(b => (long)b.Columns) * geometry.PhysicalColumnsPerWeight),
            UsedCells: PerRound(copy.Sum(b => (long)b.Rows * b.Columns) * geometry.PhysicalRowsPerWeight * geometry.PhysicalColumnsPerWeight),
            Macs: 0)
        {
            DrivenPulses = layer.MeanPulses,
            LongestPulses = layer.LongestPulses,
            UnsignedCodes = InputEncoding.Of(program.Chip.Tile.Input, layer.InputIsNonNegative).IsUnsigned,
        };
        return LayerCost.Of(program.Chip.Tile, work).Energy;
    }
}
