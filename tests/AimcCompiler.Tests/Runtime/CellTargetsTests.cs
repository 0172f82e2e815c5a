using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

public sealed class CellTargetsTests
{
    [Theory]
    [InlineData(SignEncoding.DifferentialOneSided)]
    [InlineData(SignEncoding.DifferentialTwoSided)]
    [InlineData(SignEncoding.OffsetDigital)]
    public void AnalogCellsHoldTheContentsOfTheirWeights(SignEncoding sign)
    {
        var chip = Chips.Analog(t => t with { Encoding = t.Encoding with { Sign = sign } });
        float[] contents = Cases.Floats(1, 20 * 40);
        contents[3] = 0;
        contents[4] = -0f;
        HoldTheirWeights(new LayerSpec(chip, 20, 40) { Contents = contents }, (encoding, i, _) => encoding.Contents(contents[i]));
    }

    /// <summary>Blocks with more cells than there are codes, which look levels up, and with fewer.</summary>
    [Theory]
    [InlineData(SignEncoding.DifferentialOneSided, Slicing.SignedDigits, 40)]
    [InlineData(SignEncoding.DifferentialOneSided, Slicing.SignedDigits, 3)]
    [InlineData(SignEncoding.DifferentialTwoSided, Slicing.SignedDigits, 40)]
    [InlineData(SignEncoding.CenterOffset, Slicing.SignedDigits, 40)]
    [InlineData(SignEncoding.OffsetDigital, Slicing.Unsigned, 40)]
    [InlineData(SignEncoding.OffsetDigital, Slicing.Unsigned, 3)]
    public void CellsHoldTheLevelsOfTheDigitsOfTheirCodes(SignEncoding sign, Slicing slicing, int columns)
    {
        var chip = Chips.Coded(t => t with
        {
            Encoding = t.Encoding with { Sign = sign, PairAxis = PairAxis.Cell },
            Weights = t.Weights with { Bits = 8, Slicing = slicing },
            Rows = 64,
            Columns = 256,
        });
        int[] codes = Cases.Codes(1, 20 * columns, 127);
        (codes[0], codes[1]) = (-127, 127);
        LayerSpec spec = new(chip, 20, columns) { Codes = codes };
        var layer = spec.Program().Layers[0];
        HoldTheirWeights(spec, (encoding, i, slice) =>
        {
            int[] digits = new int[encoding.Slices];
            encoding.Split(layer.Weights.Code(i), digits);
            return encoding.Levels(digits[slice]);
        });
    }

    /// <summary>Two matrices in one block: between them there are weights of 0.</summary>
    [Fact]
    public void CellsBetweenPackedMatricesHoldZero()
    {
        var chip = Chips.Coded(t => t with { Weights = t.Weights with { Bits = 4 } });
        var spec = new LayerSpec(chip, 3, 4) { Codes = Cases.Codes(1, 24, 7) }.Grouped(2, DepthwisePolicy.Packed);
        HoldTheirWeights(spec, (encoding, i, slice) =>
        {
            int[] digits = new int[encoding.Slices];
            encoding.Split(i < 0 ? 0 : spec.Codes![i], digits);
            return encoding.Levels(digits[slice]);
        });
    }

    private static void HoldTheirWeights(LayerSpec spec, Func<WeightEncoding, int, int, (float, float)> expected)
    {
        var program = spec.Program();
        var layer = program.Layers[0];
        TilePhysics physics = new(program, layer, DeviceModel.Create(spec.Chip.Tile.Cell, null));
        var block = Assert.Single(layer.Blocks);
        CellTargets targets = new(physics, block);
        float[] positive = new float[block.Columns];
        float[] negative = new float[block.Columns];
        for (int slice = 0; slice < physics.Weights.Slices; slice++)
        {
            for (int r = 0; r < block.Rows; r++)
            {
                Array.Fill(positive, float.NaN);
                Array.Fill(negative, float.NaN);
                targets.Fill(slice, r, null, positive, negative);
                for (int c = 0; c < block.Columns; c++)
                {
                    int group = r / layer.Rows;
                    int index = c / layer.Columns == group ? (r * layer.Columns) + (c % layer.Columns) : -1;
                    Assert.Equal(expected(physics.Weights, index, slice), (positive[c], negative[c]));
                }
            }
        }
    }
}
