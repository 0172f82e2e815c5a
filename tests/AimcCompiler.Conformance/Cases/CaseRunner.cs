using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;

namespace AimcCompiler.Conformance;

/// <summary>How a case's examples are stored, and what of it has to be on tiles.</summary>
internal enum CaseKind
{
    /// <summary>A folder of ONNX's backend suite.</summary>
    Suite,

    /// <summary>The same, and its products with constant weights have to be on tiles.</summary>
    ConstantSuite,

    /// <summary>A folder of raw arrays whose operator has to be on tiles.</summary>
    Raw,
}

internal sealed record CaseRequest(string Folder, CaseKind Kind);

/// <param name="Reference">Why ONNX Runtime itself does not give what the suite expects; null = it does.</param>
/// <param name="Failure">Why the compiled program does not; null = it does.</param>
/// <param name="Layers">Layers on tiles.</param>
/// <param name="Off">Nodes that should be on tiles and are not, with the reason.</param>
internal sealed record CaseOutcome(string? Reference, string? Failure, int Layers, ImmutableArray<string> Off);

/// <summary>Runs one case on ONNX Runtime and, compiled for chip <c>float</c>, as a program that went through a file's bytes.</summary>
internal static class CaseRunner
{
    public const string ReferencePhase = "ONNX Runtime";

    private static readonly string[] Products = ["Conv", "ConvTranspose", "Gemm", "MatMul"];

    /// <param name="request">The case.</param>
    /// <param name="phase">Told what comes next, so that a crash has a place.</param>
    public static CaseOutcome Run(CaseRequest request, Action<string> phase)
    {
        string model = Path.Combine(request.Folder, "model.onnx");
        ImmutableArray<ExampleSet> examples;
        phase("reading the case");
        try
        {
            examples = request.Kind == CaseKind.Raw ? [RawFolder.Read(request.Folder)] : SuiteFolder.Read(request.Folder);
        }
        catch (FormatException e)
        {
            return new CaseOutcome($"the case cannot be read: {e.Message}", null, 0, []);
        }

        phase(ReferencePhase);
        string? reference = Reference(model, examples);
        try
        {
            phase("import");
            var graph = OnnxImporter.Import(model);
            phase("compile");
            var program = Reread(AimcCompilation.Compile(graph, ChipReader.Read("float"), new CompileOptions { Chips = null }).Program);
            phase("run");
            return new CaseOutcome(reference, Failure(program, examples), program.Layers.Length, Off(request, graph, program));
        }
        catch (Exception e)
        {
            return new CaseOutcome(reference, What(e), 0, []);
        }
    }

    /// <summary>What went wrong, in a line; what is not a diagnostic is a mistake of ours and says so.</summary>
    public static string What(Exception exception) => exception switch
    {
        DiagnosticException or DigitalException => Line(exception.Message),
        _ => $"{exception.GetType().Name}: {Line(exception.Message)} at {exception.StackTrace?.Split('\n')[0].Trim()}",
    };

    /// <summary>The program as a reader of its file has it.</summary>
    public static MappedProgram Reread(MappedProgram program)
    {
        using MemoryStream file = new();
        AimcWriter.Write(program, file);
        return AimcReader.Read(file.ToArray(), program.ModelName);
    }

    private static string? Reference(string model, ImmutableArray<ExampleSet> examples)
    {
        try
        {
            using DigitalSession session = new(model, new DigitalOptions(Optimize: false));
            return Differences(examples, example =>
            {
                var given = example.Inputs.Where(i => i.Value is not StoredNothing).ToDictionary(i => i.Name, i => StoredDigital.Of(i.Value), StringComparer.Ordinal);
                try
                {
                    return [.. session.Run(given).Select(StoredDigital.Take)];
                }
                finally
                {
                    foreach (var value in given.Values)
                    {
                        value.Dispose();
                    }
                }
            });
        }
        catch (Exception e) when (e is DigitalException or NotSupportedException)
        {
            return Line(e.Message);
        }
    }

    private static string? Failure(MappedProgram program, ImmutableArray<ExampleSet> examples)
    {
        using Session session = new(program, new SimulationOptions());
        return Differences(examples, example =>
        {
            var given = example.Inputs.Where(i => i.Value is not StoredNothing).ToDictionary(i => i.Name, i => StoredDigital.Of(i.Value), StringComparer.Ordinal);
            try
            {
                // An output may be an input: it is read before either is disposed of.
                return [.. session.Run(given).Select(StoredDigital.Take)];
            }
            finally
            {
                foreach (var value in given.Values)
                {
                    value.Dispose();
                }
            }
        });
    }

    private static string? Differences(ImmutableArray<ExampleSet> examples, Func<ExampleSet, StoredValue[]> run)
    {
        foreach (var example in examples)
        {
            var actual = run(example);
            for (int i = 0; i < example.Outputs.Length; i++)
            {
                if (SuiteTolerance.Difference(example.Outputs[i].Value, actual[i]) is { } difference)
                {
                    return $"output '{example.Outputs[i].Name}' {difference}";
                }
            }
        }

        return null;
    }

    /// <summary>Nodes that hold constant weights and are not on tiles; depthwise convolutions are digital unless asked otherwise.</summary>
    private static ImmutableArray<string> Off(CaseRequest request, Graph graph, MappedProgram program)
    {
        if (request.Kind == CaseKind.Suite)
        {
            return [];
        }

        Func<string, bool> isWanted;
        if (request.Kind == CaseKind.Raw)
        {
            string op = RawFolder.Operator(request.Folder);
            isWanted = name => program.Nodes.Any(n => n.Name == name && n.Op == op);
        }
        else
        {
            HashSet<string> holders = [.. graph.Nodes.Where(n => Products.Any(n.Is) && n.Inputs.Take(2).Any(graph.Constants.ContainsKey)).Select(n => n.Name)];
            isWanted = holders.Contains;
        }

        ImmutableArray<string> off =
        [
            .. program.Nodes.Where(n => isWanted(n.Name) && n.Home != Home.Analog && n.Reason is not (FallbackReason.Depthwise or FallbackReason.Folded))
                .Select(n => $"'{n.Name}' ({n.Op}) is {n.Home}: {(n.Detail.Length > 0 ? n.Detail : FallbackReasons.Explain(n.Reason))}"),
        ];
        return off.IsEmpty && request.Kind == CaseKind.Raw && program.Layers.IsEmpty ? ["the program has no layer on tiles"] : off;
    }

    private static string Line(string message) => message.ReplaceLineEndings(" ").Trim();
}
