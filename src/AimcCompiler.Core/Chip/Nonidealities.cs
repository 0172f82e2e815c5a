using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>One way in which a chip departs from the exact product of weights and inputs.</summary>
/// <param name="Name">The field's word.</param>
/// <param name="Fields">The fields of a chip that state it; several devices state it by their own.</param>
/// <param name="IsOn">A chip has it, and it can be switched off alone.</param>
/// <param name="Off">The chip without it, all else as it is; only for a chip that has it. What is off stays off whatever else is switched.</param>
public sealed record Nonideality(string Name, ImmutableArray<string> Fields, Func<ChipDescription, bool> IsOn, Func<ChipDescription, ChipDescription> Off)
{
    /// <summary>Without it the weights are other codes in other cells: a program has to be compiled anew.</summary>
    public bool ChangesMapping { get; init; }

    /// <summary>It is drawn, so that instances and reads differ; else one run says all.</summary>
    public bool IsRandom { get; init; }

    /// <summary>The chip without it; a chip that does not have it stays as it is.</summary>
    public ChipDescription SwitchOff(ChipDescription chip) => IsOn(chip) ? Off(chip) : chip;
}

/// <summary>The non-idealities that a chip description can state. A new one is one entry.</summary>
public static class Nonidealities
{
    /// <summary>In the order of semantics, from the weights to the outputs.</summary>
    public static ImmutableArray<Nonideality> All { get; } =
    [
        new("weight quantization", ["tile.weights.bits", "tile.cell.bits"], c => FinestWeights(c) != c, FinestWeights) { ChangesMapping = true },
        new("programming error", ["tile.cell.device.programming_sigma", "tile.cell.device.programming_scale", "tile.cell.device.rows"], c => WithoutProgrammingError(Device(c)) != Device(c), c => With(c, WithoutProgrammingError)) { IsRandom = true },
        new("drift", ["tile.cell.device.drift_scale", "tile.cell.device.rows"], c => WithoutDrift(Device(c)) != Device(c), c => With(c, WithoutDrift)) { IsRandom = true },
        new("accumulated read noise", ["tile.cell.device.read_scale"], c => WithoutAccumulatedReadNoise(Device(c)) != Device(c), c => With(c, WithoutAccumulatedReadNoise)) { IsRandom = true },
        new("instantaneous read noise", ["tile.noise.read", "tile.cell.device.read_sigma", "tile.cell.device.rows"], HasReadNoise, c => With(With(c, n => n with { Read = null }), WithoutReadNoise)) { IsRandom = true },
        new("input quantization", ["tile.input.bits"], c => FinestInputs(c) != c, FinestInputs),
        new("output noise", ["tile.noise.output"], c => c.Tile.Noise.Output > 0, c => With(c, n => n with { Output = null })) { IsRandom = true },
        new("output quantization", ["tile.adc.bits", "tile.adc.bound", "tile.input.bound_management"], c => c.Tile.Adc.Bits is not null, WithoutAdc),
    ];

    /// <summary>Instances and times differ; else one run says all: cells stay what they were programmed to, and nothing is drawn.</summary>
    public static bool AreRandom(ChipDescription chip) => Of(chip).Any(n => n.IsRandom);

    /// <summary>Those that a chip has.</summary>
    public static ImmutableArray<Nonideality> Of(ChipDescription chip) => [.. All.Where(n => n.IsOn(chip))];

    /// <summary>The chip without some of them.</summary>
    public static ChipDescription SwitchOff(ChipDescription chip, IEnumerable<Nonideality> some)
    {
        ArgumentNullException.ThrowIfNull(some);
        return some.Aggregate(chip, (rest, nonideality) => nonideality.SwitchOff(rest));
    }

    private static DeviceDescription Device(ChipDescription chip) => chip.Tile.Cell.Device;

    private static ChipDescription With(ChipDescription chip, Func<DeviceDescription, DeviceDescription> change) =>
        chip with { Tile = chip.Tile with { Cell = chip.Tile.Cell with { Device = change(chip.Tile.Cell.Device) } } };

    private static ChipDescription With(ChipDescription chip, Func<NoiseDescription, NoiseDescription> change) => chip with { Tile = chip.Tile with { Noise = change(chip.Tile.Noise) } };

    /// <summary>Analog cells where one cell holds a weight. Slices stay, so that conversions stay what they are, and become as many as codes can have and a tile can hold. A granular
    /// ADC counts levels: without slices the weights keep theirs.</summary>
    private static ChipDescription FinestWeights(ChipDescription chip)
    {
        var tile = chip.Tile;
        if (tile.Weights.Bits is not { } bits)
        {
            return chip;
        }

        if (tile.Weights.Slicing != Slicing.None)
        {
            var finer = Enumerable.Range(bits + 1, Math.Max(0, ChipValidator.MaximumWeightBits - bits))
                .Select(more => tile with { Weights = tile.Weights with { Bits = more } })
                .LastOrDefault(t => new TileGeometry(t).LogicalColumns > 0);
            return finer is null ? chip : chip with { Tile = finer };
        }

        return tile.Adc is { Range: AdcRange.Granular, Bits: not null }
            ? chip
            : chip with
            {
                Tile = tile with
                {
                    Weights = tile.Weights with { Bits = null },
                    Cell = tile.Cell with { Bits = null },
                    Encoding = tile.Encoding with { Flip = false },
                    Adc = WithoutSteps(tile.Adc),
                },
            };
    }

