using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Reports;

namespace AimcCompiler.Conformance;

/// <param name="Mutant">Model and number: <c>--only</c> makes it again.</param>
/// <param name="Kind">What is wrong.</param>
/// <param name="Detail">How the file was broken and what came of it.</param>
internal sealed record FuzzFinding(string Mutant, string Kind, string Detail);

/// <summary><c>fuzz</c>: mutated model files; none of them may crash, hang, take memory beyond its due, or be refused without a place.</summary>
internal static class FuzzCommand
{
    private const int Intact = -1;
    private const int FilesPerProcess = 100;
    private const int MaximumModelBytes = 64 << 20;
    private const double LeastSeconds = 0.2;
    private const long MemoryBase = 200L << 20;
    private const int MemoryFactor = 4;

    /// <summary>A mutant that hung while others kept the machine busy gets so many times the watchdog's time when it runs again.</summary>
    private const int SecondChance = 3;

    private static readonly TimeSpan Watchdog = TimeSpan.FromSeconds(10);

    public static Command Create()
    {
        var count = new Option<int>("--count") { Description = "Mutants", DefaultValueFactory = _ => 10_000 };
        var seed = new Option<int>("--seed") { Description = "Another seed, other mutants", DefaultValueFactory = _ => 1 };
        var folders = new Option<string[]>("--models") { Description = "Folders of the intact models", HelpName = "DIR", DefaultValueFactory = _ => [Path.Combine(SharedFolder.Folder, "models", "onnx"), Path.Combine(SharedFolder.Repository, "onnx-models")] };
        var only = new Option<string[]>("--only") { Description = "These mutants, by the names that findings give them", HelpName = "MODEL:NUMBER", AllowMultipleArgumentsPerToken = true };
        var save = new Option<string?>("--save") { Description = "Leave the mutants of findings here", HelpName = "DIR" };
        CaseOptions options = new(timeoutSeconds: (int)Watchdog.TotalSeconds);
        var command = new AimcCommand(
            "fuzz",
            "Mutated model files through import and compile: no crash, no hang, bounded memory, diagnostics with a place",
            "AimcCompiler.Conformance fuzz --count 1000 --filter lenet",
            "AimcCompiler.Conformance fuzz --only mnist-8.onnx:17 --save /tmp/found") { count, seed, folders, only, save };
        options.AddTo(command);
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                string[] models =
                [
                    .. parsed.GetValue(folders)!.Where(Directory.Exists).SelectMany(f => Directory.EnumerateFiles(f, "*.onnx").Order(StringComparer.Ordinal))
                        .Where(m => options.IsWanted(parsed, Path.GetFileName(m)) && new FileInfo(m).Length is > 0 and <= MaximumModelBytes),
                ];
                if (models.Length == 0)
                {
                    throw new DiagnosticException(Descriptors.InvalidData, "--models", "there is no model to mutate", "give a folder of .onnx files");
                }

                if (parsed.GetValue(save) is { } finds)
                {
                    Directory.CreateDirectory(finds);
                }

                string folder = Directory.CreateTempSubdirectory("aimc-fuzz-").FullName;
                try
                {
                    FuzzRun run = new(parsed.GetValue(seed), options.Workers(parsed), options.Timeout(parsed), parsed.GetValue(save), folder, console.IsVerbose ? console.Error : TextWriter.Null, token);
                    if (parsed.GetValue(only) is { Length: > 0 } names)
                    {
                        (string, int)[] mutants = [.. names.Select(n => Mutant(n, models))];
                        run.MeasureIntact([.. mutants.Select(m => m.Item1).Distinct()]);
                        run.Mutants(mutants);
                    }
                    else
                    {
                        run.MeasureIntact(models);
                        run.Mutants(run.Share(models, parsed.GetValue(count)));
                    }

                    return run.Write(console, parsed.GetValue(options.Format)!);
                }
                finally
                {
                    Directory.Delete(folder, recursive: true);
                }
            },
            cancellation));
        return command;
    }

    private static (string Model, int Number) Mutant(string name, string[] models)
    {
        string[] parts = name.Split(':');
        return parts.Length == 2 && models.FirstOrDefault(m => Path.GetFileName(m) == parts[0]) is { } model && int.TryParse(parts[1], CultureInfo.InvariantCulture, out int number)
            ? (model, number)
            : throw new DiagnosticException(Descriptors.InvalidOption, "--only", $"'{name}' names no mutant", "MODEL:NUMBER as a finding gives it");
    }

    private sealed class FuzzRun(int seed, int workers, TimeSpan watchdog, string? save, string folder, TextWriter log, CancellationToken cancellation)
    {
        private readonly Dictionary<string, long> _intactBytes = new(StringComparer.Ordinal);
        private readonly Dictionary<string, double> _intactSeconds = new(StringComparer.Ordinal);
        private readonly List<FuzzFinding> _findings = [];
        private readonly List<FuzzFinding> _large = [];
        private readonly List<(string Model, int Number)> _hung = [];
        private int _mutants;
        private int _accepted;
        private int _rejected;

        /// <summary>What each intact model takes: its mutants get that time on top of the watchdog's, and that memory where it is more than their due
        /// (topologies expand their weights before anything can be wrong with them).</summary>
        public void MeasureIntact(string[] models) => new WorkerPool("fuzz", workers, requestsPerProcess: 1).Run(
            [.. models.Select(m => JsonSerializer.Serialize(new FuzzRequest(m, Intact, seed, folder)))],
            _ => TimeSpan.FromMinutes(10),
            (i, answer) =>
            {
                if (answer is Answered answered)
                {
                    var outcome = JsonSerializer.Deserialize<FuzzOutcome>(answered.Json)!;
                    (_intactSeconds[models[i]], _intactBytes[models[i]]) = (outcome.Seconds, outcome.ExtraBytes);
                }
                else
                {
                    _intactSeconds[models[i]] = 0;
                    _findings.Add(new FuzzFinding(Name(models[i], Intact), "crash", answer.ToString()!));
                }
            },
            cancellation).GetAwaiter().GetResult();

        /// <summary>Mutants of each model, more of the quick ones.</summary>
        public (string Model, int Number)[] Share(string[] models, int count)
        {
            double Weight(string model) => 1 / Math.Max(LeastSeconds, _intactSeconds[model]);
            double whole = models.Sum(Weight);
            double part = 0;
            int given = 0;
            List<(string, int)> mutants = [];
            foreach (string model in models)
            {
                part += Weight(model);
                int until = (int)Math.Round(count * part / whole);
                mutants.AddRange(Enumerable.Range(0, until - given).Select(n => (model, n)));
                given = until;
            }

            return [.. mutants];
        }

        public void Mutants((string Model, int Number)[] mutants)
        {
            List<(string Model, int Number)> suspects = [];
            Run(mutants, FilesPerProcess, (mutant, outcome) =>
            {
                if (outcome.ExtraBytes > Due(mutant.Model, outcome))
                {
                    suspects.Add(mutant);
                }
            });

            // What files before it left in a process is not a file's own, nor is the time that others took: a suspect gets a process of its own.
            suspects.AddRange(_hung);
            Run([.. suspects], 1, (mutant, outcome) =>
            {
                if (outcome.ExtraBytes > Due(mutant.Model, outcome))
                {
                    string detail = string.Create(CultureInfo.InvariantCulture, $"{outcome.ExtraBytes >> 20} MB for a file of {outcome.FileBytes / 1048576.0:0.0} MB ({outcome.How}; {outcome.Verdict}) {outcome.Message}");
                    (outcome.Verdict == FuzzVerdict.Accepted ? _large : _findings).Add(new FuzzFinding(Name(mutant.Model, mutant.Number), "memory", detail));
                }
            }, isSecondRun: true);
        }

        public int Write(AimcConsole console, string format)
        {
            if (format == "json")
            {
                ResultOutput.Write(console, ReportJson.Write(new { SchemaVersion = 1, Mutants = _mutants, Accepted = _accepted, Rejected = _rejected, Findings = _findings, AcceptedWithMuchMemory = _large }), file: null);
                return _findings.Count == 0 ? CommandOutcome.Done : CommandOutcome.Rejected;
            }

            foreach (var finding in _findings)
            {
                console.Output.WriteLine(Printable.Of($"{finding.Mutant}: {finding.Kind}: {finding.Detail}", 600));
            }

            foreach (var finding in _large)
            {
                console.Output.WriteLine(Printable.Of($"{finding.Mutant}: compiles with much {finding.Kind}: {finding.Detail}", 300));
            }

            string kinds = string.Join(", ", ((string[])["crash", "hang", "exception", "memory", "no place"]).Select(k => string.Create(CultureInfo.InvariantCulture, $"{k} {_findings.Count(f => f.Kind == k)}")));
            console.Output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{_mutants} mutants, {_accepted} compile, {_rejected} are refused; findings: {kinds}; {_large.Count} compile with more memory than {MemoryFactor} times the file (or what the intact file takes) and {MemoryBase >> 20} MB"));
            return _findings.Count == 0 ? CommandOutcome.Done : CommandOutcome.Rejected;
        }

        private long Due(string model, FuzzOutcome outcome) => MemoryBase + Math.Max(MemoryFactor * outcome.FileBytes, _intactBytes.GetValueOrDefault(model));

        private static string Name(string model, int number) => string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(model)}:{number}");

        private void Run((string Model, int Number)[] mutants, int filesPerProcess, Action<(string Model, int Number), FuzzOutcome> also, bool isSecondRun = false) =>
            new WorkerPool("fuzz", workers, filesPerProcess).Run(
                [.. mutants.Select(m => JsonSerializer.Serialize(new FuzzRequest(m.Model, m.Number, seed, folder)))],
                i => (isSecondRun ? SecondChance : 1) * (watchdog + TimeSpan.FromSeconds(_intactSeconds.GetValueOrDefault(mutants[i].Model))),
                (i, answer) =>
                {
                    // A suspect that hung has not been counted yet.
                    bool isNew = !isSecondRun || _hung.Contains(mutants[i]);
                    _mutants += isSecondRun ? 0 : 1;
                    if (!isSecondRun && _mutants % 500 == 0)
                    {
                        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_mutants} mutants, {_findings.Count} findings"));
                    }

                    string name = Name(mutants[i].Model, mutants[i].Number);
                    FuzzFinding? finding = null;
                    if (answer is Answered answered)
                    {
                        var outcome = JsonSerializer.Deserialize<FuzzOutcome>(answered.Json)!;
                        _accepted += isNew && outcome.Verdict == FuzzVerdict.Accepted ? 1 : 0;
                        _rejected += isNew && outcome.Verdict is (FuzzVerdict.Rejected or FuzzVerdict.RejectedWithoutPlace) ? 1 : 0;
                        finding = outcome.Verdict switch
                        {
                            FuzzVerdict.Exception => new FuzzFinding(name, "exception", $"{outcome.How}: {outcome.Message}"),
                            FuzzVerdict.RejectedWithoutPlace => new FuzzFinding(name, "no place", $"{outcome.How}: {outcome.Message}"),
                            _ => null,
                        };
                        if (outcome.Verdict == FuzzVerdict.Rejected && isNew)
                        {
                            log.WriteLine(Printable.Of($"{name}: {outcome.How}: {outcome.Message}", 500));
                        }

                        also(mutants[i], outcome);
                    }
                    else if (answer is Hung && !isSecondRun)
                    {
                        _hung.Add(mutants[i]);
                    }
                    else
                    {
                        finding = new FuzzFinding(name, answer is Hung ? "hang" : "crash", answer.ToString()!);
                    }

                    if (finding is not null && (isNew || answer is not Answered))
                    {
                        _findings.Add(finding);
                        if (save is not null)
                        {
                            byte[] mutant = new Mutator(File.ReadAllBytes(mutants[i].Model)).Mutate(Path.GetFileName(mutants[i].Model), mutants[i].Number, seed).File;
                            File.WriteAllBytes(Path.Combine(save, $"{finding.Kind.Replace(' ', '-')}-{name.Replace(':', '-')}.onnx"), mutant);
                        }
                    }
                },
                cancellation).GetAwaiter().GetResult();
    }
}
