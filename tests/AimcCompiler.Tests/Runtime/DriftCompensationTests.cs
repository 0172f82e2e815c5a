using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>hardware.md 4.11: one digital factor per tile, mean |read-out| right after programming over mean |read-out| now.</summary>
public sealed class DriftCompensationTests
{
    private const double Nu = 0.05;
    private const double Day = 86400 + 20;

    /// <summary>g (t / 20 s)^-0.05 from 20 s to a day later; no spread.</summary>
    private static readonly TableDevice s_uniform = new(
        [new(0, 20, 0, 0, null), new(0, Day, 0, 0, null), new(25, 20, 25, 0, null), new(25, Day, 25 * Math.Pow(Day / 20, -Nu), 0, null)]);

    /// <summary>T9: uniform exponents; 1.519775 after a day, and the exact values come back.</summary>
    [Theory]
    [InlineData(SignEncoding.DifferentialOneSided, Subtraction.InArray)]
    [InlineData(SignEncoding.DifferentialOneSided, Subtraction.AfterConversion)]
    [InlineData(SignEncoding.DifferentialTwoSided, Subtraction.InArray)]
    public void UniformDriftIsTakenBack(SignEncoding sign, Subtraction subtract)
    {
        LayerSpec drifting = Layer(null, sign, subtract);
        LayerSpec compensated = Layer(DriftCompensation.Global, sign, subtract);
        float[] x = Cases.Floats(2, 100);
        float[] fresh = drifting.Run(x, Cases.Fast);
        var day = Cases.Fast with { TimeS = Day };
        float[] later = drifting.Run(x, day);
        float[] back = compensated.Run(x, day);
        Assert.Equal(1.519775, Math.Pow(Day / 20, Nu), 1e-6);
        for (int i = 0; i < fresh.Length; i++)
        {
            Assert.Equal(fresh[i] / 1.519775, later[i], 2e-6);
            Assert.Equal(fresh[i], back[i], 4e-6);
        }

        Cases.AssertSameBits(back, compensated.Run(x, day with { Engine = EngineKind.Stepwise }), "stepwise");
        Cases.AssertSameBits(fresh, compensated.Run(x, Cases.Fast), "right after programming there is nothing to compensate");
    }

    /// <summary>Each tile has its own factor: a block whose devices do not drift is left alone.</summary>
    [Fact]
    public void TheFactorIsATilesOwn()
    {
        // Devices of low conductance drift, those at g_max do not.
        TableDevice uneven = new(
        [
            new(0, 20, 0, 0, null), new(0, 86400, 0, 0, null), new(12.5, 20, 12.5, 0, null), new(12.5, 86400, 10, 0, null), new(25, 20, 25, 0, null),
            new(25, 86400, 25, 0, null),
        ]);
        var chip = Chips.Analog(t => t.With(uneven) with { Rows = 2, DriftCompensation = DriftCompensation.Global });
        LayerSpec spec = new(chip, 4, 1) { Contents = [1, -1, 0.5f, -0.5f] };
        float[] x = [1, 0, 0, 0, 0, 0, 1, 0];
        Assert.Equal([1, 0.5f], spec.Run(x, Cases.Fast with { TimeS = 86400 }), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    /// <summary>With the spread of real devices it corrects the mean: the error after a day is smaller with it than without.</summary>
    [Fact]
    public void ItHelpsRealDevices()
    {
        float[] x = Cases.Floats(2, 50 * 64);
        double Error(DriftCompensation? compensation)
        {
            var chip = Chips.Analog(t => t.With(new PcmLikeDevice(1, 1, 1)) with { DriftCompensation = compensation });
            LayerSpec spec = new(chip, 64, 16) { Contents = Cases.Floats(1, 1024) };
            float[] exact = spec.Run(x, Cases.Ideal);
            return spec.Run(x, Cases.Fast with { TimeS = 86400 }).Zip(exact, (a, b) => Math.Pow(a - b, 2)).Sum();
        }

        Assert.True(Error(DriftCompensation.Global) < Error(null) / 3);
    }

    /// <summary>A tile that reads nothing has no factor: the read-outs are held at 1e-4 of a full-scale product.</summary>
    [Fact]
    public void AnEmptyTileHasAFactorOfOne()
    {
        LayerSpec spec = Layer(DriftCompensation.Global, SignEncoding.DifferentialOneSided, Subtraction.InArray) with { Contents = new float[50] };
        Assert.All(spec.Run(Cases.Floats(1, 10), Cases.Fast with { TimeS = Day }), y => Assert.Equal(0, y));
    }

    private static LayerSpec Layer(DriftCompensation? compensation, SignEncoding sign, Subtraction subtract)
    {
        var chip = Chips.Analog(t => t.With(s_uniform) with
        {
            Encoding = t.Encoding with { Sign = sign, Subtract = subtract },
            DriftCompensation = compensation,
        });
        return new LayerSpec(chip, 10, 5) { Contents = Cases.Floats(1, 50) };
    }
}
