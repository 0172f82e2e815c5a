using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Ir;

/// <summary>Weights of a layer as real numbers: groups x rows x columns. The first stair holds the model's own tensor, in the order in which its elements stand there: a matrix of a
/// hundred million weights is read and transposed once, while it is quantized.</summary>
/// <param name="groups">Matrices.</param>
/// <param name="rows">Inputs of one.</param>
/// <param name="columns">Outputs of one.</param>
/// <param name="stored">The elements, of type float; the shape does not count.</param>
/// <param name="isColumnMajor">The rows of a column stand side by side, as a convolution's filters do.</param>
public sealed class FloatMatrix(int groups, int rows, int columns, Tensor stored, bool isColumnMajor = false)
{
    /// <param name="groups">Matrices.</param>
    /// <param name="rows">Inputs of one.</param>
    /// <param name="columns">Outputs of one.</param>
    /// <param name="elements">The elements.</param>
    /// <param name="isColumnMajor">The rows of a column stand side by side.</param>
    public FloatMatrix(int groups, int rows, int columns, float[] elements, bool isColumnMajor = false)
        : this(groups, rows, columns, Tensor.FromFloats(elements, elements.Length), isColumnMajor)
    {
    }

    public int Groups { get; } = groups;

    /// <summary>K, inputs of one group.</summary>
    public int Rows { get; } = rows;

    /// <summary>N, outputs of one group.</summary>
    public int Columns { get; } = columns;

    /// <summary>Element (g, k, n) stands at ((g Rows) + k) Columns + n, or at ((g Columns) + n) Rows + k where the matrix is column-major.</summary>
    public Tensor Stored { get; } = stored;

    public bool IsColumnMajor { get; } = isColumnMajor;

    /// <summary>Groups x columns quantization steps of which the column's weights are integer multiples; 0 = none known. Empty = none at all.</summary>
    public ImmutableArray<float> Steps { get; init; } = [];

    /// <summary>Where an element stands.</summary>
    public int Index(int group, int row, int column) => IsColumnMajor ? (((group * Columns) + column) * Rows) + row : (((group * Rows) + row) * Columns) + column;

    /// <summary>The element at an index of the row-major order. For a few: each is asked of the tensor by itself.</summary>
    public float At(int index)
    {
        float element = 0;
        Stored.CopyFloats(Index(index / (Rows * Columns), index / Columns % Rows, index % Columns), new Span<float>(ref element));
        return element;
    }

    /// <summary>The elements row by row: the stored array, or a copy.</summary>
    public float[] ToRowMajor()
    {
        float[] stored = Stored.Floats;
        if (!IsColumnMajor)
        {
            return stored;
        }

        float[] elements = new float[stored.Length];
        for (int i = 0; i < elements.Length; i++)
        {
            elements[i] = stored[Index(i / (Rows * Columns), i / Columns % Rows, i % Columns)];
        }

        return elements;
    }
}

/// <summary>Weights as codes, or as contents u = w / s of analog cells. The codes are held once; later stairs add only rules and places.</summary>
public sealed class QuantizedMatrix
{
    public QuantizedMatrix(int groups, int rows, int columns, ImmutableArray<float> scales, short[]? codes, float[]? contents)
    {
        if ((codes is null) == (contents is null))
        {
            throw new ArgumentException("A matrix holds either codes or contents.");
        }

        (Groups, Rows, Columns, Scales, Codes, Contents) = (groups, rows, columns, scales, codes, contents);
    }

    public int Groups { get; }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>One for the matrix, or groups x columns: w = scale * code / MaxCode, or scale * u.</summary>
    public ImmutableArray<float> Scales { get; }

    /// <summary>Groups x rows x columns signed codes; null for analog weights.</summary>
    public short[]? Codes { get; }

    /// <summary>Groups x rows x columns in [-1, 1]; null for coded weights.</summary>
    public float[]? Contents { get; }

    public bool IsAnalog => Contents is not null;

    /// <summary>The rows of the model's matrix that are here; null = all.</summary>
    public KeptLines? KeptRows { get; init; }

    /// <summary>Other layers have the rows and columns that are not here; else those hold zeros alone.</summary>
    public bool IsPart { get; init; }

    /// <summary>The columns of the model's matrix that are here; null = all. A layer's bias has one element for each of the model's.</summary>
    public KeptLines? KeptColumns { get; init; }

    /// <summary>Rows of one group of the model's matrix.</summary>
    public int ModelRows => KeptRows?.Total ?? Rows;

    /// <summary>Columns of one group of the model's matrix.</summary>
    public int ModelColumns => KeptColumns?.Total ?? Columns;

