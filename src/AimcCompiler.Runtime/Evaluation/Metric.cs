using System.Diagnostics;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

public enum MetricKind
{
    /// <summary>Share of samples whose largest output is the label's.</summary>
    Top1,

    /// <summary>Share of samples whose label is among the five largest outputs.</summary>
    Top5,

    /// <summary>Share of samples whose largest output is ONNX Runtime's.</summary>
    Agreement,

    /// <summary>Mean squared difference from the targets.</summary>
    Mse,

    /// <summary>Peak signal-to-noise ratio in dB: 10 log10 of the squared peak over the mean squared difference of all samples.</summary>
    Psnr,

    /// <summary>Signal-to-quantisation-noise ratio in dB: 10 log10 of the targets' power over the differences' power, both summed over all samples.</summary>
    Sqnr,

    /// <summary>Area under the ROC curve of labels 0 and 1: the share of pairs, one sample of each, that the score orders rightly; ties count half.</summary>
    Auc,

    /// <summary>The same with the reconstruction error as the score: the mean squared difference between output and input.</summary>
    ReconstructionAuc,
}

/// <summary>One batch as a metric looks at it.</summary>
/// <param name="Output">The output that is scored.</param>
/// <param name="Target">What it should be, for metrics that compare.</param>
/// <param name="Input">What it reconstructs, for the metric that asks for it.</param>
/// <param name="Labels">A class for each sample, or empty.</param>
/// <param name="Samples">Samples in the batch.</param>
public sealed record ScoredBatch(Tensor Output, Tensor? Target, Tensor? Input, ReadOnlyMemory<int> Labels, int Samples);

/// <summary>A metric over a data set: some terms for every sample, and what the terms of all samples come to. The terms are kept by sample, so that
/// neither batches nor threads change a sum. A closed hierarchy.</summary>
public abstract class Metric
{
    private protected Metric()
    {
    }

    /// <summary>Terms of one sample.</summary>
    public abstract int Terms { get; }

    /// <param name="kind">The metric.</param>
    /// <param name="peak">Peak of the signal for <see cref="MetricKind.Psnr"/>; null = largest less smallest target of the samples.</param>
    public static Metric Of(MetricKind kind, double? peak = null) => kind switch
    {
        MetricKind.Psnr => new PeakRatio(peak),
        MetricKind.Sqnr => new PowerRatio(),
        MetricKind.Auc or MetricKind.ReconstructionAuc => new RankedArea(kind == MetricKind.ReconstructionAuc),
        _ => new MeanOfScores(kind),
    };

    /// <summary>The metric's name in options and results.</summary>
    public static string NameOf(MetricKind kind) => kind switch
    {
        MetricKind.Top1 => "top1",
        MetricKind.Top5 => "top5",
        MetricKind.Agreement => "agreement",
        MetricKind.Mse => "mse",
        MetricKind.Psnr => "psnr",
        MetricKind.Sqnr => "sqnr",
        MetricKind.Auc => "auc",
        MetricKind.ReconstructionAuc => "reconstruction-auc",
        _ => throw new UnreachableException(),
    };

    public static bool NeedsLabels(MetricKind kind) => kind is MetricKind.Top1 or MetricKind.Top5 or MetricKind.Auc or MetricKind.ReconstructionAuc;

    /// <summary>Compares with targets, and without any with ONNX Runtime's output.</summary>
    public static bool NeedsTargets(MetricKind kind) => kind is MetricKind.Mse or MetricKind.Psnr or MetricKind.Sqnr;

    /// <summary>A share of samples or pairs, 0 .. 1.</summary>
    public static bool IsShare(MetricKind kind) => !NeedsTargets(kind);

    /// <summary>All but the mean error.</summary>
    public static bool MoreIsBetter(MetricKind kind) => kind != MetricKind.Mse;

    /// <summary>Terms of a batch, <see cref="Terms"/> for each sample in turn.</summary>
    /// <exception cref="DiagnosticException">Output and target, or output and input, have different sizes.</exception>
    public void Score(ScoredBatch batch, Span<double> terms)
    {
        ArgumentNullException.ThrowIfNull(batch);
        float[] values = batch.Output.ToFloats();
        float[] target = Sized(batch.Target, values.Length, "target");
        float[] input = Sized(batch.Input, values.Length, "input");
        int width = values.Length / batch.Samples;
        for (int i = 0; i < batch.Samples; i++)
        {
            Score(
                values.AsSpan(i * width, width),
                target.Length == 0 ? [] : target.AsSpan(i * width, width),
                input.Length == 0 ? [] : input.AsSpan(i * width, width),
                batch.Labels.IsEmpty ? -1 : batch.Labels.Span[i],
                terms.Slice(i * Terms, Terms));
        }
    }

    /// <summary>The metric of all samples.</summary>
    /// <param name="terms">Of all samples, in their order.</param>
    /// <param name="labels">Of the same samples, or empty.</param>
    public abstract double Total(ReadOnlySpan<double> terms, ReadOnlySpan<int> labels);

    /// <summary>Index of the largest value; the first of equals.</summary>
    public static int ArgMax(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
        {
            if (values[i] > values[best])
            {
                best = i;
            }
        }

        return best;
    }

    private protected abstract void Score(ReadOnlySpan<float> output, ReadOnlySpan<float> target, ReadOnlySpan<float> input, int label, Span<double> terms);

    private static float[] Sized(Tensor? tensor, int length, string what)
    {
        float[] values = tensor?.ToFloats() ?? [];
        return tensor is null || values.Length == length
            ? values
            : throw new DiagnosticException(Descriptors.WrongShape, $"{what} of the metric", $"has {values.Length} elements for a batch, the output has {length}", "--output-name NAME");
    }

