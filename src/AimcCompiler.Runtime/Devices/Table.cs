using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>A measured device: g = max(0, mean + sigma z), mean and sigma linear in target, in log time and in temperature, one standard normal z per
/// device kept over time. Just programmed = the first time of the table. The temperature is the chip's, at all times.</summary>
internal sealed class Table : DeviceModel
{
    /// <summary>Rounding that a target may be outside by, relative to the largest: targets are floats.</summary>
    private const double Rounding = 1e-6;

    private readonly double[] _targets;
    private readonly double[] _times;
    private readonly double[] _logTimes;

    /// <summary>Row-major: target, time.</summary>
    private readonly DeviceTableRow[] _rows;

    /// <summary>The curves of the time asked for last; many devices are asked about one time.</summary>
    private volatile Curves? _latest;

    public Table(TableDevice device, CellDescription cell, double? noiseRead, double temperatureK)
        : base(cell, noiseRead)
    {
        _rows = [.. AtTemperature(device.Rows, temperatureK).OrderBy(r => r.TargetUs).ThenBy(r => r.TimeS)];
        _targets = [.. _rows.Select(r => r.TargetUs).Distinct()];
        _times = [.. _rows.Select(r => r.TimeS).Distinct().Order()];
        _logTimes = [.. _times.Select(FixedMath.Log)];
        HasOwnReadNoise = _rows.Any(r => r.ReadSigmaUs > 0);
        if (_rows.Length == 0 || (long)_targets.Length * _times.Length != _rows.Length || _times[0] <= 0)
        {
            throw new ArgumentException("A device table is a complete grid of targets and positive times.", nameof(device));
        }
    }

    public override bool IsIdeal => false;

    public override double? MaximumTimeS => _times[^1];

    private protected override bool HasOwnReadNoise { get; }

    private protected override DrawPurpose FirstPulse => DrawPurpose.Table;

    internal override bool FollowsProgrammed => false;

    private protected override void ProgrammedOfChunk(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> draws, Span<float> programmedUs) =>
        States(targetUs, At(null), draws, programmedUs);

    private protected override void LaterOfChunk(
        ReadOnlySpan<float> targetUs,
        ReadOnlySpan<float> programmedUs,
        ReadOnlySpan<float> draws,
        double timeS,
        in CellStream stream,
        int row,
        int firstColumn,
        Span<float> conductanceUs) => States(targetUs, At(timeS), draws, conductanceUs);

    private void States(ReadOnlySpan<float> targetUs, Curves curves, ReadOnlySpan<float> normals, Span<float> conductanceUs)
    {
        for (int i = 0; i < targetUs.Length; i++)
        {
            var (low, high, fraction) = Between(targetUs[i]);
            double mean = Interpolate(curves.Mean[low], curves.Mean[high], fraction);
            double sigma = Interpolate(curves.Sigma[low], curves.Sigma[high], fraction);
            conductanceUs[i] = (float)Math.Max(0, mean + (sigma * normals[i]));
        }
    }

    private protected override void OwnReadSigmas(
        ReadOnlySpan<float> targetUs, ReadOnlySpan<float> conductanceUs, double? timeS, Span<float> sigmaUs)
    {
        var curves = At(timeS);
        for (int i = 0; i < sigmaUs.Length; i++)
        {
            var (low, high, fraction) = Between(targetUs[i]);
            sigmaUs[i] = (float)Interpolate(curves.Read[low], curves.Read[high], fraction);
        }
    }

    private static double Interpolate(double low, double high, double fraction) => low + ((high - low) * fraction);

    private Curves At(double? timeS)
    {
        double time = timeS ?? _times[0];
        var latest = _latest;
        if (latest is null || latest.TimeS != time)
        {
            latest = CurvesAt(time);
            _latest = latest;
        }

        return latest;
    }

