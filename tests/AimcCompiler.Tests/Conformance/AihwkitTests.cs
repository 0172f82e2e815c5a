using System.Text.Json;
using AimcCompiler.Core;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Conformance;

/// <summary>aihwkit's converters and its MVM with input and output management (../shared/conformance/aihwkit.json). Its tiles hold W itself: scale 1.</summary>
public sealed class AihwkitTests
{
    private const int Inputs = 8;
    private const int Outputs = 6;
    private const double Tolerance = 1e-6;

    [SharedTheory]
    [InlineData("single", 0, 25)]
    [InlineData("single_gmin", 0.1, 25)]
    public void APairHoldsWhatSinglePairConverterSays(string name, double gMin, double gMax)
    {
        using var file = Open();
        var converter = file.RootElement.GetProperty("converters").GetProperty(name);
        var encoding = WeightEncoding.Of(Chips.Analog(t => t).Tile);
        float[] weights = Transposed(file.RootElement.GetProperty("weights"));
        double[] positive = Doubles(converter.GetProperty("conductances")[0]);
        double[] negative = Doubles(converter.GetProperty("conductances")[1]);
        for (int i = 0; i < weights.Length; i++)
        {
            var (p, n) = encoding.Contents(weights[i] / 0.99f);
            Assert.Equal(positive[i], gMin + (p * (gMax - gMin)), 25 * 1e-6);
            Assert.Equal(negative[i], gMin + (n * (gMax - gMin)), 25 * 1e-6);
            Assert.Equal(weights[i], (positive[i] - negative[i]) / converter.GetProperty("scale_ratio").GetDouble(), 1e-6);
        }
    }

    /// <summary>One device between 9 and 88.2 uS is our analog offset cell.</summary>
    [SharedFact]
    public void AnOffsetCellHoldsWhatSingleDeviceConverterSays()
    {
        using var file = Open();
        var encoding = WeightEncoding.Of(Chips.Analog(t => t with { Encoding = t.Encoding with { Sign = SignEncoding.OffsetDigital } }).Tile);
        double[] conductances = Doubles(file.RootElement.GetProperty("converters").GetProperty("single_device").GetProperty("conductances"));
        float[] weights = Transposed(file.RootElement.GetProperty("weights"));
        double gMin = conductances.Min();
        double range = file.RootElement.GetProperty("converters").GetProperty("single_device").GetProperty("scale_ratio").GetDouble() * 2 * 0.99;
        Assert.Equal(9, gMin, 1e-6);
        for (int i = 0; i < weights.Length; i++)
        {
            double content = encoding.Contents(weights[i] / 0.99f).Positive;
            Assert.Equal(conductances[i], gMin + (content * range), range * 1e-6);
        }
    }

    /// <summary>Every device of several pairs: the least significant is filled first.</summary>
    [SharedTheory]
    [InlineData("dual_1_3", new double[] { 1, 3 })]
    [InlineData("npair_1_2_4", new double[] { 1, 2, 4 })]
    public void SeveralPairsHoldWhatNPairConverterSays(string name, double[] significance)
    {
        using var file = Open();
        var converter = file.RootElement.GetProperty("converters").GetProperty(name);
        double[][] g = [.. converter.GetProperty("conductances").EnumerateArray().Select(Doubles)];
        var chip = Chips.Analog(t => t with { Cell = t.Cell with { Significance = significance }, Encoding = t.Encoding with { PairAxis = PairAxis.Cell } });
        Assert.True(Chips.IsValid(chip));
        float[] weights = Transposed(file.RootElement.GetProperty("weights"));
        LayerSpec spec = new(chip, Inputs, Outputs) { Contents = [.. weights.Select(w => w / 0.99f)] };
        int seen = 0;
        ProgrammedCells.Visit(spec.Program(), Cases.Fast, null, (in CellRun run) =>
        {
            for (int c = 0; c < run.TargetUs.Length; c++)
            {
                Assert.Equal(g[(2 * run.Pair) + run.Polarity][(run.WeightRow * Outputs) + c], run.TargetUs[c], 1e-4);
                seen++;
            }
        });
        Assert.Equal(2 * significance.Length * weights.Length, seen);
        float[] x = Cases.Floats(3, 4 * Inputs);
        Cases.AssertSameBits((spec with { Chip = Chips.Analog(t => t) }).Run(x, Cases.Fast, LayerPath.Tiles), spec.Run(x, Cases.Fast, LayerPath.Tiles), "the same weight");
    }

    [SharedFact]
    public void TheDefaultTileWithoutNoise() => AssertEqual("default_no_noise", Default());

    [SharedFact]
    public void TheHardwareAwarePreset() => AssertEqual("preset_like", Managed(8, InputManagement.None, 8, 10));

