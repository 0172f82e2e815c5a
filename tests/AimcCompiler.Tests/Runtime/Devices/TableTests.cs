using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

public sealed class TableTests
{
    private const double StandardErrors = 4;

    /// <summary>Two targets at 1, 100 and 10000 s.</summary>
    private static readonly TableDevice s_table = new(
    [
        new(10, 1, 10, 0.2, 0.1),
        new(10, 100, 9, 0.4, null),
        new(10, 10000, 6, 0.4, 0.3),
        new(20, 1, 20, 0.6, 0.3),
        new(20, 100, 18, 0.6, null),
        new(20, 10000, 10, 1.0, 0.5),
    ]);

    [Theory]
    [InlineData(10f, 1.0, 10, 0.2)]
    [InlineData(20f, 10000.0, 10, 1.0)]
    [InlineData(15f, 1.0, 15, 0.4)]
    [InlineData(10f, 10.0, 9.5, 0.3)]
    [InlineData(10f, 1000.0, 7.5, 0.4)]
    [InlineData(15f, 1000.0, 10.75, 0.6)]
    public void IsLinearInTargetAndInLogTime(float target, double timeS, double mean, double sigma)
    {
        var sample = Sample.Of(Create(s_table), target, timeS);
        Assert.InRange(Math.Abs(sample.Mean - mean), 0, StandardErrors * sample.MeanError);
        Assert.InRange(Math.Abs(sample.Deviation - sigma), 0, StandardErrors * sample.DeviationError);
    }

    [Fact]
    public void JustProgrammedIsTheFirstTime()
    {
        var model = Create(s_table);
        Assert.Equal(Sample.Of(model, 12, 1).Values, Sample.Of(model, 12, timeS: null).Values);
        Assert.Equal(10000, model.MaximumTimeS);
        Assert.False(model.IsIdeal);
    }

    [Fact]
    public void ADeviceKeepsItsNormal()
    {
        var model = Create(s_table);
        float[] early = Sample.Of(model, 10, 1).Values;
        float[] late = Sample.Of(model, 10, 10000).Values;
        for (int i = 0; i < early.Length; i++)
        {
            // half a unit in the last place of 10 divided by sigma 0.2, twice
            Assert.Equal((early[i] - 10) / 0.2, (late[i] - 6) / 0.4, 6e-6);
        }
    }

    [Fact]
    public void AConductanceIsNeverNegative()
    {
        TableDevice table = new([new(0, 1, 0.1, 1, null)]);
        Assert.All(Sample.Of(Create(table), 0, 1).Values, g => Assert.True(g >= 0));
    }

    [Fact]
    public void ReadNoiseIsInterpolatedToo()
    {
        var model = Create(s_table);
        Assert.True(model.HasReadNoise);
        float[] sigmas = new float[3];
        model.ReadSigmas([10, 15, 20], [1, 1, 1], 1, sigmas);
        Assert.Equal([0.1f, 0.2f, 0.3f], sigmas);
        model.ReadSigmas([10, 15, 20], [1, 1, 1], 1000, sigmas);
        Assert.Equal([0.15f, 0.2f, 0.25f], sigmas);
        Assert.False(Create(new TableDevice([new(0, 1, 0, 1, null)])).HasReadNoise);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.0)]
    [InlineData(10001.0)]
    public void ATimeOutsideIsTheUsersMistake(double timeS)
    {
        var exception = Assert.Throws<DiagnosticException>(() => Sample.Of(Create(s_table), 10, timeS));
        var diagnostic = Assert.Single(exception.Diagnostics);
        Assert.Equal(Descriptors.OutsideTable, diagnostic.Descriptor);
        Assert.Contains("1 .. 10000 s", diagnostic.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(9.9f)]
    [InlineData(20.1f)]
    public void ATargetOutsideIsTheUsersMistake(float target)
    {
        var exception = Assert.Throws<DiagnosticException>(() => Sample.Of(Create(s_table), target, 1));
        Assert.Equal(Descriptors.OutsideTable, Assert.Single(exception.Diagnostics).Descriptor);
    }

    [Fact]
    public void ATargetMayBeOutsideByItsRounding()
    {
        var model = Create(s_table);
        Assert.Equal(Sample.Of(model, 20, 1).Values, Sample.Of(model, MathF.BitIncrement(20), 1).Values);
        Assert.Equal(Sample.Of(model, 10, 1).Values, Sample.Of(model, MathF.BitDecrement(10), 1).Values);
    }

    private static DeviceModel Create(TableDevice device) => DeviceModel.Create(Cells.Of(device, 25), noiseRead: null);
}
