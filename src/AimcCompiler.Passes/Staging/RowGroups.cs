using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Cuts a layer's blocks into what is driven by one part of the input and never divided between cores.</summary>
internal static class RowGroups
{
    /// <param name="layer">The layer.</param>
    /// <param name="chip">The chip.</param>
    /// <param name="rowElements">Elements of a row of its input.</param>
    /// <param name="bytesPerElement">Of them.</param>
    /// <returns>In the order of the blocks, which is the order of addition.</returns>
    public static ImmutableArray<RowGroupDemand> Of(AnalogLayer<SplitMatrix> layer, ChipDescription chip, long rowElements, int bytesPerElement)
    {
        var split = layer.Weights;
        int most = chip.Mesh is null ? int.MaxValue : chip.Core.Tiles;
        bool isDynamic = chip.Tile.Input.Management == InputManagement.AbsMax
            || (chip.Tile.Input is { Management: InputManagement.Constant, DynamicScale: true } && layer.InputScale is null);
        var groups = ImmutableArray.CreateBuilder<RowGroupDemand>();
        foreach (var together in Enumerable.Range(0, split.Blocks.Length).GroupBy(b => KeyOf(split.Packing, split.Blocks[b])))
        {
            int[][] bundles = [.. together.GroupBy(b => split.Blocks[b].Bundle).Select(b => b.ToArray())];
            foreach (var (_, start, count) in SplitWeights.Balanced(bundles.Length, Math.Min(most, bundles.Length)))
            {
                int[] blocks = [.. bundles.AsSpan(start, count).ToArray().SelectMany(b => b)];
                var own = Array.ConvertAll(blocks, b => split.Blocks[b]);
                int first = own.Min(b => (b.FirstGroup * split.Quantized.Rows) + b.RowStart);
                int last = own.Max(b => ((b.FirstGroup + b.Groups - 1) * split.Quantized.Rows) + b.RowStart + b.RowCount);
                groups.Add(new RowGroupDemand(
                    [.. blocks],
                    count,
                    bundles.AsSpan(start, count).ToArray().Max(b => b.Length),
                    first,
                    last - first,
                    bytesPerElement * (isDynamic ? rowElements : NeededOf(layer.View, split.Quantized, first, last - first, rowElements)),
                    own.Sum(b => b.Groups * b.ColumnCount))
                {
                    FirstColumn = own.Min(b => (b.FirstGroup * split.Quantized.Columns) + b.ColumnStart),
                });
            }
        }

        return groups.ToImmutable();
    }

    /// <summary>Dense depthwise bundles hold whole matrices side by side and are driven matrix by matrix.</summary>
    private static (int, int) KeyOf(DepthwisePolicy packing, WeightBlock block) => packing == DepthwisePolicy.Dense ? (block.Bundle, 0) : (block.FirstGroup, block.RowBlock);

    /// <summary>Elements of an input row that a part of the vector touches.</summary>
    private static long NeededOf(InputView view, QuantizedMatrix matrix, int first, int count, long rowElements)
    {
        if (view is MatrixView { InputAxis: not -1 })
        {
            return rowElements;
        }

        int positions = view is ConvolutionView convolution ? convolution.Kernel.Aggregate(1, (a, b) => a * b) : 1;
        // Channels of all groups stand one after the other, each with its kernel positions.
        int inputs = matrix.Groups * matrix.ModelRows / positions;
        long channels = 0;
        int last = -1;
        for (int i = first; i < first + count; i++)
        {
            int channel = ((i / matrix.Rows * matrix.ModelRows) + KeptLines.Of(matrix.KeptRows, i % matrix.Rows)) / positions;
            channels += channel == last ? 0 : 1;
            last = channel;
        }

        return ((rowElements * channels) + inputs - 1) / inputs;
    }
}
