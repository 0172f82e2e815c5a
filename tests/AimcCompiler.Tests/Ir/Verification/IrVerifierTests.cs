using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Passes;

namespace AimcCompiler.Tests.Ir;

/// <summary>Each invariant broken once: the message begins with its number and names the entity and the bound.</summary>
public sealed class IrVerifierTests
{
    private static readonly ChipDescription Chip = Stairs.Tiny;

    /// <summary>20 x 3 on tiles of 8 rows by 2 weights: 3 row blocks by 2 column blocks.</summary>
    private static readonly AnalogGraph<FloatMatrix> Lowered = Stairs.Lowered(Stairs.Product(20, 3));
    private static readonly AnalogGraph<QuantizedMatrix> Quantized = QuantizeWeights.Run(Lowered, Chip);
    private static readonly AnalogGraph<EncodedMatrix> Encoded = Encode.Run(Quantized, Chip);
    private static readonly AnalogGraph<SplitMatrix> Split = SplitWeights.Run(SliceBits.Run(Encoded), Chip, new CompileOptions());
    private static readonly AnalogGraph<PlacedMatrix> Placed = PlaceTiles.Run(Split, Chip, new CompileOptions(), new DiagnosticBag()).Graph;

    private static readonly Dictionary<string, Action> Broken = new()
    {
        ["1: a node has no home"] = () => IrVerifier.Verify(Lowered with { Homes = Lowered.Homes.Clear() }),
        ["1: two layers come from one node"] = () => IrVerifier.Verify(Lowered with { Layers = [Layer, Layer with { Id = new LayerId(1) }] }),
        ["1: node n0 'matmul_y' is Digital and has a layer"] = () =>
            IrVerifier.Verify(Lowered with { Homes = Lowered.Homes.SetItem(Layer.Node, new NodeHome(Home.Digital, FallbackReason.ByRequest, "")) }),
        ["1: node n0 'matmul_y' is Analog and has no layer"] = () => IrVerifier.Verify(Lowered with { Layers = [] }),
        ["1: layer l0 comes from node n7, which the graph does not have"] = () => IrVerifier.Verify(Lowered with { Layers = [Layer with { Node = new NodeId(7) }] }),
        ["2: layer l-1 follows l-1"] = () => IrVerifier.Verify(Lowered with { Layers = [Layer with { Id = new LayerId(-1) }] }),
        ["2: layer l0 reads %z and writes %y"] = () => IrVerifier.Verify(Lowered with { Layers = [Layer with { Input = "z" }] }),
        ["2: layer l0 reads %x and writes %z"] = () => IrVerifier.Verify(Lowered with { Layers = [Layer with { Output = "z" }] }),
        ["3: layer l0 has 60 weights for 1 x 20 x 4"] = () =>
            IrVerifier.Verify(Lowered with { Layers = [Layer with { Weights = new FloatMatrix(1, 20, 4, Layer.Weights.Stored) }] }),
        ["3: layer l0 has 2 biases for 3 columns"] = () => IrVerifier.Verify(Lowered with { Layers = [Layer with { Bias = [1, 2] }] }),
        ["3: layer l0 has 59 elements for 1 x 20 x 3"] = () => Verify(new QuantizedMatrix(1, 20, 3, [1], new short[59], null)),
        ["3: layer l0 has 2 scales for 3 columns"] = () => Verify(new QuantizedMatrix(1, 20, 3, [1, 1], new short[60], null)),
        ["4: layer l0 is analog, the chip has weights of 4 bits"] = () => Verify(new QuantizedMatrix(1, 20, 3, [1], null, new float[60])),
        ["4: layer l0 has scale 0"] = () => Verify(new QuantizedMatrix(1, 20, 3, [1, 0, 1], new short[60], null)),
        ["4: layer l0 has scale NaN"] = () => Verify(new QuantizedMatrix(1, 20, 3, [float.NaN], new short[60], null)),
        ["4: layer l0 has code 8, 4 bits hold -8 .. 7"] = () => Verify(new QuantizedMatrix(1, 20, 3, [1], [8, .. new short[59]], null)),
        ["4: layer l0 has code -9, 4 bits hold -8 .. 7"] = () => Verify(new QuantizedMatrix(1, 20, 3, [1], [-9, .. new short[59]], null)),
        ["4: layer l0 has content 1.5, a cell holds -1 .. 1"] = () => IrVerifier.Verify(
            Quantized.Select(_ => new QuantizedMatrix(1, 20, 3, [1], null, [1.5f, .. new float[59]])), ChipReader.Read("float")),
        ["4: layer l0 has content NaN, a cell holds -1 .. 1"] = () => IrVerifier.Verify(
            Quantized.Select(_ => new QuantizedMatrix(1, 20, 3, [1], null, [float.NaN, .. new float[59]])), ChipReader.Read("float")),
        ["5: layer l0 code 100 decodes to"] = () => IrVerifier.Verify(
            Quantized.Select(_ => new EncodedMatrix(new QuantizedMatrix(1, 20, 3, [1], [100, .. new short[59]], null), WeightEncoding.Of(Chip.Tile)))),
        ["6: a block of layer l0 leaves its matrix"] = () => Verify(b => b with { RowStart = b.RowStart + 10 }),
        ["6: a packed block of layer l0 holds 1 x 1 of 4 x 1"] = () => Verify(4, 4, 1, [new WeightBlock(0, 2, 0, 0, 1, 0, 1, 0, 0)]),
        ["6: layer l0 group 0 column 0: row 7 is followed by a block at row 8"] = () => Verify(b => b.RowStart == 7 ? b with { RowStart = 8 } : b),
        ["6: layer l0 group 0: no block holds columns 2 to 2 of row"] = () => Verify(b => b is { RowStart: 0, ColumnStart: 2 } ? null : b),
        ["6: layer l0 group 0: no block holds columns 2 to 2 of row 14, which are not zero"] = () => Verify(b => b is { RowStart: 14, ColumnStart: 2 } ? null : b),
        ["6: layer l0 group 0 column 0: row 7 is followed by a block at row 0"] = () => Verify(b => b.RowStart == 7 ? b with { RowStart = 0 } : b),
        ["6: layer l0 group 0: column 2 is followed by a block at column 1"] = () => Verify(1, 8, 4, [Block(0, 0, 2), Block(0, 1, 2)]),
        ["6: layer l0 group 0: no block holds columns 1 to 1 of row 0, which are not zero"] = () => Verify(b => b.ColumnStart == 0 ? b with { ColumnCount = 1 } : b),
        ["6: layer l0 group 0: two blocks hold row 0 from column 1 on"] = () => Verify(1, 8, 4, [Block(0, 0, 2), Block(0, 1, 1)]),
        ["6: layer l0 group 0: no block holds columns 1 to 1 of row 7, which are not zero"] = () => Verify(b => b is { ColumnStart: 0, RowStart: 7 } ? b with { ColumnCount = 1 } : b),
        ["6: layer l0 group 1: no block holds columns 0 to 0 of row 0, which are not zero"] = () => Verify(2, 4, 1, [new WeightBlock(0, 1, 0, 0, 4, 0, 1, 0, 0)]),
        ["6: layer l0 group 0: 2 of 4 columns are in blocks"] = () => Verify(2, 4, 4, [Block(0, 0, 2) with { RowCount = 4 }, .. Enumerable.Repeat(Block(1, 0, 2) with { RowCount = 4 }, 3)]),
        ["6: layer l0 group 0 column 0: blocks of 2 and 1 columns"] = () => Verify(1, 8, 2, [Block(0, 0, 2), Block(0, 0, 1)]),
        ["6: layer l0 group 0 column 0: 4 of 8 rows are in blocks"] = () => Verify(2, 8, 2, [Block(0, 0, 2) with { RowCount = 4 }, Block(1, 0, 2), Block(1, 0, 2) with { RowCount = 4 }]),
        ["6: layer l0 group 1 column 0: row 4 is followed by a block at row 0"] = () =>
            Verify(2, 4, 1, [new WeightBlock(0, 2, 0, 0, 4, 0, 1, 0, 0), new WeightBlock(1, 1, 0, 0, 4, 0, 1, 1, 0)]),
        ["7: a block of layer l0 has 9 rows, a tile holds 8"] = () => Verify(1, 9, 1, [new WeightBlock(0, 1, 0, 0, 9, 0, 1, 0, 0)]),
        ["7: a block of layer l0 has 3 columns, a tile holds 2"] = () => Verify(1, 8, 3, [new WeightBlock(0, 1, 0, 0, 8, 0, 3, 0, 0)]),
        ["7: layer l0 has 5 places for 6 blocks"] = () => Verify(p => p[..5]),
        ["7: a block of layer l0 stands on t16, the chip has 16 tiles"] = () => Verify(p => p.SetItem(3, new BlockPlace(new TileId(16), 0, 0))),
        ["7: a block of layer l0 of 7 x 8 stands at [2,0], a tile has 8 x 8"] = () => Verify(p => p.SetItem(0, p[0] with { Row = 2 })),
        ["7: a block of layer l0 of 7 x 8 stands at [0,1], a tile has 8 x 8"] = () => Verify(p => p.SetItem(0, p[0] with { Column = 1 })),
        ["7: blocks of layers l0 and l0 overlap on t0"] = () => Verify(p => p.SetItem(1, p[0])),
    };

