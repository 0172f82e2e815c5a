using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Kernels;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary>What <c>run</c> was asked for.</summary>
internal sealed record RunRequest
{
    public required string Program { get; init; }

    public DataOptions Data { get; init; } = new();

    /// <summary>Where outputs go as NAME.npy; null = nowhere.</summary>
    public string? Output { get; init; }

    /// <summary>The model to compare with; null = no comparison.</summary>
    public string? Compare { get; init; }

    public bool PerLayer { get; init; }

    public long FirstSample { get; init; }

    /// <summary>Instruction by instruction, as the schedule has them.</summary>
    public bool UsesStreams { get; init; }

    public SimulationOptions Simulation { get; init; } = new();
}

/// <param name="Outputs">Every output.</param>
/// <param name="Layers">Every layer, with <c>--per-layer</c>.</param>
/// <param name="Files">Files written.</param>
/// <param name="DrewInputs">Inputs were drawn, not given.</param>
/// <param name="ComparedWith">onnx_runtime, test_set, or null.</param>
/// <param name="Clipped">Conversions that clipped.</param>
/// <param name="Warnings">Findings that did not stop it.</param>
internal sealed record RunOutcome(
    ImmutableArray<(string Name, Tensor Value, ComparedValue? Compared)> Outputs, ImmutableArray<ComparedValue> Layers, ImmutableArray<string> Files, bool DrewInputs, string? ComparedWith, long Clipped, ImmutableArray<Diagnostic> Warnings)
{
    /// <summary>What writing the cells took; null where no account is kept.</summary>
    public ProgrammingReport? Programming { get; init; }
}

internal static class RunWork
{
    public static RunOutcome Run(RunRequest request, CancellationToken cancellation)
    {
        using var file = AimcReader.Open(request.Program);
        var program = file.Program;
        bool draws = request.Data.Paths.IsEmpty;
        ProgramInputs.CheckArrays(program);
        var (inputs, expected) = draws ? (Draw(program, request.Simulation.Seed), []) : Read(program, request);
        if (request.Output is not { } folder || Directory.Exists(folder))
        {
            return Run(request, program, inputs, expected, draws, cancellation);
        }

        PrepareFolder(folder);
        try
        {
            return Run(request, program, inputs, expected, draws, cancellation);
        }
        catch
        {
            RemoveIfEmpty(folder);
            throw;
        }
    }

    private static RunOutcome Run(
        RunRequest request, MappedProgram program, Dictionary<string, Tensor> inputs, ImmutableArray<Tensor?> expected, bool draws, CancellationToken cancellation)
    {
        using StreamMachine? machine = request.UsesStreams ? new StreamMachine(program, request.Simulation) : null;
        using Session? own = machine is null ? new Session(program, request.Simulation) : null;
        Session session = machine?.Session ?? own!;
        Dictionary<int, List<Tensor>> parts = [];
        Action<int, Tensor, Tensor>? observe = request.PerLayer ? (layer, _, output) => (parts.TryGetValue(layer, out var list) ? list : parts[layer] = []).Add(output) : null;
        // More samples than the model takes at once go through one batch after another.
        var outputs = SampleBatch.Run(inputs, program.FixedBatch, (first, piece) => machine is null
            ? session.Run(piece, request.FirstSample + first, observe, cancellation)
            : machine.Run(piece, request.FirstSample + first, cancellation));
        var layers = parts.ToDictionary(p => p.Key, p => SampleBatch.Join(p.Value));
        int samples = inputs.Count > 0 && inputs.Values.First().Shape is [var first, ..] ? (int)first : 1;
        var names = program.Outputs.Select(o => program.Values[o].Name).ToImmutableArray();
        ImmutableArray<Diagnostic> warnings = [];
        ComparedValue?[] compared = new ComparedValue?[outputs.Length];
        ImmutableArray<ComparedValue> comparedLayers = [];
        if (request.Compare is { } model)
        {
            warnings = [.. Comparison.WarnOfOther(program, model)];
            string[] layerValues = [.. program.Layers.Select(l => program.Values[l.Output].Name)];
            var reference = Comparison.Reference(model, names, request.PerLayer ? layerValues : [], ProgramInputs.WithFixed(program, inputs), program.Fixed);
            for (int i = 0; i < outputs.Length; i++)
            {
                compared[i] = Comparison.Compare(names[i], outputs[i], reference[names[i]], samples);
            }

            if (request.PerLayer)
            {
                // What a time loop does inside has no counterpart in the model: its sequence has.
                comparedLayers =
                [
                    .. program.Layers.Select((l, i) => (Layer: l, Index: i)).Where(l => reference.ContainsKey(layerValues[l.Index]))
                        .Select(l => Comparison.Compare(l.Layer.Name, layers[l.Index], reference[layerValues[l.Index]], samples)),
                ];
            }
        }
        else
        {
            for (int i = 0; i < expected.Length; i++)
            {
                compared[i] = expected[i] is { } wanted ? Comparison.Compare(names[i], outputs[i], wanted, wanted, samples) : null;
            }
        }

        List<string> files = [];
        for (int i = 0; i < outputs.Length && request.Output is not null; i++)
        {
            string name = FileName(names[i], i);
            bool isTaken = names.Take(i).Select(FileName).Contains(name, StringComparer.OrdinalIgnoreCase);
            string path = Path.Combine(request.Output, isTaken ? FormattableString.Invariant($"output{i}.npy") : name);
            NpyWriter.Write(path, outputs[i]);
            files.Add(path);
        }

        string? comparedWith = request.Compare is not null ? "onnx_runtime" : compared.Any(c => c is not null) ? "test_set" : null;
        return new RunOutcome(
            [.. names.Select((n, i) => (n, outputs[i], compared[i]))], comparedLayers, [.. files], draws, comparedWith, session.ClippedConversions.Sum(), warnings)
        {
            Programming = session.Programming,
        };
    }

