using System.Runtime.InteropServices;

namespace AimcCompiler.Binary;

public enum WeightElement
{
    /// <summary>Codes of up to 8 bits.</summary>
    Int8,

    /// <summary>Codes of up to 16 bits.</summary>
    Int16,

    /// <summary>Analog contents u in [-1, 1].</summary>
    Float32,
}

/// <summary>A layer's codes or contents, in memory or in a mapped file.</summary>
public sealed class WeightSection(WeightElement element, ReadOnlyMemory<byte> bytes)
{
    public WeightElement Element { get; } = element;

    /// <summary>Little-endian elements.</summary>
    public ReadOnlyMemory<byte> Bytes { get; } = bytes;

    public int Count => Bytes.Length / SizeOf(Element);

    public ReadOnlySpan<sbyte> Int8 => Cast<sbyte>(WeightElement.Int8);

    public ReadOnlySpan<short> Int16 => Cast<short>(WeightElement.Int16);

    public ReadOnlySpan<float> Float32 => Cast<float>(WeightElement.Float32);

    /// <summary>Codes of up to 8 bits; the array is not copied.</summary>
    public static WeightSection Of(sbyte[] codes) => new(WeightElement.Int8, BytesOf(codes));

    /// <summary>Codes of up to 16 bits; the array is not copied.</summary>
    public static WeightSection Of(short[] codes) => new(WeightElement.Int16, BytesOf(codes));

    /// <summary>Analog contents; the array is not copied.</summary>
    public static WeightSection Of(float[] contents) => new(WeightElement.Float32, BytesOf(contents));

    public static int SizeOf(WeightElement element) => element switch
    {
        WeightElement.Int8 => 1,
        WeightElement.Int16 => 2,
        _ => 4,
    };

    /// <summary>The code at a flat index, whatever the element width.</summary>
    public int Code(int index) => Element == WeightElement.Int8 ? Int8[index] : Int16[index];

    private static Memory<byte> BytesOf<T>(T[] array)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(array);
        return new ArrayBytes<T>(array).Memory;
    }

    private ReadOnlySpan<T> Cast<T>(WeightElement expected)
        where T : unmanaged =>
        Element == expected ? MemoryMarshal.Cast<byte, T>(Bytes.Span) : throw new InvalidOperationException($"The section holds {Element}, not {expected}.");
}
