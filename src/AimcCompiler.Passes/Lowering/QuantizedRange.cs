using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>The values that a dequantized activation can have: step x (0 .. highest), or x (lowest .. highest) with a negative lowest.</summary>
/// <param name="Step">Of the quantization.</param>
/// <param name="Lowest">Smallest integer after the zero point is taken off.</param>
/// <param name="Highest">Largest.</param>
internal sealed record QuantizedRange(float Step, int Lowest, int Highest)
{
    /// <summary>What the model itself clips a value to; null = it does not.</summary>
    public static QuantizedRange? Of(Graph graph, string value)
    {
        // Operators that only move elements, or choose among them.
        while (graph.ProducerOf(value) is { Domain: "", OpType: "Reshape" or "Transpose" or "Flatten" or "Squeeze" or "Unsqueeze" or "Identity" or "MaxPool" or "Slice" } mover)
        {
            value = mover.Inputs[0];
        }

        if (graph.ProducerOf(value) is not { } node || !node.Is("DequantizeLinear") || graph.Constants.GetValueOrDefault(node.Inputs[1]) is not { Count: 1 } scale || !Tensor.IsFloating(scale.Type))
        {
            return null;
        }

        var type = graph.Facts.TryGetValue(node.Inputs[0], out var facts) ? facts.Type : TensorType.Undefined;
        (int low, int high)? limits = type switch
        {
            TensorType.UInt8 => (0, byte.MaxValue),
            TensorType.Int8 => (sbyte.MinValue, sbyte.MaxValue),
            TensorType.UInt16 => (0, ushort.MaxValue),
            TensorType.Int16 => (short.MinValue, short.MaxValue),
            _ => null,
        };
        var zero = node.InputOrNull(2) is { } name ? graph.Constants.GetValueOrDefault(name) : null;
        float step = scale.ToFloats()[0];
        if (limits is not var (lowest, highest) || (node.InputOrNull(2) is not null && zero is not { Count: 1 }) || !(step > 0) || !float.IsFinite(step))
        {
            return null;
        }

        int offset = zero is null ? 0 : (int)zero.ToFloats()[0];
        return new QuantizedRange(step, lowest - offset, highest - offset);
    }

    public bool IsNonNegative => Lowest >= 0;

    /// <summary>The input scale whose codes are whole multiples of the integers, if the DAC has codes for them all; else one that covers the range. The lowest integer of
    /// a symmetric type counts as its opposite: quantizers do not use it.</summary>
    /// <param name="encoding">Of the chip's inputs.</param>
    /// <param name="isExact">No integer is rounded.</param>
    public float InputScale(InputEncoding encoding, out bool isExact)
    {
        int largest = Math.Max(Highest, Lowest == -Highest - 1 ? Highest : -Lowest);
        if (encoding.Bits is null)
        {
            isExact = true;
            return Step * largest;
        }

        int multiple = encoding.MaxCode / Math.Max(1, largest);
        isExact = multiple >= 1 && !encoding.IsMidRise;
        return isExact ? (float)(Step * (double)encoding.MaxCode / multiple) : Step * largest;
    }
}
