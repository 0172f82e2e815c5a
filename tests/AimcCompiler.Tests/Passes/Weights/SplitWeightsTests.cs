using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class SplitWeightsTests
{
    [Theory]
    [InlineData(300, 128, new[] { 100, 100, 100 })]
    [InlineData(128, 128, new[] { 128 })]
    [InlineData(129, 128, new[] { 65, 64 })]
    [InlineData(1, 128, new[] { 1 })]
    [InlineData(10, 4, new[] { 4, 3, 3 })]
    [InlineData(5, 1, new[] { 1, 1, 1, 1, 1 })]
    public void RowsAreCutIntoBlocksOfNearlyEqualSize(int count, int most, int[] sizes)
    {
        var parts = SplitWeights.Balanced(count, most).ToList();
        Assert.Equal(sizes, parts.Select(p => p.Count));
        Assert.Equal(Enumerable.Range(0, sizes.Length), parts.Select(p => p.Index));
        Assert.Equal(sizes.Select((_, i) => sizes.Take(i).Sum()), parts.Select(p => p.Start));
    }

    [Fact]
    public void AWideMatrixIsCutIntoFullColumnBlocks()
    {
        // 128 x 128 cells, 8 columns a weight: 16 weights a row.
        var blocks = Split(1, 300, 20, DepthwisePolicy.Digital, ChipReader.Read("isaac"));
        Assert.Equal(
            [(0, 100, 0, 16), (0, 100, 16, 4), (100, 100, 0, 16), (100, 100, 16, 4), (200, 100, 0, 16), (200, 100, 16, 4)],
            blocks.Select(b => (b.RowStart, b.RowCount, b.ColumnStart, b.ColumnCount)));
        Assert.Equal([0, 0, 1, 1, 2, 2], blocks.Select(b => b.RowBlock));
        Assert.Equal(6, blocks.Select(b => b.Bundle).Distinct().Count());
    }

    /// <summary>hardware.md 4.8: depthwise 3 x 3, channels block-diagonally.</summary>
    [Theory]
    [InlineData(32, 128, 128, 14, 3)]
    [InlineData(512, 256, 256, 28, 19)]
    [InlineData(512, 512, 512, 56, 10)]
    [InlineData(512, 1152, 512, 128, 4)]
    public void PackedChannelsShareTilesBlockDiagonally(int channels, int rows, int columns, int together, int tiles)
    {
        var blocks = Split(channels, 9, 1, DepthwisePolicy.Packed, Hermes(rows, columns));
        Assert.Equal(tiles, blocks.Length);
        Assert.All(blocks[..^1], b => Assert.Equal(together, b.Groups));
        Assert.Equal(channels, blocks.Sum(b => b.Groups));
    }

    [Fact]
    public void DenseChannelsStandSideBySide()
    {
        var blocks = Split(300, 9, 1, DepthwisePolicy.Dense, Hermes(128, 128));
        Assert.Equal(300, blocks.Length);
        Assert.Equal(3, blocks.Select(b => b.Bundle).Distinct().Count());
        Assert.Equal(Enumerable.Range(0, 300).Select(g => (g / 128, g % 128)), blocks.Select(b => (b.Bundle, b.BundleColumn)));
    }

    [Theory]
    [InlineData(DepthwisePolicy.Packed)]
    [InlineData(DepthwisePolicy.Dense)]
    public void ChannelsThatDoNotFitATileAreCutLikeOthers(DepthwisePolicy policy)
    {
        var blocks = Split(2, 200, 1, policy, Hermes(128, 128));
        Assert.Equal([(0, 0, 100), (0, 100, 100), (1, 0, 100), (1, 100, 100)], blocks.Select(b => (b.FirstGroup, b.RowStart, b.RowCount)));
    }

    [Fact]
    public void EveryGroupHasItsOwnTiles() => Assert.Equal([0, 1, 2], Split(3, 4, 2, DepthwisePolicy.Digital, Stairs.Tiny).Select(b => b.Bundle));

    [Fact]
    public void EverySplitOfEverySizeIsAPartition()
    {
        foreach (var chip in (ChipDescription[])[Stairs.Tiny, ChipReader.Read("tiny", ["tile.encoding.pair_axis=rows"]), Hermes(5, 3)])
        {
            foreach (var policy in Enum.GetValues<DepthwisePolicy>())
            {
                for (int groups = 1; groups <= 5; groups += 2)
                {
                    for (int rows = 1; rows <= 17; rows++)
                    {
                        for (int columns = 1; columns <= 5; columns++)
                        {
                            Verify(groups, rows, columns, policy, chip);
                        }
                    }
                }
            }
        }
    }

    [Fact]
    public void ThePassTakesThePolicyForDepthwiseLayersOnly()
    {
        var model = new TestModel().Input("x", 1, 4, 4, 4).Weights("w", 4, 1, 2, 2).Weights("v", 2, 2, 2, 2)
            .Node("Conv", "x w", "h", ("group", 4)).Node("Conv", "h v", "y", ("group", 2)).Output("y");
        var split = Stairs.Split(model, options: new CompileOptions { Depthwise = DepthwisePolicy.Packed });
        IrVerifier.Verify(split, Stairs.Tiny);
        Assert.Equal([2, 2], split.Layers[0].Weights.Blocks.Select(b => b.Groups)); // 8 rows hold two kernels of 4
        Assert.Equal([1, 1], split.Layers[1].Weights.Blocks.Select(b => b.Groups));
    }

    private static ChipDescription Hermes(int rows, int columns)
    {
        var chip = ChipReader.Read("hermes");
        return chip with { Tile = chip.Tile with { Rows = rows, Columns = columns } };
    }

    private static void Verify(int groups, int rows, int columns, DepthwisePolicy policy, ChipDescription chip)
    {
        bool[] covered = new bool[groups * rows * columns];
        TileGeometry geometry = new(chip.Tile);
        foreach (var b in Split(groups, rows, columns, policy, chip))
        {
            Assert.InRange(b.Groups * b.RowCount, 1, geometry.LogicalRows);
            Assert.InRange(b.BundleColumn + (b.Groups * b.ColumnCount), 1, geometry.LogicalColumns);
            for (int g = b.FirstGroup; g < b.FirstGroup + b.Groups; g++)
            {
                for (int k = b.RowStart; k < b.RowStart + b.RowCount; k++)
                {
                    for (int n = b.ColumnStart; n < b.ColumnStart + b.ColumnCount; n++)
                    {
                        Assert.False(covered[(((g * rows) + k) * columns) + n]);
                        covered[(((g * rows) + k) * columns) + n] = true;
                    }
                }
            }
        }

        Assert.DoesNotContain(false, covered);
    }

    private static System.Collections.Immutable.ImmutableArray<WeightBlock> Split(int groups, int rows, int columns, DepthwisePolicy policy, ChipDescription chip)
    {
        QuantizedMatrix matrix = new(groups, rows, columns, [1], new short[groups * rows * columns], null);
        SlicedMatrix sliced = new(new EncodedMatrix(matrix, WeightEncoding.Of(chip.Tile)));
        return SplitWeights.Split(sliced, policy, new TileGeometry(chip.Tile), ZeroPolicy.Program).Blocks;
    }
}
