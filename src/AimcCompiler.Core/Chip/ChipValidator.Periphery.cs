namespace AimcCompiler.Core;

/// <summary>Converters beyond their codes, the circuits around the array, and what of them cannot take effect.</summary>
public static partial class ChipValidator
{
    /// <summary>An ADC with errors has a table of its code edges, a row driver one of its levels.</summary>
    public const int MaximumErrorBits = 12;

    private static void Periphery(Checks check, TileDescription tile)
    {
        var (input, adc) = (tile.Input, tile.Adc);
        check.NotNegative("tile.input.noise", input.Noise);
        Fraction(check, "tile.input.asymmetry", input.Asymmetry);
        Errors(check, "tile.input.errors", input.Errors);
        bool bitSerial = input.Scheme == InputScheme.BitSerial;
        check.That(
            input.Codes == ConverterCodes.MidTread || !bitSerial,
            "tile.input.codes",
            "is mid_rise with bit_serial; allowed: mid_tread (pulses of a few bits have no half steps)");
        int? levelBits = bitSerial ? input.PulseBits : input.Bits;
        check.That(
            input.Errors is null || levelBits is not > MaximumErrorBits,
            "tile.input.errors",
            $"are given for a driver of {Text(levelBits)} bits; allowed: {MaximumErrorBits} or fewer");

        check.NotNegative("tile.adc.thermal_noise_lsb", adc.ThermalNoiseLsb);
        Errors(check, "tile.adc.errors", adc.Errors);
        string? table = adc.Structure is not null ? "tile.adc.structure" : adc.Errors is not null ? "tile.adc.errors" : null;
        check.That(
            table is null || adc.Bits is not > MaximumErrorBits,
            table ?? "tile.adc.errors",
            $"is given for an ADC of {Text(adc.Bits)} bits; allowed: {MaximumErrorBits} or fewer",
            $"tile.adc.bits={MaximumErrorBits}");
        check.That(
            adc.Codes == ConverterCodes.MidTread || adc.Range != AdcRange.Granular || !ConvertsSignedSums(tile),
            "tile.adc.codes",
            "is mid_rise, and an LSB of one unit cell has no code for whole sums; allowed: mid_tread with a granular range",
            "tile.adc.range=max");
        if (adc.Structure is { } structure)
        {
            Structure(check, tile, structure);
        }

        if (tile.Output is { } output)
        {
            check.NotNegative("tile.output.nonlinearity", output.Nonlinearity);
            check.NotNegative("tile.output.nonlinearity_spread", output.NonlinearitySpread);
            Fraction(check, "tile.output.asymmetry", output.Asymmetry);
            check.NotNegative("tile.output.voltage_offset", output.VoltageOffset);
            check.NotNegative("tile.output.reference_weight", output.ReferenceWeight);
            check.NotNegative("tile.output.series_resistance", output.SeriesResistance);
            check.Positive("tile.output.series_maximum", output.SeriesMaximum);
        }

        if (tile.Noise.Weight is { } weight)
        {
            check.NotNegative("tile.noise.weight.sigma", weight.Sigma);
        }

        if (tile.Cell.Iv is { } iv)
        {
            Iv(check, tile.Cell, iv);
        }

        if (tile.Sensing == Sensing.Voltage)
        {
            VoltageSensing(check, tile);
        }
    }

    private static void Errors(Checks check, string path, ConverterErrors? errors)
    {
        check.NotNegative($"{path}.offset_lsb", errors?.OffsetLsb);
        check.NotNegative($"{path}.gain_lsb", errors?.GainLsb);
        check.NotNegative($"{path}.inl_lsb", errors?.InlLsb);
        check.NotNegative($"{path}.dnl_lsb", errors?.DnlLsb);
    }

    private static void Structure(Checks check, TileDescription tile, AdcStructure structure)
    {
        const string Path = "tile.adc.structure";
        string kind = ChipJson.NameOf(structure.Kind);
        check.NotNegative($"{Path}.capacitor_sigma", structure.CapacitorSigma);
        check.NotNegative($"{Path}.comparator_sigma", structure.ComparatorSigma);
        check.Positive($"{Path}.gain_db", structure.GainDb);
        check.That(structure.Compression is null or (>= 0 and < 1), $"{Path}.compression", $"is {Text(structure.Compression ?? 0)}; allowed: 0 or more, below 1");
        bool hasLadder = structure.Kind is AdcStructureKind.Ramp or AdcStructureKind.Sar;
        bool isOscillator = structure.Kind == AdcStructureKind.Cco;
        check.That(
            hasLadder == structure.Ladder is not null,
            $"{Path}.ladder",
            hasLadder ? $"is null with {kind}; allowed: binary, symmetric, split" : $"is given with {kind}; allowed: null");
        check.That(!isOscillator || structure.CapacitorSigma is null, $"{Path}.capacitor_sigma", "is given with cco; allowed: null");
        check.That(!isOscillator || structure.ComparatorSigma is null, $"{Path}.comparator_sigma", "is given with cco; allowed: null");
        check.That(!isOscillator || structure.GainDb is null, $"{Path}.gain_db", "is given with cco; allowed: null");
        check.That(isOscillator || structure.Compression is null, $"{Path}.compression", $"is given with {kind}; allowed: null");
        check.That(
            tile.Adc.Bits is null or >= 2,
            "tile.adc.bits",
            $"is {Text(tile.Adc.Bits)}; allowed: 2 or more with a structure");
        check.That(
            tile.Adc.Codes == ConverterCodes.MidRise || !ConvertsSignedSums(tile),
            "tile.adc.codes",
            $"is mid_tread; allowed: mid_rise with a structure, whose 2^b codes have no zero",
            "tile.adc.codes=mid_rise");
    }

