using System.CommandLine;

namespace AimcCompiler.Cli;

/// <summary>A command whose help ends with examples.</summary>
internal sealed class AimcCommand(string name, string description, params string[] examples) : Command(name, description)
{
    public IReadOnlyList<string> Examples { get; } = examples;
}
