using System.Globalization;
using System.Text;

namespace AimcCompiler.Binary;

/// <summary>Names come from files of strangers: in messages and listings they stand quoted, without control characters, and not endless.</summary>
internal static class Quoted
{
    private const int MaximumLength = 200;

    public static string Of(string text)
    {
        var builder = new StringBuilder("'");
        foreach (char c in text.Length > MaximumLength ? text[..MaximumLength] : text)
        {
            bool isPlain = !char.IsControl(c) && !char.IsSurrogate(c) && c is not ('\'' or '\\')
                && CharUnicodeInfo.GetUnicodeCategory(c)
                    is not (UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
            _ = isPlain ? builder.Append(c) : builder.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }

        return builder.Append(text.Length > MaximumLength ? "'..." : "'").ToString();
    }
}
