using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>The terms of a metric, sample by sample, of one run over the data at a time. Batches may be scored by several threads.</summary>
internal sealed class ScoreSheet
{
    private readonly EvaluationData _data;
    private readonly EvaluationOptions _options;
    private readonly Metric _metric;
    private readonly double[] _terms;

    public ScoreSheet(EvaluationData data, EvaluationOptions options)
    {
        _data = data;
        _options = options;
        _metric = Metric.Of(options.Metric, options.Peak);
        _terms = new double[data.Count * _metric.Terms];
        ComparesWithReference = options.Metric == MetricKind.Agreement || (Metric.NeedsTargets(options.Metric) && data.Targets is null);
    }

    /// <summary>The target of an output is what ONNX Runtime's is.</summary>
    public bool ComparesWithReference { get; }

    public void Score(Tensor output, Tensor? target, long offset, int count, IReadOnlyDictionary<string, Tensor> inputs) => _metric.Score(
        new ScoredBatch(output, target, _options.Reconstructed is { } name ? inputs[name] : null, Labels(offset, count), count),
        _terms.AsSpan((int)offset * _metric.Terms, count * _metric.Terms));

    /// <summary>The metric of all samples as they were scored last.</summary>
    public double Total() => _metric.Total(_terms, Labels(0, (int)_data.Count).Span);

    private ReadOnlyMemory<int> Labels(long offset, int count) => _data.Labels is null ? default : _data.Labels.AsMemory((int)(_data.First + offset), count);
}
