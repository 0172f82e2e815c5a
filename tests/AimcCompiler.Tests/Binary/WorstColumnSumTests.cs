using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Binary;

public sealed class WorstColumnSumTests
{
    [Theory]
    [InlineData(true, "each", 9)] // unsigned one-bit pulses: the larger polarity, 3 x 3
    [InlineData(false, "each", 12)] // pulses -1, 0, 1: both polarities, 3 x 3 + 3
    [InlineData(true, "accumulated", 9 * 15)]
    [InlineData(false, "accumulated", 12 * 7)]
    public void ADifferentialPairInTheArrayBringsDigits(bool isNonNegative, string conversion, long expected)
    {
        // 7 = digits 3, 1; -7 = -3, -1.
        MappedProgram program = OneColumn("tiny", [7, 7, 7, -7, 0], isNonNegative, $"tile.adc.input_slices={conversion}");
        Assert.Equal(expected, ProgramVerifier.WorstColumnSum(program, program.Layers[0]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void PolaritiesThatAreConvertedApartDoNotAdd(bool isNonNegative)
    {
        MappedProgram program = OneColumn("tiny", [7, 7, 7, -7, 0], isNonNegative, "tile.encoding.subtract=after_conversion");
        Assert.Equal(9, ProgramVerifier.WorstColumnSum(program, program.Layers[0]));
    }

    [Fact]
    public void TheZeroCellsOfAPackedBlockCount()
    {
        // Offset codes: 0 is 8 = digits 0, 2. Column 0 of the packed block holds codes 1 -2 3 -4 and four zeros: high digits 2 1 2 1 and 2 2 2 2.
        MappedProgram tiny = SampleProgram.Tiny();
        string[] overrides =
        [
            "tile.encoding.sign=offset_digital", "tile.encoding.subtract=after_conversion", "tile.encoding.pair_axis=cell", "tile.weights.slicing=unsigned",
        ];
        MappedProgram program = tiny with { Chip = ChipReader.Read("tiny", overrides) };
        MappedLayer layer = program.Layers[0] with { Weights = WeightSection.Of(new sbyte[] { 1, -2, 3, -4, 0, 0, 0, 0 }) };
        Assert.Equal(16, ProgramVerifier.WorstColumnSum(program, layer));
        Assert.Equal(8 + 6, ProgramVerifier.WorstColumnSum(program, layer with { Weights = WeightSection.Of(new sbyte[] { 1, -2, 3, -4, -8, -8, -8, -1 }) }));
    }

    [Theory]
    [InlineData(127, 128)] // all cells 3, flipped to 0: the unit column is the worst
    [InlineData(-128, 128)]
    [InlineData(0, 128)] // the top digit is 2 in each of 128 rows, flipped to 1
    [InlineData(-43, 128)] // 85 = digits 1 everywhere
    public void FlipHoldsIsaacBelowHalfOfFullScale(int code, long expected)
    {
        int[] codes = [.. Enumerable.Repeat(code << 8, 128)];
        MappedProgram program = OneColumn("isaac", codes, isNonNegative: true);
        Assert.True(ProgramVerifier.WorstColumnSum(program, program.Layers[0]) <= 255);
        program = OneColumn("isaac", codes, isNonNegative: true, "tile.weights.bits=8");
        program = program with { Layers = [program.Layers[0] with { Weights = WeightSection.Of([.. Enumerable.Repeat((sbyte)code, 128)]) }] };
        Assert.Equal(expected, ProgramVerifier.WorstColumnSum(program, program.Layers[0]));
    }

    [Fact]
    public void RandomCodesAgreeWithTheDefinition()
    {
        var random = new Random(7);
        int[] codes = [.. Enumerable.Range(0, 128).Select(_ => random.Next(-32768, 32768))];
        MappedProgram program = OneColumn("isaac", codes, isNonNegative: false);
        var encoding = WeightEncoding.Of(program.Chip.Tile);
        long worst = 128; // the unit column
        for (int slice = 0; slice < encoding.Slices; slice++)
        {
            long sum = 0;
            foreach (int code in codes)
            {
                int[] digits = new int[encoding.Slices];
                encoding.Split(code, digits);
                sum += digits[slice];
            }

            worst = Math.Max(worst, 2 * sum > 128 * 3 ? (128 * 3) - sum : sum);
        }

        Assert.Equal(worst, ProgramVerifier.WorstColumnSum(program, program.Layers[0]));
    }

    /// <summary>16-bit cells: 40,000 rows of the largest level are more than 32 bits hold.</summary>
    [Theory]
    [InlineData(32767, 40000L * 32767)]
    [InlineData(-32767, 40000L * 32767)]
    public void SumsBeyond32BitsAreExact(int code, long expected)
    {
        string[] overrides = ["tile.rows=65536", "tile.weights.bits=16", "tile.cell.bits=16", "tile.weights.slicing=none", "tile.adc.input_slices=each"];
        MappedProgram program = OneColumn("tiny", [.. Enumerable.Repeat(code, 40000)], isNonNegative: true, overrides);
        Assert.Equal(expected, ProgramVerifier.WorstColumnSum(program, program.Layers[0]));
        Assert.Equal([expected, expected], ProgramVerifier.WorstColumnSums(program, [program.Layers[0], program.Layers[0]]));
    }

    /// <summary>What was found of a layer on one tile says nothing of another.</summary>
    [Fact]
    public void SumsAreOfTheTileAtHand()
    {
        MappedProgram each = OneColumn("tiny", [1, -2, 3], isNonNegative: true, "tile.adc.input_slices=each");
        long pulse = ProgramVerifier.WorstColumnSum(each, each.Layers[0]);
        TileDescription tile = each.Chip.Tile;
        MappedProgram all = each with { Chip = each.Chip with { Tile = tile with { Adc = tile.Adc with { InputSlices = InputSliceConversion.Accumulated } } } };
        Assert.Equal(pulse * InputEncoding.Of(tile.Input, true).MaxCode, ProgramVerifier.WorstColumnSum(all, all.Layers[0]));
        Assert.Equal(pulse, ProgramVerifier.WorstColumnSum(each, each.Layers[0]));
    }

    [Fact]
    public void AnalogWeightsHaveNoLevels()
    {
        MappedProgram program = AimcRoundTripTests.Analog();
        Assert.Throws<ArgumentException>(() => ProgramVerifier.WorstColumnSum(program, program.Layers[0]));
    }

    private static MappedProgram OneColumn(string chip, int[] codes, bool isNonNegative, params string[] overrides)
    {
        MappedProgram tiny = SampleProgram.Tiny();
        MappedLayer layer = tiny.Layers[1] with
        {
            Rows = codes.Length,
            Columns = 1,
            Weights = WeightSection.Of(Array.ConvertAll(codes, c => (short)c)),
            InputIsNonNegative = isNonNegative,
            Blocks = [tiny.Layers[1].Blocks[0] with { RowCount = codes.Length, ColumnCount = 1 }],
        };
        return tiny with { Chip = ChipReader.Read(chip, overrides), Layers = [layer] };
    }
}
