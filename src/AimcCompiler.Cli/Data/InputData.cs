using System.Collections.Immutable;
using System.Numerics;
using System.Runtime.InteropServices;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>One input's samples: how the stored array is cut, turned, scaled and cast to what the model takes.</summary>
internal sealed class InputData : IDisposable
{
    private readonly ArraySource _source;
    private readonly DataInput _input;
    private readonly ImmutableArray<long> _sample;
    private readonly Holding _holding;
    private readonly (int Pixels, int Channels)? _transpose;
    private readonly float[]? _factor;
    private readonly float[]? _offset;
    private readonly int _inner;
    private readonly (int Channels, int Inner)? _swap;

    private InputData(ArraySource source, DataInput input, Preprocess preprocess, in Match match, bool isOnlyInput)
    {
        _source = source;
        _input = input;
        _sample = match.Sample;
        _holding = match.Holding;
        _transpose = match.Transpose;
        // A model may have inputs beside the image.
        if (preprocess.ChannelOrder == ChannelOrder.Bgr && (isOnlyInput || _sample.Length == 3))
        {
            _swap = Swap(preprocess);
        }

        if (preprocess.ChangesValues && Tensor.IsFloating(input.Type))
        {
            (_factor, _offset, _inner) = Affine(preprocess);
        }
    }

    public string Where => _source.Where;

    public long Count => _holding == Holding.OneSample ? 1 : _source.Slices;

    /// <summary>There are as many samples as the model's first dimension says.</summary>
    public bool FillsFirstDimension => _input.Shape is [var first, ..] && first == Count;

    /// <summary>Every place of the array's first axis is the whole input of a run.</summary>
    public bool HoldsWholeInputs => _holding == Holding.WholeInputs;

    /// <summary>The array is one input of the model as it is, with all places of the first axis.</summary>
    public bool IsOneInput => !HoldsWholeInputs && (_input.Shape.IsEmpty ? _holding == Holding.OneSample : FillsFirstDimension);

    /// <summary>The array, which <see cref="IsOneInput"/>, goes into every run.</summary>
    public bool ServesEveryRun { get; set; }

    /// <summary>Channels to decode images of a size to.</summary>
    public static int ChannelsOf(DataInput input, DataLayout? layout, int height, int width)
    {
        ImmutableArray<long> sample = input.Shape.IsEmpty ? [] : input.Shape.RemoveAt(0);
        if (sample.Length == 3)
        {
            bool isFirst = layout != DataLayout.Nhwc && sample[0] is 1 or 3 or 4 && Is(sample[1], height) && Is(sample[2], width);
            long wanted = isFirst ? sample[0] : sample[2];
            return wanted is 1 or 3 or 4 ? (int)wanted : 3;
        }

        return !sample.Contains(-1) && Tensor.CountOf(sample) == (long)height * width ? 1 : 3;

        static bool Is(long dimension, int length) => dimension < 0 || dimension == length;
    }