    /// <summary>Noise management of a constant 1 is a static input scale of 1.</summary>
    [SharedFact]
    public void AConstantScaleOfOne() => AssertEqual("preset_like", Managed(8, InputManagement.Constant, 8, 10));

    [SharedFact]
    public void AbsMaxWithClippedOutputs() => AssertEqual("absmax_8b_8b_bound2", Managed(8, InputManagement.AbsMax, 8, 2));

    [SharedFact]
    public void IterativeBoundManagementIsPerVector() => AssertEqual("iterative_bound1_per_vector", Iterative());

    /// <summary>The pure-torch tile decides for the whole batch; ours gives a vector the same result in any batch.</summary>
    [SharedFact]
    public void IterativeBoundManagementIsNotPerBatch()
    {
        using var file = Open();
        var (spec, x, y) = Read(file, "iterative_bound1", Iterative());
        float[] ours = spec.Run(x, Cases.Fast);
        Assert.Equal(0.1065, y.Zip(ours, (a, b) => Math.Abs(a - b)).Max(), 1e-4);
        for (int m = 0; m < 3; m++)
        {
            Assert.Equal(ours[(m * Outputs)..((m + 1) * Outputs)], spec.Run(x[(m * Inputs)..((m + 1) * Inputs)], Cases.Fast));
        }

        // The third vector clips at the same tries in both.
        Cases.AssertClose(y[12..], ours[12..], Tolerance, "third vector");
    }

    /// <summary>Lossless converters: the output is clipped at its bound. Ours is an ADC fine enough (24 bits).</summary>
    [SharedFact]
    public void NoManagementClipsAtTheBound() => AssertEqual("none_none", Managed(null, InputManagement.None, 24, 1.5), stepwiseTolerance: 1e-6);

    /// <summary>0.9 of negative inputs, 0.95 of negative outputs.</summary>
    [SharedFact]
    public void AsymmetricDriversAndOutputs()
    {
        var chip = Managed(5, InputManagement.None, null, null);
        AssertEqual("inp_5bit_asym", chip with
        {
            Tile = chip.Tile with
            {
                Input = chip.Tile.Input with { Asymmetry = 0.1 },
                Output = new OutputDescription
                {
                    Nonlinearity = null,
                    NonlinearitySpread = null,
                    Asymmetry = 0.05,
                    VoltageOffset = null,
                    ReferenceWeight = null,
                    SeriesResistance = null,
                    SeriesMaximum = null,
                },
            },
        });
    }

    /// <summary>The last try is the first reduction above max_resolution / step: r = 16 for 126 steps (0.25 / (2 / 126) = 15.75).</summary>
    [SharedTheory]
    [InlineData(1.1, 1)]
    [InlineData(0.52, 2)]
    [InlineData(0.26, 4)]
    [InlineData(0.13, 8)]
    [InlineData(0.065, 16)]
    [InlineData(0.03, 16)] // would need 64: clipped
    public void TheReductionEndsAtTheResolution(double bound, int reduction)
    {
        // One cell of content 1, input 1: r = 1 reads 1 > bound; r reads 1 / r.
        var chip = Managed(7, InputManagement.AbsMax, 9, bound, new BoundManagement { MaxFactor = 1000, MaxResolution = 0.25 });
        LayerSpec spec = new(chip, 1, 1) { Contents = [1] };
        double step = bound / 255;
        double input = Math.Round(63.0 / reduction, MidpointRounding.ToEven) / 63;
        double expected = reduction * Math.Min(bound, Math.Round(input / step, MidpointRounding.ToEven) * step);
        foreach (var options in (SimulationOptions[])[Cases.Stepwise, Cases.Fast])
        {
            var executor = spec.Executor(options);
            Assert.Equal(expected, executor.Run(spec.Batch([1]), 1, 0).Floats[0], 1e-6);
        }
    }

    [SharedTheory]
    [InlineData(1, 2)] // int(2) > 1: the second try is the last
    [InlineData(2, 4)]
    [InlineData(4, 8)]
    public void TheReductionEndsAtTheFactor(double factor, int last)
    {
        var chip = Managed(7, InputManagement.AbsMax, 9, 0.01, new BoundManagement { MaxFactor = factor, MaxResolution = 1000 });
        LayerSpec spec = new(chip, 1, 1) { Contents = [1] };
        Assert.Equal(last * 0.01, spec.Run([1], Cases.Fast)[0], 1e-6);
    }

