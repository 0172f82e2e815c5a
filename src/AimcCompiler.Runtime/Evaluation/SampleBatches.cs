using AimcCompiler.Core;
using AimcCompiler.Digital;

namespace AimcCompiler.Runtime;

/// <summary>Runs over all samples of an evaluation, batch by batch, several at a time.</summary>
internal static class SampleBatches
{
    /// <param name="data">The samples.</param>
    /// <param name="options">Threads and progress.</param>
    /// <param name="what">What is done, for the user.</param>
    /// <param name="run">(index of the batch, its first sample less the first of all, samples, inputs, targets).</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static void Each(
        EvaluationData data, EvaluationOptions options, string what, Action<long, long, int, IReadOnlyDictionary<string, Tensor>, Tensor?> run, CancellationToken cancellation)
    {
        long done = 0;
        Lock reading = new();
        try
        {
            Parallel.For(0, data.Batches, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, options.Simulation.Threads), CancellationToken = cancellation }, index =>
            {
                long offset = index * data.BatchSize;
                int count = (int)Math.Min(data.BatchSize, data.Count - offset);
                IReadOnlyDictionary<string, Tensor> inputs;
                Tensor? targets;
                lock (reading)
                {
                    inputs = data.Batch(data.First + offset, count);
                    targets = data.Targets?.Invoke(data.First + offset, count);
                }

                run(index, offset, count, inputs, targets);
                long finished = Interlocked.Add(ref done, count);
                options.Progress?.Invoke(FormattableString.Invariant($"{what}: {finished} of {data.Count} samples"));
            });
        }
        catch (AggregateException e) when (e.Flatten().InnerExceptions.FirstOrDefault(i => i is DiagnosticException or OperationCanceledException or DigitalException) is { } cause)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(cause);
        }
    }
}
