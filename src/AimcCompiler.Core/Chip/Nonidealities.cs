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
        new("faults", ["tile.noise.faults"], c => c.Tile.Noise.Faults is not null, c => With(c, n => n with { Faults = null })) { IsRandom = true },
        new("programming error", ["tile.cell.device.programming_sigma", "tile.cell.device.programming_scale", "tile.cell.device.rows"], c => WithoutProgrammingError(Device(c)) != Device(c), c => With(c, WithoutProgrammingError)) { IsRandom = true },
        new("device variation", ["tile.cell.variation"], c => c.Tile.Cell.Variation is not null, c => With(c, (CellDescription cell) => cell with { Variation = null })) { IsRandom = true },
        new("drift", ["tile.cell.device.drift_scale", "tile.cell.device.rows"], c => WithoutDrift(Device(c)) != Device(c), c => With(c, WithoutDrift)) { IsRandom = true },
        new("accumulated read noise", ["tile.cell.device.read_scale"], c => WithoutAccumulatedReadNoise(Device(c)) != Device(c), c => With(c, WithoutAccumulatedReadNoise)) { IsRandom = true },
        new("instantaneous read noise", ["tile.noise.read", "tile.cell.device.read_sigma", "tile.cell.device.rows"], HasReadNoise, c => With(With(c, n => n with { Read = null }), WithoutReadNoise)) { IsRandom = true },
        new("temperature", ["tile.cell.temperature"], c => c.Tile.Cell.Temperature is not null, c => With(c, (CellDescription cell) => cell with { Temperature = null })),
        new("driver errors", ["tile.input.errors", "tile.input.asymmetry"], c => c.Tile.Input is { Errors: not null } or { Asymmetry: > 0 }, c => With(c, (InputDescription i) => i with { Errors = null, Asymmetry = null })) { IsRandom = true },
        new("input noise", ["tile.input.noise"], c => c.Tile.Input.Noise > 0, c => With(c, (InputDescription i) => i with { Noise = null })) { IsRandom = true },
        new("I-V curve", ["tile.cell.iv"], c => c.Tile.Cell.Iv is not null, c => With(c, (CellDescription cell) => cell with { Iv = null })),
        new("IR drop", ["tile.noise.ir_drop"], c => c.Tile.Noise.IrDrop is not null, c => With(c, n => n with { IrDrop = null })),
        new("weight noise", ["tile.noise.weight"], c => c.Tile.Noise.Weight is not null, c => With(c, n => n with { Weight = null })) { IsRandom = true },
        new("output circuit", ["tile.output"], c => c.Tile.Output is not null, c => c with { Tile = c.Tile with { Output = null } }) { IsRandom = true },
        new("ADC errors", ["tile.adc.errors", "tile.adc.structure"], c => c.Tile.Adc is { Bits: not null } and ({ Errors: not null } or { Structure: not null }), c => With(c, (AdcDescription a) => a with { Errors = null, Structure = null })) { IsRandom = true },
        new("input quantization", ["tile.input.bits"], c => FinestInputs(c) != c, FinestInputs),
        new("output noise", ["tile.noise.output", "tile.adc.thermal_noise_lsb"], c => c.Tile.Noise.Output > 0 || c.Tile.Adc is { Bits: not null, ThermalNoiseLsb: > 0 }, c => With(With(c, n => n with { Output = null }), (AdcDescription a) => a with { ThermalNoiseLsb = null })) { IsRandom = true },
        new("output quantization", ["tile.adc.bits", "tile.adc.bound", "tile.input.bound_management"], c => c.Tile.Adc.Bits is not null, WithoutAdc),
    ];

    /// <summary>Instances and times differ; else one run says all: cells stay what they were programmed to, and nothing is drawn.</summary>
    public static bool AreRandom(ChipDescription chip) => Of(chip).Any(n => n.IsRandom)
        || chip.Tile.Input is { Bits: not null, Rounding: ConverterRounding.Stochastic } || chip.Tile.Adc is { Bits: not null, Rounding: ConverterRounding.Stochastic };

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

    private static ChipDescription With(ChipDescription chip, Func<CellDescription, CellDescription> change) => chip with { Tile = chip.Tile with { Cell = change(chip.Tile.Cell) } };

    private static ChipDescription With(ChipDescription chip, Func<InputDescription, InputDescription> change) => chip with { Tile = chip.Tile with { Input = change(chip.Tile.Input) } };

    private static ChipDescription With(ChipDescription chip, Func<AdcDescription, AdcDescription> change) => chip with { Tile = chip.Tile with { Adc = change(chip.Tile.Adc) } };

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
                    Input = isSerial
                        ? tile.Input with { Bits = ChipValidator.MaximumInputBits }
                        : tile.Input with { Bits = null, Codes = ConverterCodes.MidTread, Rounding = ConverterRounding.HalfEven, Errors = null },
                    Adc = isSerial ? tile.Adc : WithoutSteps(tile.Adc),
                },
            };
    }

    /// <summary>Lossless conversions do not clip: there are no bounds to manage.</summary>
    private static ChipDescription WithoutAdc(ChipDescription chip) =>
        chip with { Tile = chip.Tile with { Adc = chip.Tile.Adc with { Bits = null, Codes = ConverterCodes.MidTread, Rounding = ConverterRounding.HalfEven, ThermalNoiseLsb = null, Errors = null, Structure = null }, Input = chip.Tile.Input with { BoundManagement = null } } };

    private static DeviceDescription WithoutProgrammingError(DeviceDescription device) => device switch
    {
        GaussianDevice { ProgrammingSigma: > 0 } gaussian => gaussian with { ProgrammingSigma = null },
        PcmLikeDevice { ProgrammingScale: > 0 } pcm => pcm with { ProgrammingScale = null },
        PcmHermesDevice { ProgrammingScale: > 0 } pcm => pcm with { ProgrammingScale = null },
        PcmCustomDevice { ProgrammingUs: not null } pcm => pcm with { ProgrammingUs = null },
        RramWan2022Device { ProgrammingScale: > 0 } rram => rram with { ProgrammingScale = null },
        RramMilo2021Device { ProgrammingScale: > 0 } rram => rram with { ProgrammingScale = null },
        RramCmoDevice { ProgrammingScale: > 0 } rram => rram with { ProgrammingScale = null },
        SonosDevice { ProgrammingScale: > 0 } sonos => sonos with { ProgrammingScale = null },
        MramDevice { ResistanceSigma: > 0 } or MramDevice { WriteError: > 0 } => (MramDevice)device with { ResistanceSigma = null, WriteError = null },
        // What a table measured first is the error of programming; how it moves and spreads from there is drift.
        TableDevice table when AtFirst(table).Any(r => r.SigmaUs > 0 || r.MeanUs != r.TargetUs) => new TableDevice([.. table.Rows.Select(r => Moved(r, table))]),
        _ => device,
    };

    private static DeviceDescription WithoutDrift(DeviceDescription device) => device switch
    {
        PcmLikeDevice { DriftScale: > 0 } pcm => pcm with { DriftScale = null },
        PcmHermesDevice { DriftScale: > 0 } pcm => pcm with { DriftScale = null },
        PcmCustomDevice { Drift: not null } pcm => pcm with { Drift = null },
        RramCmoDevice { DriftScale: > 0 } rram => rram with { DriftScale = null },
        SonosDevice { DriftScale: > 0 } sonos => sonos with { DriftScale = null },
        TableDevice table when table.Rows.Any(r => First(table, r) is var first && (r.MeanUs != first.MeanUs || r.SigmaUs != first.SigmaUs)) =>
            new TableDevice([.. table.Rows.Select(r => First(table, r) is var first ? r with { MeanUs = first.MeanUs, SigmaUs = first.SigmaUs } : r)]),
        _ => device,
    };

    private static DeviceDescription WithoutAccumulatedReadNoise(DeviceDescription device) => device switch
    {
        PcmLikeDevice { ReadScale: > 0 } pcm => pcm with { ReadScale = null },
        PcmHermesDevice { ReadScale: > 0 } pcm => pcm with { ReadScale = null },
        PcmCustomDevice { Read: not null } pcm => pcm with { Read = null },
        RramCmoDevice { ReadScale: > 0 } rram => rram with { ReadScale = null },
        _ => device,
    };

    private static bool HasReadNoise(ChipDescription chip) => chip.Tile.Noise.Read > 0 || WithoutReadNoise(Device(chip)) != Device(chip);

    private static DeviceDescription WithoutReadNoise(DeviceDescription device) => device switch
    {
        GaussianDevice { ReadSigma: > 0 } gaussian => gaussian with { ReadSigma = null },
        SonosDevice { ReadScale: > 0 } sonos => sonos with { ReadScale = null },
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
