using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>The program that <c>evaluate</c> was given, or that it compiles from the model it was given; and the same model on other chips.</summary>
internal sealed class ProgramSource : IDisposable
{
    private readonly EvaluateRequest _request;
    private readonly AimcFile? _file;

    public ProgramSource(EvaluateRequest request, CancellationToken cancellation)
        : this(request, settings: [], cancellation)
    {
    }

    /// <param name="request">What was asked for.</param>
    /// <param name="settings">Fields of the chip to set before an .onnx is compiled.</param>
    /// <param name="cancellation">Stops the compile.</param>
    public ProgramSource(EvaluateRequest request, ImmutableArray<string> settings, CancellationToken cancellation)
    {
        _request = request;
        if (request.Compile is { } compile)
        {
            Program = Compile(compile with { Overrides = [.. compile.Overrides, .. settings] }, cancellation);
        }
        else
        {
            _file = AimcReader.Open(request.File);
            Program = _file.Program;
        }
    }

    public MappedProgram Program { get; }

    /// <summary>Findings of all compiles, each said once.</summary>
    public ImmutableArray<Diagnostic> Warnings { get; private set; } = [];

    /// <summary>There is a model to compile anew.</summary>
    public bool IsModel => _request.Compile is not null;

    /// <summary>The model compiled with other settings, on top of the user's.</summary>
    public MappedProgram Compile(ImmutableArray<string> settings, CancellationToken cancellation) =>
        Compile(_request.Compile! with { Overrides = [.. _request.Compile.Overrides, .. settings] }, cancellation);

    /// <summary>The model compiled for another chip.</summary>
    public MappedProgram Compile(ChipDescription chip, CancellationToken cancellation) => Compile(_request.Compile! with { Description = chip }, cancellation);

    public void Warn(IEnumerable<Diagnostic> findings)
    {
        var known = Warnings.Select(w => w.ToString()).ToHashSet(StringComparer.Ordinal);
        Warnings = [.. Warnings, .. findings.Where(f => known.Add(f.ToString()))];
    }

    public void Dispose() => _file?.Dispose();

    private MappedProgram Compile(CompileRequest compile, CancellationToken cancellation)
    {
        var result = CompileWork.Run(compile with { Calibration = _request.Calibration }, cancellation);
        Warn(result.Warnings.Where(w => w.Descriptor != Descriptors.NoRanges));
        return result.Program;
    }
}
