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
/// (im2col); results [batch, groups * columns, spatial...].</summary>
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

    public override string ToString() => AutoPad == AutoPad.None
        ? $"conv(kernel={Join(Kernel)}, strides={Join(Strides)}, pads={Join(PadsBegin)}:{Join(PadsEnd)}, dilations={Join(Dilations)})"
        : $"conv(kernel={Join(Kernel)}, strides={Join(Strides)}, pads={(AutoPad == AutoPad.SameUpper ? "same_upper" : "same_lower")}, dilations={Join(Dilations)})";

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
