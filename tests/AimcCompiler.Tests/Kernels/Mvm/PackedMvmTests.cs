using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

/// <summary>Packed cells and inputs give the bits of the definition at every width, whatever the counts.</summary>
public sealed class PackedMvmTests
{
    public static TheoryData<int> Widths => Lanes16.IsSupported ? [1, 8, 16] : Lanes8.IsSupported ? [1, 8] : [1];

    [Theory]
    [MemberData(nameof(Widths))]
    public void EqualsTheDefinition(int lanes)
    {
        foreach (int vectors in (int[])[0, 1, 3, 4, 5, 8, 11, 12, 13, 24, 29])
        {
            foreach (int rows in (int[])[0, 1, 7, 8, 9, 130])
            {
                foreach (int columns in (int[])[0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 49, 100])
                {
                    AssertEqual(lanes, vectors, rows, columns);
                }
            }
        }
    }

    private static void AssertEqual(int lanes, int vectors, int rows, int columns)
    {
        float[] inputs = Normals(1, vectors * (rows + 3));
        float[] cells = Normals(2, rows * columns);
        float[] expected = new float[vectors * columns];
        ScalarMvm.Multiply(inputs, rows + 3, vectors, cells, columns, rows, columns, expected, columns);

        // The cells are rows 2 .. of packed inputs that have more.
        float[] shifted = new float[vectors * (rows + 4)];
        for (int m = 0; m < vectors; m++)
        {
            inputs.AsSpan(m * (rows + 3), rows).CopyTo(shifted.AsSpan((m * (rows + 4)) + 2));
        }

        float[] quads = new float[PackedMvm.Padded(vectors) * (rows + 4)];
        Array.Fill(quads, float.NaN);
        PackedMvm.PackInputs(shifted, rows + 4, vectors, rows + 4, quads);
        var packed = PackedCells.Pack(cells, rows, columns, lanes);
        int stride = packed.PaddedColumns + 1;
        float[] actual = new float[PackedMvm.Padded(vectors) * stride];
        PackedMvm.Multiply(quads.AsSpan(vectors == 0 ? 0 : 2 * PackedMvm.Quad), PackedMvm.Quad * (rows + 4), vectors, packed, actual, stride);
        for (int m = 0; m < vectors; m++)
        {
            LaneContract.AssertSameBits(expected.AsSpan(m * columns, columns), actual.AsSpan(m * stride, columns));
        }
    }

    private static float[] Normals(int row, int count)
    {
        float[] normals = new float[count];
        Draws.Normals(new CellStream(1, 0, 0, 0, 0, 0, 0), DrawPurpose.Programming, 0, row, 0, normals);
        return normals;
    }
}
