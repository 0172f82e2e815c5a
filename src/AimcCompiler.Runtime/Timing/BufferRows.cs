using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>Which rows of a value come to a buffer: they are counted from 0.</summary>
internal readonly record struct BufferRows(int First, int Stride, int Count)
{
    public static BufferRows Of(RowBuffer buffer, StageGraph stages)
    {
        int rows = stages.Values[buffer.Value].Rows;
        return new BufferRows(buffer.FirstRow, buffer.RowStride, rows <= buffer.FirstRow ? 0 : ((rows - 1 - buffer.FirstRow) / buffer.RowStride) + 1);
    }

    /// <summary>How many of them come before a row of the value, or are it.</summary>
    public int UpTo(int row) => row < First ? 0 : Math.Min(Count, ((row - First) / Stride) + 1);

    public bool Has(int row) => row >= First && (row - First) % Stride == 0;
}
