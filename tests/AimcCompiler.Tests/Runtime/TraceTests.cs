using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Worked numbers of hardware.md 4.1 to 4.5, and ISAAC at its limits.</summary>
public sealed class TraceTests
{
    private static readonly int[] s_weights = [3, -2, 1, 5, -4, 7, -8, -1];

    private static readonly float[] s_input = [-5 / 7f, 7 / 7f, 2 / 7f, -7 / 7f];

    /// <summary>Offset weights of 4 bits as 2 x 2 bits, inputs of 4 bits: W^T [-5, 7, 2, -8] = [48, 67]. The DAC has no code -8, so the engine itself is
    /// driven, with each ADC reading of the table.</summary>
    [Theory]
    [InlineData(EngineKind.Stepwise)]
    [InlineData(EngineKind.Fast)]
    public void TheFullTraceComesOut(EngineKind engine)
    {
        int[][] readings =
        [
            [4, 3, 4, 4], [4, 6, 5, 7], [1, 1, 2, 3], [3, 5, 2, 2],
        ];
        var (sums, digital, seen) = Drive(OffsetDigital(4), s_weights, [-5, 7, 2, -8], engine);
        Assert.Equal([48.0, 67.0], [sums[0] + (4 * sums[2]) + digital[0], sums[1] + (4 * sums[3]) + digital[1]]);
        Assert.Equal([16.0, 35.0], [sums[0] + (4 * sums[2]), sums[1] + (4 * sums[3])]);
        Assert.Equal([32.0, 32.0], digital);
        Assert.Equal(readings.SelectMany(r => r).Select(r => (float)r), seen);
    }

    /// <summary>Signed digits in pairs and sign-magnitude pulses give the same; -8 has no signed digits of 3 bits, so -7 takes its place in W and x.</summary>
    [Theory]
    [InlineData(EngineKind.Stepwise)]
    [InlineData(EngineKind.Fast)]
    public void SignedDigitsAndSignMagnitudeAgree(EngineKind engine)
    {
        int[] weights = [3, -2, 1, 5, -4, 7, -7, -1];
        var (offset, correction, _) = Drive(OffsetDigital(4), weights, [-5, 7, 2, -7], engine);
        var (signed, none, _) = Drive(Chips.Coded(t => t), weights, [-5, 7, 2, -7], engine);
        double[] expected = [-15 + 7 - 8 + 49, 10 + 35 + 14 + 7];
        Assert.Equal(expected, new[] { offset[0] + (4 * offset[2]) + correction[0], offset[1] + (4 * offset[3]) + correction[1] });
        Assert.Equal(expected, new[] { signed[0] + (4 * signed[2]), signed[1] + (4 * signed[3]) });
        Assert.Equal([0.0, 0.0], none);
    }