    /// <summary>A lossless DAC has no resolution to lose.</summary>
    [SharedFact]
    public void ALosslessInputIsReducedUntilNothingClips()
    {
        var chip = Managed(null, InputManagement.AbsMax, 24, 0.01, new BoundManagement { MaxFactor = 1000, MaxResolution = 0.25 });
        LayerSpec spec = new(chip, 1, 1) { Contents = [0.9f] };
        Assert.Equal(0.9, spec.Run([1], Cases.Fast)[0], 1e-5);
    }

    /// <summary>The polynomial IR drop; nothing is lost where the chip has none.</summary>
    [SharedFact]
    public void ThePolynomialIrDrop()
    {
        using var file = Open();
        var found = file.RootElement.GetProperty("irdrop_poly");
        float[] weights = Transposed(found.GetProperty("W"));
        float[] x = [.. Doubles(found.GetProperty("X")[0]).Select(v => (float)v)];
        var chip = Chips.Analog(t => t with { Noise = t.Noise with { IrDrop = IrDropTests.Polynomial() } });
        Assert.Equal(found.GetProperty("ir_drop_g_ratio").GetDouble(), chip.Tile.Noise.IrDrop!.GRatio!.Value, 1e-6);
        LayerSpec spec = new(chip, x.Length, weights.Length / x.Length) { Contents = weights };
        foreach (var options in (SimulationOptions[])[Cases.Stepwise, Cases.Fast])
        {
            Cases.AssertClose(Doubles(found.GetProperty("y")[0]), spec.Run(x, options), 2e-5, "with drop");
            Cases.AssertClose(Doubles(found.GetProperty("ideal")[0]), (spec with { Chip = Chips.Analog(t => t) }).Run(x, options), 2e-5, "ideal");
        }
    }

    private static void AssertEqual(string name, ChipDescription chip, double stepwiseTolerance = Tolerance)
    {
        using var file = Open();
        var (spec, x, y) = Read(file, name, chip);
        Assert.True(Chips.IsValid(chip));
        Cases.AssertClose(y, spec.Run(x, Cases.Stepwise), stepwiseTolerance, $"{name}, stepwise");
        Cases.AssertSameBits(spec.Run(x, Cases.Stepwise), spec.Run(x, Cases.Fast), $"{name}, fast");
        for (int m = 0; m < 3; m++)
        {
            Cases.AssertClose(y[(m * Outputs)..((m + 1) * Outputs)], spec.Run(x[(m * Inputs)..((m + 1) * Inputs)], Cases.Fast), Tolerance, $"{name}, vector {m} alone");
        }
    }

    private static JsonDocument Open() => Shared.OpenConformance("aihwkit.json");

    private static (LayerSpec Spec, float[] X, double[] Y) Read(JsonDocument file, string name, ChipDescription chip)
    {
        var root = file.RootElement;
        float[] x = [.. root.GetProperty("inputs").EnumerateArray().SelectMany(r => r.EnumerateArray()).Select(v => v.GetSingle())];
        double[] y = [.. root.GetProperty("io_managed_mvm").GetProperty(name).GetProperty("y").EnumerateArray().SelectMany(r => r.EnumerateArray()).Select(v => v.GetDouble())];
        return (new LayerSpec(chip, Inputs, Outputs) { Contents = Transposed(root.GetProperty("weights")) }, x, y);
    }

    /// <summary>Their matrices are out x in.</summary>
    private static double[] Doubles(JsonElement matrix) =>
        matrix[0].ValueKind == JsonValueKind.Array
            ? [.. Enumerable.Range(0, matrix[0].GetArrayLength()).SelectMany(c => Enumerable.Range(0, matrix.GetArrayLength()).Select(r => matrix[r][c].GetDouble()))]
            : [.. matrix.EnumerateArray().Select(v => v.GetDouble())];

    private static float[] Transposed(JsonElement matrix) => [.. Doubles(matrix).Select(v => (float)v)];

    /// <summary>The preset without its noise.</summary>
    private static ChipDescription Default()
    {
        var chip = ChipReader.Read("aihwkit-default");
        return chip with { Tile = chip.Tile.With(new IdealDevice()) with { Noise = chip.Tile.Noise with { Output = null }, DriftCompensation = null } };
    }

    private static ChipDescription Iterative() => Managed(7, InputManagement.AbsMax, 9, 1, new BoundManagement { MaxFactor = 1000, MaxResolution = 0.25 });

    private static ChipDescription Managed(int? inputBits, InputManagement management, int? adcBits, double? bound, BoundManagement? iterative = null) =>
        Chips.Analog(t => t with
        {
            Input = t.Input with { Bits = inputBits, Management = management, DynamicScale = management == InputManagement.AbsMax, BoundManagement = iterative },
            Adc = t.Adc with { Bits = adcBits, Range = bound is null ? AdcRange.Max : AdcRange.Fixed, Bound = bound },
        });
}
