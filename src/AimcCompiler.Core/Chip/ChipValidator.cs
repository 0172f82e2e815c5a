using System.Globalization;

namespace AimcCompiler.Core;

/// <summary>Holds a chip description to what the compiler and the simulator can take:
/// 1. every number in its range; 2. cell, weights and slicing fit each other; 3. encoding and its options fit; 4. a weight fits a tile;
/// 5. input scheme, sign and management fit; 6. ADC range and bound fit; 7. nothing that is not modeled is asked for;
/// 8. a device's data cover the conductances of the cell, and what else a cell has is within its bounds. Then it warns of constants from memory and of effects that cannot take
/// effect.</summary>
public static partial class ChipValidator
{
    public const int MaximumRowsOrColumns = 65536;
    public const int MaximumCellBits = 16;
    public const int MaximumWeightBits = 16;
    public const int MaximumInputBits = 16;
    public const int MaximumAdcBits = 24;

    private const int MaximumMesh = 4096;
    private const string FromMemory = "[M]";

    /// <param name="chip">The chip.</param>
    /// <param name="where">Names the chip file; findings append the JSON path.</param>
    public static DiagnosticBag Validate(ChipDescription chip, string where)
    {
        var check = new Checks(where);
        Ranges(check, chip);
        Weights(check, chip.Tile);
        Encoding(check, chip.Tile);
        if (!check.Bag.HasErrors)
        {
            Fit(check, chip.Tile);
        }

        Input(check, chip.Tile.Input);
        Adc(check, chip.Tile);
        AdcSource(check, chip);
        Periphery(check, chip.Tile);
        Wires(check, chip.Tile);
        Device(check, chip.Tile);
        CellEffects(check, chip.Tile);
        if (!check.Bag.HasErrors)
        {
            Effects(check, chip.Tile);
            PeripheryEffects(check, chip.Tile);
            Memory(check, chip);
        }

        return check.Bag;
    }