    private static void Iv(Checks check, CellDescription cell, IvDescription iv)
    {
        const string Path = "tile.cell.iv";
        if (iv.Kind == IvKind.Cubic)
        {
            check.That(iv.CubicPerV2 is not null, $"{Path}.cubic_per_v2", "is null with cubic; allowed: a number");
            check.NotNegative($"{Path}.cubic_per_v2", iv.CubicPerV2);
            double bend = (iv.CubicPerV2 ?? 0) * cell.ReadVoltageV * cell.ReadVoltageV;
            check.That(bend < 1, $"{Path}.cubic_per_v2", $"turns the current around at the read voltage (c V^2 = {Text(bend)}); allowed: c V^2 below 1");
            return;
        }

        check.That(iv.CubicPerV2 is null, $"{Path}.cubic_per_v2", "is given with milo; allowed: null");
        check.That(cell.ReadVoltageV <= 0.5, "tile.cell.read_voltage_v", $"is {Text(cell.ReadVoltageV)}; allowed: 0.5 V or less with {Path}.kind milo");
        check.That(
            cell.GMinUs >= 50 && cell.GMaxUs <= 225,
            Path,
            $"is milo, whose fit holds from 50 to 225 uS; the cell has {Text(cell.GMinUs)} to {Text(cell.GMaxUs)} uS");
    }

    private static void VoltageSensing(Checks check, TileDescription tile)
    {
        bool subtractsInArray = TileGeometry.IsDifferential(tile.Encoding.Sign) && tile.Encoding.Subtract == Subtraction.InArray;
        check.That(
            !subtractsInArray || tile.Encoding.PairAxis == PairAxis.Rows,
            "tile.encoding.pair_axis",
            $"is {ChipJson.NameOf(tile.Encoding.PairAxis)} with voltage sensing; allowed: rows (both halves of a pair pull one column), or tile.encoding.subtract after_conversion",
            "tile.encoding.pair_axis=rows",
            "tile.encoding.subtract=after_conversion");
        check.That(tile.Adc.Range != AdcRange.Granular, "tile.adc.range", "is granular with voltage sensing, where a cell has no step of its own; allowed: max, calibrated, fixed");
        check.That(tile.Cell.Iv is null, "tile.cell.iv", "is given with voltage sensing, where a column's voltage bends every cell's; allowed: null");
        check.That(
            tile.Output is not ({ VoltageOffset: not null } or { ReferenceWeight: not null } or { SeriesResistance: not null }),
            "tile.output",
            "has a voltage offset, reference or series resistance of a column's current, and voltage sensing draws none; allowed: null for these",
            "tile.sensing=current");
    }

