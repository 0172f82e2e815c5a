using System.Diagnostics;

namespace AimcCompiler.Kernels;

/// <summary>Several vectors through one crossbar: outputs[m, c] = sum over rows of inputs[m, r] cells[r, c] in fp32, rows ascending from
/// 0 with one fused multiply-add each. All matrices are row-major with their own stride; outputs must not overlap the others.</summary>
internal interface IMvm
{
    static abstract void Multiply(
        ReadOnlySpan<float> inputs,
        int inputStride,
        int vectors,
        ReadOnlySpan<float> cells,
        int cellStride,
        int rows,
        int columns,
        Span<float> outputs,
        int outputStride);
}

/// <summary>The fastest <see cref="IMvm"/> of the machine; all have the same bits.</summary>
public static class Mvm
{
    /// <summary>outputs[m, c] = sum over rows of inputs[m, r] cells[r, c]: fp32, rows ascending from 0, one fused multiply-add
    /// each.</summary>
    public static void Multiply(
        ReadOnlySpan<float> inputs,
        int inputStride,
        int vectors,
        ReadOnlySpan<float> cells,
        int cellStride,
        int rows,
        int columns,
        Span<float> outputs,
        int outputStride)
    {
        if (Lanes16.IsSupported)
        {
            SimdMvm<Lanes16>.Multiply(inputs, inputStride, vectors, cells, cellStride, rows, columns, outputs, outputStride);
        }
        else if (Lanes8.IsSupported)
        {
            SimdMvm<Lanes8>.Multiply(inputs, inputStride, vectors, cells, cellStride, rows, columns, outputs, outputStride);
        }
        else
        {
            ScalarMvm.Multiply(inputs, inputStride, vectors, cells, cellStride, rows, columns, outputs, outputStride);
        }
    }

    [Conditional("DEBUG")]
    internal static void AssertFits(int length, int stride, int rows, int columns) =>
        Debug.Assert(rows == 0 || columns == 0 || (stride >= columns && length >= ((rows - 1) * (long)stride) + columns));
}