    private static void Ranges(Checks check, ChipDescription chip)
    {
        check.Within("schema", chip.Schema, 1, 1);
        check.That(!string.IsNullOrWhiteSpace(chip.Name), "name", "is empty");
        check.Positive("technology_nm", chip.TechnologyNm);
        check.Positive("clock_mhz", chip.ClockMhz);
        if (chip.Mesh is { } mesh)
        {
            check.Within("mesh.rows", mesh.Rows, 1, MaximumMesh);
            check.Within("mesh.columns", mesh.Columns, 1, MaximumMesh);
        }

        check.Within("core.tiles", chip.Core.Tiles, 1, 65536);
        check.Positive("core.buffer_kib", chip.Core.BufferKib);
        check.NotNegative("core.buffer_pj_per_bit", chip.Core.BufferPjPerBit);
        check.Positive("core.buffer_gb_per_s", chip.Core.BufferGbPerS);
        check.Positive("core.mvm_issue_ns", chip.Core.MvmIssueNs);
        check.Within("core.converting_tiles", chip.Core.ConvertingTiles, 1, Math.Max(1, chip.Core.Tiles));
        check.NotNegative("core.area_mm2", chip.Core.AreaMm2);
        check.NotNegative("core.static_mw", chip.Core.StaticMw);
        check.Within("core.digital.lanes", chip.Core.Digital.Lanes, 1, 65536);
        check.Positive("core.digital.ns_per_op", chip.Core.Digital.NsPerOp);
        check.NotNegative("core.digital.pj_per_op", chip.Core.Digital.PjPerOp);

        TileDescription tile = chip.Tile;
        check.Within("tile.rows", tile.Rows, 1, MaximumRowsOrColumns);
        check.Within("tile.columns", tile.Columns, 1, MaximumRowsOrColumns);
        check.Positive("tile.area_um2", tile.AreaUm2);
        check.Within("tile.cell.bits", tile.Cell.Bits, 1, MaximumCellBits);
        check.NotNegative("tile.cell.g_min_us", tile.Cell.GMinUs);
        check.That(
            tile.Cell.GMinUs < tile.Cell.GMaxUs,
            "tile.cell.g_max_us",
            $"is {Text(tile.Cell.GMaxUs)}; allowed: above g_min_us, {Text(tile.Cell.GMinUs)}");
        check.Positive("tile.cell.read_voltage_v", tile.Cell.ReadVoltageV);
        check.Within("tile.weights.bits", tile.Weights.Bits, 2, MaximumWeightBits);
        check.Within("tile.input.bits", tile.Input.Bits, tile.Input.Sign == InputSign.Unsigned ? 1 : 2, MaximumInputBits);
        check.Within("tile.adc.bits", tile.Adc.Bits, ConvertsSignedSums(tile) ? 2 : 1, MaximumAdcBits);
        check.Positive("tile.adc.bound", tile.Adc.Bound);
        check.Within("tile.adc.columns_per_adc", tile.Adc.ColumnsPerAdc, 1, Math.Max(1, tile.Columns));
        check.NotNegative("tile.noise.output", tile.Noise.Output);
        check.NotNegative("tile.noise.read", tile.Noise.Read);
        check.Positive("tile.noise.temperature_k", tile.Noise.TemperatureK);
        check.Positive("tile.timing.cycle_ns", tile.Timing.CycleNs);
        check.Within("tile.timing.stages", tile.Timing.Stages, 1, 1000);
        check.Positive("tile.timing.initiation_interval_ns", tile.Timing.InitiationIntervalNs);
        check.NotNegative("tile.energy.mvm_nj", tile.Energy.MvmNj);
        check.NotNegative("tile.energy.dac_pj", tile.Energy.DacPj);
        check.NotNegative("tile.energy.adc_pj", tile.Energy.AdcPj);
        check.NotNegative("tile.energy.cell_fj_per_cycle", tile.Energy.CellFjPerCycle);
        check.NotNegative("tile.energy.shift_add_pj", tile.Energy.ShiftAddPj);
        check.NotNegative("tile.energy.static_mw", tile.Energy.StaticMw);

        if (chip.Noc is { } noc)
        {
            check.Within("noc.flit_bits", noc.FlitBits, 1, 65536);
            check.NotNegative("noc.ns_per_hop", noc.NsPerHop);
            check.NotNegative("noc.pj_per_bit_hop", noc.PjPerBitHop);
            check.Positive("noc.gb_per_s", noc.GbPerS);
            check.NotNegative("noc.router_area_mm2", noc.RouterAreaMm2);
            check.NotNegative("noc.router_static_mw", noc.RouterStaticMw);
        }

        if (chip.OffChip is { } offChip)
        {
            check.Positive("off_chip.gb_per_s", offChip.GbPerS);
            check.NotNegative("off_chip.pj_per_bit", offChip.PjPerBit);
            check.Within("off_chip.ports", offChip.Ports, 1, MaximumMesh);
            check.NotNegative("off_chip.latency_ns", offChip.LatencyNs);
            check.NotNegative("off_chip.area_mm2", offChip.AreaMm2);
            check.NotNegative("off_chip.static_mw", offChip.StaticMw);
        }

        if (chip.Board is { } board)
        {
            check.Positive("board.gb_per_s", board.GbPerS);
            check.NotNegative("board.latency_ns", board.LatencyNs);
            check.NotNegative("board.pj_per_bit", board.PjPerBit);
        }
    }

    private static void Weights(Checks check, TileDescription tile)
    {
        const string SlicingPath = "tile.weights.slicing";
        bool differential = TileGeometry.IsDifferential(tile.Encoding.Sign);
        string slicing = ChipJson.NameOf(tile.Weights.Slicing);
        string sign = ChipJson.NameOf(tile.Encoding.Sign);
        if (tile.Weights.Bits is null != tile.Cell.Bits is null)
        {
            check.Fail(
                "tile.weights.bits",
                $"is {Text(tile.Weights.Bits)} and tile.cell.bits is {Text(tile.Cell.Bits)}; allowed: both null (analog) or neither");
        }
        else if (tile.Weights.Bits is not { } weightBits || tile.Cell.Bits is not { } cellBits)
        {
            check.That(tile.Weights.Slicing == Slicing.None, SlicingPath, $"is {slicing} for analog weights; allowed: none");
        }
        else if (tile.Weights.Slicing == Slicing.None)
        {
            int needed = differential && tile.Encoding.Sign != SignEncoding.CenterOffset ? weightBits - 1 : weightBits;
            check.That(
                cellBits >= needed,
                SlicingPath,
                $"is none, but a cell of {cellBits} bits does not hold a weight of {weightBits} bits ({sign}: {needed} bits)",
                $"tile.weights.slicing={(differential ? "signed_digits" : "unsigned")}",
                $"tile.cell.bits={needed}");
        }
        else if (tile.Encoding.Sign == SignEncoding.CenterOffset)
        {
            check.That(tile.Weights.Slicing == Slicing.SignedDigits, SlicingPath, $"is {slicing} with {sign}; allowed: signed_digits, none");
        }
        else if (differential)
        {
            check.That(
                tile.Weights.Slicing is Slicing.SignedDigits or Slicing.TwosComplement,
                SlicingPath,
                $"is {slicing} with {sign}; allowed: signed_digits, twos_complement, none");
        }
        else
        {
            check.That(tile.Weights.Slicing == Slicing.Unsigned, SlicingPath, $"is {slicing} with {sign}; allowed: unsigned, none");
        }
    }

