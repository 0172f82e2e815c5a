using System.Collections.Immutable;

namespace AimcCompiler.Passes;

/// <summary>The mean of each channel of an activation over the calibration samples.</summary>
/// <param name="axis">The axis of the channels: 1 for what convolutions read, -1 for what matrix products read.</param>
public sealed class ChannelMeans(int axis)
{
    private double[] _sums = [];
    private long _count;

    public int Axis { get; } = axis;

    /// <summary>Channels seen; 0 before the first sample.</summary>
    public int Channels => _sums.Length;

    public double this[int channel] => _count == 0 ? 0 : _sums[channel] / _count;

    public void Add(ReadOnlySpan<float> values, ImmutableArray<long> shape)
    {
        int at = Axis < 0 ? shape.Length + Axis : Axis;
        if (at < 0 || at >= shape.Length || values.Length == 0)
        {
            return;
        }

        int channels = (int)shape[at];
        int inner = 1;
        for (int i = at + 1; i < shape.Length; i++)
        {
            inner *= (int)shape[i];
        }

        if (_sums.Length == 0)
        {
            _sums = new double[channels];
        }

        for (int start = 0; start < values.Length; start += inner)
        {
            double sum = 0;
            foreach (float value in values.Slice(start, inner))
            {
                sum += float.IsFinite(value) ? value : 0;
            }

            _sums[start / inner % channels] += sum;
        }

        _count += values.Length / channels;
    }
}
