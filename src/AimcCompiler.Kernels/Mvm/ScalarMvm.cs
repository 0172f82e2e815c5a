namespace AimcCompiler.Kernels;

/// <summary>The definition of the MVM that <see cref="SimdMvm{TLanes}"/> must equal bit for bit.</summary>
internal readonly struct ScalarMvm : IMvm
{
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
        Mvm.AssertFits(inputs.Length, inputStride, vectors, rows);
        Mvm.AssertFits(cells.Length, cellStride, rows, columns);
        Mvm.AssertFits(outputs.Length, outputStride, vectors, columns);
        for (int m = 0; m < vectors && columns > 0; m++)
        {
            var output = outputs.Slice(m * outputStride, columns);
            output.Clear();
            for (int r = 0; r < rows; r++)
            {
                float input = inputs[(m * inputStride) + r];
                var row = cells.Slice(r * cellStride, columns);
                for (int c = 0; c < output.Length; c++)
                {
                    output[c] = MathF.FusedMultiplyAdd(input, row[c], output[c]);
                }
            }
        }
    }
}