    private static void Encoding(Checks check, TileDescription tile)
    {
        EncodingDescription encoding = tile.Encoding;
        string sign = ChipJson.NameOf(encoding.Sign);
        if (TileGeometry.IsDifferential(encoding.Sign))
        {
            check.That(!encoding.UnitColumn, "tile.encoding.unit_column", $"is true with {sign}; allowed with the offset encodings only");
            check.That(!encoding.Flip, "tile.encoding.flip", $"is true with {sign}; allowed with the offset encodings only");
        }

        if (encoding.Sign == SignEncoding.CenterOffset)
        {
            check.That(
                tile.Weights.Bits is <= WeightEncoding.MaximumCenteredBits,
                "tile.weights.bits",
                $"is {Text(tile.Weights.Bits)} with {sign}; allowed: 2 to {WeightEncoding.MaximumCenteredBits} (a center is a code, and a distance takes one bit more)");
            check.That(tile.Input.Bits is not null, "tile.input.bits", $"is null with {sign}; allowed: a number of bits (the digital side adds up the codes)");
            check.That(tile.Input.BoundManagement is null, "tile.input.bound_management", $"is on with {sign}; allowed: null");
        }

        check.That(
            encoding.Sign != SignEncoding.OffsetUnitColumn || encoding.UnitColumn,
            "tile.encoding.unit_column",
            "is false with offset_unit_column; allowed: true");
        check.That(
            !encoding.Flip || tile.Weights.Bits is not null,
            "tile.encoding.flip",
            "is true for analog weights; allowed: false (a complement needs levels)");
    }

    private static void Fit(Checks check, TileDescription tile)
    {
        var geometry = new TileGeometry(tile);
        check.That(
            geometry.LogicalRows > 0,
            "tile.rows",
            $"is {tile.Rows}; allowed: {geometry.PhysicalRowsPerWeight} or more, the rows of one weight");
        check.That(
            geometry.LogicalColumns > 0,
            "tile.columns",
            $"is {tile.Columns}; allowed: {geometry.PhysicalColumnsPerWeight} or more, the columns of one weight");
    }

    private static void Input(Checks check, InputDescription input)
    {
        bool bitSerial = input.Scheme == InputScheme.BitSerial;
        string scheme = ChipJson.NameOf(input.Scheme);
        check.That(
            !bitSerial || input.Bits is not null,
            "tile.input.bits",
            "is null with bit_serial; allowed: a number of bits (null only with pwm, multi_level)");
        check.Within("tile.input.pulse_bits", input.PulseBits, 1, bitSerial ? input.Bits ?? MaximumInputBits : 1);
        check.That(
            bitSerial || input.Sign is InputSign.Unsigned or InputSign.SignMagnitude,
            "tile.input.sign",
            $"is {ChipJson.NameOf(input.Sign)} with {scheme}; allowed: unsigned, sign_magnitude (the others need bit_serial)");
        check.That(
            bitSerial || input.SkipsZeroPulses != true,
            "tile.input.skips_zero_pulses",
            $"is true with {scheme}; allowed: false, null (only bit_serial has pulses to skip)");
        check.That(
            input.Management != InputManagement.AbsMax || input.DynamicScale,
            "tile.input.management",
            "is abs_max, but tile.input.dynamic_scale is false",
            "tile.input.management=constant");
        if (input.BoundManagement is { } bound)
        {
            check.That(
                bound.MaxFactor >= 1, "tile.input.bound_management.max_factor", $"is {Text(bound.MaxFactor)}; allowed: 1 or more");
            check.Positive("tile.input.bound_management.max_resolution", bound.MaxResolution);
        }
    }

    private static void Adc(Checks check, TileDescription tile)
    {
        AdcDescription adc = tile.Adc;
        check.That(
            adc.Range == AdcRange.Fixed == adc.Bound is not null,
            "tile.adc.bound",
            adc.Bound is null ? "is null; a fixed range needs its bound" : "is given; allowed: null, unless tile.adc.range is fixed");
        check.That(
            adc.Range != AdcRange.Granular || (tile.Weights.Bits is not null && tile.Input.Bits is not null),
            "tile.adc.range",
            "is granular, which needs coded weights and coded inputs",
            "tile.adc.range=calibrated");
        check.That(
            tile.Input.BoundManagement is null || adc.Bits is not null,
            "tile.input.bound_management",
            "is given, but a lossless ADC (tile.adc.bits null) has no bound to manage; allowed: null");
    }

