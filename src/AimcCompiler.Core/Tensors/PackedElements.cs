namespace AimcCompiler.Core;

/// <summary>What the bits of element types without a .NET type stand for (ONNX IR specification; OCP 8-bit floating point and microscaling formats).</summary>
internal static class PackedElements
{
    public static float[] ToFloats(TensorType type, byte[] data, long count)
    {
        int bits = Tensor.BitsOf(type);
        int perByte = 8 / bits;
        float[] table = [.. Enumerable.Range(0, 1 << bits).Select(code => Decode(type, code))];
        float[] values = new float[count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = table[(data[i / perByte] >> (i % perByte * bits)) & (table.Length - 1)];
        }

        return values;
    }

    private static float Decode(TensorType type, int code) => type switch
    {
        TensorType.UInt4 or TensorType.UInt2 => code,
        TensorType.Int4 => code < 8 ? code : code - 16,
        TensorType.Int2 => code < 2 ? code : code - 4,
        TensorType.Float4E2M1 => Float(code, 4, 1, 1),
        TensorType.Float8E4M3FN => (code & 0x7F) == 0x7F ? float.NaN : Float(code, 8, 3, 7),
        TensorType.Float8E4M3FNUZ => code == 0x80 ? float.NaN : Float(code, 8, 3, 8),
        TensorType.Float8E5M2 when (code & 0x7C) == 0x7C => (code & 3) != 0 ? float.NaN : code < 0x80 ? float.PositiveInfinity : float.NegativeInfinity,
        TensorType.Float8E5M2 => Float(code, 8, 2, 15),
        TensorType.Float8E5M2FNUZ => code == 0x80 ? float.NaN : Float(code, 8, 2, 16),
        TensorType.Float8E8M0 => code == 0xFF ? float.NaN : MathF.ScaleB(1, code - 127),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>Sign, exponent and mantissa, with subnormal numbers where the exponent is 0.</summary>
    private static float Float(int code, int bits, int mantissaBits, int bias)
    {
        int magnitude = code & ((1 << (bits - 1)) - 1);
        int exponent = magnitude >> mantissaBits;
        int mantissa = magnitude & ((1 << mantissaBits) - 1);
        float value = exponent == 0
            ? MathF.ScaleB(mantissa, 1 - bias - mantissaBits)
            : MathF.ScaleB(mantissa + (1 << mantissaBits), exponent - bias - mantissaBits);
        return magnitude == code ? value : -value;
    }
}
