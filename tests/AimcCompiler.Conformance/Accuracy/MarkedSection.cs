using AimcCompiler.Core;

namespace AimcCompiler.Conformance;

/// <summary>A part of a document that a command writes, between two comments; what is around it is written by hand and stays.</summary>
internal static class MarkedSection
{
    /// <summary>The document with another content of the section.</summary>
    /// <param name="document">Its text.</param>
    /// <param name="name">Of the section.</param>
    /// <param name="content">What to put between the marks, with its final line feed.</param>
    /// <param name="where">The document's file, for errors.</param>
    /// <exception cref="DiagnosticException">The document has no such section.</exception>
    public static string Replace(string document, string name, string content, string where)
    {
        string first = $"<!-- begin {name} -->\n";
        string last = $"<!-- end {name} -->";
        int begin = document.IndexOf(first, StringComparison.Ordinal);
        int end = begin < 0 ? -1 : document.IndexOf(last, begin, StringComparison.Ordinal);
        return end < 0
            ? throw new DiagnosticException(Descriptors.CannotWrite, where, $"has no section '{name}' to write to", $"the lines '{first.TrimEnd()}' and '{last}'")
            : $"{document[..(begin + first.Length)]}{content}{document[end..]}";
    }
}
