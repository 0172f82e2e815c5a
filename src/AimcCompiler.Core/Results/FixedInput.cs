using System.Collections.Immutable;
using System.Globalization;

namespace AimcCompiler.Core;

/// <summary>An input of the model that was given its value at compile time: the program does not take it any more.</summary>
/// <param name="Name">The input's name in the model.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Its shape, of one element.</param>
/// <param name="Text">The value as it was given.</param>
public sealed record FixedInput(string Name, TensorType Type, ImmutableArray<long> Shape, string Text)
{
    /// <summary>The value; null when the text is not one of the type.</summary>
    public Tensor? ToTensor() => Element() is { } data && Shape.All(d => d == 1) ? new Tensor(Type, Shape, data) : null;

    private Array? Element() => Type switch
    {
        TensorType.Float => Parse<float>(NumberStyles.Float),
        TensorType.Double => Parse<double>(NumberStyles.Float),
        TensorType.Float16 => Parse<Half>(NumberStyles.Float),
        TensorType.Int64 => Parse<long>(NumberStyles.AllowLeadingSign),
        TensorType.Int32 => Parse<int>(NumberStyles.AllowLeadingSign),
        TensorType.Int16 => Parse<short>(NumberStyles.AllowLeadingSign),
        TensorType.Int8 => Parse<sbyte>(NumberStyles.AllowLeadingSign),
        TensorType.UInt64 => Parse<ulong>(NumberStyles.None),
        TensorType.UInt32 => Parse<uint>(NumberStyles.None),
        TensorType.UInt16 => Parse<ushort>(NumberStyles.None),
        TensorType.UInt8 => Parse<byte>(NumberStyles.None),
        TensorType.Bool => bool.TryParse(Text, out bool flag) ? new[] { flag } : null,
        TensorType.String => new[] { Text },
        _ => null,
    };

    private T[]? Parse<T>(NumberStyles style)
        where T : System.Numerics.INumberBase<T> => T.TryParse(Text, style, CultureInfo.InvariantCulture, out var value) ? [value] : null;
}
