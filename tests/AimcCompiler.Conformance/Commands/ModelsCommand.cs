using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AimcCompiler.Cli;
using AimcCompiler.Reports;

namespace AimcCompiler.Conformance;

/// <param name="Model">File name.</param>
/// <param name="OnnxRuntimeAccepts">What the inventory says.</param>
/// <param name="ExpectedShare">Share of parameters in constant-weight products, by the inventory.</param>
/// <param name="Outcome">What the compiler made of it; null where the process ended.</param>
/// <param name="Failures">What is not as it should be.</param>
internal sealed record ModelResult(string Model, bool OnnxRuntimeAccepts, double ExpectedShare, ModelOutcome? Outcome, ImmutableArray<string> Failures);

/// <summary><c>models</c>: real models, for three chips.</summary>
internal static class ModelsCommand
{
    /// <summary>The inventory rounds to four digits.</summary>
    private const double ShareSlack = 0.0005;

    public static Command Create()
    {
        var folder = new Option<string>("--data")
        {
            Description = "The folder that holds INVENTORY.json, onnx/ and golden/",
            HelpName = "DIR",
            DefaultValueFactory = _ => Path.Combine(SharedFolder.Folder, "models"),
        };
        CaseOptions options = new(timeoutSeconds: 900);
        var command = new AimcCommand(
            "models",
            "Real models: compiled for float, hermes and isaac; equal to ONNX Runtime on float; parameters on tiles",
            "AimcCompiler.Conformance models --filter resnet --workers 1") { folder };
        options.AddTo(command);
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                string data = CaseOptions.Folder(parsed.GetValue(folder)!, "the reference models stand in ../shared beside the repository");
                using var inventory = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(data, "INVENTORY.json")));
                Entry[] entries = [.. inventory.RootElement.GetProperty("models").EnumerateArray().Select(m => Entry.Of(m, data)).Where(e => options.IsWanted(parsed, e.Name))];
                var results = new ModelResult[entries.Length];
                // A process a model: what one leaves behind is no other's burden.
                new WorkerPool("model", options.Workers(parsed), requestsPerProcess: 1).Run(
                    [.. entries.Select(e => JsonSerializer.Serialize(e.Request))],
                    _ => options.Timeout(parsed),
                    (i, answer) => results[i] = Judge(entries[i], answer),
                    token).GetAwaiter().GetResult();
                bool isProof = results.Length > 0 && results.All(r => r.Failures.IsEmpty);
                if (parsed.GetValue(options.Format) == "json")
                {
                    ResultOutput.Write(console, ReportJson.Write(new { SchemaVersion = 1, Models = results }), file: null);
                }
                else
                {
                    Write(console, results);
                }

                return isProof ? CommandOutcome.Done : CommandOutcome.Rejected;
            },
            cancellation));
        return command;
    }

    private static ModelResult Judge(Entry entry, WorkerAnswer answer)
    {
        if (answer is not Answered answered)
        {
            return new ModelResult(entry.Name, entry.IsAccepted, entry.Share, null, [answer.ToString()!]);
        }

        var outcome = JsonSerializer.Deserialize<ModelOutcome>(answered.Json)!;
        List<string> failures = [];
        if (outcome.Import is { } import && (entry.IsAccepted || !outcome.ImportIsDiagnostic))
        {
            failures.Add(import);
        }

        foreach (var chip in outcome.Chips)
        {
            if (chip.Failure is { } failure && (entry.IsAccepted || !chip.IsDiagnostic))
            {
                failures.Add($"{chip.Chip}: {failure}");
            }
            else if (chip.Failure is null && entry.IsAccepted && !entry.HoldsProductsInBranches && chip.ParameterShare < entry.Share - ShareSlack)
            {
                failures.Add(string.Create(CultureInfo.InvariantCulture, $"{chip.Chip}: {chip.ParameterShare:0.0000} of the parameters on tiles or depthwise, {entry.Share:0.0000} are in products with constants"));
            }
        }

        if (outcome.Difference is { } difference)
        {
            failures.Add(difference);
        }

        return new ModelResult(entry.Name, entry.IsAccepted, entry.Share, outcome, [.. failures]);
    }

    private static void Write(AimcConsole console, ModelResult[] results)
    {
        TextTable table = new(("model", false), ("ONNX Runtime", false), ("compiles for", false), ("on tiles", true), ("inventory", true), ("relative error", true), ("verdict", false));
        foreach (var result in results)
        {
            var chips = result.Outcome?.Chips ?? [];
            double? share = chips.FirstOrDefault(c => c.Failure is null)?.ParameterShare;
            table.Add(
                Printable.Of(result.Model),
                result.OnnxRuntimeAccepts ? "accepts" : "rejects",
                string.Join(' ', chips.Where(c => c.Failure is null).Select(c => c.Chip)) is { Length: > 0 } names ? names : "-",
                share?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "-",
                result.ExpectedShare.ToString("0.0000", CultureInfo.InvariantCulture),
                result.Outcome?.WorstError?.ToString("0.0e+00", CultureInfo.InvariantCulture) ?? "-",
                result.Failures.IsEmpty ? "ok" : "FAILS");
        }

        foreach (string line in table.Lines())
        {
            console.Output.WriteLine(line);
        }

        foreach (var result in results.Where(r => !r.Failures.IsEmpty))
        {
            foreach (string failure in result.Failures)
            {
                console.Output.WriteLine(Printable.Of($"{result.Model}: FAILS: {failure}", 500));
            }
        }

        foreach (var result in results.Where(r => !r.OnnxRuntimeAccepts && r.Outcome is not null))
        {
            string said = result.Outcome!.Import ?? result.Outcome.Chips.Select(c => c.Failure).FirstOrDefault(f => f is not null) ?? "compiles";
            console.Output.WriteLine(Printable.Of($"{result.Model}: {said}", 600));
        }

        int accepted = results.Count(r => r.OnnxRuntimeAccepts);
        console.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{results.Length} models, ONNX Runtime accepts {accepted}, of those {results.Count(r => r.OnnxRuntimeAccepts && r.Failures.IsEmpty)} are as they should be; of the {results.Length - accepted} others {results.Count(r => !r.OnnxRuntimeAccepts && r.Failures.IsEmpty)}"));
    }

    /// <summary>A line of the inventory.</summary>
    /// <param name="HoldsProductsInBranches">Its products are in bodies of If nodes whose condition follows an input: ONNX Runtime runs them unless --fix decides.</param>
    private sealed record Entry(string Name, bool IsAccepted, double Share, bool HoldsProductsInBranches, ModelRequest Request)
    {
        private const string ConstantFilled = "light_";

        public static Entry Of(JsonElement model, string data)
        {
            string name = model.GetProperty("name").GetString()!;
            string golden = Path.Combine(data, "golden", Path.GetFileNameWithoutExtension(name));
            bool isConstantFilled = name.StartsWith(ConstantFilled, StringComparison.Ordinal);
            return new Entry(
                name,
                model.GetProperty("ort").GetString() == "ok",
                model.GetProperty("mvm_share").GetDouble(),
                model.GetProperty("flags").EnumerateArray().Any(f => f.GetString() is "If" or "Loop" or "Scan"),
                new ModelRequest(
                    Path.Combine(data, model.GetProperty("file").GetString()!),
                    File.Exists(Path.Combine(golden, "meta.json")) && !isConstantFilled ? golden : null,
                    isConstantFilled));
        }
    }
}
