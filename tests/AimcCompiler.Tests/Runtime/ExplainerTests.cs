using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>An explanation is what separate evaluations on chips changed by hand say, instance by instance.</summary>
public sealed class ExplainerTests
{
    private const int Samples = 60;
    private const int Instances = 4;

    private static readonly float[] s_data = Cases.Floats(3, Samples * 3, 0);

    private static readonly int[] s_labels = [.. Enumerable.Range(0, Samples).Select(i => Metric.ArgMax(s_data.AsSpan(i * 3, 3)))];

    private static readonly EvaluationOptions s_options = new()
    {
        Metric = MetricKind.Top1,
        TimesS = [3600, 86400 * 365.0],
        Instances = Instances,
        Simulation = new SimulationOptions { Threads = 2, Instance = 2 },
    };

    /// <summary>What is on, and the chip with just that, written down without the registry.</summary>
    private static readonly Dictionary<string, Func<TileDescription, TileDescription>> s_off = new()
    {
        ["programming error"] = t => t.With(Pcm(t) with { ProgrammingScale = null }),
        ["drift"] = t => t.With(Pcm(t) with { DriftScale = null }),
        ["accumulated read noise"] = t => t.With(Pcm(t) with { ReadScale = null }),
        ["instantaneous read noise"] = t => t with { Noise = t.Noise with { Read = null } },
        ["input quantization"] = t => t with { Input = t.Input with { Bits = null } },
        ["output noise"] = t => t with { Noise = t.Noise with { Output = null } },
        ["output quantization"] = t => t with { Adc = t.Adc with { Bits = null } },
    };

    [Fact]
    public void EveryLineIsAnEvaluationOfItsOwn()
    {
        var explanation = Explain(Noisy);
        Assert.Equal(s_off.Keys.Order(), explanation.Nonidealities.Select(n => n.Name).Order());
        Assert.Equal<EvaluationPoint>(Evaluate(Noisy).Results, explanation.AllOn);
        var allOff = Evaluate(Without([.. s_off.Keys]));
        Assert.Equal<EvaluationPoint>(allOff.Results, explanation.AllOff);
        Assert.All(allOff.Results, r => Assert.Equal(1, r.Mean));
        var allOn = Evaluate(Noisy);
        foreach (var one in explanation.Nonidealities)
        {
            var off = Evaluate(Without([one.Name]));
            var only = Evaluate(Without([.. s_off.Keys.Where(k => k != one.Name)]));
            for (int t = 0; t < 2; t++)
            {
                Assert.Equal(off.Results[t], one.Points[t].Off);
                Assert.Equal(only.Results[t], one.Points[t].Only);
                double[] won = [.. off.ByInstance[t].Zip(allOn.ByInstance[t], (o, a) => o - a)];
                double[] lost = [.. only.ByInstance[t].Zip(allOff.ByInstance[t], (o, a) => a - o)];
                Assert.Equal(Evaluator.Summarize(null, won).Mean, one.Points[t].OffCost.Mean, 12);
                Assert.Equal(Evaluator.Summarize(null, won).Ci95!.Value, one.Points[t].OffCost.Ci95!.Value, 12);
                Assert.Equal(Evaluator.Summarize(null, lost).Mean, one.Points[t].OnlyCost.Mean, 12);
            }
        }

        // The sum of noises costs something, or nothing here would be told apart.
        Assert.True(explanation.Total[1].Mean > 0.02, $"{explanation.Total[1].Mean}");
    }

    [Fact]
    public void WhatCostsMostAtTheLastTimeComesFirst()
    {
        double[] costs = [.. Explain(Noisy).Nonidealities.Select(n => n.Points[^1].OffCost.Mean)];
        Assert.Equal(costs.OrderDescending(), costs);
        Assert.True(costs[0] > costs[^1]);
    }

    [Fact]
    public void DriftCompensationIsSetAgainstItsAbsence()
    {
        var compensated = (TileDescription t) => Noisy(t) with { DriftCompensation = DriftCompensation.Global };
        var explanation = Explain(compensated);
        var without = Evaluate(Noisy);
        var with = Evaluate(compensated);
        Assert.Equal<EvaluationPoint>(with.Results, explanation.AllOn);
        Assert.Equal(without.Results, explanation.WithoutCompensation.Select(c => c.Point));
        Assert.Equal(with.Results[1].Mean - without.Results[1].Mean, explanation.WithoutCompensation[1].Cost.Mean, 12);
        Assert.Empty(Explain(Noisy).WithoutCompensation);
    }

