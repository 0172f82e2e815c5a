using System.Globalization;
using System.Text;

namespace AimcCompiler.Reports;

/// <summary>Names come from files of strangers: nothing of them may move a terminal's cursor or change its colour.</summary>
public static class Printable
{
    /// <summary>Control and format characters as <c>\u001b</c>; longer names lose their middle.</summary>
    public static string Of(string text, int maximumLength = 200)
    {
        ArgumentNullException.ThrowIfNull(text);
        string plain = Escape(text, keepLines: false);
        if (plain.Length <= maximumLength)
        {
            return plain;
        }

        int tail = (maximumLength - 3) / 2;
        return string.Concat(plain.AsSpan(0, maximumLength - 3 - tail), "...", plain.AsSpan(plain.Length - tail));
    }

    /// <summary>As <see cref="Of"/>, for text of several lines: line feeds stay.</summary>
    public static string Lines(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Escape(text.ReplaceLineEndings("\n"), keepLines: true);
    }

    private static string Escape(string text, bool keepLines)
    {
        var builder = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (i < text.Length - 1 && char.IsSurrogatePair(c, text[i + 1]))
            {
                builder.Append(c).Append(text[++i]);
                continue;
            }

            bool isPlain = (keepLines && c == '\n')
                || !(char.IsControl(c) || char.IsSurrogate(c) || CharUnicodeInfo.GetUnicodeCategory(c)
                    is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
            _ = isPlain ? builder.Append(c) : builder.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }

        return builder.ToString();
    }
}
