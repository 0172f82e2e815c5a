using System.Globalization;
using System.Text;
using AimcCompiler.Binary;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary>What <c>evaluate</c> found, as text, as JSON and as CSV. A closed hierarchy.</summary>
internal abstract class EvaluationReport
{
    private protected EvaluationReport(
        EvaluateRequest request, MappedProgram program, MetricKind metric, string output, long samples, long calibrationSamples, bool hasTargets, double? reference) =>
        (Request, Program, Metric, Output, Samples, CalibrationSamples, HasTargets, Reference) = (request, program, metric, output, samples, calibrationSamples, hasTargets, reference);

    protected EvaluateRequest Request { get; }

    protected MappedProgram Program { get; }

    protected MetricKind Metric { get; }

    protected string Output { get; }

    protected long Samples { get; }

    protected long CalibrationSamples { get; }

    protected bool HasTargets { get; }

    protected double? Reference { get; }

    /// <summary>With its final line feed.</summary>
    public abstract string Text();

    /// <summary>For <see cref="ReportJson"/>.</summary>
    public abstract object Json();

    /// <summary>A heading and a line for each figure; shares from 0 to 1, empty = not there.</summary>
    public abstract string Csv();

    /// <summary>targets, onnx_runtime, or null where the metric compares with neither.</summary>
    protected string? ComparedWith => !Runtime.Metric.NeedsTargets(Metric) ? null : HasTargets ? "targets" : "onnx_runtime";

    protected bool IsShare => Runtime.Metric.IsShare(Metric);

    /// <summary>The first lines of every text: what, on which chip, and ONNX Runtime's own figure.</summary>
    protected StringBuilder Heading()
    {
        StringBuilder text = new();
        string against = !Runtime.Metric.NeedsTargets(Metric) ? "" : HasTargets ? " against targets" : " against ONNX Runtime";
        Line(text, string.Create(
            CultureInfo.InvariantCulture,
            $"{Printable.Of(Program.ModelName)} on {Printable.Of(Program.Chip.Name)}: {Runtime.Metric.NameOf(Metric)}{against} on {Samples:N0} samples, seed {Request.Simulation.Seed}"));
        if (CalibrationSamples > 0)
        {
            Line(text, string.Create(CultureInfo.InvariantCulture, $"the program had no ranges: calibrated on the first {CalibrationSamples:N0} samples, which do not count"));
        }

        if (Reference is { } reference)
        {
            Line(text, $"{"ONNX Runtime",-14} {Figure(reference),10}");
        }

        return text;
    }

    protected static void Line(StringBuilder text, string line) => text.Append(line.TrimEnd()).Append('\n');

    /// <summary>A value of the metric, with its unit.</summary>
    protected string Figure(double value) => IsShare ? string.Create(CultureInfo.InvariantCulture, $"{100 * value:0.00} %")
        : Metric == MetricKind.Mse ? value.ToString("0.000e+00", CultureInfo.InvariantCulture)
        : double.IsFinite(value) ? string.Create(CultureInfo.InvariantCulture, $"{value:0.00} dB")
        : "exact";

    /// <summary>A difference of two values: points, dB, or as it is.</summary>
    protected string Difference(double value) => !double.IsFinite(value) ? "-"
        : IsShare ? (100 * value).ToString("+0.00;-0.00;0.00", CultureInfo.InvariantCulture)
        : Metric == MetricKind.Mse ? value.ToString("+0.000e+00;-0.000e+00;0", CultureInfo.InvariantCulture)
        : value.ToString("+0.00;-0.00;0.00", CultureInfo.InvariantCulture);

    /// <summary>In words: what <see cref="Difference"/> counts.</summary>
    protected string Unit => IsShare ? "points" : Metric == MetricKind.Mse ? "mean squared error" : "dB";

    /// <summary>Half an interval, in the unit of differences.</summary>
    protected string Interval(double? ci) => ci is not { } width ? "" : Metric == MetricKind.Mse
        ? width.ToString("0.000e+00", CultureInfo.InvariantCulture)
        : ((IsShare ? 100 : 1) * width).ToString("0.00", CultureInfo.InvariantCulture);

    protected static string TimeName(double? time) => time is { } t ? Evaluator.TimeText(t) : "programmed";

    protected static string Instances(int count) => $"{count} {(count == 1 ? "instance" : "instances")}";

    protected static object Point(EvaluationPoint point) => new { point.TimeS, point.Instances, Mean = Finite(point.Mean), point.Std, point.Ci95 };

    /// <summary>JSON has no infinity: no error at all has no ratio to it.</summary>
    protected static double? Finite(double value) => double.IsFinite(value) ? value : null;

    protected static string CsvLine(params IEnumerable<object?> cells) => string.Join(',', cells.Select(Cell)) + "\n";

    private static string Cell(object? value)
    {
        string text = value switch
        {
            null => "",
            double number => double.IsFinite(number) ? number.ToString("R", CultureInfo.InvariantCulture) : "",
            _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
        };
        return text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
    }
}
