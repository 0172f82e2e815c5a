using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using AimcCompiler.Core;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;

namespace AimcCompiler.Conformance;

/// <param name="Model">Path of the intact file.</param>
/// <param name="Number">Which of its mutants; -1 = the file as it is.</param>
/// <param name="Seed">Of the run.</param>
/// <param name="Folder">For files while they are read.</param>
internal sealed record FuzzRequest(string Model, int Number, int Seed, string Folder);

internal enum FuzzVerdict
{
    /// <summary>It compiled.</summary>
    Accepted,

    /// <summary>A diagnostic named the file and a place in it.</summary>
    Rejected,

    /// <summary>A diagnostic named no place.</summary>
    RejectedWithoutPlace,

    /// <summary>An exception that is no diagnostic.</summary>
    Exception,
}

/// <param name="Verdict">What became of it.</param>
/// <param name="Message">The diagnostic or exception.</param>
/// <param name="How">How the file was broken.</param>
/// <param name="Seconds">For import and compilation.</param>
/// <param name="FileBytes">Size of the mutant.</param>
/// <param name="ExtraBytes">Peak memory above that of the process before its first file.</param>
internal sealed record FuzzOutcome(FuzzVerdict Verdict, string Message, string How, double Seconds, long FileBytes, long ExtraBytes);

/// <summary>Imports one mutant and compiles it for chip <c>float</c>.</summary>
internal static partial class FuzzRunner
{
    public static FuzzOutcome Run(FuzzRequest request, long bareBytes, Action<string> phase)
    {
        phase("mutate");
        string name = Path.GetFileName(request.Model);
        byte[] bytes = File.ReadAllBytes(request.Model);
        string how = "intact";
        if (request.Number >= 0)
        {
            (bytes, how) = new Mutator(bytes).Mutate(name, request.Number, request.Seed);
        }

        string folder = Path.Combine(request.Folder, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, name);
        File.WriteAllBytes(file, bytes);
        long size = bytes.Length;
        bytes = [];
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        ResidentSet.ForgetPeak();
        long started = Stopwatch.GetTimestamp();
        FuzzVerdict verdict;
        string message = "";
        phase($"import ({how})");
        try
        {
            var graph = OnnxImporter.Import(file);
            phase($"compile ({how})");
            AimcCompilation.Compile(graph, ChipReader.Read("float"), new CompileOptions { Chips = null });
            verdict = FuzzVerdict.Accepted;
        }
        catch (DiagnosticException e)
        {
            bool hasPlace = e.Diagnostics.All(d => $"{d.Where}: {d.Message}" is var text && text.Contains(name, StringComparison.Ordinal) && Place().IsMatch(text));
            (verdict, message) = (hasPlace ? FuzzVerdict.Rejected : FuzzVerdict.RejectedWithoutPlace, CaseRunner.What(e));
        }
        catch (Exception e)
        {
            (verdict, message) = (FuzzVerdict.Exception, CaseRunner.What(e));
        }

        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        long extra = Math.Max(0, ResidentSet.Peak - bareBytes);
        File.Delete(file);
        return new FuzzOutcome(verdict, message, how, seconds, size, extra);
    }

    /// <summary>What a place is: an offset, or a named thing of the model.</summary>
    [GeneratedRegex(@"\bbyte \d+|(?:node|initializer|input|output|value|constant|function|attribute|operator|domain|tensor|opset|dimension)s? '|(?:input|output|initializer|node) \d|holds the name '|opset import|ir_version|is empty|holds no ONNX graph|line \d+")]
    private static partial Regex Place();
}