    /// <summary>Every weight of a part is zero: code 0, or content 0.</summary>
    public bool IsZero(int group, int row, int rows, int column, int columns)
    {
        for (int r = row; r < row + rows; r++)
        {
            int at = Index(group, r, column);
            if (Codes is { } codes ? codes.AsSpan(at, columns).ContainsAnyExcept((short)0) : Contents.AsSpan(at, columns).ContainsAnyExcept(0f))
            {
                return false;
            }
        }

        return true;
    }

    public int Index(int group, int row, int column) => (((group * Rows) + row) * Columns) + column;

    public float ScaleOf(int group, int column) => Scales.Length == 1 ? Scales[0] : Scales[(group * Columns) + column];
}

/// <summary>Weights with the sign encoding that the chip gives them: a differential pair, or an offset.</summary>
public sealed record EncodedMatrix(QuantizedMatrix Quantized, WeightEncoding Encoding)
{
    /// <summary>Groups x columns centers, or empty: cells hold the distances of the codes from them.</summary>
    public ImmutableArray<int> Centers { get; init; } = [];

    /// <summary>What the cells hold of a coded weight: its code, or the distance from its center.</summary>
    public int InCells(int index)
    {
        int code = Quantized.Codes![index];
        return Centers.IsEmpty ? code : code - Centers[(index / (Quantized.Rows * Quantized.Columns) * Quantized.Columns) + (index % Quantized.Columns)];
    }

    /// <summary>The cells of a part would hold nothing that counts: its weights are zero, or do not differ from their centers.</summary>
    public bool IsZero(int group, int row, int rows, int column, int columns)
    {
        if (Centers.IsEmpty)
        {
            return Quantized.IsZero(group, row, rows, column, columns);
        }

        for (int r = row; r < row + rows; r++)
        {
            for (int c = column; c < column + columns; c++)
            {
                if (InCells(Quantized.Index(group, r, c)) != 0)
                {
                    return false;
                }
            }
        }

        return true;
    }
}

/// <summary>Encoded weights with their bit slices; digits are computed, not stored.</summary>
public sealed record SlicedMatrix(EncodedMatrix Encoded)
{
    public QuantizedMatrix Quantized => Encoded.Quantized;

    public WeightEncoding Encoding => Encoded.Encoding;

    public int Slices => Encoding.Slices;
}

/// <summary>Sliced weights cut to blocks that fit a tile. What is in no block is zero in all cells.</summary>
public sealed record SplitMatrix(SlicedMatrix Sliced, DepthwisePolicy Packing, ImmutableArray<WeightBlock> Blocks)
{
    public QuantizedMatrix Quantized => Sliced.Quantized;

    public WeightEncoding Encoding => Sliced.Encoding;
}

/// <summary>Split weights of which every block has its tile and position.</summary>
/// <param name="Split">The blocks.</param>
/// <param name="Places">Of the blocks of every copy, copy by copy.</param>
/// <param name="Copies">How often the matrix is there.</param>
/// <param name="Segment">When it is on the tiles; 0 = from the first on.</param>
public sealed record PlacedMatrix(SplitMatrix Split, ImmutableArray<BlockPlace> Places, int Copies = 1, int Segment = 0)
{
    public QuantizedMatrix Quantized => Split.Quantized;

    public WeightEncoding Encoding => Split.Encoding;
}

/// <summary>A part of a layer's weights that is driven and read together.</summary>
/// <param name="FirstGroup">First of the groups.</param>
/// <param name="Groups">Groups that stand block-diagonally; 1 unless packed.</param>
/// <param name="RowBlock">Which of the row blocks of its group this is.</param>
/// <param name="RowStart">First row of a group's matrix.</param>
/// <param name="RowCount">Rows of each group.</param>
/// <param name="ColumnStart">First column of a group's matrix.</param>
/// <param name="ColumnCount">Columns of each group.</param>
/// <param name="Bundle">Blocks of one bundle share a tile side by side.</param>
/// <param name="BundleColumn">First logical column within the bundle.</param>
public sealed record WeightBlock(
    int FirstGroup, int Groups, int RowBlock, int RowStart, int RowCount, int ColumnStart, int ColumnCount, int Bundle, int BundleColumn);

/// <summary>A tile of the chip, counted over chips, cores and tiles; prints as <c>t12</c>.</summary>
public readonly record struct TileId(int Value)
{
    public override string ToString() => FormattableString.Invariant($"t{Value}");
}

/// <summary>Where a block stands.</summary>
/// <param name="Tile">The tile.</param>
/// <param name="Row">First physical row.</param>
/// <param name="Column">First physical column.</param>
public sealed record BlockPlace(TileId Tile, int Row, int Column);
