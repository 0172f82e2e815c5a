using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Kernels;

/// <summary>1, 32 or 64 vectors whose pulses go through one column together: a lane is a byte of a vector. Integer arithmetic, and a conversion of correctly rounded IEEE
/// operations: the same results at every width.</summary>
internal interface ILevelLanes<TSelf>
    where TSelf : struct, ILevelLanes<TSelf>
{
    /// <summary>The machine has the instructions.</summary>
    static abstract bool IsSupported { get; }

    static abstract int Count { get; }

    /// <summary>Registers hold 4 columns of 4 pulses; else of 2.</summary>
    static abstract bool HasManyRegisters { get; }

    static abstract TSelf Load(ref readonly byte bytes);

    /// <summary>A table of 16 bytes, for <see cref="Lookup"/>.</summary>
    static abstract TSelf Table(ref readonly byte table);

    /// <summary>The table's byte at each lane's index, 0 .. 15.</summary>
    static abstract TSelf Lookup(TSelf table, TSelf indices);

    /// <summary>Modulo 256.</summary>
    static abstract TSelf Add(TSelf left, TSelf right);

    /// <summary>Adds the lanes, as numbers 0 .. 255, to as many int16.</summary>
    static abstract void AddTo(ref short counts, TSelf bytes);

    /// <summary>Converts counts and adds weight times each code to the sums.</summary>
    static abstract void Convert(ref readonly short counts, in CountConverter converter, float weight, ref float sums);

    /// <summary>The same; counts in each lane what was clipped.</summary>
    static abstract void ConvertAndClip(ref readonly short counts, in CountConverter converter, float weight, ref float sums, ref int clipped);
}

/// <summary>One vector; the definition.</summary>
internal readonly struct LevelLanes1(UInt128 value) : ILevelLanes<LevelLanes1>
{
    private readonly UInt128 _value = value;

    public static bool IsSupported => true;

    public static int Count => 1;

    public static bool HasManyRegisters => false;

    public static LevelLanes1 Load(ref readonly byte bytes) => new(bytes);

    public static LevelLanes1 Table(ref readonly byte table) => new(Unsafe.ReadUnaligned<UInt128>(in table));

    public static LevelLanes1 Lookup(LevelLanes1 table, LevelLanes1 indices) => new((byte)(table._value >> (8 * (int)indices._value)));

    public static LevelLanes1 Add(LevelLanes1 left, LevelLanes1 right) => new((byte)(left._value + right._value));

    public static void AddTo(ref short counts, LevelLanes1 bytes) => counts += (byte)bytes._value;

    public static void Convert(ref readonly short counts, in CountConverter converter, float weight, ref float sums)
    {
        float value = converter.Divides ? counts / converter.Step : counts * converter.Step;
        sums = MathF.FusedMultiplyAdd(weight, MathF.Round(value, MidpointRounding.ToEven), sums);
    }

    public static void ConvertAndClip(ref readonly short counts, in CountConverter converter, float weight, ref float sums, ref int clipped)
    {
        float rounded = MathF.Round(converter.Divides ? counts / converter.Step : counts * converter.Step, MidpointRounding.ToEven);
        float code = Math.Clamp(rounded, converter.Least, converter.Greatest);
        clipped += code != rounded ? 1 : 0;
        sums = MathF.FusedMultiplyAdd(weight, code, sums);
    }
}

