using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Strides, dilations and pads of convolutions are 64-bit numbers in ONNX and 32-bit ones in a program.</summary>
internal static class WindowBounds
{
    /// <summary>No tensor that fits a computer reaches so far; products of two of them fit 64 bits.</summary>
    public const long Largest = 1 << 24;

    private static readonly string[] Attributes = ["strides", "dilations", "pads"];

    /// <summary>Which attribute of a convolution is beyond what a program holds; null = none.</summary>
    public static string? Exceeded(Node node)
    {
        string? name = Attributes.FirstOrDefault(a => node.Ints(a) is { } values && values.Any(v => v is > Largest or < -Largest));
        return name is null ? null : FormattableString.Invariant($"has {name} beyond {Largest}");
    }

    /// <summary>What in a convolution contradicts its filters or its shapes, which may be inferred and not seen in a run: then ONNX Runtime says so when it runs. Null = nothing.</summary>
    /// <param name="node">The convolution.</param>
    /// <param name="filters">Shape of its weights.</param>
    /// <param name="input">Shape of what it reads.</param>
    /// <param name="output">Shape of what it writes.</param>
    public static string? Contradicted(Node node, ImmutableArray<long> filters, ImmutableArray<long> input, ImmutableArray<long> output)
    {
        int spatial = filters.Length - 2;
        if (input.Length != filters.Length || output.Length != filters.Length)
        {
            return $"reads {Tensor.Format(input)} and writes {Tensor.Format(output)} with filters {Tensor.Format(filters)}";
        }

        if (node.Ints("kernel_shape") is { IsEmpty: false } kernel && !kernel.AsSpan().SequenceEqual(filters.AsSpan()[2..]))
        {
            return $"has kernel_shape {string.Join('x', kernel)} with filters {Tensor.Format(filters)}";
        }

        foreach (string name in Attributes)
        {
            int expected = name == "pads" ? 2 * spatial : spatial;
            if (node.Ints(name) is { IsEmpty: false } values && values.Length != expected)
            {
                return $"has {values.Length} {name}, {expected} expected";
            }
        }

        long Of(string name, int axis, long otherwise) => node.Ints(name) is { IsEmpty: false } values ? values[axis] : otherwise;
        for (int a = 0; a < spatial; a++)
        {
            long stride = Of("strides", a, 1);
            long reach = ((filters[a + 2] - 1) * Of("dilations", a, 1)) + 1;
            long pads = node.String("auto_pad", "NOTSET") == "NOTSET" ? Of("pads", a, 0) + Of("pads", a + spatial, 0) : 0;
            bool isSame = node.String("auto_pad", "NOTSET") is "SAME_UPPER" or "SAME_LOWER";
            if (stride < 1 || (!isSame && ((input[a + 2] + pads - reach) / stride) + 1 != output[a + 2]))
            {
                return $"reads {Tensor.Format(input)} and writes {Tensor.Format(output)}, which its windows do not give";
            }
        }

        return null;
    }
}
