using System.Numerics;

namespace AimcCompiler.Core;

/// <summary>What a layer costs on its tiles: counts that follow from the cut alone, and times and energies where the chip's constants are
/// known. Counts with "PerMvm" are of one MVM over all tiles of one copy.</summary>
public sealed record LayerCost
{
    /// <summary>Bits of a partial sum of analog cells behind a lossless ADC: a float.</summary>
    private const int FloatBits = 32;

    public required LayerWork Work { get; init; }

    public required MvmTiming Timing { get; init; }

    /// <summary>Tiles of all copies.</summary>
    public required long Tiles { get; init; }

    /// <summary>Used unit cells over the cells of the tiles, 0 .. 1.</summary>
    public required double Utilization { get; init; }

    /// <summary>MVMs of single tiles per inference.</summary>
    public required long TileMvms { get; init; }

    public required long DacEventsPerMvm { get; init; }

    /// <summary>The unit column's own conversion is left out, as ISAAC's published budget leaves it out: 1 in 129.</summary>
    public required long ConversionsPerMvm { get; init; }

    public required long CellReadsPerMvm { get; init; }

    public required long ShiftAddsPerMvm { get; init; }

    public required long PartialSumAddsPerMvm { get; init; }

    /// <summary>Energy of one MVM over all tiles of one copy.</summary>
    public required TileEnergy MvmEnergy { get; init; }

    /// <summary>Time the layer is busy per inference: ceil(MVMs / copies) initiation intervals; in a recurrence, so many whole MVMs.</summary>
    public double? TimeNs => LayerWork.CeilingDivide(Work.MvmsPerInference, Work.Copies) * (Work.IsSerial ? Timing.LatencyNs : Timing.InitiationIntervalNs);

    /// <summary>Energy per inference.</summary>
    public TileEnergy Energy => MvmEnergy * Work.MvmsPerInference;

    public static LayerCost Of(TileDescription tile, LayerWork work)
    {
        MvmTiming timing = MvmTiming.Of(tile, work.UnsignedCodes, work.LongestPulses);
        double pulses = work.DrivenPulses ?? timing.Pulses;
        long conversions = Conversions(tile, work.UsedColumns, pulses);
        long dacEvents = (long)Math.Round(work.UsedRows * pulses);
        long cellReads = (long)Math.Round(work.UsedCells * pulses);
        return new LayerCost
        {
            Work = work,
            Timing = timing,
            Tiles = work.Tiles * work.Copies,
            Utilization = work.UsedCells / ((double)work.Tiles * tile.Rows * tile.Columns),
            TileMvms = work.Tiles * work.MvmsPerInference,
            DacEventsPerMvm = dacEvents,
            ConversionsPerMvm = conversions,
            CellReadsPerMvm = cellReads,
            ShiftAddsPerMvm = conversions,
            PartialSumAddsPerMvm = (work.RowTiles - 1) * work.Columns,
            MvmEnergy = EnergyOf(tile, work, timing, dacEvents, conversions, cellReads),
        };
    }

    /// <summary>As <see cref="Of(TileDescription, LayerWork)"/>, with the energy of the core's buffer.</summary>
    public static LayerCost Of(ChipDescription chip, LayerWork work)
    {
        LayerCost cost = Of(AdcEnergy.Resolve(chip), work);
        long inputBits = work.Rows * work.ColumnTiles * (chip.Tile.Input.Bits ?? FloatBits);
        long outputBits = work.Columns * work.RowTiles * PartialSumBits(chip.Tile);
        return cost with { MvmEnergy = cost.MvmEnergy with { BufferPj = (inputBits + outputBits) * chip.Core.BufferPjPerBit } };
    }

    /// <summary>ADC conversions per MAC (RAELLA's Titanium law): slices x pulses / rows that one conversion sums.</summary>
    public static double ConversionsPerMac(int slices, int pulses, int usedRows) => (double)slices * pulses / usedRows;

    /// <summary>Bits that hold the sum of one tile: of all its products for codes, the ADC's for analog cells.</summary>
    public static int PartialSumBits(TileDescription tile)
    {
        if (tile.Weights.Bits is { } weightBits && tile.Input.Bits is { } inputBits)
        {
            return weightBits + inputBits + BitOperations.Log2((uint)tile.Rows - 1) + 1;
        }

        return tile.Adc.Bits ?? FloatBits;
    }

    /// <summary>One for each bit line and pulse; one for a pair of bit lines subtracted in the array; two where both devices of a pair
    /// share a bit line and each polarity is converted; one for all pulses where they add up as charge.</summary>
    private static long Conversions(TileDescription tile, long usedColumns, double pulses)
    {
        long perPulse = usedColumns;
        if (TileGeometry.IsDifferential(tile.Encoding.Sign))
        {
            bool sharesColumn = tile.Encoding.PairAxis != PairAxis.Columns;
            bool inArray = tile.Encoding.Subtract == Subtraction.InArray;
            perPulse = (sharesColumn, inArray) switch
            {
                (false, true) => usedColumns / 2,
                (true, false) => usedColumns * 2,
                _ => usedColumns,
            };
        }

        return tile.Adc.InputSlices == InputSliceConversion.Accumulated ? perPulse : (long)Math.Round(perPulse * pulses);
    }

    private static TileEnergy EnergyOf(
        TileDescription tile, LayerWork work, MvmTiming timing, long dacEvents, long conversions, long cellReads)
    {
        EnergyDescription energy = tile.Energy;
        if (energy.MvmNj is { } lumped)
        {
            return new TileEnergy { LumpedPj = lumped * 1e3 * work.Tiles };
        }

        return new TileEnergy
        {
            DacPj = dacEvents * energy.DacPj,
            CellsPj = cellReads * energy.CellFjPerCycle * 1e-3,
            AdcPj = conversions * energy.AdcPj,
            ShiftAddPj = conversions * energy.ShiftAddPj,
            StaticPj = energy.StaticMw * timing.InitiationIntervalNs * work.Tiles, // mW x ns = pJ
        };
    }
}
