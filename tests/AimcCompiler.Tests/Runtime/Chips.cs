using AimcCompiler.Core;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Chips for tests of the runtime, made from presets with as many tiles as needed.</summary>
internal static class Chips
{
    private static readonly ChipDescription s_tiny = ChipReader.Read("tiny") with { Mesh = null };

    private static readonly ChipDescription s_float = ChipReader.Read("float") with { Mesh = null };

    /// <summary>Coded weights of "tiny": 4 bits in pairs of 2-bit cells, 4-bit inputs, a lossless ADC.</summary>
    public static ChipDescription Coded(Func<TileDescription, TileDescription> change) =>
        s_tiny with { Tile = change(s_tiny.Tile with { Adc = s_tiny.Tile.Adc with { Bits = null }, Rows = 64, Columns = 64 }) };

    /// <summary>Analog cells, lossless converters, no input scale.</summary>
    public static ChipDescription Analog(Func<TileDescription, TileDescription> change) => s_float with { Tile = change(s_float.Tile) };

    public static TileDescription With(this TileDescription tile, DeviceDescription device) => tile with { Cell = tile.Cell with { Device = device } };

    public static bool IsValid(ChipDescription chip) => !ChipValidator.Validate(chip, "chip").HasErrors;
}