    /// <summary>A granular range, which takes levels and steps to count, where nothing is converted anyway.</summary>
    private static AdcDescription WithoutSteps(AdcDescription adc) => adc.Range == AdcRange.Granular ? adc with { Range = AdcRange.Max } : adc;

    /// <summary>Lossless inputs; bit-serial ones with as many bits as there can be. Steps of the input are what a granular ADC counts: they stay.</summary>
    private static ChipDescription FinestInputs(ChipDescription chip)
    {
        var tile = chip.Tile;
        bool isSerial = tile.Input.Scheme == InputScheme.BitSerial;
        return tile.Input.Bits is not { } bits || (isSerial ? bits == ChipValidator.MaximumInputBits : tile.Adc is { Range: AdcRange.Granular, Bits: not null })
            ? chip
            : chip with
            {
                Tile = tile with
                {
                    Input = tile.Input with { Bits = isSerial ? ChipValidator.MaximumInputBits : null },
                    Adc = isSerial ? tile.Adc : WithoutSteps(tile.Adc),
                },
            };
    }

    /// <summary>Lossless conversions do not clip: there are no bounds to manage.</summary>
    private static ChipDescription WithoutAdc(ChipDescription chip) =>
        chip with { Tile = chip.Tile with { Adc = chip.Tile.Adc with { Bits = null }, Input = chip.Tile.Input with { BoundManagement = null } } };

    private static DeviceDescription WithoutProgrammingError(DeviceDescription device) => device switch
    {
        GaussianDevice { ProgrammingSigma: > 0 } gaussian => gaussian with { ProgrammingSigma = null },
        PcmLikeDevice { ProgrammingScale: > 0 } pcm => pcm with { ProgrammingScale = null },
        PcmHermesDevice { ProgrammingScale: > 0 } pcm => pcm with { ProgrammingScale = null },
        // What a table measured first is the error of programming; how it moves and spreads from there is drift.
        TableDevice table when AtFirst(table).Any(r => r.SigmaUs > 0 || r.MeanUs != r.TargetUs) => new TableDevice([.. table.Rows.Select(r => Moved(r, table))]),
        _ => device,
    };

    private static DeviceDescription WithoutDrift(DeviceDescription device) => device switch
    {
        PcmLikeDevice { DriftScale: > 0 } pcm => pcm with { DriftScale = null },
        PcmHermesDevice { DriftScale: > 0 } pcm => pcm with { DriftScale = null },
        TableDevice table when table.Rows.Any(r => First(table, r) is var first && (r.MeanUs != first.MeanUs || r.SigmaUs != first.SigmaUs)) =>
            new TableDevice([.. table.Rows.Select(r => First(table, r) is var first ? r with { MeanUs = first.MeanUs, SigmaUs = first.SigmaUs } : r)]),
        _ => device,
    };

    private static DeviceDescription WithoutAccumulatedReadNoise(DeviceDescription device) => device switch
    {
        PcmLikeDevice { ReadScale: > 0 } pcm => pcm with { ReadScale = null },
        PcmHermesDevice { ReadScale: > 0 } pcm => pcm with { ReadScale = null },
        _ => device,
    };

    private static bool HasReadNoise(ChipDescription chip) => chip.Tile.Noise.Read > 0 || WithoutReadNoise(Device(chip)) != Device(chip);

    private static DeviceDescription WithoutReadNoise(DeviceDescription device) => device switch
    {
        GaussianDevice { ReadSigma: > 0 } gaussian => gaussian with { ReadSigma = null },
        TableDevice table when table.Rows.Any(r => r.ReadSigmaUs > 0) => new TableDevice([.. table.Rows.Select(r => r with { ReadSigmaUs = null })]),
        _ => device,
    };

    private static IEnumerable<DeviceTableRow> AtFirst(TableDevice table)
    {
        double first = table.Rows.Min(r => r.TimeS);
        return table.Rows.Where(r => r.TimeS == first);
    }

    private static DeviceTableRow First(TableDevice table, DeviceTableRow row) => AtFirst(table).First(r => r.TargetUs == row.TargetUs);

    /// <summary>The row less the mean error and the variance of its target's first time.</summary>
    private static DeviceTableRow Moved(DeviceTableRow row, TableDevice table)
    {
        var first = First(table, row);
        return row with
        {
            MeanUs = Math.Max(0, row.MeanUs - first.MeanUs + row.TargetUs),
            SigmaUs = Math.Sqrt(Math.Max(0, (row.SigmaUs * row.SigmaUs) - (first.SigmaUs * first.SigmaUs))),
        };
    }
}