    /// <summary>The inputs and, where they are a test set, what it says of each output.</summary>
    private static (Dictionary<string, Tensor> Inputs, ImmutableArray<Tensor?> Expected) Read(MappedProgram program, RunRequest request)
    {
        using var data = request.Data.Open(request.Compare ?? request.Program, ProgramInputs.Of(program), isOneBatch: true, stored: program.Preprocessing is { } json ? (request.Program, json) : null);
        return (
            program.Inputs.Select(i => program.Values[i].Name).ToDictionary(n => n, n => data.Batch(n, 0, checked((int)data.CountOf(n))), StringComparer.Ordinal),
            [.. program.Outputs.Select((o, i) => data.Expected(program.Values[o].Name, i))]);
    }

    /// <summary>Seeded inputs of the declared shapes, open dimensions as the compile took them: standard normals, spread bytes, and zeros for wider integers, which may be indices. They serve
    /// comparison, not accuracy.</summary>
    internal static Dictionary<string, Tensor> Draw(MappedProgram program, ulong seed)
    {
        Dictionary<string, Tensor> inputs = new(StringComparer.Ordinal);
        foreach (var (value, number) in program.Inputs.Select((i, n) => (program.Values[i], n)))
        {
            var tensor = Tensor.Zeros(value.Type, value.Nominal.IsEmpty ? [.. value.Shape.Select(d => d < 0 ? 1 : d)] : value.Nominal);
            float[] normals = new float[tensor.Count];
            Draws.Normals(new CellStream(seed, 0, number, 0, 0, 0, 0), DrawPurpose.Input, 0, 0, 0, normals);
            for (int i = 0; i < normals.Length; i++)
            {
                // By type: to a pattern sbyte[] is byte[] too.
                switch (value.Type)
                {
                    case TensorType.Float:
                        tensor.Floats[i] = normals[i];
                        break;
                    case TensorType.Double:
                        ((double[])tensor.Data)[i] = normals[i];
                        break;
                    case TensorType.Float16:
                        ((Half[])tensor.Data)[i] = (Half)normals[i];
                        break;
                    case TensorType.UInt8:
                        ((byte[])tensor.Data)[i] = (byte)Math.Clamp(128 + (32 * normals[i]), 0, 255);
                        break;
                    case TensorType.Int8:
                        ((sbyte[])tensor.Data)[i] = (sbyte)Math.Clamp(32 * normals[i], -127, 127);
                        break;
                    default:
                        break;
                }
            }

            inputs.Add(value.Name, tensor);
        }

        return inputs;
    }

    private static void PrepareFolder(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new DiagnosticException(Descriptors.CannotWrite, folder, $"cannot be made a folder ({e.Message})", "--output another folder");
        }
    }

    /// <summary>A run that failed leaves no folder behind that it made.</summary>
    private static void RemoveIfEmpty(string folder)
    {
        try
        {
            Directory.Delete(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What failed before says more.
        }
    }

    /// <summary>Names come from the model: only letters, digits and a few marks go into a file name.</summary>
    private static string FileName(string name, int index)
    {
        string safe = new([.. name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' ? c : '_')]);
        return safe.Trim('.', '_').Length == 0 ? FormattableString.Invariant($"output{index}.npy") : $"{safe.TrimStart('.')}.npy";
    }
}

internal static class ProgramInputs
{
    /// <summary>The batch that the inputs are fixed to; null = open.</summary>
    public static int? FixedBatch(IEnumerable<DataInput> inputs) => inputs.Select(i => i.Shape is [var batch, ..] ? batch : 1).Distinct().ToArray() is [> 0 and var only] ? (int)only : null;

    /// <summary>What the model itself takes: the program's inputs, and those that are constants in it. A program does not look at those.</summary>
    public static Dictionary<string, Tensor> WithFixed(MappedProgram program, IReadOnlyDictionary<string, Tensor> inputs)
    {
        Dictionary<string, Tensor> all = new(inputs, StringComparer.Ordinal);
        foreach (var input in program.Fixed)
        {
            all[input.Name] = input.ToTensor()!;
        }

        return all;
    }

    /// <exception cref="DiagnosticException">The program takes or gives what no array file holds.</exception>
    public static void CheckArrays(MappedProgram program)
    {
        foreach (var value in program.Inputs.Concat(program.Outputs).Select(i => program.Values[i]).Where(v => v.Type == TensorType.Undefined || Tensor.IsPacked(v.Type)))
        {
            throw new DiagnosticException(
                Descriptors.WrongShape,
                $"value '{value.Name}'",
                value.Type == TensorType.Undefined ? "is not a tensor: no array file holds it" : $"is of type {value.Type}, which no array file holds",
                "the library's Session runs such programs");
        }
    }

    public static ImmutableArray<DataInput> Of(MappedProgram program) =>
        [.. program.Inputs.Select(i => program.Values[i]).Select(v => new DataInput(v.Name, v.Type, v.Shape))];
}
