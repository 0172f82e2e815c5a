using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Cost;

public sealed class AdcSurveyTests
{
    /// <summary>Values of the Accelergy ADC plug-in.</summary>
    [Theory]
    [InlineData(8, 1.2e9, 32, 1.8486, 6313.1)]
    [InlineData(8, 1e9, 32, 1.7137, 5971.6)]
    [InlineData(8, 1e7, 32, 1.7137, 2598.1)]
    [InlineData(8, 1.28e9, 32, 1.9292, 6469.3)]
    [InlineData(6, 1e9, 32, 1.0651, 5179.8)]
    [InlineData(9, 1e9, 32, 4.6971, 8073.8)]
    [InlineData(7, 1e9, 32, 1.3122, 5513.3)]
    [InlineData(8, 1e9, 14, 0.3622, 1650.4)]
    [InlineData(8, 1e9, 65, 6.4945, 17983.1)]
    [InlineData(10, 1e8, 22, 1.6363, 2677.5)]
    public void FollowsTheRegression(int bits, double samplesPerSecond, double nm, double energyPj, double areaUm2)
    {
        Assert.Equal(energyPj, AdcSurvey.EnergyPj(bits, samplesPerSecond, nm), 0.6e-4);
        Assert.Equal(areaUm2, AdcSurvey.AreaUm2(bits, samplesPerSecond, nm), 0.06);
    }

    /// <summary>ISAAC 1.5625 pJ, Kull et al. (ISSCC 2013) 2.58 pJ.</summary>
    [Theory]
    [InlineData(1.5625)]
    [InlineData(2.58)]
    public void IsWithinAThirdOfPublishedConverters(double publishedPj) =>
        Assert.InRange(AdcSurvey.EnergyPj(8, 1.28e9, 32), publishedPj / 1.35, publishedPj * 1.35);

    [Fact]
    public void BelowFourBitsTheRegressionDoesNotHold() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => AdcSurvey.EnergyPj(3, 1e9, 32));
}