    private static double MeanSquaredError(ReadOnlySpan<float> values, ReadOnlySpan<float> expected) => values.IsEmpty ? 0 : SumOfSquares(values, expected) / values.Length;

    private static double SumOfSquares(ReadOnlySpan<float> values, ReadOnlySpan<float> expected)
    {
        double sum = 0;
        for (int i = 0; i < values.Length; i++)
        {
            double difference = (double)values[i] - expected[i];
            sum += difference * difference;
        }

        return sum;
    }

    /// <summary>Every metric that is the mean of one score a sample.</summary>
    private sealed class MeanOfScores(MetricKind kind) : Metric
    {
        public override int Terms => 1;

        public override double Total(ReadOnlySpan<double> terms, ReadOnlySpan<int> labels)
        {
            double sum = 0;
            foreach (double term in terms)
            {
                sum += term;
            }

            return sum / terms.Length;
        }

        private protected override void Score(ReadOnlySpan<float> output, ReadOnlySpan<float> target, ReadOnlySpan<float> input, int label, Span<double> terms)
        {
            if (kind != MetricKind.Mse && output.ContainsAnyExceptInRange(float.NegativeInfinity, float.PositiveInfinity))
            {
                // Not a number has no largest.
                terms[0] = 0;
                return;
            }

            terms[0] = kind switch
            {
                MetricKind.Top1 => ArgMax(output) == label ? 1 : 0,
                MetricKind.Top5 => IsAmongLargest(output, label, 5) ? 1 : 0,
                MetricKind.Agreement => ArgMax(output) == ArgMax(target) ? 1 : 0,
                MetricKind.Mse => MeanSquaredError(output, target),
                _ => throw new UnreachableException(),
            };
        }

        private static bool IsAmongLargest(ReadOnlySpan<float> values, int label, int count)
        {
            if ((uint)label >= (uint)values.Length)
            {
                return false;
            }

            int larger = 0;
            for (int i = 0; i < values.Length; i++)
            {
                larger += values[i] > values[label] || (values[i] == values[label] && i < label) ? 1 : 0;
            }

            return larger < count;
        }
    }

    /// <summary>Terms: mean squared difference, smallest and largest target.</summary>
    private sealed class PeakRatio(double? peak) : Metric
    {
        public override int Terms => 3;

        public override double Total(ReadOnlySpan<double> terms, ReadOnlySpan<int> labels)
        {
            double error = 0;
            double smallest = double.PositiveInfinity;
            double largest = double.NegativeInfinity;
            for (int i = 0; i < terms.Length; i += 3)
            {
                error += terms[i];
                smallest = Math.Min(smallest, terms[i + 1]);
                largest = Math.Max(largest, terms[i + 2]);
            }

            double range = peak ?? (largest - smallest);
            return 10 * Math.Log10(range * range / (error / (terms.Length / 3)));
        }

        private protected override void Score(ReadOnlySpan<float> output, ReadOnlySpan<float> target, ReadOnlySpan<float> input, int label, Span<double> terms)
        {
            terms[0] = MeanSquaredError(output, target);
            (terms[1], terms[2]) = (double.PositiveInfinity, double.NegativeInfinity);
            foreach (float value in target)
            {
                terms[1] = Math.Min(terms[1], value);
                terms[2] = Math.Max(terms[2], value);
            }
        }
    }

    /// <summary>Terms: power of the target, power of the difference.</summary>
    private sealed class PowerRatio : Metric
    {
        public override int Terms => 2;

        public override double Total(ReadOnlySpan<double> terms, ReadOnlySpan<int> labels)
        {
            double signal = 0;
            double noise = 0;
            for (int i = 0; i < terms.Length; i += 2)
            {
                signal += terms[i];
                noise += terms[i + 1];
            }

            return 10 * Math.Log10(signal / noise);
        }

        private protected override void Score(ReadOnlySpan<float> output, ReadOnlySpan<float> target, ReadOnlySpan<float> input, int label, Span<double> terms)
        {
            terms[0] = 0;
            foreach (float value in target)
            {
                terms[0] += (double)value * value;
            }

            terms[1] = SumOfSquares(output, target);
        }
    }

    /// <summary>Term: the score. The area by ranks (Mann and Whitney 1947): ties share the mean of their ranks.</summary>
    private sealed class RankedArea(bool isReconstruction) : Metric
    {
        public override int Terms => 1;

        public override double Total(ReadOnlySpan<double> terms, ReadOnlySpan<int> labels)
        {
            double[] scores = terms.ToArray();
            int[] classes = labels.ToArray();
            Array.Sort(scores, classes);
            double ranks = 0;
            long positives = 0;
            for (int first = 0; first < scores.Length;)
            {
                int end = first + 1;
                while (end < scores.Length && scores[end].Equals(scores[first]))
                {
                    end++;
                }

                // Ranks first + 1 .. end.
                int ones = classes.AsSpan(first, end - first).Count(1);
                positives += ones;
                ranks += ones * ((first + 1.0 + end) / 2);
                first = end;
            }

            long negatives = scores.Length - positives;
            return (ranks - (positives * (positives + 1.0) / 2)) / ((double)positives * negatives);
        }

        private protected override void Score(ReadOnlySpan<float> output, ReadOnlySpan<float> target, ReadOnlySpan<float> input, int label, Span<double> terms) =>
            terms[0] = isReconstruction ? MeanSquaredError(output, input)
                : output.Length == 1 ? output[0]
                : (double)output[1] - output[0];
    }
}
