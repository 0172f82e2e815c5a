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
        bool isDynamic = HasScaleOfVector(layer, chip);
        return
        [
            .. OfShape(split.Blocks, split.Packing, split.Quantized.Columns, chip).Select(group =>
            {
                var own = group.Blocks.Select(b => split.Blocks[b]).ToArray();
                int first = own.Min(b => (b.FirstGroup * split.Quantized.Rows) + b.RowStart);
                int last = own.Max(b => ((b.FirstGroup + b.Groups - 1) * split.Quantized.Rows) + b.RowStart + b.RowCount);
                return group with
                {
                    FirstInput = first,
                    Inputs = last - first,
                    InputBytesPerRow = bytesPerElement * (isDynamic ? rowElements : NeededOf(layer.View, split.Quantized, first, last - first, rowElements)),
                };
            }),
        ];
    }

    /// <summary>Row groups without what they read of the input.</summary>
    /// <param name="blocks">Of a layer.</param>
    /// <param name="packing">How its groups share tiles.</param>
    /// <param name="columns">Of one group's matrix.</param>
    /// <param name="chip">The chip.</param>
    public static ImmutableArray<RowGroupDemand> OfShape(ImmutableArray<WeightBlock> blocks, DepthwisePolicy packing, int columns, ChipDescription chip)
    {
        int most = chip.Mesh is null ? int.MaxValue : chip.Core.Tiles;
        var groups = ImmutableArray.CreateBuilder<RowGroupDemand>();
        foreach (var together in Enumerable.Range(0, blocks.Length).GroupBy(b => KeyOf(packing, blocks[b])))
        {
            int[][] bundles = [.. together.GroupBy(b => blocks[b].Bundle).Select(b => b.ToArray())];
            foreach (var (_, start, count) in SplitWeights.Balanced(bundles.Length, Math.Min(most, bundles.Length)))
            {
                int[] own = [.. bundles.AsSpan(start, count).ToArray().SelectMany(b => b)];
                groups.Add(new RowGroupDemand(
                    [.. own], count, bundles.AsSpan(start, count).ToArray().Max(b => b.Length), FirstInput: 0, Inputs: 0, InputBytesPerRow: 0, own.Sum(b => blocks[b].Groups * blocks[b].ColumnCount))
                {
                    FirstColumn = own.Min(b => (blocks[b].FirstGroup * columns) + blocks[b].ColumnStart),
                });
            }
        }

        return groups.ToImmutable();
    }

    /// <summary>The input scale of a vector is that of its own largest element.</summary>
    public static bool HasScaleOfVector(AnalogLayer<SplitMatrix> layer, ChipDescription chip) =>
        chip.Tile.Input.Management == InputManagement.AbsMax
        || (chip.Tile.Input is { Management: InputManagement.Constant, DynamicScale: true } && layer.InputScale is null);

    /// <summary>Dense depthwise bundles hold whole matrices side by side and are driven matrix by matrix.</summary>
    private static (int, int) KeyOf(DepthwisePolicy packing, WeightBlock block) => packing == DepthwisePolicy.Dense ? (block.Bundle, 0) : (block.FirstGroup, block.RowBlock);

    /// <summary>Elements of an input row that a part of the vector touches.</summary>
    private static long NeededOf(InputView view, QuantizedMatrix matrix, int first, int count, long rowElements)
    {
        if (view is MatrixView { InputAxis: not -1 })
        {
            return rowElements;
        }

        int positions = view is ConvolutionView convolution ? convolution.Taps : 1;
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
