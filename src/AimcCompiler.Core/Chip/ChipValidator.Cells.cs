namespace AimcCompiler.Core;

/// <summary>Devices, cells and faults.</summary>
public static partial class ChipValidator
{
    private const string DevicePath = "tile.cell.device";
    private const int MaximumPairs = 16;
    private const int MaximumPulses = 1000;
    private const int MaximumCoefficients = 8;
    private const int MaximumDriftPoints = 64;

    /// <summary>Rounding by which a conductance may be beyond the data of a device.</summary>
    private const double Rounding = 1e-6;

    private static void Device(Checks check, TileDescription tile)
    {
        CellDescription cell = tile.Cell;
        switch (cell.Device)
        {
            case GaussianDevice gaussian:
                check.NotNegative($"{DevicePath}.programming_sigma", gaussian.ProgrammingSigma);
                check.NotNegative($"{DevicePath}.read_sigma", gaussian.ReadSigma);
                break;
            case PcmLikeDevice pcm:
                Scales(pcm.ProgrammingScale, pcm.DriftScale, pcm.ReadScale);
                break;
            case PcmHermesDevice hermes:
                check.Within($"{DevicePath}.devices", hermes.Devices, 1, 2);
                Scales(hermes.ProgrammingScale, hermes.DriftScale, hermes.ReadScale);
                break;
            case PcmCustomDevice custom:
                Custom(check, custom, cell);
                break;
            case RramWan2022Device wan:
                Scales(wan.ProgrammingScale, null, null);
                if (wan.Fit == WanFit.Crosssim)
                {
                    Covers(0, 39.26, "the fit crosssim");
                }

                break;
            case RramMilo2021Device milo:
                Scales(milo.ProgrammingScale, null, null);
                Covers(50, 225, "rram_milo_2021");
                break;
            case RramCmoDevice cmo:
                check.That(
                    cmo.AcceptancePercent is 0.2 or 2,
                    $"{DevicePath}.acceptance_percent",
                    $"is {Text(cmo.AcceptancePercent)}; allowed: 0.2, 2 (the acceptance ranges that were measured, in percent)");
                Scales(cmo.ProgrammingScale, cmo.DriftScale, cmo.ReadScale);
                Covers(9, 88.2, "rram_cmo");
                break;
            case SonosDevice sonos:
                Scales(sonos.ProgrammingScale, sonos.DriftScale, sonos.ReadScale);
                double current = cell.GMaxUs * cell.ReadVoltageV * 1000;
                double bound = sonos.DriftScale is null ? 3200 : 1800;
                check.That(
                    !(current > bound * (1 + Rounding)),
                    "tile.cell.g_max_us",
                    $"gives a read current of {Text(current)} nA at tile.cell.read_voltage_v; sonos was measured {(sonos.DriftScale is null ? "" : "with drift ")}up to {Text(bound)} nA",
                    $"tile.cell.read_voltage_v={Text(Math.Floor(bound / cell.GMaxUs) / 1000)}");
                break;
            case MramDevice mram:
                Mram(check, mram, tile);
                break;
            case TableDevice { Rows.Count: > 0 } table:
                double lowest = table.Rows.Min(r => r.TargetUs);
                double highest = table.Rows.Max(r => r.TargetUs);
                if (lowest > cell.GMinUs || highest < cell.GMaxUs)
                {
                    check.Fail(
                        Descriptors.InvalidDeviceTable,
                        $"{DevicePath}.rows",
                        $"covers targets {Text(lowest)} .. {Text(highest)} uS; the cell needs {Text(cell.GMinUs)} .. {Text(cell.GMaxUs)} uS");
                }

                double? coldest = table.Rows.Min(r => r.TemperatureK);
                double? hottest = table.Rows.Max(r => r.TemperatureK);
                if (coldest > tile.Noise.TemperatureK || hottest < tile.Noise.TemperatureK)
                {
                    check.Fail(
                        Descriptors.InvalidDeviceTable,
                        $"{DevicePath}.rows",
                        $"covers temperatures {Text(coldest!.Value)} .. {Text(hottest!.Value)} K; tile.noise.temperature_k is {Text(tile.Noise.TemperatureK)}");
                }

                break;
        }

        void Scales(double? programming, double? drift, double? read)
        {
            check.NotNegative($"{DevicePath}.programming_scale", programming);
            check.NotNegative($"{DevicePath}.drift_scale", drift);
            check.NotNegative($"{DevicePath}.read_scale", read);
        }

        void Covers(double least, double most, string what)
        {
            check.That(cell.GMinUs >= least, "tile.cell.g_min_us", $"is {Text(cell.GMinUs)}; {what} was measured from {Text(least)} to {Text(most)} uS");
            check.That(cell.GMaxUs <= most * (1 + Rounding), "tile.cell.g_max_us", $"is {Text(cell.GMaxUs)}; {what} was measured from {Text(least)} to {Text(most)} uS");
        }
    }

