using System.Globalization;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>Which ranges a program still needs before its chip can run it.</summary>
public static class ProgramRanges
{
    /// <summary>The chip scales inputs statically only, and the layer has no scale.</summary>
    public static bool LacksInputScale(MappedProgram program, MappedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(layer);
        return program.Chip.Tile.Input is { Management: InputManagement.Constant, DynamicScale: false } && layer.InputScale is null;
    }

    /// <summary>The chip calibrates its ADC ranges, and the layer has none.</summary>
    public static bool LacksAdcRange(MappedProgram program, MappedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(layer);
        return program.Chip.Tile.Adc is { Range: AdcRange.Calibrated, Bits: not null } && layer.AdcRanges.IsEmpty;
    }

    /// <summary>What a layer lacks, in words; null = nothing.</summary>
    public static string? Lacking(MappedProgram program, MappedLayer layer) => (LacksInputScale(program, layer), LacksAdcRange(program, layer)) switch
    {
        (true, true) => "no input range and no ADC range",
        (true, false) => "no input range",
        (false, true) => "no ADC range",
        _ => null,
    };

    /// <summary>How input scales were taken, as a program records it: "max", or "quantile 0.99995".</summary>
    public static string Describe(double quantile) => quantile >= 1 ? "max" : string.Create(CultureInfo.InvariantCulture, $"quantile {quantile}");

    public static bool IsComplete(MappedProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        return program.Layers.All(l => Lacking(program, l) is null);
    }
}
