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

    /// <summary>Mean squared difference from ONNX Runtime's output.</summary>
    Mse,
}

/// <summary>Per-sample scores; a metric is their mean.</summary>
public static class Metric
{
    /// <param name="kind">The metric.</param>
    /// <param name="output">The first output of a batch.</param>
    /// <param name="reference">ONNX Runtime's, for the metrics that compare.</param>
    /// <param name="labels">Labels of the batch, for the metrics that need them.</param>
    /// <param name="samples">Samples in the batch.</param>
    /// <param name="scores">One score a sample.</param>
    public static void Score(MetricKind kind, Tensor output, Tensor? reference, ReadOnlySpan<int> labels, int samples, Span<double> scores)
    {
        ArgumentNullException.ThrowIfNull(output);
        float[] values = output.ToFloats();
        float[]? expected = reference?.ToFloats();
        int width = values.Length / samples;
        for (int i = 0; i < samples; i++)
        {
            ReadOnlySpan<float> row = values.AsSpan(i * width, width);
            if (kind != MetricKind.Mse && row.ContainsAnyExceptInRange(float.NegativeInfinity, float.PositiveInfinity))
            {
                // Not a number has no largest.
                scores[i] = 0;
                continue;
            }

            scores[i] = kind switch
            {
                MetricKind.Top1 => ArgMax(row) == labels[i] ? 1 : 0,
                MetricKind.Top5 => IsAmongLargest(row, labels[i], 5) ? 1 : 0,
                MetricKind.Agreement => ArgMax(row) == ArgMax(expected.AsSpan(i * width, width)) ? 1 : 0,
                MetricKind.Mse => MeanSquaredError(row, expected.AsSpan(i * width, width)),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
        }
    }

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

    private static double MeanSquaredError(ReadOnlySpan<float> values, ReadOnlySpan<float> expected)
    {
        double sum = 0;
        for (int i = 0; i < values.Length; i++)
        {
            double difference = values[i] - expected[i];
            sum += difference * difference;
        }

        return values.Length == 0 ? 0 : sum / values.Length;
    }
}
