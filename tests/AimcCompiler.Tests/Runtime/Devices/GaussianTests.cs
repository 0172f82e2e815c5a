using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

public sealed class GaussianTests
{
    private const double StandardErrors = 4;

    [Theory]
    [InlineData(NoiseScaling.Independent, 10f, 0.5)]
    [InlineData(NoiseScaling.Independent, 20f, 0.5)]
    [InlineData(NoiseScaling.Proportional, 10f, 0.2)]
    [InlineData(NoiseScaling.Proportional, 20f, 0.4)]
    public void TheProgrammingErrorIsAFractionOfGMaxOrOfTheTarget(NoiseScaling scaling, float target, double sigma)
    {
        var model = Create(new GaussianDevice(0.02, null, scaling));
        var sample = Sample.Of(model, target, timeS: null);
        Assert.InRange(Math.Abs(sample.Mean - target), 0, StandardErrors * sample.MeanError);
        Assert.InRange(Math.Abs(sample.Deviation - sigma), 0, StandardErrors * sample.DeviationError);
        Assert.Equal(sample.Values, Sample.Of(model, target, timeS: 1e6).Values);
        Assert.False(model.HasReadNoise);
    }

    [Fact]
    public void AConductanceIsNeverNegative()
    {
        // half of the devices of target 0 are clamped: mean sigma / sqrt(2 pi)
        var sample = Sample.Of(Create(new GaussianDevice(0.02, null, NoiseScaling.Independent)), 0, timeS: null);
        Assert.All(sample.Values, g => Assert.True(g >= 0));
        double clamped = sample.Values.Count(g => g == 0) / (double)Sample.Devices;
        Assert.InRange(Math.Abs(clamped - 0.5), 0, StandardErrors * 0.5 / Math.Sqrt(Sample.Devices));
        Assert.InRange(Math.Abs(sample.Mean - (0.5 / Math.Sqrt(2 * Math.PI))), 0, StandardErrors * sample.MeanError);
    }

    [Fact]
    public void WithoutSigmaItIsIdeal()
    {
        var model = Create(new GaussianDevice(null, 0.01, NoiseScaling.Proportional));
        Assert.True(model.IsIdeal);
        Assert.True(model.HasReadNoise);
        Assert.All(Sample.Of(model, 7, 1).Values, g => Assert.Equal(7f, g));
    }

    [Fact]
    public void ReadNoiseIsAFractionOfGMaxOrOfTheConductanceAndJoinsTheChipsInQuadrature()
    {
        float[] sigmas = new float[2];
        Create(new GaussianDevice(0.1, 0.04, NoiseScaling.Independent)).ReadSigmas([5, 10], [4, 12], 1, sigmas);
        Assert.Equal([1f, 1f], sigmas);
        Create(new GaussianDevice(0.1, 0.25, NoiseScaling.Proportional)).ReadSigmas([5, 10], [4, 12], 1, sigmas);
        Assert.Equal([1f, 3f], sigmas);
        GaussianDevice proportional = new(0.1, 0.25, NoiseScaling.Proportional);
        DeviceModel.Create(Cells.Of(proportional, 25), noiseRead: 0.16).ReadSigmas([5, 10], [12, 12], 1, sigmas);
        Assert.Equal([5f, 5f], sigmas);
    }

    private static DeviceModel Create(GaussianDevice device) => DeviceModel.Create(Cells.Of(device, 25), noiseRead: null);
}
