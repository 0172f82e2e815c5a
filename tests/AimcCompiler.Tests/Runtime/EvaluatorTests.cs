using System.Collections.Concurrent;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Digital;

namespace AimcCompiler.Tests.Runtime;

/// <summary>A classifier of three classes whose weights are the unit matrix: the largest input is the answer.</summary>
public sealed class EvaluatorTests
{
    private const int Samples = 40;

    private static readonly float[] s_data = Cases.Floats(3, Samples * 3, 0);

    private static readonly int[] s_labels = [.. Enumerable.Range(0, Samples).Select(i => Metric.ArgMax(s_data.AsSpan(i * 3, 3)))];

    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 3)]
    [InlineData(64, 2)]
    public void AnIdealChipIsAlwaysRight(int batch, int threads)
    {
        var result = Evaluator.Run(Classifier(null).Program(), null, Data(batch), Options() with { Simulation = new SimulationOptions { Ideal = true, Threads = threads } });
        Assert.Equal(Samples, result.Samples);
        Assert.Null(result.Reference);
        var point = Assert.Single(result.Results);
        Assert.Equal((1.0, 1), (point.Mean, point.Instances));
        Assert.True(result.SamplesPerSecond > 0);
    }

    /// <summary>Three labels are made wrong: 37 of 40 are right.</summary>
    [Fact]
    public void TheMetricCountsTheWrongOnes()
    {
        int[] labels = [.. s_labels.Select((label, i) => i < 3 ? (label + 1) % 3 : label)];
        var result = Evaluator.Run(Classifier(null).Program(), null, Data(8) with { Labels = labels }, Options());
        Assert.Equal(37 / 40.0, result.Results[0].Mean, 1e-12);
    }

    /// <summary>Samples before the first are left out, of labels and of the metric.</summary>
    [Fact]
    public void TheFirstSamplesCanBeLeftOut()
    {
        int[] labels = [.. s_labels.Select((label, i) => i < 10 ? (label + 1) % 3 : label)];
        var result = Evaluator.Run(Classifier(null).Program(), null, Data(8) with { First = 10, Count = Samples - 10, Labels = labels }, Options());
        Assert.Equal((Samples - 10L, 1.0), (result.Samples, result.Results[0].Mean));
    }

    [Fact]
    public void EveryTimeHasEveryInstance()
    {
        ConcurrentDictionary<(int Instance, double Time, long First), float[]> seen = new();
        var options = Options() with
        {
            TimesS = [null, 3600, 86400],
            Instances = 4,
            Observe = (instance, time, first, outputs) => Assert.True(seen.TryAdd((instance, time ?? -1, first), outputs[0].Floats)),
        };
        var result = Evaluator.Run(Classifier(new PcmLikeDevice(4, 1, 1)).Program(), null, Data(16), options);
        Assert.Equal([null, 3600, 86400], result.Results.Select(r => r.TimeS));
        Assert.All(result.Results, r => Assert.Equal(4, r.Instances));
        Assert.Equal(3 * 4 * 3, seen.Count);

        // Each is what a session of that instance and time says, and the points are their statistics.
        for (int t = 0; t < 3; t++)
        {
            double[] metrics = new double[4];
            for (int instance = 0; instance < 4; instance++)
            {
                float[] alone = Classifier(new PcmLikeDevice(4, 1, 1)).Run(s_data, Cases.Fast with { Instance = 5 + instance, TimeS = options.TimesS[t] });
                float[] observed = [.. seen.Where(s => s.Key.Instance == instance && s.Key.Time == (options.TimesS[t] ?? -1)).OrderBy(s => s.Key.First).SelectMany(s => s.Value)];
                Assert.Equal(alone, observed);
                metrics[instance] = Enumerable.Range(0, Samples).Average(i => Metric.ArgMax(alone.AsSpan(i * 3, 3)) == s_labels[i] ? 1.0 : 0);
            }

            Assert.Equal(Evaluator.Summarize(options.TimesS[t], metrics), result.Results[t]);
        }
    }

    /// <summary>What ran is the beginning of what would have run, and it ended as soon as the intervals of all times were narrow enough.</summary>
    [Theory]
    [InlineData(0.02)]
    [InlineData(0.04)]
    [InlineData(0.08)]
    public void InstancesStopWhenEveryIntervalIsNarrowEnough(double width)
    {
        var options = Options() with { Instances = 60, TimesS = [null, 86400] };
        var program = Classifier(new PcmLikeDevice(4, 1, 1)).Program();
        var all = Evaluator.Run(program, null, Data(16), options);
        var some = Evaluator.Run(program, null, Data(16), options with { TargetCi95 = width });
        int ran = some.Results[0].Instances;
        Assert.InRange(ran, Evaluator.LeastInstances + 1, 59);
        Assert.All(some.Results, r => Assert.Equal(ran, r.Instances));
        Assert.True(some.TargetReached);
        Assert.Null(all.TargetReached);
        bool IsKnown(int instances) => all.ByInstance.All(m => Evaluator.Summarize(null, [.. m.Take(instances)]).Ci95 <= width);
        Assert.Equal(Enumerable.Range(Evaluator.LeastInstances, 60).First(IsKnown), ran);
        for (int t = 0; t < 2; t++)
        {
            Assert.Equal<double>(all.ByInstance[t].Take(ran), some.ByInstance[t]);
            Assert.Equal(Evaluator.Summarize(options.TimesS[t], some.ByInstance[t]), some.Results[t]);
        }
    }

    [Fact]
    public void AnIntervalThatStaysTooWideRunsAllInstances()
    {
        var result = Evaluator.Run(Classifier(new PcmLikeDevice(4, 1, 1)).Program(), null, Data(16), Options() with { Instances = 5, TargetCi95 = 1e-9 });
        Assert.Equal(5, result.Results[0].Instances);
        Assert.False(result.TargetReached);
    }

    [Fact]
    public void ThreeInstancesRunWhereNothingVaries()
    {
        var result = Evaluator.Run(Classifier(null).Program(), null, Data(16), Options() with { Instances = 9, TargetCi95 = 1e-9 });
        Assert.Equal(3, result.Results[0].Instances);
        Assert.Equal(0, result.Results[0].Ci95);
        Assert.True(result.TargetReached);
    }

    [Fact]
    public void BatchesAndThreadsDoNotChangeAResult()
    {
        double[] Means(int batch, int threads) =>
        [
            .. Evaluator.Run(
                Classifier(new GaussianDevice(0.3, 0.3, NoiseScaling.Independent)).Program(),
                null,
                Data(batch),
                Options() with { Instances = 3, Simulation = new SimulationOptions { Threads = threads } }).Results.Select(r => r.Mean),
        ];
        double[] expected = Means(1, 1);
        Assert.NotEqual(1.0, expected[0]);
        Assert.Equal(expected, Means(16, 3));
        Assert.Equal(expected, Means(64, 2));
    }

    /// <summary>ONNX Runtime's identity is the reference: its own agreement is 1 and its error 0; a bias of 0.5 is an error of 0.25.</summary>
    [Theory]
    [InlineData(MetricKind.Agreement, 0f, 1, 1)]
    [InlineData(MetricKind.Mse, 0f, 0, 0)]
    [InlineData(MetricKind.Mse, 0.5f, 0, 0.25)]
    [InlineData(MetricKind.Top1, 0f, 1, 1)]
    public void TheReferenceHasItsOwnMetric(MetricKind kind, float bias, double reference, double expected)
    {
        using DigitalSession onnx = new(TinyOnnx.Unary("Identity", 1, "n", 3));
        LayerSpec spec = Classifier(null) with { Bias = [bias, bias, bias] };
        var result = Evaluator.Run(spec.Program(), onnx, Data(7), Options() with { Metric = kind });
        Assert.Equal(reference, result.Reference!.Value, 1e-12);
        Assert.Equal(expected, result.Results[0].Mean, 1e-6);
    }

    /// <summary>Given targets are what both sides are compared with.</summary>
    [Theory]
    [InlineData(MetricKind.Mse, 1, 2.25)]
    [InlineData(MetricKind.Psnr, 20, 16.4782)]
    public void TargetsComeBeforeTheReference(MetricKind kind, double reference, double expected)
    {
        using DigitalSession onnx = new(TinyOnnx.Unary("Identity", 1, "n", 3));
        LayerSpec spec = Classifier(null) with { Bias = [0.5f, 0.5f, 0.5f] };
        var data = Data(7) with
        {
            Targets = (first, count) => Tensor.FromFloats([.. s_data[((int)first * 3)..(((int)first + count) * 3)].Select(v => v - 1)], count, 3),
        };
        var result = Evaluator.Run(spec.Program(), onnx, data, Options() with { Metric = kind, Peak = kind == MetricKind.Psnr ? 10 : null });
        Assert.Equal(reference, result.Reference!.Value, 1e-4);
        Assert.Equal(expected, result.Results[0].Mean, 1e-4);
    }

    [Theory]
    [InlineData(MetricKind.Sqnr)]
    [InlineData(MetricKind.Psnr)]
    [InlineData(MetricKind.Mse)]
    public void BatchesAndThreadsDoNotChangeARatio(MetricKind kind)
    {
        using DigitalSession onnx = new(TinyOnnx.Unary("Identity", 1, "n", 3));
        double[] Means(int batch, int threads) =>
        [
            .. Evaluator.Run(
                Classifier(new GaussianDevice(0.3, 0.3, NoiseScaling.Independent)).Program(),
                onnx,
                Data(batch),
                Options() with { Metric = kind, Instances = 2, TimesS = [null, 60], Simulation = new SimulationOptions { Threads = threads } }).Results.Select(r => r.Mean),
        ];
        double[] expected = Means(1, 1);
        Assert.Equal(expected, Means(16, 3));
        Assert.Equal(expected, Means(7, 2));
    }

    [Fact]
    public void AnEvaluationCanBeCancelled()
    {
        using CancellationTokenSource source = new();
        var options = Options() with { Observe = (_, _, first, _) => source.Cancel() };
        Assert.ThrowsAny<OperationCanceledException>(() => Evaluator.Run(Classifier(null).Program(), null, Data(1), options, source.Token));
    }

    [Fact]
    public void ADiagnosticComesOutAsItself()
    {
        var data = Data(4) with { Batch = (_, count) => new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats(new float[count * 2], count, 2) } };
        var e = Assert.Throws<DiagnosticException>(() => Evaluator.Run(Classifier(null).Program(), null, data, Options()));
        Assert.Equal(Descriptors.WrongShape, e.Diagnostics[0].Descriptor);
    }

    private static EvaluationOptions Options() => new()
    {
        Metric = MetricKind.Top1,
        TimesS = [null],
        Instances = 1,
        Simulation = new SimulationOptions { Threads = 2, Instance = 5 },
    };

    private static EvaluationData Data(int batch) => new(
        0,
        Samples,
        batch,
        (first, count) => new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats(s_data[((int)first * 3)..(((int)first + count) * 3)], count, 3) },
        s_labels);

    private static LayerSpec Classifier(DeviceDescription? device) =>
        new(Chips.Analog(t => device is null ? t : t.With(device)), 3, 3) { Contents = [1, 0, 0, 0, 1, 0, 0, 0, 1] };
}