    private static void Custom(Checks check, PcmCustomDevice custom, CellDescription cell)
    {
        check.Positive($"{DevicePath}.g_reference_us", custom.GReferenceUs);
        check.Positive($"{DevicePath}.t0_s", custom.T0S);
        check.Positive($"{DevicePath}.read_time_s", custom.ReadTimeS);
        check.That(
            custom.ProgrammingUs is not { Count: 0 or > MaximumCoefficients },
            $"{DevicePath}.programming_us",
            $"has {custom.ProgrammingUs?.Count} coefficients; allowed: 1 .. {MaximumCoefficients}, or null");
        if (custom.Read is { } read)
        {
            check.NotNegative($"{DevicePath}.read.scale", read.Scale);
            check.NotNegative($"{DevicePath}.read.exponent", read.Exponent);
            check.NotNegative($"{DevicePath}.read.limit", read.Limit);
        }

        if (custom.Drift is not { } drift)
        {
            return;
        }

        string path = $"{DevicePath}.drift";
        check.That(drift.Count is > 0 and <= MaximumDriftPoints, path, $"has {drift.Count} points; allowed: 1 .. {MaximumDriftPoints}, or null");
        for (int i = 0; i < drift.Count; i++)
        {
            check.NotNegative($"{path}[{i}][2]", drift[i].NuSigma);
            check.That(
                i == 0 || drift[i].TargetUs > drift[i - 1].TargetUs,
                $"{path}[{i}][0]",
                $"is {Text(drift[i].TargetUs)}; allowed: above the target of the point before");
        }

        // A single point holds for every target.
        check.That(
            drift.Count <= 1 || (drift[0].TargetUs <= cell.GMinUs && drift[^1].TargetUs >= cell.GMaxUs),
            path,
            $"covers targets {Text(drift.Count > 0 ? drift[0].TargetUs : 0)} .. {Text(drift.Count > 0 ? drift[^1].TargetUs : 0)} uS; the cell needs {Text(cell.GMinUs)} .. {Text(cell.GMaxUs)} uS");
    }

    private static void Mram(Checks check, MramDevice mram, TileDescription tile)
    {
        check.Positive($"{DevicePath}.tmr", mram.Tmr);
        check.That(
            mram.ResistanceSigma is null or (>= 0 and <= 0.1), $"{DevicePath}.resistance_sigma", $"is {Text(mram.ResistanceSigma ?? 0)}; allowed: 0 .. 0.1");
        Fraction(check, $"{DevicePath}.write_error", mram.WriteError);
        check.That(tile.Cell.Bits == 1, "tile.cell.bits", $"is {Text(tile.Cell.Bits)} with mram; allowed: 1 (parallel and antiparallel)");
        double antiparallel = tile.Cell.GMaxUs / (1 + mram.Tmr);
        check.That(
            Math.Abs(tile.Cell.GMinUs - antiparallel) <= 1e-3 * tile.Cell.GMaxUs,
            "tile.cell.g_min_us",
            $"is {Text(tile.Cell.GMinUs)}; with mram it is g_max_us / (1 + tmr), {Text(Math.Round(antiparallel, 3))}",
            $"tile.cell.g_min_us={Text(Math.Round(antiparallel, 3))}");
    }

