using System.Collections.Immutable;
using System.Text;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <param name="Values">One for each path.</param>
/// <param name="Tiles">Tiles in use.</param>
/// <param name="Result">The figures.</param>
internal sealed record VariedPoint(ImmutableArray<string> Values, int Tiles, EvaluationResult Result);

/// <param name="Program">The program of the first point.</param>
/// <param name="Options">Metric and times.</param>
/// <param name="Output">Name of the output that the metric looks at.</param>
/// <param name="CalibrationSamples">Samples of the data that ranges were taken from and that do not count.</param>
/// <param name="HasTargets">The user, or a test set, said what the output should be.</param>
/// <param name="Paths">What was varied.</param>
/// <param name="Points">The grid, the last path fastest.</param>
/// <param name="Warnings">Findings of all compiles, each said once.</param>
internal sealed record VaryOutcome(
    MappedProgram Program, EvaluationOptions Options, string Output, long CalibrationSamples, bool HasTargets, ImmutableArray<string> Paths, ImmutableArray<VariedPoint> Points, ImmutableArray<Diagnostic> Warnings);

/// <summary>The metric over a grid of values of chip fields. Every point has the same seed, instances and samples, so that points differ in what was varied.</summary>
internal static class VaryWork
{
    public static VaryOutcome Run(EvaluateRequest request, CancellationToken cancellation)
    {
        var grid = VaryAxis.Grid(request.Vary);
        ImmutableArray<bool> decides = [.. request.Vary.Select(a => ChipFields.DecidesMapping(a.Path))];
        if (request.Compile is null && decides.IndexOf(true) is >= 0 and var axis)
        {
            throw new DiagnosticException(
                Descriptors.InvalidOption, "--vary", $"names '{request.Vary[axis].Path}', which decides how a model is mapped, and the program is compiled already", "give the .onnx instead of the .aimc");
        }

        // Points of one mapping follow each other: it is compiled once.
        var mappings = grid.Select((values, index) => (Values: values, Index: index)).GroupBy(p => string.Join('\n', Settings(request, p.Values).Where((_, i) => decides[i]))).ToList();
        using ProgramSource source = new(request, request.Compile is null ? [] : Settings(request, grid[0]), cancellation);
        // All chips before the first run: what is wrong with the last value is said at once.
        ImmutableArray<ChipDescription> chips = [.. grid.Select(values => Chip(request, source.Program, Settings(request, values)))];
        source.Warn(chips.SelectMany(ChipReader.Warnings));
        using EvaluationBench bench = new(request, source.Program, chips);
        var points = new VariedPoint[grid.Length];
        int done = 0;
        foreach (var mapping in mappings)
        {
            var first = mapping.First();
            var program = first.Index == 0 ? source.Program : source.Compile(Settings(request, first.Values), cancellation);
            using DigitalPartitions partitions = new(program);
            foreach (var (values, index) in mapping)
            {
                string what = FormattableString.Invariant($"{++done} of {points.Length}: {string.Join(", ", Settings(request, values))}");
                // Ranges that one point measured are those of all points of the mapping.
                program = bench.Complete(program with { Chip = chips[index] }, cancellation);
                var options = bench.Options with { Progress = request.Progress is { } progress ? step => progress($"{what}: {step}") : null };
                var result = Evaluator.Measure(program, bench.Reference(cancellation), bench.Samples, options, partitions, cancellation);
                points[index] = new VariedPoint(values, program.Layers.SelectMany(l => l.Blocks).Select(b => b.Tile).Distinct().Count(), result);
            }
        }

        return new VaryOutcome(
            source.Program, bench.Options, bench.OutputName, bench.CalibrationSamples, bench.HasTargets, [.. request.Vary.Select(a => a.Path)], [.. points], [.. source.Warnings, .. bench.Warnings]);
    }

    private static ImmutableArray<string> Settings(EvaluateRequest request, ImmutableArray<string> values) => [.. request.Vary.Zip(values, (axis, value) => $"{axis.Path}={value}")];

    private static ChipDescription Chip(EvaluateRequest request, MappedProgram program, ImmutableArray<string> settings) => request.Compile is { } compile
        ? ChipReader.Read(compile.Chip, [.. compile.Overrides, .. settings])
        : ChipReader.Parse(Encoding.UTF8.GetBytes(ChipReader.Write(program.Chip)), program.Chip.Name, folder: null, settings);
}
