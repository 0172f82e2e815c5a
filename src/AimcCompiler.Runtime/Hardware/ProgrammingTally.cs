using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>What writing a chip took.</summary>
/// <param name="Devices">Devices that were written.</param>
/// <param name="Pulses">Programming pulses of all of them.</param>
/// <param name="Missed">Devices that are not within the tolerance after their last pulse; 0 where nothing is verified.</param>
/// <param name="ResidualRmsUs">Root mean square of conductance minus target, just programmed.</param>
/// <param name="ResidualMaxUs">Its largest magnitude.</param>
/// <param name="EnergyUj">Energy of the pulses; null = not known.</param>
/// <param name="TimeS">Time of the pulses, a tile's devices one after the other and the tiles together, segment after segment; null = not known.</param>
public sealed record ProgrammingReport(long Devices, long Pulses, long Missed, double ResidualRmsUs, double ResidualMaxUs, double? EnergyUj, double? TimeS);

/// <summary>Counts the pulses of one block's devices.</summary>
internal sealed class ProgrammingTally
{
    private double _squares;
    private double _largest;

    public long Devices { get; private set; }

    public long Pulses { get; private set; }

    public long Missed { get; private set; }

    public void AddPulses(long pulses) => Pulses += pulses;

    public void AddMissed(long missed) => Missed += missed;

    public void AddDevices(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> programmedUs)
    {
        Devices += targetUs.Length;
        for (int i = 0; i < targetUs.Length; i++)
        {
            double residual = Math.Abs((double)programmedUs[i] - targetUs[i]);
            _squares += residual * residual;
            _largest = Math.Max(_largest, residual);
        }
    }

    /// <summary>The whole chip's account.</summary>
    /// <param name="blocks">Blocks with their segments and tiles.</param>
    /// <param name="programming">What a pulse costs.</param>
    public static ProgrammingReport Sum(ImmutableArray<(int Segment, int Tile, ProgrammingTally Tally)> blocks, ProgrammingDescription programming)
    {
        long devices = blocks.Sum(b => b.Tally.Devices);
        long pulses = blocks.Sum(b => b.Tally.Pulses);
        long busiest = blocks.GroupBy(b => b.Segment).Sum(s => s.GroupBy(b => b.Tile).Max(t => t.Sum(b => b.Tally.Pulses)));
        return new ProgrammingReport(
            devices,
            pulses,
            blocks.Sum(b => b.Tally.Missed),
            devices == 0 ? 0 : Math.Sqrt(blocks.Sum(b => b.Tally._squares) / devices),
            blocks.Select(b => b.Tally._largest).DefaultIfEmpty(0).Max(),
            programming.PulsePj is { } pj ? pulses * pj * 1e-6 : null,
            programming.PulseNs is { } ns ? busiest * ns * 1e-9 : null);
    }
}
