using AimcCompiler.Core;
using AimcCompiler.Passes;

namespace AimcCompiler.Tests.Passes;

public sealed class PassRunnerTests
{
    [Fact]
    public void VerifiesAndThenPrintsAfterEveryPass()
    {
        List<string> log = [];
        CompileOptions options = new() { Dump = (name, text) => log.Add($"dump {name} {text}"), Progress = name => log.Add($"start {name}") };
        PassRunner runner = new(options, new DiagnosticBag());
        Assert.Equal(1, runner.Run("one-pass", () => 1, f => log.Add($"verify {f}"), f => $"<{f}>"));
        Assert.Equal(2, runner.Run("another-pass", () => 2, f => log.Add($"verify {f}"), f => $"<{f}>"));
        Assert.Equal(["start one-pass", "verify 1", "dump 01-one-pass <1>", "start another-pass", "verify 2", "dump 02-another-pass <2>"], log);
    }

    [Fact]
    public void NamesThePassWhoseResultIsBroken()
    {
        PassRunner runner = new(new CompileOptions(), new DiagnosticBag());
        var error = Assert.Throws<InvalidIrException>(() => runner.Run("split-weights", () => 0, _ => throw new InvalidIrException("6: a hole"), _ => ""));
        Assert.Equal("after split-weights: 6: a hole", error.Message);
    }

    [Fact]
    public void StopsAfterAPassThatLeftErrorsAndReportsAllOfThem()
    {
        DiagnosticBag bag = new();
        PassRunner runner = new(new CompileOptions(), bag);
        var error = Assert.Throws<DiagnosticException>(() => runner.Run(
            "pass",
            () =>
            {
                bag.Add(Descriptors.InvalidWeights, "a", "first");
                bag.Add(Descriptors.NoRanges, "b", "only a warning");
                bag.Add(Descriptors.InvalidWeights, "c", "second");
                return 0;
            },
            _ => Assert.Fail("a pass with errors has no result to verify"),
            _ => ""));
        Assert.Equal(["first", "second"], error.Diagnostics.Select(d => d.Message));
    }

    [Fact]
    public void DoesNotPrintUnasked()
    {
        PassRunner runner = new(new CompileOptions(), new DiagnosticBag());
        runner.Run("pass", () => 0, _ => { }, _ => throw new InvalidOperationException("printed"));
    }
}
