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
public sealed record ConvolutionView(
    ImmutableArray<int> Kernel,
    ImmutableArray<int> Strides,
    ImmutableArray<int> PadsBegin,
    ImmutableArray<int> PadsEnd,
    ImmutableArray<int> Dilations) : InputView
{
    /// <summary>The output extent of one spatial axis.</summary>
    public long OutputExtent(int axis, long inputExtent) =>
        ((inputExtent + PadsBegin[axis] + PadsEnd[axis] - ((Dilations[axis] * (Kernel[axis] - 1L)) + 1)) / Strides[axis]) + 1;

    public override string ToString() =>
        $"conv(kernel={Join(Kernel)}, strides={Join(Strides)}, pads={Join(PadsBegin)}:{Join(PadsEnd)}, dilations={Join(Dilations)})";

    private static string Join(ImmutableArray<int> values) => string.Join('x', values);
}
