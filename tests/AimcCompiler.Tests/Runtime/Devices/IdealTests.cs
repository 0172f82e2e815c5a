using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

public sealed class IdealTests
{
    [Fact]
    public void WhatIsProgrammedStays()
    {
        var model = DeviceModel.Create(Cells.Of(new IdealDevice(), 25), noiseRead: null);
        Assert.True(model.IsIdeal);
        Assert.False(model.HasReadNoise);
        Assert.Null(model.MaximumTimeS);
        Assert.All(Sample.Of(model, 3, 1e9).Values, g => Assert.Equal(3f, g));
    }

    [Fact]
    public void TheChipsReadNoiseIsAFractionOfGMax()
    {
        var model = DeviceModel.Create(Cells.Of(new IdealDevice(), 25), noiseRead: 0.02);
        Assert.True(model.HasReadNoise);
        float[] sigmas = new float[2];
        model.ReadSigmas([0, 25], [0, 25], 1, sigmas);
        Assert.Equal([0.5f, 0.5f], sigmas);
    }
}
