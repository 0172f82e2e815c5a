using AimcCompiler.Conformance;

namespace AimcCompiler.EndToEndTests;

/// <summary>The commands of AimcCompiler.Conformance, as far as they are proofs today; all of them are listed in docs/conformance.md.</summary>
[Trait("Category", "Long")]
public sealed class ConformanceTests
{
    [SharedFact]
    public async Task Mutated_models_end_in_a_program_or_a_diagnostic_with_a_place() =>
        Assert.Equal(0, await ConformanceRoot.InvokeAsync(["fuzz", "--count", "500", "--seed", "3", "--filter", "mnist"]));

    [SharedFact]
    public async Task Real_models_that_no_runtime_takes_are_refused_with_a_diagnostic() =>
        Assert.Equal(0, await ConformanceRoot.InvokeAsync(["models", "--filter", "int.onnx"]));
}
