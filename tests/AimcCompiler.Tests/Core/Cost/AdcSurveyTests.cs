using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Cost;

public sealed class AdcSurveyTests
{
    [Fact]
    public void BelowFourBitsTheRegressionDoesNotHold() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => AdcSurvey.EnergyPj(3, 1e9, 32));
}