    public static TheoryData<string> Messages => [.. Broken.Keys];

    private static AnalogLayer<FloatMatrix> Layer => Lowered.Layers[0];

    [Theory]
    [MemberData(nameof(Messages))]
    public void NamesTheBrokenInvariant(string message) =>
        Assert.StartsWith(message, Assert.Throws<InvalidIrException>(Broken[message]).Message, StringComparison.Ordinal);

    [Fact]
    public void EveryInvariantIsBrokenSomewhere() => Assert.Equal("1234567", string.Concat(Broken.Keys.Select(k => k[0]).Distinct().Order()));

    [Fact]
    public void WhatThePassesMakeIsValid()
    {
        IrVerifier.Verify(Lowered);
        IrVerifier.Verify(Quantized, Chip);
        IrVerifier.Verify(Encoded);
        IrVerifier.Verify(Split, Chip);
        IrVerifier.Verify(Placed, Chip, 1);
    }

    [Fact]
    public void AMatrixHoldsEitherCodesOrContents()
    {
        Assert.Throws<ArgumentException>(() => new QuantizedMatrix(1, 1, 1, [1], null, null));
        Assert.Throws<ArgumentException>(() => new QuantizedMatrix(1, 1, 1, [1], [1], [1]));
    }

    private static WeightBlock Block(int group, int column, int columns) => new(group, 1, 0, 0, 8, column, columns, 0, 0);

    private static void Verify(QuantizedMatrix matrix) => IrVerifier.Verify(Quantized.Select(_ => matrix), Chip);

    private static void Verify(Func<WeightBlock, WeightBlock?> change) => IrVerifier.Verify(
        Split.Select(l => l.Weights with { Blocks = [.. l.Weights.Blocks.Select(change).OfType<WeightBlock>()] }), Chip);

    private static void Verify(int groups, int rows, int columns, ImmutableArray<WeightBlock> blocks)
    {
        QuantizedMatrix matrix = new(groups, rows, columns, [1], [.. Enumerable.Repeat((short)1, groups * rows * columns)], null);
        IrVerifier.Verify(Split.Select(l => new SplitMatrix(new SlicedMatrix(new EncodedMatrix(matrix, l.Weights.Encoding)), DepthwisePolicy.Packed, blocks)), Chip);
    }

    private static void Verify(Func<ImmutableArray<BlockPlace>, ImmutableArray<BlockPlace>> change) =>
        IrVerifier.Verify(Placed.Select(l => l.Weights with { Places = change(l.Weights.Places) }), Chip, 1);
}
