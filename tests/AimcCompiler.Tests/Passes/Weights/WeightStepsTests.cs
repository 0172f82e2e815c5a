using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>Weights that the model itself quantized: a chip with enough codes holds the model's integers, times a whole number.</summary>
public sealed class WeightStepsTests
{
    private const int Rows = 40;
    private const int Columns = 5;
    private const float Step = 0.0173f;

    private static readonly ChipDescription s_eight = Chip(8);

    private static readonly ChipDescription s_sixteen = Chip(16);

    [Theory]
    [InlineData(TensorType.Int8, 0)]
    [InlineData(TensorType.UInt8, 128)]
    public void CodesAreTheModelsIntegers(TensorType type, int zero)
    {
        int[] integers = Integers(-127, 127);
        var layer = Compile(Model(type, zero, integers), s_eight);
        Assert.Equal(integers, Codes(layer));
        Assert.All(layer.Scales, s => Assert.Equal(127 * Step, s, 1e-6f));
    }

    /// <summary>Small integers are spread over the codes by a whole number.</summary>
    [Fact]
    public void CodesAreAWholeMultipleOfTheIntegers()
    {
        int[] integers = Integers(-30, 30);
        Assert.Equal(integers.Select(i => 4 * i), Codes(Compile(Model(TensorType.Int8, 0, integers), s_eight)));
        int[] all = Integers(-127, 127);
        Assert.Equal(all.Select(i => 258 * i), Codes(Compile(Model(TensorType.Int8, 0, all), s_sixteen)));
    }

    [Fact]
    public void TheLowestIntegerStandsInCellsThatHoldIt()
    {
        foreach (var chip in (ChipDescription[])[s_eight, ChipReader.Read("isaac", ["tile.weights.bits=8"])])
        {
            Assert.Equal(-128, WeightEncoding.Of(chip.Tile).LowestCode());
            int[] integers = Integers(-128, 127);
            Assert.Equal(integers, Codes(Compile(Model(TensorType.Int8, 0, integers), chip)));
        }
    }

    /// <summary>Where cells hold no code of -16, integers down to it are rounded, and those down to -15 are not.</summary>
    [Fact]
    public void TheLowestIntegerIsRoundedWhereCellsDoNotHoldIt()
    {
        Assert.Equal(-15, WeightEncoding.Of(Chip(5).Tile).LowestCode());
        int[] integers = Integers(-15, 15);
        Assert.Equal(integers, Codes(Compile(Model(TensorType.Int8, 0, integers), Chip(5))));
        integers = Integers(-16, 15);
        Assert.Equal(integers.Select(i => (int)Math.Round(15 * i / 16.0)), Codes(Compile(Model(TensorType.Int8, 0, integers), Chip(5))));
    }

    /// <summary>Each column has its scale, so each has its multiple.</summary>
    [Fact]
    public void EveryColumnHasItsStep()
    {
        int[] integers = Integers(-127, 127);
        float[] steps = [0.01f, 0.02f, 0.5f, 0.003f, 1.7f];
        var model = new TestModel().Input("x", "N", Rows).SignedBytes("q", [.. integers.Select(i => (sbyte)i)], Rows, Columns).Floats("s", steps, Columns)
            .Node("DequantizeLinear", "q s", "w", ("axis", 1)).Node("MatMul", "x w", "y").Output("y");
        var layer = Compile(model, s_eight);
        Assert.Equal(integers, Codes(layer));
        Assert.Equal(steps.Select(s => 127 * s), layer.Scales, (a, b) => Math.Abs(a - b) < 1e-4f);
    }

    [Fact]
    public void FiltersOfAConvolutionHaveTheirSteps()
    {
        int[] integers = Integers(-127, 127);
        float[] steps = [0.01f, 0.02f, 0.5f, 0.003f, 1.7f];
        var model = new TestModel().Input("x", "N", 10, 5, 5).SignedBytes("q", [.. integers.Select(i => (sbyte)i)], Columns, 10, 2, 2).Floats("s", steps, Columns)
            .Node("DequantizeLinear", "q s", "w", ("axis", 0)).Node("Conv", "x w", "y").Output("y");
        int[] codes = Codes(Compile(model, s_eight));
        for (int k = 0; k < Rows; k++)
        {
            for (int n = 0; n < Columns; n++)
            {
                Assert.Equal(integers[(n * Rows) + k], codes[(k * Columns) + n]);
            }
        }
    }

    [Fact]
    public void FewerCodesThanIntegersAreRoundedToTheNearest()
    {
        int[] integers = Integers(-127, 127);
        int[] codes = Codes(Compile(Model(TensorType.Int8, 0, integers), Chip(4)));
        for (int n = 0; n < Columns; n++)
        {
            int largest = Enumerable.Range(0, Rows).Max(k => Math.Abs(integers[(k * Columns) + n]));
            for (int k = 0; k < Rows; k++)
            {
                Assert.Equal(7.0 * integers[(k * Columns) + n] / largest, codes[(k * Columns) + n], 0.5 + 1e-6);
            }
        }
    }

