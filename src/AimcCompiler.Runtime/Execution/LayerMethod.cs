using AimcCompiler.Binary;

namespace AimcCompiler.Runtime;

/// <summary>How the simulator computes a layer, and why: the first of its ways whose conditions hold. All have the results of the stepwise engine (semantics.md, "Faster,
/// provably the same").</summary>
/// <param name="Path">"product": one exact integer product; "levels": pulse by pulse in integers; "lanes": sixteen vectors side by side; "packed": fp32 products on packed cells.</param>
/// <param name="Why">The condition that holds, or those that do not.</param>
public sealed record LayerMethod(string Path, string Why)
{
    /// <param name="program">A verified program.</param>
    /// <param name="layer">Index of the layer.</param>
    public static LayerMethod Of(MappedProgram program, int layer)
    {
        ArgumentNullException.ThrowIfNull(program);
        var mapped = program.Layers[layer];
        var tile = program.Chip.Tile;
        var device = DeviceModel.Create(tile.Cell, tile.Noise.Read, tile.Noise.TemperatureK);
        if (TilePhysics.LosslessObstacle(program, mapped, device) is not { } lossy)
        {
            return new LayerMethod("product", "every column sum fits the ADC: slices and pulses recombine");
        }

        TilePhysics physics = new(program, mapped, device, exactConversions: ProgramRanges.LacksAdcRange(program, mapped));
        if (LaneLayer.Obstacle(mapped, physics) is not { } wide)
        {
            return new LayerMethod("lanes", FormattableString.Invariant($"{mapped.Columns} columns would not fill registers"));
        }

        if (LevelEngine.Obstacle(physics, new SimulationOptions()) is not { } inexact)
        {
            return new LayerMethod("levels", $"cells at exact levels; not one product: {lossy}");
        }

        string how = physics.Tile.Noise.IrDrop is not null ? "; IR drop is in the cells where it is linear"
            : device.HasReadNoise ? "; read noise is one draw a column"
            : "";
        return new LayerMethod("packed", $"{inexact}; {wide}{how}");
    }
}
