using AimcCompiler.Cli;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Cli.Data;

public sealed class TimeParserTests
{
    [Fact]
    public void ReadsEveryUnit() =>
        Assert.Equal([25, 90, 3600, 86400, 2592000, 31536000], TimeParser.Parse("25s, 1.5m,1h,1d,30d,1y"));

    [Theory]
    [InlineData("")]
    [InlineData("25")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("1w")]
    [InlineData("1s,,2s")]
    [InlineData("1e400s")]
    [InlineData("NaNs")]
    [InlineData("1,5s")]
    public void RefusesOtherTexts(string text) =>
        Assert.Equal("AIMC5005", Assert.Throws<DiagnosticException>(() => TimeParser.Parse(text)).Diagnostics[0].Descriptor.Id);
}