    private static void PeripheryEffects(Checks check, TileDescription tile)
    {
        var (input, adc) = (tile.Input, tile.Adc);
        OnAtZero("tile.input.noise", input.Noise);
        OnAtZero("tile.input.asymmetry", input.Asymmetry);
        ErrorsAtZero("tile.input.errors", input.Errors);
        OnAtZero("tile.adc.thermal_noise_lsb", adc.ThermalNoiseLsb);
        ErrorsAtZero("tile.adc.errors", adc.Errors);
        OnAtZero("tile.noise.weight.sigma", tile.Noise.Weight?.Sigma);
        OnAtZero("tile.cell.iv.cubic_per_v2", tile.Cell.Iv?.CubicPerV2);

        if (input.Bits is null)
        {
            WithoutDac("tile.input.errors", input.Errors is not null, "have no LSB", "null");
            WithoutDac("tile.input.rounding", input.Rounding == ConverterRounding.Stochastic, "has nothing to round", "half_even");
            WithoutDac("tile.input.codes", input.Codes == ConverterCodes.MidRise, "has no codes to choose", "mid_tread");
        }

        bool isUnsigned = input.Sign == InputSign.Unsigned;
        check.Warn(
            isUnsigned && input.Codes == ConverterCodes.MidRise && input.Bits is not null,
            "tile.input.codes",
            "cannot take effect: unsigned inputs have codes 0 .. 2^b - 1",
            "tile.input.codes=mid_tread");
        bool hasNegativePulses = input.Sign == InputSign.SignMagnitude;
        check.Warn(
            input.Asymmetry is > 0 && !hasNegativePulses,
            "tile.input.asymmetry",
            $"cannot take effect: no pulse is negative with {ChipJson.NameOf(input.Sign)}",
            "tile.input.asymmetry=null");

        if (adc.Bits is null)
        {
            WithoutAdc("tile.adc.errors", adc.Errors is not null, "null");
            WithoutAdc("tile.adc.structure", adc.Structure is not null, "null");
            WithoutAdc("tile.adc.thermal_noise_lsb", adc.ThermalNoiseLsb is not null, "null");
            WithoutAdc("tile.adc.rounding", adc.Rounding == ConverterRounding.Stochastic, "half_even");
            WithoutAdc("tile.adc.codes", adc.Codes == ConverterCodes.MidRise, "mid_tread");
        }
        else
        {
            check.Warn(
                adc.Codes == ConverterCodes.MidRise && !ConvertsSignedSums(tile),
                "tile.adc.codes",
                "cannot take effect: sums that are never negative have codes 0 .. 2^b - 1",
                "tile.adc.codes=mid_tread");
        }

        if (adc.Structure is { } structure)
        {
            OnAtZero("tile.adc.structure.capacitor_sigma", structure.CapacitorSigma);
            OnAtZero("tile.adc.structure.comparator_sigma", structure.ComparatorSigma);
            OnAtZero("tile.adc.structure.compression", structure.Compression);
            check.Warn(
                structure is { CapacitorSigma: null, ComparatorSigma: null, GainDb: null, Compression: null },
                "tile.adc.structure",
                "cannot take effect: without mismatch, offset, gain and compression it is the ideal converter",
                "tile.adc.structure=null");
        }

        if (tile.Output is { } output)
        {
            OnAtZero("tile.output.nonlinearity", output.Nonlinearity);
            OnAtZero("tile.output.nonlinearity_spread", output.NonlinearitySpread);
            OnAtZero("tile.output.asymmetry", output.Asymmetry);
            OnAtZero("tile.output.voltage_offset", output.VoltageOffset);
            OnAtZero("tile.output.reference_weight", output.ReferenceWeight);
            OnAtZero("tile.output.series_resistance", output.SeriesResistance);
            check.Warn(
                output is { NonlinearitySpread: > 0, Nonlinearity: not > 0 },
                "tile.output.nonlinearity_spread",
                "cannot take effect: there is no non-linearity to spread",
                "tile.output.nonlinearity=0.1");
            check.Warn(
                output is { ReferenceWeight: > 0, VoltageOffset: not > 0, SeriesResistance: not > 0 },
                "tile.output.reference_weight",
                "cannot take effect: without voltage offset and series resistance a reference takes off what it adds",
                "tile.output.reference_weight=null");
            check.Warn(
                output is { SeriesMaximum: not null, SeriesResistance: not > 0 },
                "tile.output.series_maximum",
                "cannot take effect: there is no series resistance",
                "tile.output.series_maximum=null");
            check.Warn(
                output.Asymmetry is > 0 && !ConvertsSignedSums(tile),
                "tile.output.asymmetry",
                "cannot take effect: no sum is negative",
                "tile.output.asymmetry=null");
        }

        void WithoutDac(string path, bool isOn, string why, string off) =>
            check.Warn(isOn, path, $"cannot take effect: a lossless DAC (tile.input.bits null) {why}", $"{path}={off}");

        void WithoutAdc(string path, bool isOn, string off) =>
            check.Warn(isOn, path, "cannot take effect: the ADC is lossless (tile.adc.bits null)", $"{path}={off}");

        void ErrorsAtZero(string path, ConverterErrors? errors)
        {
            OnAtZero($"{path}.offset_lsb", errors?.OffsetLsb);
            OnAtZero($"{path}.gain_lsb", errors?.GainLsb);
            OnAtZero($"{path}.inl_lsb", errors?.InlLsb);
            OnAtZero($"{path}.dnl_lsb", errors?.DnlLsb);
            check.Warn(
                errors is { OffsetLsb: null, GainLsb: null, InlLsb: null, DnlLsb: null },
                path,
                "cannot take effect: all of them are null",
                $"{path}=null");
        }

        void OnAtZero(string path, double? value) =>
            check.Warn(value == 0, path, "is 0 and cannot take effect; off is null", $"{path}=null");
    }
}