    /// <summary>Finds how an array holds samples of an input: along its first axis, or as a single sample, or as an input for every run.</summary>
    /// <exception cref="DiagnosticException">None fits.</exception>
    public static InputData Fit(ArraySource source, DataInput input, Preprocess preprocess, IReadOnlyList<DataInput> inputs)
    {
        try
        {
            ImmutableArray<long> model = input.Shape.IsEmpty ? [] : input.Shape.RemoveAt(0);
            bool[] turns = preprocess.Layout switch
            {
                // A model may have inputs beside the image.
                DataLayout.NhwcToNchw when inputs.Count > 1 && model.Length != 3 => [false],
                DataLayout.NhwcToNchw => [true],
                DataLayout.Nchw when source is ImageFolder => [true],
                null when source is ImageFolder => [true, false],
                _ => [false],
            };
            foreach (bool reshapes in new[] { false, true })
            {
                foreach (bool transposes in turns)
                {
                    if (!source.Shape.IsEmpty && TryMatch(source.Shape.RemoveAt(0), model, transposes, reshapes, out var along))
                    {
                        return new InputData(source, input, preprocess, along, inputs.Count == 1);
                    }

                    if (source is not ImageFolder && TryMatch(source.Shape, model, transposes, reshapes, out var whole))
                    {
                        return new InputData(source, input, preprocess, whole with { Holding = Holding.OneSample }, inputs.Count == 1);
                    }
                }

                if (!reshapes && !HaveCommonSamples(inputs) && input.Shape is [> 0, ..] && !source.Shape.IsEmpty && TryMatch(source.Shape.RemoveAt(0), input.Shape, false, false, out var run))
                {
                    return new InputData(source, input, preprocess, run with { Holding = Holding.WholeInputs }, inputs.Count == 1);
                }
            }

            throw new DiagnosticException(
                Descriptors.WrongShape,
                source.Where,
                $"the data have shape {Tensor.Format(source.Shape)}, the input '{input.Name}' takes {Tensor.Format(input.Shape)}",
                source is ImageFolder ? "bring the images to the model's height and width" : "bring the data to the input's shape",
                "for channels-last data set the layout nhwc->nchw");
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>The first dimensions of a model's inputs count the same thing. Where they do not, as with the state of a recurrence beside its input, one run is one sample.</summary>
    public static bool HaveCommonSamples(IEnumerable<DataInput> inputs) => inputs.Select(i => i.Shape is [var samples, ..] ? samples : 0).Distinct().Count() == 1;

    public Tensor Batch(long first, int count)
    {
        if (ServesEveryRun)
        {
            (first, count) = (0, (int)Count);
        }

        var data = _holding == Holding.OneSample ? _source.Read(0, _source.Slices) : _source.Read(first, count);
        if (_transpose is { } turn)
        {
            data = Transpose(data, _source.Type, count, turn.Pixels, turn.Channels);
        }

        if (_swap is { } swap)
        {
            SwapChannels(data, swap.Channels, swap.Inner);
        }

        var type = _source.Type;
        if (_factor is not null)
        {
            float[] values = (float[])ElementCast.Cast(Where, type, data, TensorType.Float);
            for (int start = 0; start < values.Length; start += _inner)
            {
                float factor = _factor[start / _inner % _factor.Length];
                float offset = _offset![start / _inner % _factor.Length];
                var plane = values.AsSpan(start, Math.Min(_inner, values.Length - start));
                ref float element = ref MemoryMarshal.GetReference(plane);
                Vector<float> offsets = new(offset);
                int i = 0;
                for (; i <= plane.Length - Vector<float>.Count; i += Vector<float>.Count)
                {
                    ((Vector.LoadUnsafe(ref element, (nuint)i) * factor) - offsets).StoreUnsafe(ref element, (nuint)i);
                }

                for (; i < plane.Length; i++)
                {
                    plane[i] = (plane[i] * factor) - offset;
                }
            }

            data = values;
            type = TensorType.Float;
        }

        ImmutableArray<long> shape = _input.Shape.IsEmpty ? [] : HoldsWholeInputs ? _sample : _sample.Insert(0, count);
        return new Tensor(_input.Type, shape, ElementCast.Cast(Where, type, data, _input.Type));
    }

    public void Dispose() => _source.Dispose();

    private static bool TryMatch(ImmutableArray<long> stored, ImmutableArray<long> model, bool transposes, bool reshapes, out Match match)
    {
        match = default;
        (int Pixels, int Channels)? turn = null;
        if (transposes)
        {
            bool isKnown = model.Length == 3 && !model.Contains(-1);
            stored = stored.Length switch
            {
                1 when isKnown && stored[0] == Tensor.CountOf(model) => [model[1], model[2], model[0]],
                2 => stored.Add(1),
                _ => stored,
            };
            if (stored.Length != 3 || stored[2] > int.MaxValue || stored[0] * stored[1] > int.MaxValue)
            {
                return false;
            }

            turn = stored[2] == 1 || stored[0] * stored[1] == 1 ? null : ((int)(stored[0] * stored[1]), (int)stored[2]);
            stored = [stored[2], stored[0], stored[1]];
        }

        if (stored.Length == model.Length && stored.Zip(model).All(d => d.Second < 0 || d.First == d.Second))
        {
            match = new Match(stored, turn, Holding.Samples);
            return true;
        }

        // As many axes but other lengths: the order of the axes is wrong (32x32x3 for 3x32x32), which a reshape would hide.
        var storedAxes = stored.Where(d => d != 1).ToList();
        var modelAxes = model.Where(d => d != 1).ToList();
        if (storedAxes.Count == modelAxes.Count && !storedAxes.SequenceEqual(modelAxes) && !modelAxes.Contains(-1))
        {
            return false;
        }

        long count = Tensor.CountOf(stored);
        long known = Tensor.CountOf([.. model.Where(d => d >= 0)]);
        int open = model.Count(d => d < 0);
        if (!reshapes || (open == 0 ? count != known : open > 1 || known == 0 || count % known != 0 || count == 0))
        {
            return false;
        }

        match = new Match([.. model.Select(d => d < 0 ? count / known : d)], turn, Holding.Samples);
        return true;
    }

    /// <summary>(v * scale - mean) / std as v * factor - offset, and the elements until another channel begins.</summary>
    private (float[] Factor, float[] Offset, int Inner) Affine(Preprocess preprocess)
    {
        double[] mean = preprocess.Mean is { } m ? [.. m] : [0];
        double[] std = preprocess.Std is { } s ? [.. s] : [1];
        int channels = Math.Max(mean.Length, std.Length);
        int axis = preprocess.Layout == DataLayout.Nhwc ? _sample.Length - 1 : 0;
        bool fits = (mean.Length == 1 || mean.Length == channels) && (std.Length == 1 || std.Length == channels);
        if (!fits || (channels > 1 && (_sample.IsEmpty || _sample[axis] != channels)))
        {
            throw new DiagnosticException(
                Descriptors.WrongShape,
                Where,
                $"preprocessing has {mean.Length} means and {std.Length} standard deviations, a sample of '{_input.Name}' is {Tensor.Format(_sample)}",
                "give one number, or one for each channel",
                "check the layout");
        }

        float[] factor = new float[channels];
        float[] offset = new float[channels];
        for (int c = 0; c < channels; c++)
        {
            double deviation = std[std.Length == 1 ? 0 : c];
            factor[c] = (float)((preprocess.Scale ?? 1) / deviation);
            offset[c] = (float)(mean[mean.Length == 1 ? 0 : c] / deviation);
        }

        return (factor, offset, channels == 1 ? int.MaxValue : (int)Math.Max(1, Tensor.CountOf(_sample.RemoveRange(0, axis + 1))));
    }

    /// <summary>Channels of a sample, and the elements between two of them.</summary>
    private (int Channels, int Inner) Swap(Preprocess preprocess)
    {
        int axis = preprocess.Layout == DataLayout.Nhwc ? _sample.Length - 1 : 0;
        return _sample.Length == 3 && _sample[axis] is 3 or 4
            ? ((int)_sample[axis], (int)Tensor.CountOf(_sample.RemoveRange(0, axis + 1)))
            : throw new DiagnosticException(
                Descriptors.WrongShape, Where, $"the channel order applies to images of 3 or 4 channels; a sample of '{_input.Name}' is {Tensor.Format(_sample)}", "check the layout", "leave the channel order out");
    }

    /// <summary>The first and the third channel change places.</summary>
    private static void SwapChannels(Array data, int channels, int inner)
    {
        var first = Array.CreateInstance(data.GetType().GetElementType()!, inner);
        for (int sample = 0; sample < data.Length; sample += channels * inner)
        {
            Array.Copy(data, sample, first, 0, inner);
            Array.Copy(data, sample + (2 * inner), data, sample, inner);
            Array.Copy(first, 0, data, sample + (2 * inner), inner);
        }
    }

    private static Array Transpose(Array data, TensorType type, int samples, int pixels, int channels)
    {
        var result = Array.CreateInstance(Tensor.ElementType(type), data.Length);
        int size = Tensor.SizeOf(type);
        var from = MemoryMarshal.CreateSpan(ref MemoryMarshal.GetArrayDataReference(data), data.Length * size);
        var to = MemoryMarshal.CreateSpan(ref MemoryMarshal.GetArrayDataReference(result), data.Length * size);
        switch (size)
        {
            case 1:
                Transpose<byte>(from, to, samples, pixels, channels);
                break;
            case 2:
                Transpose(MemoryMarshal.Cast<byte, ushort>(from), MemoryMarshal.Cast<byte, ushort>(to), samples, pixels, channels);
                break;
            case 4:
                Transpose(MemoryMarshal.Cast<byte, uint>(from), MemoryMarshal.Cast<byte, uint>(to), samples, pixels, channels);
                break;
            default:
                Transpose(MemoryMarshal.Cast<byte, ulong>(from), MemoryMarshal.Cast<byte, ulong>(to), samples, pixels, channels);
                break;
        }

        return result;
    }

    private static void Transpose<T>(ReadOnlySpan<T> from, Span<T> to, int samples, int pixels, int channels)
    {
        for (int sample = 0; sample < samples; sample++)
        {
            var source = from.Slice(sample * pixels * channels, pixels * channels);
            var target = to.Slice(sample * pixels * channels, pixels * channels);
            for (int channel = 0; channel < channels; channel++)
            {
                for (int pixel = 0; pixel < pixels; pixel++)
                {
                    target[(channel * pixels) + pixel] = source[(pixel * channels) + channel];
                }
            }
        }
    }

    /// <summary>What a place of the stored array's first axis is.</summary>
    private enum Holding
    {
        Samples,

        /// <summary>A part of the only sample.</summary>
        OneSample,

        /// <summary>A whole input, first dimension and all.</summary>
        WholeInputs,
    }

    private readonly record struct Match(ImmutableArray<long> Sample, (int Pixels, int Channels)? Transpose, Holding Holding);
}