    [Fact]
    public void TheLayerScalesTheTrace()
    {
        LayerSpec spec = new(OffsetDigital(4), 4, 2) { Codes = s_weights };
        Assert.Equal([40 / 49f, 66 / 49f], spec.Run(s_input, Cases.Stepwise), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    /// <summary>T2: offset 128, one cell of 8 bits: 1156 - 128 x 10 = -124.</summary>
    [Fact]
    public void OffsetIsTakenOffWithTheSumOfInputs()
    {
        var chip = OffsetDigital(8);
        chip = chip with { Tile = chip.Tile with { Cell = chip.Tile.Cell with { Bits = 8 }, Weights = chip.Tile.Weights with { Slicing = Slicing.None } } };
        var (sums, digital, _) = Drive(chip, [-3, 5, 127, -128], [1, 2, 3, 4], EngineKind.Stepwise, columns: 1);
        Assert.Equal(1156, sums[0]);
        Assert.Equal(-1280, digital[0]);
    }

    /// <summary>T3: the column [3, 2, 3, 3] is stored as [0, 1, 0, 0]; 3 x 3 - 1 = 8.</summary>
    [Fact]
    public void AFlippedColumnIsRecovered()
    {
        var chip = OffsetDigital(2);
        chip = chip with { Tile = chip.Tile with { Encoding = chip.Tile.Encoding with { Flip = true } } };
        var (sums, digital, seen) = Drive(chip, [1, 0, 1, 1], [1, 1, 0, 1], EngineKind.Stepwise, columns: 1);
        Assert.Equal([1f, 0f, 0f, 0f], seen);
        Assert.Equal(-1, sums[0]);
        Assert.Equal(9 - (2 * 3), digital[0]);
        Assert.Equal(2, sums[0] + digital[0]);
    }

    /// <summary>T1: u = [0.5, -1, 0.25], x = [1, 0.5, -1]: both encodings give -0.25, whatever g_min.</summary>
    [Theory]
    [InlineData(SignEncoding.DifferentialOneSided)]
    [InlineData(SignEncoding.DifferentialTwoSided)]
    public void PairsCancelTheirBaseline(SignEncoding sign)
    {
        var chip = Chips.Analog(t => t with { Cell = t.Cell with { GMinUs = 1, GMaxUs = 25 }, Encoding = t.Encoding with { Sign = sign } });
        LayerSpec spec = new(chip, 3, 1) { Contents = [0.5f, -1, 0.25f] };
        Assert.Equal(-0.25f, spec.Run([1, 0.5f, -1], Cases.Stepwise)[0]);
    }

    /// <summary>128 rows of the worst weights, 16 bits: flip keeps every column within the 8-bit ADC at any input, so nothing clips.</summary>
    [Theory]
    [InlineData(32767)]
    [InlineData(-32768)]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(21845)]
    public void IsaacNeverClips(int code)
    {
        var chip = ChipReader.Read("isaac") with { Mesh = null };
        int[] codes = [.. Enumerable.Range(0, 128 * 4).Select(i => (i % 4) switch { 0 => code, 1 => i / 4 < 64 ? code : -code - 1, 2 => -code - 1, _ => (i * 7919 % 65536) - 32768 })];
        LayerSpec spec = new(chip, 128, 4) { Codes = codes };
        var program = spec.Program();
        Assert.True(ProgramVerifier.WorstColumnSum(program, program.Layers[0]) <= 255);
        float[] x =
        [
            .. Enumerable.Repeat(-1f / 32767, 128), // code -1: all pulses but the sign's are 1
            .. Enumerable.Repeat(-1f, 128), // code -32767
            .. Enumerable.Repeat(1f, 128),
            .. Cases.Floats(5, 128),
        ];
        float[] expected = Cases.Integer(spec, x);
        foreach (var options in (SimulationOptions[])[Cases.Stepwise, Cases.Fast])
        {
            var executor = LayerSpec.Executor(program, options, LayerPath.Tiles);
            Cases.AssertSameBits(expected, executor.Run(spec.Batch(x), 4, 0).Floats, options.Engine.ToString());
            Assert.Equal(0, executor.Clipped);
        }
    }

    [Fact]
    public void IsaacWithoutFlipClips()
    {
        var chip = ChipReader.Read("isaac", ["tile.encoding.flip=false"]) with { Mesh = null };
        LayerSpec spec = new(chip, 128, 1) { Codes = [.. Enumerable.Repeat(32767, 128)] };
        var executor = spec.Executor(Cases.Fast);
        executor.Run(spec.Batch([.. Enumerable.Repeat(-1f / 32767, 128)]), 1, 0);
        Assert.Equal(LayerPath.Tiles, executor.Path);
        Assert.Equal(8 * 16, executor.Clipped); // each slice at each pulse: 128 x 3 > 255
    }

    private static ChipDescription OffsetDigital(int bits) => Chips.Coded(tile => tile with
    {
        Encoding = tile.Encoding with { Sign = SignEncoding.OffsetDigital, PairAxis = PairAxis.Cell },
        Weights = tile.Weights with { Bits = bits, Slicing = Slicing.Unsigned },
        Input = tile.Input with { Sign = InputSign.TwosComplement, Management = InputManagement.None },
    });

    /// <summary>Drives one block's engine with codes; returns sums and digital corrections, and every column sum in the order of conversion.</summary>
    private static (double[] Sums, double[] Digital, float[] Seen) Drive(ChipDescription chip, int[] weights, int[] codes, EngineKind kind, int columns = 2)
    {
        LayerSpec spec = new(chip, codes.Length, columns) { Codes = weights };
        var program = spec.Program();
        var device = DeviceModel.Create(chip.Tile.Cell, null);
        TilePhysics physics = new(program, program.Layers[0], device);
        SimulationOptions options = new() { Engine = kind, Threads = 1 };
        TileEngine engine = kind == EngineKind.Stepwise ? new StepwiseEngine(physics, options) : new FastEngine(physics, options);
        List<float> seen = [];
        engine.Observer = (_, values) => seen.AddRange(values);
        double[] sums = new double[physics.Weights.Slices * columns];
        double[] digital = new double[columns];
        var block = ProgrammedBlock.Program(physics, program.Layers[0].Blocks[0], options);
        engine.Run(block, Array.ConvertAll(codes, c => (float)c), codes.Length, 1, new ReadEvents([0], [0]), 0, sums, digital, new int[1]);
        return (sums, digital, [.. seen]);
    }
}