    private static void CellEffects(Checks check, TileDescription tile)
    {
        CellDescription cell = tile.Cell;
        if (cell.Significance is { } significance)
        {
            const string Path = "tile.cell.significance";
            check.That(significance.Count is > 0 and <= MaximumPairs, Path, $"has {significance.Count} numbers; allowed: 1 .. {MaximumPairs}, or null");
            check.That(cell.Bits is null, Path, "is given for cells with levels; allowed: null (weights of several bits stand in tile.weights.slicing)");
            check.That(
                tile.Sensing == Sensing.Current && cell.Iv is not { Kind: IvKind.Milo },
                Path,
                $"is given with {(tile.Sensing == Sensing.Current ? "tile.cell.iv milo, which is not linear in a pair's conductance" : "tile.sensing voltage, which has no weights for pairs")}; allowed: null");
            for (int i = 0; i < significance.Count; i++)
            {
                check.Positive($"{Path}[{i}]", significance[i]);
                check.That(i == 0 || significance[i] >= significance[i - 1], $"{Path}[{i}]", $"is {Text(significance[i])}; allowed: no less than the one before");
            }
        }

        if (cell.Programming is { } programming)
        {
            Programming(check, programming);
        }

        if (cell.Variation is { } variation)
        {
            check.NotNegative("tile.cell.variation.device", variation.Device);
            check.NotNegative("tile.cell.variation.chip", variation.Chip);
        }

        if (cell.Temperature is { } temperature)
        {
            check.Positive("tile.cell.temperature.reference_k", temperature.ReferenceK);
        }

        if (tile.Noise.Faults is not { } faults)
        {
            return;
        }

        Fraction(check, "tile.noise.faults.stuck_off", faults.StuckOff);
        Fraction(check, "tile.noise.faults.stuck_on", faults.StuckOn);
        Fraction(check, "tile.noise.faults.stuck_at.fraction", faults.StuckAt?.Fraction);
        check.NotNegative("tile.noise.faults.stuck_at.conductance_us", faults.StuckAt?.ConductanceUs);
        Fraction(check, "tile.noise.faults.dead_rows", faults.DeadRows);
        Fraction(check, "tile.noise.faults.dead_columns", faults.DeadColumns);
        Fraction(check, "tile.noise.faults.dead_tiles", faults.DeadTiles);
        double[] stuckParts = [faults.StuckOff ?? 0, faults.StuckOn ?? 0, faults.StuckAt?.Fraction ?? 0];
        double stuck = stuckParts.Sum();
        check.That(!(stuck > 1) || stuckParts.Any(f => f > 1), "tile.noise.faults", $"sticks a fraction of {Text(stuck)} of the devices; allowed: at most 1 together");
    }

    private static void Programming(Checks check, ProgrammingDescription programming)
    {
        const string Path = "tile.cell.programming";
        bool verifies = programming.Method == ProgrammingMethod.WriteVerify;
        check.Positive($"{Path}.tolerance_us", programming.ToleranceUs);
        check.Positive($"{Path}.tolerance_fraction", programming.ToleranceFraction);
        check.Within($"{Path}.max_pulses", programming.MaxPulses, 1, MaximumPulses);
        check.Positive($"{Path}.pulse_ns", programming.PulseNs);
        check.NotNegative($"{Path}.pulse_pj", programming.PulsePj);
        if (verifies)
        {
            check.That(
                programming.ToleranceUs is null != programming.ToleranceFraction is null,
                $"{Path}.tolerance_us",
                "and tolerance_fraction: write_verify needs exactly one of them");
            check.That(programming.MaxPulses is not null, $"{Path}.max_pulses", "is null; write_verify needs it");
        }
        else
        {
            check.That(programming.ToleranceUs is null, $"{Path}.tolerance_us", "is given with one_shot; allowed: null");
            check.That(programming.ToleranceFraction is null, $"{Path}.tolerance_fraction", "is given with one_shot; allowed: null");
            check.That(programming.MaxPulses is null, $"{Path}.max_pulses", "is given with one_shot; allowed: null");
        }
    }

    private static void Fraction(Checks check, string path, double? value) =>
        check.That(value is null or (>= 0 and <= 1), path, $"is {Text(value ?? 0)}; allowed: 0 .. 1");

    private static void DeviceEffects(Checks check, TileDescription tile, Action<string, double?> onAtZero)
    {
        switch (tile.Cell.Device)
        {
            case GaussianDevice gaussian:
                onAtZero($"{DevicePath}.programming_sigma", gaussian.ProgrammingSigma);
                onAtZero($"{DevicePath}.read_sigma", gaussian.ReadSigma);
                break;
            case PcmLikeDevice pcm:
                Scales(pcm.ProgrammingScale, pcm.DriftScale, pcm.ReadScale);
                break;
            case PcmHermesDevice hermes:
                Scales(hermes.ProgrammingScale, hermes.DriftScale, hermes.ReadScale);
                break;
            case PcmCustomDevice custom:
                check.Warn(
                    custom.ProgrammingUs is { } sigma && sigma.All(c => c == 0),
                    $"{DevicePath}.programming_us",
                    "is 0 and cannot take effect; off is null",
                    $"{DevicePath}.programming_us=null");
                check.Warn(
                    custom.Drift is { } drift && drift.All(p => p.NuMean == 0 && p.NuSigma == 0),
                    $"{DevicePath}.drift",
                    "is 0 and cannot take effect; off is null",
                    $"{DevicePath}.drift=null");
                onAtZero($"{DevicePath}.read.scale", custom.Read?.Scale);
                onAtZero($"{DevicePath}.read.limit", custom.Read?.Limit);
                break;
            case RramWan2022Device wan:
                Scales(wan.ProgrammingScale, null, null);
                break;
            case RramMilo2021Device milo:
                Scales(milo.ProgrammingScale, null, null);
                break;
            case RramCmoDevice cmo:
                Scales(cmo.ProgrammingScale, cmo.DriftScale, cmo.ReadScale);
                break;
            case SonosDevice sonos:
                Scales(sonos.ProgrammingScale, sonos.DriftScale, sonos.ReadScale);
                break;
            case MramDevice mram:
                onAtZero($"{DevicePath}.resistance_sigma", mram.ResistanceSigma);
                onAtZero($"{DevicePath}.write_error", mram.WriteError);
                break;
        }

        void Scales(double? programming, double? drift, double? read)
        {
            onAtZero($"{DevicePath}.programming_scale", programming);
            onAtZero($"{DevicePath}.drift_scale", drift);
            onAtZero($"{DevicePath}.read_scale", read);
        }
    }

    private static void CellEffectsWithoutEffect(Checks check, TileDescription tile, Action<string, double?> onAtZero)
    {
        CellDescription cell = tile.Cell;
        check.Warn(cell.Significance is [_], "tile.cell.significance", "cannot take effect: one pair is the pair itself", "tile.cell.significance=null");
        check.Warn(
            cell.Programming?.Method == ProgrammingMethod.WriteVerify && cell.Device is IdealDevice && cell.Variation is null && tile.Noise.Faults is null,
            "tile.cell.programming.method",
            "is write_verify and cannot take effect: an ideal device is at its target after one pulse",
            "tile.cell.programming=null");
        check.Warn(
            cell.Programming is { Method: ProgrammingMethod.OneShot, PulseNs: null, PulsePj: null },
            "tile.cell.programming",
            "counts one pulse for each device and neither its time nor its energy: off is null",
            "tile.cell.programming=null");
        onAtZero("tile.cell.variation.device", cell.Variation?.Device);
        onAtZero("tile.cell.variation.chip", cell.Variation?.Chip);
        check.Warn(
            cell.Variation is { Device: null, Chip: null }, "tile.cell.variation", "has nothing that varies; off is null", "tile.cell.variation=null");
        if (cell.Temperature is { } temperature)
        {
            onAtZero("tile.cell.temperature.global_per_k", temperature.GlobalPerK);
            onAtZero("tile.cell.temperature.state_per_k", temperature.StatePerK);
            check.Warn(
                temperature is { GlobalPerK: null, StatePerK: null }, "tile.cell.temperature", "has no coefficient; off is null", "tile.cell.temperature=null");
            check.Warn(
                temperature.ReferenceK == tile.Noise.TemperatureK,
                "tile.cell.temperature",
                $"cannot take effect: tile.noise.temperature_k is the reference, {Text(temperature.ReferenceK)} K",
                "tile.noise.temperature_k=350");
        }

        if (tile.Noise.Faults is not { } faults)
        {
            return;
        }

        onAtZero("tile.noise.faults.stuck_off", faults.StuckOff);
        onAtZero("tile.noise.faults.stuck_on", faults.StuckOn);
        onAtZero("tile.noise.faults.stuck_at.fraction", faults.StuckAt?.Fraction);
        onAtZero("tile.noise.faults.dead_rows", faults.DeadRows);
        onAtZero("tile.noise.faults.dead_columns", faults.DeadColumns);
        onAtZero("tile.noise.faults.dead_tiles", faults.DeadTiles);
        check.Warn(
            faults is { StuckOff: null, StuckOn: null, StuckAt: null, DeadRows: null, DeadColumns: null, DeadTiles: null },
            "tile.noise.faults",
            "names no fault; off is null",
            "tile.noise.faults=null");
    }
}
