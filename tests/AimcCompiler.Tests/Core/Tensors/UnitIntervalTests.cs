using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core;

public sealed class UnitIntervalTests
{
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(1.0000001f)]
    [InlineData(-1.0000001f)]
    public void TheFirstElementOutsideIsFoundWhereverItStands(float outside)
    {
        for (int length = 1; length < 70; length++)
        {
            float[] elements = [.. Enumerable.Range(0, length).Select(i => i % 3 == 0 ? -1f : i % 3 == 1 ? 1f : -0f)];
            Assert.Equal(-1, UnitInterval.IndexOfOutside(elements));
            elements[^1] = outside;
            Assert.Equal(length - 1, UnitInterval.IndexOfOutside(elements));
            elements[length / 2] = outside;
            Assert.Equal(length / 2, UnitInterval.IndexOfOutside(elements));
        }
    }

    [Fact]
    public void NothingIsOutsideOfNothing() => Assert.Equal(-1, UnitInterval.IndexOfOutside([]));
}
