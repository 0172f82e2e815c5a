using System.Collections.Immutable;

namespace AimcCompiler.Core;

public enum Severity
{
    Warning,
    Error,
}

/// <summary>One finding about the user's input: what, where, how much, and what would help.</summary>
/// <param name="descriptor">The kind of finding, with its id.</param>
/// <param name="where">File, node, field or JSON path: the place the user can go to.</param>
/// <param name="message">What is wrong and by how much.</param>
/// <param name="levers">Concrete changes of the input that would help; may be empty.</param>
public sealed class Diagnostic(DiagnosticDescriptor descriptor, string where, string message, params ReadOnlySpan<string> levers)
{
    public DiagnosticDescriptor Descriptor { get; } = descriptor;

    public string Where { get; } = where;

    public string Message { get; } = message;

    public ImmutableArray<string> Levers { get; } = [.. levers];

    /// <summary>What could be done instead, with its predicted cost; empty = nothing is known of it.</summary>
    public ImmutableArray<FitAlternative> Alternatives { get; init; } = [];

    public Severity Severity => Descriptor.Severity;

    /// <summary><c>where: error AIMC3003: message</c>, and on a second line what would help.</summary>
    public override string ToString()
    {
        string line = $"{Where}: {(Severity == Severity.Error ? "error" : "warning")} {Descriptor.Id}: {Message}";
        return Levers.IsEmpty ? line : $"{line}{Environment.NewLine}  try: {string.Join(", ", Levers)}";
    }
}

/// <summary>A kind of finding. The title is the heading in docs/diagnostics.md.</summary>
public sealed record DiagnosticDescriptor(string Id, Severity Severity, string Title);

/// <summary>The user's input cannot be used: one diagnostic per finding. Never a bug of ours.</summary>
public sealed class DiagnosticException : Exception
{
    public DiagnosticException(params ReadOnlySpan<Diagnostic> diagnostics)
        : base(string.Join(Environment.NewLine, diagnostics.ToArray().Select(d => d.ToString()))) => Diagnostics = [.. diagnostics];

    public DiagnosticException(DiagnosticDescriptor descriptor, string where, string message, params ReadOnlySpan<string> levers)
        : this(new Diagnostic(descriptor, where, message, levers))
    {
    }

    public ImmutableArray<Diagnostic> Diagnostics { get; }
}

/// <summary>A form of the program breaks one of its invariants: a bug of ours, found by a verifier.</summary>
public sealed class InvalidIrException(string message) : Exception(message);

/// <summary>Collects findings; the pass runner stops after a pass that left an error.</summary>
public sealed class DiagnosticBag
{
    private readonly List<Diagnostic> _diagnostics = [];

    public IReadOnlyList<Diagnostic> Diagnostics => _diagnostics;

    public bool HasErrors => _diagnostics.Exists(d => d.Severity == Severity.Error);

    public void Add(Diagnostic diagnostic) => _diagnostics.Add(diagnostic);

    public void Add(DiagnosticDescriptor descriptor, string where, string message, params ReadOnlySpan<string> levers) =>
        _diagnostics.Add(new Diagnostic(descriptor, where, message, levers));

    /// <exception cref="DiagnosticException">There is an error among the findings.</exception>
    public void ThrowIfErrors()
    {
        if (HasErrors)
        {
            throw new DiagnosticException([.. _diagnostics.Where(d => d.Severity == Severity.Error)]);
        }
    }
}
