using AimcCompiler.Core;
using AimcCompiler.Kernels;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>The vectors of hardware.md 3.1 to 3.4, to the digits that are printed there.</summary>
public sealed class HardwareTableTests
{
    private const double Day = 86400;

    [Theory]
    [InlineData(0, .2635, .1, .045, .2, .8379, 1.0174, 0, 0, 0)]
    [InlineData(1, .3402, .07429, .03434, .07131, .29876, .36273, .5369, .4170, .3464)]
    [InlineData(5, .6096, .04935, .01422, .02505, .10495, .12743, 3.3080, 2.7969, 2.4725)]
    [InlineData(10, .8618, .049, .008, .01596, .06688, .08121, 6.6352, 5.6167, 4.9695)]
    [InlineData(15, 1.0202, .049, .008, .01227, .05139, .06239, 9.9529, 8.4251, 7.4542)]
    [InlineData(20, 1.0847, .049, .008, .01017, .04262, .05175, 13.2705, 11.2334, 9.9389)]
    [InlineData(25, 1.0554, .049, .008, .00880, .03687, .04476, 16.5881, 14.0418, 12.4236)]
    public void PcmLikeHasItsTable(float g, double programming, double mean, double sigma, double q, double second, double day, double afterDay, double afterMonth, double afterYear)
    {
        Lanes1 x = new(Math.Max(g / 25, 1e-7f));
        var log = FixedMath.Log(x);
        Assert.Equal(programming, Only(PcmLike.ProgrammingSigma(new Lanes1(g / 25))), 5.1e-5);
        Assert.Equal(mean, Only(PcmLike.DriftMean(x, log)), 5.1e-6);
        Assert.Equal(sigma, Only(PcmLike.DriftSigma(x, log)), 5.1e-6);
        Assert.Equal(q, Only(PcmLike.ReadCoefficient(x, log)), 5.1e-6);
        var model = (Pcm<PcmLike>)DeviceModel.Create(Cells.Of(new PcmLikeDevice(1, 1, 1), 25), null);
        Assert.Equal(second, q * model.StateAt(1).ReadFactor, 2.5e-3 * second);
        Assert.Equal(day, q * model.StateAt(Day).ReadFactor, 2.5e-3 * day);
        foreach (var (time, expected) in ((double, double)[])[(Day, afterDay), (30 * Day, afterMonth), (365 * Day, afterYear)])
        {
            Lanes1 none = new(0);
            Assert.Equal(expected, Only(model.StateAt(time).Apply(new Lanes1(g), none, none, none)), 5.1e-5);
        }
    }

    [Theory]
    [InlineData(1, 10.35, .1578, .6145, .8653, .9748, 1.0076)]
    [InlineData(2, 20.7, .1660, .8888, .9910, .9124, 1.0927)]
    public void HermesHasItsTable(int devices, double gMax, params double[] sigmas)
    {
        for (int i = 0; i < sigmas.Length; i++)
        {
            Assert.Equal(sigmas[i], Spread(Cells.Of(new PcmHermesDevice(devices, 1, 1, 1), gMax), gMax * i / 4), 6e-5);
        }
    }

    [Theory]
    [InlineData(1, .348, 2.258, 2.023, 1.533, 1.103)]
    [InlineData(86400, .701, 3.721, 3.909, 3.367, 2.651)]
    [InlineData(172800, .782, 3.664, 3.929, 3.374, 2.677)]
    public void WanOfAihwkitHasItsTable(double time, params double[] sigmas)
    {
        var model = DeviceModel.Create(Cells.Of(new RramWan2022Device(WanFit.Aihwkit, 1), 40), null);
        CellStream stream = new(1, 0, 0, 0, 0, 0, 0);
        float[] normal = new float[1];
        Draws.Normals(in stream, DrawPurpose.ReadAccumulated, Draws.Time(time), 0, 0, normal);
        for (int i = 1; i < sigmas.Length; i++)
        {
            float[] g = new float[1];
            model.Conductances([10f * i], time, in stream, 0, 0, g);
            Assert.Equal(sigmas[i], (g[0] - (10 * i)) / normal[0], 6e-4);
        }
    }

    [Theory]
    [InlineData(0, 1.053)]
    [InlineData(10, 2.414)]
    [InlineData(20, 2.362)]
    [InlineData(30, 1.819)]
    public void WanOfCrossSimHasItsTable(double g, double sigma) => Assert.Equal(sigma, Spread(Cells.Of(new RramWan2022Device(WanFit.Crosssim, 1), 39.26), g), 6e-4);

    [Theory]
    [InlineData(50, 4.33)]
    [InlineData(225, 2.73)]
    public void MiloHasItsTable(double g, double sigma) => Assert.Equal(sigma, Spread(Cells.Of(new RramMilo2021Device(1), 225), g), 6e-3);

    [Theory]
    [InlineData(100, 8.608, 4.673)]
    [InlineData(200, 13.491, 7.610)]
    [InlineData(400, 17.829, 10.617)]
    [InlineData(800, 19.674, 12.274)]
    [InlineData(1600, 19.884, 12.573)]
    public void SonosHasItsTable(double current, double programming, double read)
    {
        var cell = Cells.Of(new SonosDevice(1, 1, 1), 16) with { ReadVoltageV = 0.1 };
        Assert.Equal(programming, 100 * Spread(cell, current / 100), 7e-4);
        float[] sigma = new float[1];
        DeviceModel.Create(cell, null).ReadSigmas([(float)(current / 100)], [(float)(current / 100)], null, sigma);
        Assert.Equal(read, 100 * sigma[0], 6e-4);
    }

    /// <summary>An off cell of SONOS has no error.</summary>
    [Fact]
    public void SonosIsQuietWhereItIsOff() => Assert.Equal(0, Spread(Cells.Of(new SonosDevice(1, 1, 1), 16) with { ReadVoltageV = 0.1 }, 0));

    /// <summary>What one deviation of a programming error adds.</summary>
    private static double Spread(CellDescription cell, double target)
    {
        float[] g = new float[1];
        DeviceModel.Create(cell, null).Programmed([(float)target], [1], g);
        return g[0] - (float)target;
    }

    private static float Only(Lanes1 lane)
    {
        float value = 0;
        Lanes1.Store(lane, ref value);
        return value;
    }
}
