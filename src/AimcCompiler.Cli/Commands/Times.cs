using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Times since programming as options give them.</summary>
internal static class Times
{
    public static double One(string text) => TimeParser.Parse(text) is [var time]
        ? time
        : throw new DiagnosticException(Descriptors.InvalidOption, "--time", $"is '{text}'; one time is possible here");
}