    private static void AdcSource(Checks check, ChipDescription chip)
    {
        const string Path = "tile.energy.adc_source";
        EnergyDescription energy = chip.Tile.Energy;
        if (energy.AdcSource == AdcEnergySource.Measured)
        {
            return;
        }

        string source = ChipJson.NameOf(energy.AdcSource);
        check.That(energy.AdcPj is null, "tile.energy.adc_pj", $"is given with adc_source {source}; allowed: null", $"{Path}=measured");
        check.That(energy.MvmNj is null, Path, $"is {source}, but tile.energy.mvm_nj has the ADC's energy; allowed: measured", "tile.energy.mvm_nj=null");
        (int least, int most) = AdcEnergy.BitsOf(energy.AdcSource);
        check.That(
            chip.Tile.Adc.Bits >= least && chip.Tile.Adc.Bits <= most,
            Path,
            $"is {source}, which knows ADCs of {least} to {most} bits; tile.adc.bits is {Text(chip.Tile.Adc.Bits)}");
        if (energy.AdcSource == AdcEnergySource.Survey)
        {
            check.That(chip.TechnologyNm is not null, Path, "is survey, which needs technology_nm");
            check.That(chip.Tile.Timing.CycleNs is not null, Path, "is survey, which needs the rate of an ADC: tile.timing.cycle_ns");
        }
    }

    private static void Effects(Checks check, TileDescription tile)
    {
        WiresWithoutEffect(check, tile);
        OnAtZero("tile.noise.output", tile.Noise.Output);
        OnAtZero("tile.noise.read", tile.Noise.Read);
        DeviceEffects(check, tile, OnAtZero);
        CellEffectsWithoutEffect(check, tile, OnAtZero);
        check.Warn(
            tile.Adc is { Bits: null, Bound: not null },
            "tile.adc.bound",
            "cannot take effect: a lossless ADC (tile.adc.bits null) does not clip",
            "tile.adc.bits=8");
        check.Warn(
            tile.Encoding is { Sign: SignEncoding.OffsetDigital, UnitColumn: true },
            "tile.encoding.unit_column",
            "cannot take effect: offset_digital sums the inputs digitally",
            "tile.encoding.unit_column=false");

        void OnAtZero(string path, double? value) =>
            check.Warn(value == 0, path, "is 0 and cannot take effect; off is null", $"{path}=null");
    }

    private static void Memory(Checks check, ChipDescription chip)
    {
        foreach ((string field, string source) in chip.Sources.OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            if (source.StartsWith(FromMemory, StringComparison.Ordinal))
            {
                check.Bag.Add(
                    Descriptors.ConstantFromMemory, check.At(field), $"is known only from memory: {source[FromMemory.Length..].Trim()}");
            }
        }
    }

    /// <summary>Can what the ADC converts be negative?</summary>
    private static bool ConvertsSignedSums(TileDescription tile) =>
        (TileGeometry.IsDifferential(tile.Encoding.Sign) && tile.Encoding.Subtract == Subtraction.InArray)
        || tile.Input.Sign == InputSign.SignMagnitude;

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Text(int? value) => value is { } number ? number.ToString(CultureInfo.InvariantCulture) : "null";

    private sealed class Checks(string where)
    {
        public DiagnosticBag Bag { get; } = new();

        public string At(string path) => $"{where}: $.{path}";

        public void That(bool holds, string path, string message, params ReadOnlySpan<string> levers)
        {
            if (!holds)
            {
                Bag.Add(Descriptors.InvalidChip, At(path), message, levers);
            }
        }

        public void Fail(string path, string message) => Fail(Descriptors.InvalidChip, path, message);

        public void Fail(DiagnosticDescriptor descriptor, string path, string message) => Bag.Add(descriptor, At(path), message);

        public void Warn(bool applies, string path, string message, params ReadOnlySpan<string> levers)
        {
            if (applies)
            {
                Bag.Add(Descriptors.WithoutEffect, At(path), message, levers);
            }
        }

        public void Within(string path, int? value, int least, int most) =>
            That(
                value is null || (value >= least && value <= most),
                path,
                $"is {Text(value)}; allowed: {(least == most ? least : $"{least} .. {most}")}");

        public void Positive(string path, double? value) =>
            That(value is null || (value > 0 && double.IsFinite(value.Value)), path, $"is {Text(value ?? 0)}; allowed: above 0");

        public void NotNegative(string path, double? value) =>
            That(value is null || (value >= 0 && double.IsFinite(value.Value)), path, $"is {Text(value ?? 0)}; allowed: 0 or more");
    }
}
