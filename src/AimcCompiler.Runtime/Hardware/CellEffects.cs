using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>What happens to the cells of a chip besides what its device model says: how they are written, how they vary, at what temperature they are, what is broken.</summary>
internal sealed class CellEffects
{
    public CellEffects(TileDescription tile, DeviceModel device)
    {
        var cell = tile.Cell;
        double total = cell.Significance?.Sum() ?? 1;
        Significance = [.. (cell.Significance ?? [1]).Select(s => (float)(s / total))];
        Programming = cell.Programming;
        ToleranceUs = (float)(cell.Programming switch
        {
            { ToleranceUs: { } tolerance } => tolerance,
            { ToleranceFraction: { } fraction } => fraction * cell.GMaxUs,
            _ => double.PositiveInfinity,
        });
        DeviceVariation = (float)(cell.Variation?.Device ?? 0);
        ChipVariation = (float)(cell.Variation?.Chip ?? 0);
        if (cell.Temperature is { } temperature)
        {
            double kelvin = tile.Noise.TemperatureK - temperature.ReferenceK;
            GlobalChange = (float)(kelvin * (temperature.GlobalPerK ?? 0));
            StateChange = (float)(kelvin * (temperature.StatePerK ?? 0));
        }

        StuckOff = (float)(tile.Noise.Faults?.StuckOff ?? 0);
        StuckOn = StuckOff + (float)(tile.Noise.Faults?.StuckOn ?? 0);
        StuckAny = StuckOn + (float)(tile.Noise.Faults?.StuckAt?.Fraction ?? 0);
        StuckAtUs = (float)(tile.Noise.Faults?.StuckAt?.ConductanceUs ?? 0);
        DeadRows = tile.Noise.Faults?.DeadRows ?? 0;
        DeadColumns = tile.Noise.Faults?.DeadColumns ?? 0;
        DeadTiles = tile.Noise.Faults?.DeadTiles ?? 0;
        ChangeCells = StuckAny > 0 || DeadRows > 0 || DeadColumns > 0 || DeadTiles > 0 || Varies || HasTemperature;
        IsIdeal = device.IsIdeal && !ChangeCells;
    }

    /// <summary>What each pair of a cell counts of the whole; [1] for one pair.</summary>
    public float[] Significance { get; }

    public ProgrammingDescription? Programming { get; }

    /// <summary>Infinite where nothing is verified.</summary>
    public float ToleranceUs { get; }

    public float DeviceVariation { get; }

    public float ChipVariation { get; }

    public bool Varies => DeviceVariation > 0 || ChipVariation > 0;

    /// <summary>Relative change of every conductance at the chip's temperature.</summary>
    public float GlobalChange { get; }

    /// <summary>Further relative change of a conductance of 0.</summary>
    public float StateChange { get; }

    public bool HasTemperature => GlobalChange != 0 || StateChange != 0;

    /// <summary>A uniform number up to this says: stuck at g_min; up to <see cref="StuckOn"/>: at g_max; up to <see cref="StuckAny"/>: at <see cref="StuckAtUs"/>.</summary>
    public float StuckOff { get; }

    public float StuckOn { get; }

    public float StuckAny { get; }

    public float StuckAtUs { get; }

    public double DeadRows { get; }

    public double DeadColumns { get; }

    public double DeadTiles { get; }

    /// <summary>The cells hold their targets at all times.</summary>
    public bool IsIdeal { get; }

    /// <summary>Cells hold something else than their device model says.</summary>
    public bool ChangeCells { get; }
}
