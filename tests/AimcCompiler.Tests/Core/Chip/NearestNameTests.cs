using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

public sealed class NearestNameTests
{
    [Theory]
    [InlineData("", "abc", 3)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("ROWS", "rows", 0)]
    [InlineData("rowz", "rows", 1)]
    public void DistanceCountsEdits(string left, string right, int distance) => Assert.Equal(distance, NearestName.Distance(left, right));

    [Theory]
    [InlineData("rowtile", "row_tiles")]
    [InlineData("aihwkit", "aihwkit-default")]
    [InlineData("col", "cols", "columns")]
    [InlineData("xyz")]
    public void NearestComesFirstAndFarNamesNotAtAll(string name, params string[] expected) =>
        Assert.Equal(expected, NearestName.Of(name, ["columns", "cols", "aihwkit-default", "row_tiles"]));

    [Fact]
    public void AnOverlongNameHasNoNeighbors() => Assert.Empty(NearestName.Of(new string('a', 1_000_000), ["aaa"]));
}