/// <summary>32 vectors in an AVX2 register.</summary>
internal readonly struct LevelLanes32(Vector256<byte> value) : ILevelLanes<LevelLanes32>
{
    private readonly Vector256<byte> _value = value;

    public static bool IsSupported => Avx2.IsSupported && Fma.IsSupported;

    public static int Count => 32;

    public static bool HasManyRegisters => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static LevelLanes32 Load(ref readonly byte bytes) => new(Vector256.LoadUnsafe(in bytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe LevelLanes32 Table(ref readonly byte table) => new(Avx2.BroadcastVector128ToVector256((byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in table))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static LevelLanes32 Lookup(LevelLanes32 table, LevelLanes32 indices) => new(Avx2.Shuffle(table._value, indices._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static LevelLanes32 Add(LevelLanes32 left, LevelLanes32 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddTo(ref short counts, LevelLanes32 bytes)
    {
        var (low, high) = Vector256.Widen(bytes._value);
        (Vector256.LoadUnsafe(in counts) + low.AsInt16()).StoreUnsafe(ref counts);
        (Vector256.LoadUnsafe(in counts, 16) + high.AsInt16()).StoreUnsafe(ref counts, 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Convert(ref readonly short counts, in CountConverter converter, float weight, ref float sums)
    {
        var step = Vector256.Create(converter.Step);
        var factor = Vector256.Create(weight);
        for (nuint i = 0; i < 32; i += 8)
        {
            var code = Vector256.Round(InSteps(in counts, i, step, converter.Divides));
            Vector256.FusedMultiplyAdd(factor, code, Vector256.LoadUnsafe(in sums, i)).StoreUnsafe(ref sums, i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ConvertAndClip(ref readonly short counts, in CountConverter converter, float weight, ref float sums, ref int clipped)
    {
        var step = Vector256.Create(converter.Step);
        var factor = Vector256.Create(weight);
        var least = Vector256.Create(converter.Least);
        var greatest = Vector256.Create(converter.Greatest);
        for (nuint i = 0; i < 32; i += 8)
        {
            var rounded = Vector256.Round(InSteps(in counts, i, step, converter.Divides));
            var code = Avx.Max(Avx.Min(rounded, greatest), least);
            (Vector256.LoadUnsafe(in clipped, i) - ~Vector256.Equals(rounded, code).AsInt32()).StoreUnsafe(ref clipped, i);
            Vector256.FusedMultiplyAdd(factor, code, Vector256.LoadUnsafe(in sums, i)).StoreUnsafe(ref sums, i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> InSteps(ref readonly short counts, nuint at, Vector256<float> step, bool divides)
    {
        var value = Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(Vector128.LoadUnsafe(in counts, at)));
        return divides ? value / step : value * step;
    }
}

/// <summary>64 vectors in an AVX-512 register.</summary>
internal readonly struct LevelLanes64(Vector512<byte> value) : ILevelLanes<LevelLanes64>
{
    private readonly Vector512<byte> _value = value;

    public static bool IsSupported => Vector512.IsHardwareAccelerated && Avx512BW.IsSupported && Avx512DQ.IsSupported;

    public static int Count => 64;

    public static bool HasManyRegisters => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static LevelLanes64 Load(ref readonly byte bytes) => new(Vector512.LoadUnsafe(in bytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe LevelLanes64 Table(ref readonly byte table) =>
        new(Avx512F.BroadcastVector128ToVector512((int*)Unsafe.AsPointer(ref Unsafe.AsRef(in table))).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static LevelLanes64 Lookup(LevelLanes64 table, LevelLanes64 indices) => new(Avx512BW.Shuffle(table._value, indices._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static LevelLanes64 Add(LevelLanes64 left, LevelLanes64 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddTo(ref short counts, LevelLanes64 bytes)
    {
        var (low, high) = Vector512.Widen(bytes._value);
        (Vector512.LoadUnsafe(in counts) + low.AsInt16()).StoreUnsafe(ref counts);
        (Vector512.LoadUnsafe(in counts, 32) + high.AsInt16()).StoreUnsafe(ref counts, 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Convert(ref readonly short counts, in CountConverter converter, float weight, ref float sums)
    {
        var step = Vector512.Create(converter.Step);
        var factor = Vector512.Create(weight);
        for (nuint i = 0; i < 64; i += 16)
        {
            var code = Vector512.Round(InSteps(in counts, i, step, converter.Divides));
            Vector512.FusedMultiplyAdd(factor, code, Vector512.LoadUnsafe(in sums, i)).StoreUnsafe(ref sums, i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ConvertAndClip(ref readonly short counts, in CountConverter converter, float weight, ref float sums, ref int clipped)
    {
        var step = Vector512.Create(converter.Step);
        var factor = Vector512.Create(weight);
        var least = Vector512.Create(converter.Least);
        var greatest = Vector512.Create(converter.Greatest);
        for (nuint i = 0; i < 64; i += 16)
        {
            var rounded = Vector512.Round(InSteps(in counts, i, step, converter.Divides));
            var code = Avx512F.Max(Avx512F.Min(rounded, greatest), least);
            (Vector512.LoadUnsafe(in clipped, i) - ~Vector512.Equals(rounded, code).AsInt32()).StoreUnsafe(ref clipped, i);
            Vector512.FusedMultiplyAdd(factor, code, Vector512.LoadUnsafe(in sums, i)).StoreUnsafe(ref sums, i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> InSteps(ref readonly short counts, nuint at, Vector512<float> step, bool divides)
    {
        var value = Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector256.LoadUnsafe(in counts, at)));
        return divides ? value / step : value * step;
    }
}
