using AimcCompiler.Kernels;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Moments of many devices of one target, with their standard errors from the moments themselves.</summary>
internal sealed class Sample
{
    /// <summary>Devices of a sample, as 400 rows of 1000 columns.</summary>
    public const int Devices = Rows * Columns;

    private const int Rows = 400;
    private const int Columns = 1000;

    private Sample(float[] values)
    {
        Values = values;
        Mean = values.Average(v => (double)v);
        double m2 = values.Average(v => Math.Pow(v - Mean, 2));
        double m4 = values.Average(v => Math.Pow(v - Mean, 4));
        Deviation = Math.Sqrt(m2);
        MeanError = Math.Sqrt(m2 / values.Length);

        // var(s^2) = (m4 - m2^2) / n, and s = sqrt(s^2)
        DeviationError = m2 == 0 ? 0 : Math.Sqrt((m4 - (m2 * m2)) / values.Length) / (2 * Deviation);
    }

    public float[] Values { get; }

    public double Mean { get; }

    public double Deviation { get; }

    public double MeanError { get; }

    public double DeviationError { get; }

    public static Sample Of(DeviceModel model, float targetUs, double? timeS, ulong seed = 1)
    {
        float[] values = new float[Devices];
        float[] targets = new float[Columns];
        Array.Fill(targets, targetUs);
        CellStream stream = new(seed, Instance: 0, Layer: 0, Slice: 0, Pair: 0, Polarity: 0, Copy: 0);
        for (int row = 0; row < Rows; row++)
        {
            model.Conductances(targets, timeS, in stream, row, 0, values.AsSpan(row * Columns, Columns));
        }

        return new Sample(values);
    }

    public static Sample Of(float[] values) => new(values);
}