    private Curves CurvesAt(double time)
    {
        if (!(time >= _times[0] && time <= _times[^1]))
        {
            throw new DiagnosticException(
                Descriptors.OutsideTable,
                "time",
                $"{Text(time)} s is outside the device table, which knows {Text(_times[0])} .. {Text(_times[^1])} s after programming",
                "a time inside the table",
                "a table that covers the time");
        }

        int high = Array.BinarySearch(_times, time);
        int low = high;
        double fraction = 0;
        if (high < 0)
        {
            high = ~high;
            low = high - 1;
            fraction = (FixedMath.Log(time) - _logTimes[low]) / (_logTimes[high] - _logTimes[low]);
        }

        Curves curves = new(time, new double[_targets.Length], new double[_targets.Length], new double[_targets.Length]);
        for (int i = 0; i < _targets.Length; i++)
        {
            var before = _rows[(i * _times.Length) + low];
            var after = _rows[(i * _times.Length) + high];
            curves.Mean[i] = Interpolate(before.MeanUs, after.MeanUs, fraction);
            curves.Sigma[i] = Interpolate(before.SigmaUs, after.SigmaUs, fraction);
            curves.Read[i] = Interpolate(before.ReadSigmaUs ?? 0, after.ReadSigmaUs ?? 0, fraction);
        }

        return curves;
    }

    private (int Low, int High, double Fraction) Between(double target)
    {
        double slack = Rounding * _targets[^1];
        if (!(target >= _targets[0] - slack && target <= _targets[^1] + slack))
        {
            throw new DiagnosticException(
                Descriptors.OutsideTable,
                "tile.cell",
                $"a target of {Text(target)} uS is outside the device table, which knows {Text(_targets[0])} .. {Text(_targets[^1])} uS",
                "tile.cell.g_min_us and tile.cell.g_max_us inside the table");
        }

        int index = Array.BinarySearch(_targets, target);
        int high = index >= 0 ? index : ~index;
        if (index >= 0 || high == 0 || high == _targets.Length)
        {
            high = Math.Min(high, _targets.Length - 1);
            return (high, high, 0);
        }

        return (high - 1, high, (target - _targets[high - 1]) / (_targets[high] - _targets[high - 1]));
    }

    /// <summary>The rows of one temperature, from those of the temperatures on both sides of it.</summary>
    private static IEnumerable<DeviceTableRow> AtTemperature(IReadOnlyList<DeviceTableRow> rows, double temperatureK)
    {
        if (rows.All(r => r.TemperatureK is null))
        {
            return rows;
        }

        double[] temperatures = [.. rows.Select(r => r.TemperatureK!.Value).Distinct().Order()];
        if (!(temperatureK >= temperatures[0] && temperatureK <= temperatures[^1]))
        {
            throw new DiagnosticException(
                Descriptors.OutsideTable,
                "tile.noise.temperature_k",
                $"{Text(temperatureK)} K is outside the device table, which knows {Text(temperatures[0])} .. {Text(temperatures[^1])} K");
        }

        double high = temperatures.First(t => t >= temperatureK);
        double low = temperatures.Last(t => t <= temperatureK);
        double fraction = high == low ? 0 : (temperatureK - low) / (high - low);
        var hot = rows.Where(r => r.TemperatureK == high).ToDictionary(r => (r.TargetUs, r.TimeS));
        return rows.Where(r => r.TemperatureK == low).Select(cold =>
        {
            var other = hot[(cold.TargetUs, cold.TimeS)];
            return cold with
            {
                MeanUs = Interpolate(cold.MeanUs, other.MeanUs, fraction),
                SigmaUs = Interpolate(cold.SigmaUs, other.SigmaUs, fraction),
                ReadSigmaUs = Interpolate(cold.ReadSigmaUs ?? 0, other.ReadSigmaUs ?? 0, fraction),
                TemperatureK = null,
            };
        });
    }

    /// <summary>What the table says at one time, by target.</summary>
    private sealed record Curves(double TimeS, double[] Mean, double[] Sigma, double[] Read);
}
