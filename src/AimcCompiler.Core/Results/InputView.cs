using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>Which elements of the input tensor make the vectors of an MVM, and where the results go. A closed hierarchy.</summary>
public abstract record InputView
{
    private protected InputView()
    {
    }
}

/// <summary>The vectors lie along one axis of the input and the results along one axis of the output; the other axes enumerate the vectors.</summary>
/// <param name="InputAxis">-1: input [..., K]; -2: input [..., K, M].</param>
/// <param name="OutputAxis">-1: output [..., N]; -2: output [..., N, M].</param>
public sealed record MatrixView(int InputAxis, int OutputAxis) : InputView
{
    public override string ToString() => $"matrix(in={InputAxis}, out={OutputAxis})";
}

/// <summary>The windows of a convolution over input [batch, groups * channels, spatial...], gathered as rows (channel, kernel position)
/// (im2col); results [batch, groups * columns, spatial...]. With shifts a window holds those of some neighbors, as rows (channel, kernel position, place along the last axis), and columns are (shift, filter).</summary>
/// <param name="Kernel">Kernel extent per spatial axis.</param>
/// <param name="Strides">Per spatial axis.</param>
/// <param name="PadsBegin">Zeros before, per spatial axis.</param>
/// <param name="PadsEnd">Zeros after, per spatial axis.</param>
/// <param name="Dilations">Per spatial axis.</param>
/// <param name="AutoPad">Pads that follow the input's extent; the fixed ones are then zero.</param>
public sealed record ConvolutionView(
    ImmutableArray<int> Kernel,
    ImmutableArray<int> Strides,
    ImmutableArray<int> PadsBegin,
    ImmutableArray<int> PadsEnd,
    ImmutableArray<int> Dilations,
    AutoPad AutoPad = AutoPad.None) : InputView
{
    /// <summary>Most neighbors that a vector can have the outputs of.</summary>
    public const int MostShifts = 64;

    /// <summary>Outputs side by side along the last axis that one vector gives: the kernel stands in the matrix so often, each time a stride further. The last vector of a line gives what the line still has.</summary>
    public int Shifts { get; init; } = 1;

    /// <summary>Elements of one channel that a window holds.</summary>
    public int Taps => Kernel.AsSpan()[..^1].ToArray().Aggregate(1, (a, b) => a * b) * Places().Length;

    /// <summary>What a window holds along the last axis, from its beginning, in order: what the kernel reads at any shift.</summary>
    public ImmutableArray<int> Places() =>
        Shifts == 1
            ? [.. Enumerable.Range(0, Kernel[^1]).Select(tap => tap * Dilations[^1])]
            : [.. Enumerable.Range(0, Shifts).SelectMany(shift => Enumerable.Range(0, Kernel[^1]).Select(tap => (shift * Strides[^1]) + (tap * Dilations[^1]))).Distinct().Order()];

    /// <summary>Vectors that give so many outputs along the last axis.</summary>
    public long VectorsOf(long outputs) => (outputs + Shifts - 1) / Shifts;

    /// <summary>The input positions along one axis that a window reaches over.</summary>
    public long Reach(int axis) => (Dilations[axis] * (Kernel[axis] - 1L)) + 1;

    /// <summary>Zeros before and after one axis of an input.</summary>
    public (long Begin, long End) Pads(int axis, long inputExtent)
    {
        if (AutoPad == AutoPad.None)
        {
            return (PadsBegin[axis], PadsEnd[axis]);
        }

        // ceil(extent / stride) outputs (ONNX Conv, auto_pad SAME).
        long outputs = (inputExtent + Strides[axis] - 1) / Strides[axis];
        long total = Math.Max(0, ((outputs - 1) * Strides[axis]) + Reach(axis) - inputExtent);
        return AutoPad == AutoPad.SameUpper ? (total / 2, total - (total / 2)) : (total - (total / 2), total / 2);
    }

    /// <summary>The output extent of one spatial axis.</summary>
    public long OutputExtent(int axis, long inputExtent)
    {
        var (begin, end) = Pads(axis, inputExtent);
        return ((inputExtent + begin + end - Reach(axis)) / Strides[axis]) + 1;
    }

    public override string ToString()
    {
        string pads = AutoPad switch { AutoPad.None => $"{Join(PadsBegin)}:{Join(PadsEnd)}", AutoPad.SameUpper => "same_upper", _ => "same_lower" };
        return $"conv(kernel={Join(Kernel)}, strides={Join(Strides)}, pads={pads}, dilations={Join(Dilations)}{(Shifts == 1 ? "" : FormattableString.Invariant($", shifts={Shifts}"))})";
    }

    private static string Join(ImmutableArray<int> values) => string.Join('x', values);
}

/// <summary>Pads that make ceil(extent / stride) outputs of any input.</summary>
public enum AutoPad
{
    None,

    /// <summary>An odd zero comes after the input.</summary>
    SameUpper,

    /// <summary>An odd zero comes before it.</summary>
    SameLower,
}
