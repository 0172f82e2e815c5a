using System.Collections.Immutable;
using System.Globalization;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>A field of the chip and the values that it takes in turn.</summary>
/// <param name="Path">The field's whole path.</param>
/// <param name="Values">As <c>--set</c> takes them; at least one, all different.</param>
internal sealed record VaryAxis(string Path, ImmutableArray<string> Values)
{
    /// <summary>Points of a grid: each is an evaluation of its own.</summary>
    public const int MostPoints = 256;

    private const string Option = "--vary";

    /// <summary>Reads <c>PATH=a..b</c>, <c>PATH=a..b:step</c> or <c>PATH=v1,v2,...</c>.</summary>
    /// <exception cref="DiagnosticException">There is no such field, or the values are none.</exception>
    public static VaryAxis Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int at = text.IndexOf('=', StringComparison.Ordinal);
        if (at < 1 || at == text.Length - 1)
        {
            throw Wrong($"is '{text}'; PATH=FIRST..LAST, PATH=FIRST..LAST:STEP or PATH=V1,V2,... is possible");
        }

        string path = ChipFields.Resolve(text[..at].Trim(), Option);
        string values = text[(at + 1)..];
        ImmutableArray<string> list = values.Contains("..", StringComparison.Ordinal) && Range(path, values) is { } range ? range : Split(values);
        if (list.FirstOrDefault(v => v.Length == 0) is not null)
        {
            throw Wrong($"is '{text}', where a value is empty");
        }

        if (list.GroupBy(v => v, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw Wrong($"has the value {twice.Key} of '{path}' twice");
        }

        return new VaryAxis(path, list);
    }

    /// <summary>Every combination of the values, the last axis fastest.</summary>
    /// <exception cref="DiagnosticException">They are too many, or a field stands on two axes.</exception>
    public static ImmutableArray<ImmutableArray<string>> Grid(ImmutableArray<VaryAxis> axes)
    {
        for (int i = 0; i < axes.Length; i++)
        {
            if (axes.Take(i).FirstOrDefault(a => IsPartOf(a.Path, axes[i].Path) || IsPartOf(axes[i].Path, a.Path)) is { } other)
            {
                throw Wrong($"sets '{axes[i].Path}' and '{other.Path}', of which one would undo the other", "one axis for both");
            }
        }

        long points = axes.Aggregate(1L, (product, axis) => Math.Min(product * axis.Values.Length, int.MaxValue));
        if (points > MostPoints)
        {
            throw Wrong(FormattableString.Invariant($"makes a grid of {points} points; at most {MostPoints} are possible"), "fewer values", "a larger step");
        }

        ImmutableArray<ImmutableArray<string>> grid = [[]];
        foreach (var axis in axes)
        {
            grid = [.. grid.SelectMany(values => axis.Values.Select(v => values.Add(v)))];
        }

        return grid;
    }

    private static bool IsPartOf(string path, string whole) => path == whole || path.StartsWith($"{whole}.", StringComparison.Ordinal);

    /// <summary>FIRST..LAST[:STEP] in decimal, so that 0.1 steps end where they should; null = no numbers.</summary>
    private static ImmutableArray<string>? Range(string path, string text)
    {
        string[] ends = text.Split("..");
        string[] rest = ends.Length == 2 ? ends[1].Split(':') : [];
        if (rest.Length is not (1 or 2) || !Number(ends[0], out decimal first) || !Number(rest[0], out decimal last))
        {
            return null;
        }

        decimal step = 1;
        if (rest.Length == 2 && (!Number(rest[1], out step) || step <= 0))
        {
            throw Wrong($"has the step '{rest[1]}' for '{path}'; a number above 0 is possible");
        }

        decimal span = Math.Abs(last - first);
        if ((double)span / (double)step >= MostPoints)
        {
            throw Wrong(string.Create(CultureInfo.InvariantCulture, $"makes {Math.Floor((double)span / (double)step) + 1} values of '{path}'; at most {MostPoints} points are possible"), "a larger step");
        }

        int count = (int)Math.Floor(span / step) + 1;
        return [.. Enumerable.Range(0, count).Select(i => Plain(first + ((last < first ? -1 : 1) * i * step)))];
    }

    private static bool Number(string text, out decimal number) =>
        decimal.TryParse(text.Trim(), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out number) && Math.Abs(number) < 1e15m;

    /// <summary>Without zeros at the end: the whole numbers of a chip file have no point.</summary>
    private static string Plain(decimal number) => number.ToString("0.############################", CultureInfo.InvariantCulture);

    /// <summary>Values between commas; those within braces, brackets and quotes belong to a value.</summary>
    private static ImmutableArray<string> Split(string text)
    {
        var values = ImmutableArray.CreateBuilder<string>();
        int depth = 0;
        bool isQuoted = false;
        int start = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            char c = i < text.Length ? text[i] : ',';
            isQuoted ^= c == '"' && (i == 0 || text[i - 1] != '\\');
            depth += isQuoted ? 0 : c is '{' or '[' ? 1 : c is '}' or ']' ? -1 : 0;
            if (i == text.Length || (c == ',' && depth <= 0 && !isQuoted))
            {
                values.Add(text[start..i].Trim());
                start = i + 1;
            }
        }

        return values.ToImmutable();
    }

    private static DiagnosticException Wrong(string message, params ReadOnlySpan<string> levers) => new(Descriptors.InvalidOption, Option, message, levers);
}
