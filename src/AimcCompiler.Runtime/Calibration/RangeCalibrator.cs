using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>Completes the ranges of a program from samples: static input scales that are missing, then ADC ranges of chips that calibrate them.
/// Ranges are measured on noiseless cells, drivers and circuits with exact conversions.</summary>
public static class RangeCalibrator
{
    /// <summary>The fraction of column sums that a calibrated ADC range covers (Xiao et al., IEEE CAS Magazine 2022, p. 32: the inner 99.98 %).</summary>
    public const double AdcQuantile = 0.9998;

    /// <param name="program">The program.</param>
    /// <param name="samples">Inputs of one batch each.</param>
    /// <param name="inputQuantile">The fraction of inputs that an input scale covers.</param>
    /// <param name="progress">A line now and then; null = silent.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static MappedProgram Complete(
        MappedProgram program,
        IReadOnlyList<Func<IReadOnlyDictionary<string, Tensor>>> samples,
        double inputQuantile = 1,
        Action<string>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(samples);
        using DigitalPartitions partitions = new(program);
        SimulationOptions options = new() { Threads = Environment.ProcessorCount };
        if (program.Layers.Any(l => ProgramRanges.LacksInputScale(program, l)))
        {
            MagnitudeHistogram[] seen = [.. program.Layers.Select(_ => new MagnitudeHistogram())];
            using Session session = new(program, options, partitions, LayerPath.Reference, null);
            Each(samples, "input ranges", progress, batch => session.Run(batch, 0, (layer, input, _) => seen[layer].Add(input.ToFloats()), cancellation), cancellation);
            program = program with
            {
                Calibration = program.Calibration ?? ProgramRanges.Describe(inputQuantile),
                Layers = [.. program.Layers.Select((l, i) => l.InputScale is not null ? l : l with { InputScale = seen[i].InputScale(inputQuantile, InputEncoding.Of(program.Chip.Tile.Input, l.InputIsNonNegative)) })],
            };
        }

        if (!program.Layers.Any(l => ProgramRanges.LacksAdcRange(program, l)))
        {
            return program;
        }

        var encoding = WeightEncoding.Of(program.Chip.Tile);
        MagnitudeHistogram[][] sums = [.. program.Layers.Select(_ => Enumerable.Range(0, encoding.Slices).Select(_ => new MagnitudeHistogram()).ToArray())];
        var quiet = program with
        {
            Chip = program.Chip with
            {
                Tile = program.Chip.Tile with
                {
                    Cell = program.Chip.Tile.Cell with { Device = new IdealDevice(), Significance = null, Programming = null, Variation = null, Temperature = null, Iv = null },
                    Input = program.Chip.Tile.Input with { Rounding = ConverterRounding.HalfEven, Noise = null, Asymmetry = null, Errors = null },
                    Output = null,
                    Noise = program.Chip.Tile.Noise with { Output = null, Read = null, Weight = null, Faults = null },
                },
            },
        };
        using (Session session = new(quiet, options, partitions, null, layer => (slice, values) =>
        {
            // Layers on the same tiles have the same converters.
            var seen = sums[program.Layers[layer].SharesTilesOf ?? layer][slice];
            lock (seen)
            {
                seen.Add(values);
            }
        }))
        {
            Each(samples, "ADC ranges", progress, batch => session.Run(batch, 0, null, cancellation), cancellation);
        }

        return program with
        {
            Layers = [.. program.Layers.Select((layer, i) => layer with { AdcRanges = Ranges(program, layer, sums[layer.SharesTilesOf ?? i]) })],
        };
    }

    /// <summary>Ranges in units of one full-scale cell at full-scale input. Those of several slices differ by powers of two, so that recombination
    /// stays a shift (hardware.md 4.6): each slice takes the smallest such range that covers it.</summary>
    private static ImmutableArray<float> Ranges(MappedProgram program, MappedLayer layer, MagnitudeHistogram[] sums)
    {
        var input = InputEncoding.Of(program.Chip.Tile.Input, layer.InputIsNonNegative);
        int drive = program.Chip.Tile.Adc.InputSlices == InputSliceConversion.Accumulated ? input.MaxCode : input.MaxPulse;
        double full = program.Chip.Tile.Sensing == Sensing.Voltage ? drive : (double)WeightEncoding.Of(program.Chip.Tile).MaxLevel * drive;
        double[] reached = [.. sums.Select(s => Math.Max(s.Quantile(AdcQuantile), 1e-6 * full) / full)];
        double largest = reached.Max();
        return [.. reached.Select(r => (float)(largest / Math.Pow(2, Math.Floor(Math.Log2(largest / r)))))];
    }

    private static void Each(
        IReadOnlyList<Func<IReadOnlyDictionary<string, Tensor>>> samples, string what, Action<string>? progress, Action<IReadOnlyDictionary<string, Tensor>> run, CancellationToken cancellation)
    {
        for (int i = 0; i < samples.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (i % 32 == 0)
            {
                progress?.Invoke(FormattableString.Invariant($"calibrate {what}: batch {i} of {samples.Count}"));
            }

            run(samples[i]());
        }
    }
}
