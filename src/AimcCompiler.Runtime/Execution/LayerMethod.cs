using System.Collections.Immutable;
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
        return Of(program, program.Layers[layer], DeviceOf(program), null);
    }

    /// <summary>The methods of all layers of a verified program: what is to be known of their cells is found on all cores.</summary>
    public static ImmutableArray<LayerMethod> OfAll(MappedProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        var device = DeviceOf(program);
        Lazy<long[]> worst = new(() => ProgramVerifier.WorstColumnSums(program, program.Layers));
        return [.. program.Layers.Select((layer, i) => Of(program, layer, device, () => worst.Value[i]))];
    }

    private static DeviceModel DeviceOf(MappedProgram program)
    {
        var tile = program.Chip.Tile;
        return DeviceModel.Create(tile.Cell, tile.Noise.Read, tile.Noise.TemperatureK);
    }

    private static LayerMethod Of(MappedProgram program, MappedLayer mapped, DeviceModel device, Func<long>? worstColumnSum)
    {
        if (TilePhysics.LosslessObstacle(program, mapped, device, worstColumnSum) is not { } lossy)
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