    /// <summary>Real weights have no step: the largest is full scale, whatever else stands in the model.</summary>
    [Fact]
    public void RealWeightsAreScaledToTheirLargest()
    {
        var layer = Compile(new TestModel().Input("x", "N", Rows).Weights("w", Rows, Columns).Node("MatMul", "x w", "y").Output("y"), s_eight);
        int[] codes = Codes(layer);
        Assert.All(Enumerable.Range(0, Columns), n => Assert.Equal(127, Enumerable.Range(0, Rows).Max(k => Math.Abs(codes[(k * Columns) + n]))));
    }

    /// <summary>The DAC's codes are multiples of the activation's integers: a scale without samples.</summary>
    [Theory]
    [InlineData(TensorType.UInt8, 0, true, 255)]
    [InlineData(TensorType.UInt8, 128, false, 127)]
    [InlineData(TensorType.Int8, 0, false, 127)]
    [InlineData(TensorType.Int8, -128, true, 255)]
    [InlineData(TensorType.UInt8, 100, false, 155)]
    public void QuantizedActivationsNeedNoCalibration(TensorType type, int zero, bool isNonNegative, int largest)
    {
        const float Scale = 1f / 32;
        var model = new TestModel().Input("x", "N", Rows).Quantized("x", Scale, type, zero).Node("QuantizeLinear", "x xs xz", "q").Node("DequantizeLinear", "q xs xz", "d")
            .Weights("w", Rows, Columns).Node("MatMul", "d w", "y").Output("y");
        var chip = ChipReader.Read("tiny", ["tile.rows=64", "tile.columns=64", "tile.input.bits=10", "tile.input.management=constant", "tile.adc.bits=14"]);
        var layer = Compile(model, chip);
        Assert.Equal(isNonNegative, layer.InputIsNonNegative);
        int maxCode = InputEncoding.Of(chip.Tile.Input, isNonNegative).MaxCode;
        Assert.NotNull(layer.InputScale);
        // scale / maxCode, one code, is the step over a whole number.
        double perStep = Scale * (double)maxCode / layer.InputScale.Value;
        Assert.Equal(Math.Round(perStep), perStep, 1e-5);
        Assert.Equal(maxCode / largest, (int)Math.Round(perStep));
    }

    [Fact]
    public void ADacWithFewerCodesCoversTheRange()
    {
        var model = new TestModel().Input("x", "N", Rows).Quantized("x", 1f / 32, TensorType.UInt8, 0).Node("QuantizeLinear", "x xs xz", "q").Node("DequantizeLinear", "q xs xz", "d")
            .Weights("w", Rows, Columns).Node("MatMul", "d w", "y").Output("y");
        Assert.Equal(255f / 32, Compile(model, ChipReader.Read("tiny", ["tile.rows=64", "tile.columns=64", "tile.input.management=constant"])).InputScale);
    }

    private static ChipDescription Chip(int bits) => ChipReader.Read("tiny", [$"tile.weights.bits={bits}", "tile.rows=64", "tile.columns=128", "tile.adc.bits=14"]);

    private static MappedLayer Compile(TestModel model, ChipDescription chip) =>
        Assert.Single(AimcCompilation.Compile(model.Import(), chip, new CompileOptions { Chips = null }).Program.Layers);

    private static int[] Codes(MappedLayer layer) => layer.Weights.Element == WeightElement.Int8 ? [.. layer.Weights.Int8.ToArray().Select(c => (int)c)] : [.. layer.Weights.Int16.ToArray().Select(c => (int)c)];

    /// <summary>Reproducible integers; both bounds are in every column.</summary>
    private static int[] Integers(int lowest, int highest)
    {
        Random random = new(3);
        int[] values = [.. Enumerable.Range(0, Rows * Columns).Select(_ => random.Next(lowest, highest + 1))];
        Array.Fill(values, lowest, 0, Columns);
        Array.Fill(values, highest, Columns, Columns);
        return values;
    }

    private static TestModel Model(TensorType type, int zero, int[] integers)
    {
        var model = new TestModel().Input("x", "N", Rows);
        model = type == TensorType.Int8
            ? model.SignedBytes("q", [.. integers.Select(i => (sbyte)(i + zero))], Rows, Columns)
            : model.Bytes("q", [.. integers.Select(i => (byte)(i + zero))], Rows, Columns);
        return model.Quantized("w", Step, type, zero).Node("DequantizeLinear", "q ws wz", "w").Node("MatMul", "x w", "y").Output("y");
    }
}
