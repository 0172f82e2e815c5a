using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Cuts every matrix into blocks that fit a tile: balanced row blocks (they share noise and range equally), full column blocks.
/// Packed depthwise convolutions put as many channels block-diagonally as fit; dense ones put channels side by side. Blocks whose cells would all hold zeros are left out.
/// <code>
/// before:  1 x 300 x 20                    after (128 x 128 tiles, 8 columns a weight):
///                                          rows 0+100, 100+100, 200+100  x  columns 0+16, 16+4
/// </code></summary>
public static class SplitWeights
{
    public static AnalogGraph<SplitMatrix> Run(AnalogGraph<SlicedMatrix> graph, ChipDescription chip, CompileOptions options)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(options);
        TileGeometry geometry = new(chip.Tile);
        return graph.Select(layer => Split(layer.Weights, layer.IsDepthwise ? options.Depthwise : DepthwisePolicy.Digital, geometry, options.Zeros));
    }

    internal static SplitMatrix Split(SlicedMatrix sliced, DepthwisePolicy packing, TileGeometry geometry, ZeroPolicy zeros)
    {
        var matrix = sliced.Quantized;
        (packing, var blocks) = Cut(matrix.Groups, matrix.Rows, matrix.Columns, packing, geometry);
        if (zeros == ZeroPolicy.Skip)
        {
            blocks = WithoutZeros(sliced.Encoded, blocks);
        }

        return new SplitMatrix(sliced, packing, Bundled(blocks, packing, matrix.Columns, geometry));
    }

    /// <summary>Blocks of matrices of which nothing is zero; packing is Digital where a group alone is larger than a tile.</summary>
    internal static (DepthwisePolicy Packing, List<WeightBlock> Blocks) Cut(int groups, int rows, int columns, DepthwisePolicy packing, TileGeometry geometry)
    {
        List<WeightBlock> blocks = [];
        if (packing != DepthwisePolicy.Digital && (rows > geometry.LogicalRows || columns > geometry.LogicalColumns))
        {
            packing = DepthwisePolicy.Digital;
        }

        switch (packing)
        {
            case DepthwisePolicy.Packed:
                int together = Math.Min(geometry.LogicalRows / rows, geometry.LogicalColumns / columns);
                for (int g = 0; g < groups; g += together)
                {
                    blocks.Add(new WeightBlock(g, Math.Min(together, groups - g), 0, 0, rows, 0, columns, g / together, 0));
                }

                break;
            case DepthwisePolicy.Dense:
                for (int g = 0; g < groups; g++)
                {
                    blocks.Add(new WeightBlock(g, 1, 0, 0, rows, 0, columns, 0, 0));
                }

                break;
            default:
                for (int g = 0; g < groups; g++)
                {
                    foreach (var (rowBlock, row, count) in Balanced(rows, geometry.LogicalRows))
                    {
                        for (int column = 0; column < columns; column += geometry.LogicalColumns)
                        {
                            blocks.Add(new WeightBlock(g, 1, rowBlock, row, count, column, Math.Min(geometry.LogicalColumns, columns - column), 0, 0));
                        }
                    }
                }

                break;
        }

        return (packing, blocks);
    }

    /// <summary>The blocks with the tiles that they share side by side.</summary>
    internal static ImmutableArray<WeightBlock> Bundled(IEnumerable<WeightBlock> blocks, DepthwisePolicy packing, int columns, TileGeometry geometry)
    {
        int side = packing == DepthwisePolicy.Dense ? geometry.LogicalColumns / columns : 1;
        return [.. blocks.Select((b, i) => b with { Bundle = i / side, BundleColumn = i % side * b.ColumnCount })];
    }

    /// <summary>Those that hold something; of a row block that nowhere holds anything, the first.</summary>
    private static List<WeightBlock> WithoutZeros(EncodedMatrix encoded, List<WeightBlock> blocks)
    {
        bool[] isKept = new bool[blocks.Count];
        Parallel.For(0, blocks.Count, i =>
        {
            var b = blocks[i];
            isKept[i] = !Enumerable.Range(b.FirstGroup, b.Groups).All(g => encoded.IsZero(g, b.RowStart, b.RowCount, b.ColumnStart, b.ColumnCount));
        });
        if (!isKept.Contains(false))
        {
            return blocks;
        }

        var held = Enumerable.Range(0, blocks.Count).Where(i => isKept[i]).Select(i => blocks[i].RowBlock).ToHashSet();
        return [.. blocks.Where((b, i) => isKept[i] || held.Add(b.RowBlock))];
    }

    /// <summary>ceil(count / most) parts whose sizes differ by at most one.</summary>
    internal static IEnumerable<(int Index, int Start, int Count)> Balanced(int count, int most)
    {
        int parts = (count + most - 1) / most;
        int start = 0;
        for (int i = 0; i < parts; i++)
        {
            int size = (count / parts) + (i < count % parts ? 1 : 0);
            yield return (i, start, size);
            start += size;
        }
    }
}
