using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Strides, dilations and pads of convolutions are 64-bit numbers in ONNX and 32-bit ones in a program.</summary>
internal static class WindowBounds
{
    /// <summary>No tensor that fits a computer reaches so far; products of two of them fit 64 bits.</summary>
    private const long Largest = 1 << 24;

    private static readonly string[] Attributes = ["strides", "dilations", "pads"];

    /// <summary>Which attribute of a convolution is beyond what a program holds; null = none.</summary>
    public static string? Exceeded(Node node)
    {
        string? name = Attributes.FirstOrDefault(a => node.Ints(a) is { } values && values.Any(v => v is > Largest or < -Largest));
        return name is null ? null : FormattableString.Invariant($"has {name} beyond {Largest}");
    }
}
