namespace AimcCompiler.Benchmarks;

/// <param name="Model">What runs.</param>
/// <param name="Chip">Where.</param>
/// <param name="Batch">Samples that go through together.</param>
/// <param name="Threads">Cores of both.</param>
/// <param name="Ratio">Time on the wall, ours over ONNX Runtime's: median over rounds.</param>
/// <param name="Goal">The ratio at most.</param>
/// <param name="OursMs">Median of a run of ours.</param>
/// <param name="OnnxRuntimeMs">Median of a run of theirs.</param>
/// <param name="Samples">Samples of a run.</param>
/// <param name="Rounds">Rounds measured.</param>
internal sealed record EndToEndRow(
    string Model, string Chip, int Batch, int Threads, double Ratio, double Goal, double OursMs, double OnnxRuntimeMs, long Samples, int Rounds);