    [Fact]
    public void OfAnErrorLessIsBetter()
    {
        var cost = PairedCost.Of([0.5, 0.7, 0.9], [0.1, 0.2, 0.6], MetricKind.Mse);
        Assert.Equal((0.4 + 0.5 + 0.3) / 3, cost.Mean, 12);

        // Student's t with two degrees of freedom, deviation 0.1.
        Assert.Equal(4.303 * 0.1 / Math.Sqrt(3), cost.Ci95!.Value, 12);
        Assert.Equal(-cost.Mean, PairedCost.Of([0.5, 0.7, 0.9], [0.1, 0.2, 0.6], MetricKind.Top1).Mean, 12);
        Assert.Null(PairedCost.Of([0.5], [0.1], MetricKind.Top1).Ci95);
    }

    [Fact]
    public void AnIdealChipHasNothingToExplain()
    {
        var explanation = Explain(t => t);
        Assert.Empty(explanation.Nonidealities);
        Assert.Equal<EvaluationPoint>(explanation.AllOff, explanation.AllOn);
    }

    [Fact]
    public void TheOnlyNonidealityIsTheWholeCost()
    {
        var explanation = Explain(t => t with { Noise = t.Noise with { Output = 0.3 } });
        var one = Assert.Single(explanation.Nonidealities);
        Assert.Equal(explanation.Total, one.Points.Select(p => p.OffCost));
        Assert.Equal(explanation.Total, one.Points.Select(p => p.OnlyCost));
        Assert.True(explanation.Total[0].Mean > 0);
    }

    /// <summary>Weights stay coded where there is no program without codes, and that is said.</summary>
    [Fact]
    public void CodedWeightsNeedAnotherProgram()
    {
        var spec = new LayerSpec(Chips.Coded(t => t with { Noise = t.Noise with { Output = 0.1 } }), 3, 3) { Weights = [0.3f, 0, 0.1f, 0, 1, 0.2f, 0.15f, 0, 1] };
        using Explainer coded = new(spec.Program(), null, null, Data(), s_options);
        Assert.Contains("weight quantization", coded.Run().LeftOut);
        var weights = Nonidealities.All.Single(n => n.ChangesMapping);
        var finest = spec with { Chip = weights.SwitchOff(spec.Chip) };
        using Explainer both = new(spec.Program(), finest.Program(), null, Data(), s_options);
        var explanation = both.Run();
        Assert.Empty(explanation.LeftOut);
        var only = explanation.Nonidealities.Single(n => n.Name == "weight quantization").Points[0].Off;
        Assert.Equal(Evaluator.Run(finest.Program(), null, Data(), s_options).Results[0], only);
    }

    /// <summary>Output noise of sigma full scales on an output of unit weights: the power of the layer's output is known, that of the noise expected. With n outputs the
    /// ratio of a sample variance to its expectation has the deviation sqrt(2 / n); 4 of them, in dB.</summary>
    [Fact]
    public void TheOutputOfALayerIsSetAgainstThatOfTheIdealChip()
    {
        const double Sigma = 0.05;
        var explanation = Explain(t => t with { Noise = t.Noise with { Output = Sigma } });
        var layer = Assert.Single(explanation.Layers);
        const int Compared = 16 * 3;
        double signal = s_data.Take(Compared).Sum(v => (double)v * v);
        double expected = 10 * Math.Log10(signal / (Compared * Sigma * Sigma));
        double bound = 10 * Math.Log10(1 / (1 - (4 * Math.Sqrt(2.0 / Compared))));
        Assert.InRange(layer.AllOn!.Value, expected - bound, expected + bound);
        Assert.Equal(layer.AllOn, Assert.Single(layer.Only));
        Assert.Null(Explain(t => t).Layers[0].AllOn);
    }

    private static PcmLikeDevice Pcm(TileDescription tile) => (PcmLikeDevice)tile.Cell.Device;

    private static TileDescription Noisy(TileDescription tile) => tile.With(new PcmLikeDevice(3, 1, 1)) with
    {
        Noise = tile.Noise with { Output = 0.1, Read = 0.1 },
        Input = tile.Input with { Bits = 4 },
        Adc = tile.Adc with { Bits = 5, Range = AdcRange.Fixed, Bound = 2 },
    };

    /// <summary>In any order: the switches touch different fields.</summary>
    private static Func<TileDescription, TileDescription> Without(IReadOnlyList<string> names) => tile => names.Aggregate(Noisy(tile), (t, name) => s_off[name](t));

    private static Explanation Explain(Func<TileDescription, TileDescription> change)
    {
        using Explainer explainer = new(Classifier(change).Program(), null, null, Data(), s_options);
        return explainer.Run();
    }

    private static EvaluationResult Evaluate(Func<TileDescription, TileDescription> change) => Evaluator.Run(Classifier(change).Program(), null, Data(), s_options);

    private static LayerSpec Classifier(Func<TileDescription, TileDescription> change) => new(Chips.Analog(change), 3, 3) { Contents = [1, 0, 0, 0, 1, 0, 0, 0, 1] };

    private static EvaluationData Data() => new(
        0,
        Samples,
        16,
        (first, count) => new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats(s_data[((int)first * 3)..(((int)first + count) * 3)], count, 3) },
        s_labels);
}
