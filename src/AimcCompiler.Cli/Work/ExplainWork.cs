using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <param name="Program">What ran.</param>
/// <param name="Options">Metric and times.</param>
/// <param name="Output">Name of the output that the metric looks at.</param>
/// <param name="CalibrationSamples">Samples of the data that ranges were taken from and that do not count.</param>
/// <param name="HasTargets">The user, or a test set, said what the output should be.</param>
/// <param name="Explanation">The figures.</param>
/// <param name="Why">Why <see cref="Explanation.LeftOut"/> could not be switched off; null where nothing is left out.</param>
/// <param name="Warnings">Findings of the compile.</param>
internal sealed record ExplainOutcome(
    MappedProgram Program, EvaluationOptions Options, string Output, long CalibrationSamples, bool HasTargets, Explanation Explanation, string? Why, ImmutableArray<Diagnostic> Warnings);

/// <summary>Which non-ideality of the chip costs how much.</summary>
internal static class ExplainWork
{
    public static ExplainOutcome Run(EvaluateRequest request, CancellationToken cancellation)
    {
        using ProgramSource source = new(request, cancellation);
        using EvaluationBench bench = new(request, source.Program, [source.Program.Chip]);
        var program = bench.Complete(source.Program, cancellation);
        var (finest, why) = Finest(source, program.Chip, cancellation);
        using Explainer explainer = new(program, finest is null ? null : bench.Complete(finest, cancellation), bench.Reference(cancellation), bench.Samples, bench.Options);
        var explanation = explainer.Run(cancellation);
        return new ExplainOutcome(program, bench.Options, bench.OutputName, bench.CalibrationSamples, bench.HasTargets, explanation, why, [.. source.Warnings, .. bench.Warnings]);
    }

    /// <summary>The model without what decides its mapping, or why there is no such program.</summary>
    private static (MappedProgram? Program, string? Why) Finest(ProgramSource source, ChipDescription chip, CancellationToken cancellation)
    {
        ImmutableArray<Nonideality> mapping = [.. Nonidealities.Of(chip).Where(n => n.ChangesMapping)];
        if (mapping.IsEmpty)
        {
            return (null, null);
        }

        if (!source.IsModel)
        {
            return (null, "the program is compiled already; give the .onnx instead of the .aimc");
        }

        try
        {
            return (source.Compile(Nonidealities.SwitchOff(chip, mapping), cancellation), null);
        }
        catch (DiagnosticException e)
        {
            return (null, e.Diagnostics[0].Message);
        }
    }
}
