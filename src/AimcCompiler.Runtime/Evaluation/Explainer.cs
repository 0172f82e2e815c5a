using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>Switches the non-idealities of a chip off one at a time, and on one at a time, and measures. Every run has the same seed and instances, and draws are named by
/// what they are for: two runs differ in what is switched, and in nothing else that is random.</summary>
public sealed class Explainer : IDisposable
{
    /// <summary>Samples that the outputs of layers are compared on.</summary>
    private const int ComparedSamples = 16;

    private readonly MappedProgram _program;
    private readonly MappedProgram? _finest;
    private readonly EvaluationReference? _reference;
    private readonly EvaluationData _data;
    private readonly EvaluationOptions _options;
    private readonly DigitalPartitions _partitions;
    private readonly DigitalPartitions? _finestPartitions;
    private readonly ImmutableArray<Nonideality> _all;
    private double _runs;
    private double _seconds;

    /// <param name="program">The program.</param>
    /// <param name="finest">The model compiled for the chip without what changes the mapping (<see cref="Nonideality.ChangesMapping"/>); null = that stays on.</param>
    /// <param name="reference">What ONNX Runtime makes of the samples; null = not known.</param>
    /// <param name="data">The samples.</param>
    /// <param name="options">Metric, times, instances.</param>
    public Explainer(MappedProgram program, MappedProgram? finest, EvaluationReference? reference, EvaluationData data, EvaluationOptions options)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        (_program, _finest, _reference, _data, _options) = (program, finest, reference, data, options);
        _partitions = new DigitalPartitions(program);
        _finestPartitions = finest is null ? null : new DigitalPartitions(finest);
        _all = [.. Nonidealities.Of(program.Chip).Where(n => finest is not null || !n.ChangesMapping)];
    }

    public Explanation Run(CancellationToken cancellation = default)
    {
        var allOn = Measure(_all, "all on", cancellation);
        var allOff = Measure([], "all off", cancellation);
        Dictionary<string, (EvaluationResult Off, EvaluationResult Only)> measured = [];
        foreach (var one in _all)
        {
            // The one and only: without it nothing is on, with it alone everything is.
            bool isAlone = _all.Length == 1;
            measured.Add(one.Name, (
                isAlone ? allOff : Measure(_all.Remove(one), $"without {one.Name}", cancellation),
                isAlone ? allOn : Measure([one], $"{one.Name} alone", cancellation)));
        }

        int last = _options.TimesS.Length - 1;
        var explained = _all
            .Select(one => new ExplainedNonideality(one.Name, one.Fields, [.. _options.TimesS.Select((_, t) => Point(measured[one.Name], allOn, allOff, t))]))
            // What is not finite has no rank.
            .OrderByDescending(e => double.IsFinite(e.Points[last].OffCost.Mean) ? e.Points[last].OffCost.Mean : double.NegativeInfinity)
            .ThenByDescending(e => double.IsFinite(e.Points[last].OnlyCost.Mean) ? e.Points[last].OnlyCost.Mean : double.NegativeInfinity)
            .ToImmutableArray();
        var chip = _program.Chip;
        var uncompensated = chip.Tile.DriftCompensation is null
            ? null
            : Measure(_program with { Chip = chip with { Tile = chip.Tile with { DriftCompensation = null } } }, _partitions, _options, "without drift compensation", cancellation);
        return new Explanation
        {
            Samples = _data.Count,
            Instances = _options.Instances,
            Reference = _reference?.Metric,
            AllOn = allOn.Results,
            AllOff = allOff.Results,
            Total = [.. _options.TimesS.Select((_, t) => Cost(allOn, allOff, t))],
            Nonidealities = explained,
            WithoutCompensation = uncompensated is null ? [] : [.. _options.TimesS.Select((_, t) => (uncompensated.Results[t], Cost(uncompensated, allOn, t)))],
            Layers = Layers([.. explained.Select(e => _all.First(n => n.Name == e.Name))], cancellation),
            LeftOut = [.. Nonidealities.Of(chip).Where(n => !_all.Contains(n)).Select(n => n.Name)],
            SamplesPerSecond = _runs * _data.Count / Math.Max(_seconds, 1e-9),
        };
    }

    public void Dispose()
    {
        _partitions.Dispose();
        _finestPartitions?.Dispose();
    }

    private NonidealityPoint Point((EvaluationResult Off, EvaluationResult Only) measured, EvaluationResult allOn, EvaluationResult allOff, int time) => new(
        measured.Off.Results[time], Cost(allOn, measured.Off, time), measured.Only.Results[time], Cost(measured.Only, allOff, time));

    private PairedCost Cost(EvaluationResult worse, EvaluationResult better, int time) => PairedCost.Of(worse.ByInstance[time], better.ByInstance[time], _options.Metric);

    /// <summary>The program on its chip with some non-idealities and no others.</summary>
    private (MappedProgram Program, DigitalPartitions Partitions) With(IReadOnlyCollection<Nonideality> on)
    {
        var chip = Nonidealities.SwitchOff(_program.Chip, _all.Where(n => !on.Contains(n)));
        return _all.Any(n => n.ChangesMapping && !on.Contains(n)) ? (_finest! with { Chip = chip }, _finestPartitions!) : (_program with { Chip = chip }, _partitions);
    }

    private EvaluationResult Measure(IReadOnlyCollection<Nonideality> on, string what, CancellationToken cancellation)
    {
        var (program, partitions) = With(on);
        if (Nonidealities.AreRandom(program.Chip))
        {
            return Measure(program, partitions, _options, what, cancellation);
        }

        // Nothing is drawn, and cells stay what they were programmed to: one run says all instances and times.
        var one = Measure(program, partitions, _options with { Instances = 1, TimesS = [_options.TimesS[0]] }, what, cancellation);
        ImmutableArray<double> metrics = [.. Enumerable.Repeat(one.ByInstance[0][0], _options.Instances)];
        return one with { Results = [.. _options.TimesS.Select(t => Evaluator.Summarize(t, metrics))], ByInstance = [.. _options.TimesS.Select(_ => metrics)] };
    }

    private EvaluationResult Measure(MappedProgram program, DigitalPartitions partitions, EvaluationOptions options, string what, CancellationToken cancellation)
    {
        var result = Evaluator.Measure(
            program,
            _reference,
            _data,
            options with { TargetCi95 = null, Observe = null, Progress = options.Progress is { } progress ? step => progress($"{what}: {step}") : null },
            partitions,
            cancellation);
        double runs = (double)options.Instances * options.TimesS.Length;
        _runs += runs;
        _seconds += runs * _data.Count / result.SamplesPerSecond;
        return result;
    }

    /// <summary>Power of every layer's output with all off over that of its difference, on the first samples.</summary>
    private ImmutableArray<LayerSqnr> Layers(ImmutableArray<Nonideality> order, CancellationToken cancellation)
    {
        int count = (int)Math.Min(_data.Count, _program.Batch == BatchMode.Free ? Math.Min(_data.BatchSize, ComparedSamples) : _data.BatchSize);
        var inputs = _data.Batch(_data.First, count);
        var ideal = Outputs([]);
        var allOn = Sqnrs(_all);
        ImmutableArray<double?[]> only = [.. order.Select(one => Sqnrs([one]))];
        return [.. _program.Layers.Select((layer, l) => new LayerSqnr(layer.Name, allOn[l], [.. only.Select(o => o[l])]))];

        Dictionary<string, List<float[]>> Outputs(IReadOnlyCollection<Nonideality> on)
        {
            var (program, partitions) = With(on);
            using Session session = new(program, _options.Simulation with { TimeS = _options.TimesS[^1] }, partitions);
            Dictionary<string, List<float[]>> seen = new(StringComparer.Ordinal);
            // A layer in a time loop writes several times.
            session.Run(inputs, _data.First, (layer, _, output) =>
            {
                if (!seen.TryGetValue(program.Layers[layer].Name, out var outputs))
                {
                    seen.Add(program.Layers[layer].Name, outputs = []);
                }

                outputs.Add(output.ToFloats());
            }, cancellation);
            return seen;
        }

        double?[] Sqnrs(IReadOnlyCollection<Nonideality> on)
        {
            var outputs = Outputs(on);
            return [.. _program.Layers.Select(l => ideal.TryGetValue(l.Name, out var expected) && outputs.TryGetValue(l.Name, out var actual) ? Sqnr(expected, actual) : null)];
        }
    }

    private static double? Sqnr(List<float[]> expected, List<float[]> actual)
    {
        double signal = 0;
        double noise = 0;
        foreach (var (wanted, got) in expected.Zip(actual))
        {
            for (int i = 0; i < wanted.Length; i++)
            {
                double difference = (double)got[i] - wanted[i];
                signal += (double)wanted[i] * wanted[i];
                noise += difference * difference;
            }
        }

        double ratio = 10 * Math.Log10(signal / noise);
        return double.IsFinite(ratio) ? ratio : null;
    }
}
