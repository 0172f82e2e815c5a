using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;

namespace AimcCompiler.Runtime;

/// <summary>What ONNX Runtime makes of the samples: computed once, set beside any number of programs of the model.</summary>
public sealed class EvaluationReference
{
    private EvaluationReference(double metric, Tensor?[] outputs)
    {
        Metric = metric;
        Outputs = outputs;
    }

    public double Metric { get; }

    /// <summary>The scored output of every batch; null where no program is compared with it.</summary>
    internal Tensor?[] Outputs { get; }

    /// <param name="session">The model.</param>
    /// <param name="batch">How samples go through its programs.</param>
    /// <param name="data">The samples.</param>
    /// <param name="options">The metric.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static EvaluationReference Of(DigitalSession session, BatchMode batch, EvaluationData data, EvaluationOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        ScoreSheet sheet = new(data, options);
        var outputs = new Tensor?[data.Batches];
        // A program that is free may come from a model that runs one sample at a time, whatever it declares.
        int? size = SampleBatch.FixedBatch(session) ?? (batch == BatchMode.Free ? 1 : null);
        SampleBatches.Each(data, options, "ONNX Runtime", (index, offset, count, inputs, targets) =>
        {
            var output = SampleBatch.Run(inputs, size, (_, piece) => session.Run(piece, null, cancellation))[options.Output];
            outputs[index] = sheet.ComparesWithReference ? output : null;
            sheet.Score(output, sheet.ComparesWithReference ? output : targets, offset, count, inputs);
        }, cancellation);
        return new EvaluationReference(sheet.Total(), outputs);
    }
}
