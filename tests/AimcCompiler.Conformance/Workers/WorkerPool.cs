namespace AimcCompiler.Conformance;

/// <summary>Some worker processes of one kind that share a list of requests.</summary>
/// <param name="kind">What <see cref="WorkerCommand"/> calls it.</param>
/// <param name="size">Processes at a time.</param>
/// <param name="requestsPerProcess">A process is replaced after so many answers, so that nothing piles up in it.</param>
internal sealed class WorkerPool(string kind, int size, int requestsPerProcess = int.MaxValue)
{
    /// <summary>Has every request answered.</summary>
    /// <param name="requests">One line each.</param>
    /// <param name="limit">How long the request of an index may take.</param>
    /// <param name="report">Called with each answer's index as it comes; one call at a time.</param>
    /// <param name="cancellation">Ends the processes.</param>
    public async Task Run(IReadOnlyList<string> requests, Func<int, TimeSpan> limit, Action<int, WorkerAnswer> report, CancellationToken cancellation)
    {
        int next = -1;
        using SemaphoreSlim gate = new(1);
        await Task.WhenAll(Enumerable.Range(0, Math.Min(size, requests.Count)).Select(_ => Task.Run(Serve, cancellation))).ConfigureAwait(false);

        async Task Serve()
        {
            WorkerProcess? worker = null;
            int answers = 0;
            try
            {
                for (int i = Interlocked.Increment(ref next); i < requests.Count; i = Interlocked.Increment(ref next))
                {
                    worker ??= new WorkerProcess(kind);
                    WorkerAnswer answer = await worker.Ask(requests[i], limit(i), cancellation).ConfigureAwait(false);
                    if (answer is not Answered || ++answers >= requestsPerProcess)
                    {
                        worker.Dispose();
                        worker = null;
                        answers = 0;
                    }

                    await gate.WaitAsync(cancellation).ConfigureAwait(false);
                    try
                    {
                        report(i, answer);
                    }
                    finally
                    {
                        gate.Release();
                    }
                }
            }
            finally
            {
                worker?.Dispose();
            }
        }
    }
}
