using System.Globalization;
using System.Runtime.CompilerServices;

namespace AimcCompiler.Binary;

/// <summary>The message of a check: put together only when the check fails.</summary>
[InterpolatedStringHandler]
internal ref struct BrokenInvariant
{
    private DefaultInterpolatedStringHandler _text;

    public BrokenInvariant(int literalLength, int formattedCount, bool holds, out bool isNeeded)
    {
        isNeeded = !holds;
        _text = isNeeded ? new DefaultInterpolatedStringHandler(literalLength, formattedCount, CultureInfo.InvariantCulture) : default;
    }

    public void AppendLiteral(string text) => _text.AppendLiteral(text);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public override string ToString() => _text.ToStringAndClear();
}
