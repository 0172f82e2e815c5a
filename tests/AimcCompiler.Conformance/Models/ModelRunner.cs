using System.Collections.Immutable;
using System.Diagnostics;
using AimcCompiler.Binary;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;

namespace AimcCompiler.Conformance;

/// <param name="Path">The model.</param>
/// <param name="Golden">A folder with an input; null = inputs are drawn.</param>
/// <param name="Reseed">Its weights are constants that prove nothing: new ones are drawn first.</param>
internal sealed record ModelRequest(string Path, string? Golden, bool Reseed);

/// <param name="Chip">Which chip it was compiled for.</param>
/// <param name="Failure">Why it was not compiled; null = it was.</param>
/// <param name="IsDiagnostic">The failure is a diagnostic, not a mistake of ours.</param>
/// <param name="Seconds">For the compilation.</param>
/// <param name="Tiles">Tiles in use.</param>
/// <param name="ParameterShare">Parameters on tiles or in depthwise convolutions, of all.</param>
internal sealed record ChipOutcome(string Chip, string? Failure, bool IsDiagnostic, double Seconds, int Tiles, double ParameterShare);

/// <param name="Import">Why the model was not imported; null = it was.</param>
/// <param name="ImportIsDiagnostic">That is a diagnostic, not a mistake of ours.</param>
/// <param name="Chips">One for each chip.</param>
/// <param name="Difference">How the program for float differs from ONNX Runtime; null = equal, or not compiled.</param>
/// <param name="WorstError">Largest relative error of an output on float; null = not run.</param>
internal sealed record ModelOutcome(string? Import, bool ImportIsDiagnostic, ImmutableArray<ChipOutcome> Chips, string? Difference, double? WorstError);

/// <summary>Compiles one model for several chips and compares what the first of them computes with ONNX Runtime.</summary>
internal static class ModelRunner
{
    private const long Seed = 1;

    private static readonly string[] Chips = ["float", "hermes", "isaac"];

    public static ModelOutcome Run(ModelRequest request, Action<string> phase)
    {
        string model = request.Path;
        string? drawn = null;
        try
        {
            if (request.Reseed)
            {
                phase("reseed");
                drawn = Path.Combine(Path.GetTempPath(), $"{Path.GetFileNameWithoutExtension(model)}-{Environment.ProcessId}.onnx");
                AtomicFile.Write(drawn, Reseeder.Reseed(model, Seed).WriteTo);
                model = drawn;
            }

            return RunModel(model, request.Golden, phase);
        }
        catch (DiagnosticException e)
        {
            return new ModelOutcome(CaseRunner.What(e), true, [], null, null);
        }
        catch (Exception e)
        {
            return new ModelOutcome(CaseRunner.What(e), false, [], null, null);
        }
        finally
        {
            if (drawn is not null)
            {
                File.Delete(drawn);
            }
        }
    }

    private static ModelOutcome RunModel(string model, string? golden, Action<string> phase)
    {
        var chips = ImmutableArray.CreateBuilder<ChipOutcome>();
        MappedProgram? first = null;
        foreach (string chip in Chips)
        {
            phase($"import for {chip}");
            var graph = OnnxImporter.Import(model);
            phase($"compile for {chip}");
            long started = Stopwatch.GetTimestamp();
            try
            {
                var program = AimcCompilation.Compile(graph, ChipReader.Read(chip), new CompileOptions { Chips = null }).Program;
                chips.Add(new ChipOutcome(
                    chip, null, false, Stopwatch.GetElapsedTime(started).TotalSeconds, program.Layers.SelectMany(l => l.Blocks).Select(b => b.Tile).Distinct().Count(), Share(program)));
                first ??= program;
            }
            catch (Exception e)
            {
                chips.Add(new ChipOutcome(chip, CaseRunner.What(e), e is DiagnosticException, Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 0));
            }

            graph = null;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }

        if (first is null)
        {
            return new ModelOutcome(null, false, chips.ToImmutable(), null, null);
        }

        phase("run");
        try
        {
            var compared = Compare(first, model, golden);
            var different = compared.FirstOrDefault(c => !c.Equal);
            string? difference = different is null ? null : FormattableString.Invariant(
                $"output '{different.Name}' is off by {different.RelativeError:0.0e+00} of its largest value; ONNX Runtime's own runs are {different.ReferenceSpread:0.0e+00} apart");
            return new ModelOutcome(null, false, chips.ToImmutable(), difference, compared.Select(c => c.RelativeError).DefaultIfEmpty().Max());
        }
        catch (Exception e)
        {
            return new ModelOutcome(null, false, chips.ToImmutable(), CaseRunner.What(e), null);
        }
    }

    private static ImmutableArray<ComparedValue> Compare(MappedProgram program, string model, string? golden)
    {
        var read = CaseRunner.Reread(program);
        Dictionary<string, Tensor> inputs = golden is null
            ? RunWork.Draw(read, Seed)
            : RawFolder.Read(golden).Inputs.ToDictionary(i => i.Name, i => ((StoredTensor)i.Value).Tensor, StringComparer.Ordinal);
        using Session session = new(read, new SimulationOptions());
        var outputs = session.Run(inputs);
        string[] names = [.. read.Outputs.Select(o => read.Values[o].Name)];
        var reference = Comparison.Reference(model, names, [], inputs);
        return [.. names.Select((name, i) => Comparison.Compare(name, outputs[i], reference[name], samples: 1))];
    }

    private static double Share(MappedProgram program) => program.ModelParameters == 0
        ? 0
        : (program.Layers.Where(l => l.SharesTilesOf is null).Sum(l => (long)l.Groups * l.ModelRows * l.ModelColumns) + program.Nodes.Where(n => n.Reason == FallbackReason.Depthwise).Sum(n => n.Parameters))
            / (double)program.ModelParameters;
}
