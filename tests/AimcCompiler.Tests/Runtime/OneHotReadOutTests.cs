using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>The read-out of drift compensation without a product, held to the engine that drives every row.</summary>
public sealed class OneHotReadOutTests
{
    private const double Day = 86400;

    /// <summary>Preset and what is changed of it.</summary>
    public static TheoryData<string, string> Fitting => new()
    {
        { "hermes", "" },
        { "aihwkit-default", "" },
        { "aihwkit-default", "tile.adc.bits=null;tile.input.bound_management=null" },
        { "aihwkit-default", "tile.adc.thermal_noise_lsb=0.7" },
        { "hermes", "tile.encoding.subtract=after_conversion;tile.noise.output=0.02" },
        { "hermes", "tile.encoding.sign=differential_two_sided" },
        { "hermes", "tile.input.bits=null" },
        { "hermes", "tile.cell.bits=2;tile.weights.bits=6;tile.weights.slicing=signed_digits;tile.noise.output=0.02;tile.encoding.subtract=after_conversion" },
    };

    public static TheoryData<string, string> NotFitting => new()
    {
        { "hermes", "tile.noise.read=0.01" },
        { "hermes", "tile.input.scheme=bit_serial" },
        { "hermes", "tile.input.noise=0.01" },
        { "hermes", "tile.adc.rounding=stochastic" },
        { "hermes", """tile.output={"voltage_offset":null,"series_resistance":null,"series_maximum":null,"reference_weight":null,"nonlinearity":0.1,"nonlinearity_spread":null,"asymmetry":null}""" },
        { "hermes", """tile.noise.ir_drop={"model":"nodal","topology":"row_driven","interleaved":false,"word_line_ohm":0.35,"source_line_ohm":null,"bit_line_ohm":0.35,"driver_ohm":null,"sense_ohm":null,"scale":null,"g_ratio":null}""" },
        { "hermes", "tile.encoding.sign=offset_digital" },
    };

    [Theory]
    [MemberData(nameof(Fitting))]
    public void EqualsTheEngineBitForBit(string preset, string overrides)
    {
        var program = Layer(preset, overrides).Program();
        Assert.True(FitsAll(program));
        Compare(program);
    }

    [Theory]
    [MemberData(nameof(NotFitting))]
    public void WhatDisturbsTheSumsGoesThroughTheEngine(string preset, string overrides)
    {
        var program = Layer(preset, overrides).Program();
        Assert.False(FitsAll(program));
        Compare(program);
    }

    private static void Compare(MappedProgram program)
    {
        var fast = LayerSpec.Executor(program, Cases.Fast with { TimeS = Day }).Compensations;
        var stepwise = LayerSpec.Executor(program, Cases.Stepwise with { TimeS = Day }).Compensations;
        Assert.Equal(program.Layers[0].Blocks.Length, fast.Length);
        Assert.All(fast, factor => Assert.InRange(factor, 1.01, 3));
        Assert.Equal(stepwise.AsEnumerable(), fast.AsEnumerable());
    }

    private static bool FitsAll(MappedProgram program)
    {
        var tile = program.Chip.Tile;
        TilePhysics physics = new(program, program.Layers[0], DeviceModel.Create(tile.Cell, tile.Noise.Read));
        return program.Layers[0].Blocks.All(b => OneHotReadOut.Fits(physics, ProgrammedBlock.Program(physics, b, Cases.Fast)));
    }

    /// <summary>Blocks of full and of partial width.</summary>
    private static LayerSpec Layer(string preset, string overrides)
    {
        var chip = ChipReader.Read(preset, ["tile.rows=32", "tile.columns=48", .. overrides.Split(';', StringSplitOptions.RemoveEmptyEntries)]);
        int slices = WeightEncoding.Of(chip.Tile).Slices;
        return new LayerSpec(chip with { Mesh = null }, 50, 70)
        {
            Weights = Cases.Floats(1, 50 * 70),
            AdcRanges = chip.Tile.Adc.Range == AdcRange.Calibrated ? [.. Enumerable.Repeat(0.9f, slices)] : [],
        };
    }
}
