using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Kernels;

/// <summary>1, 8 or 16 columns of an exact product: a lane is a pair of int16 or their int32 sum. All arithmetic is exact where no sum leaves int32, so all widths have the
/// same results.</summary>
internal interface IPairLanes<TSelf>
    where TSelf : struct, IPairLanes<TSelf>
{
    /// <summary>The machine has the instructions.</summary>
    static abstract bool IsSupported { get; }

    static abstract int Count { get; }

    /// <summary>A pair for each lane.</summary>
    static abstract TSelf Load(ref readonly short pairs);

    /// <summary>The same pair in all lanes.</summary>
    static abstract TSelf Broadcast(ref readonly short pair);

    static abstract void Store(TSelf sums, ref int destination);

    /// <summary>sum + left.Even right.Even + left.Odd right.Odd.</summary>
    static abstract TSelf MultiplyAdd(TSelf sum, TSelf left, TSelf right);
}

/// <summary>One column; the definition.</summary>
internal readonly struct PairLanes1(int value) : IPairLanes<PairLanes1>
{
    private readonly int _value = value;

    public static bool IsSupported => true;

    public static int Count => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairLanes1 Load(ref readonly short pairs) => new(ReadPair(in pairs));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairLanes1 Broadcast(ref readonly short pair) => new(ReadPair(in pair));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(PairLanes1 sums, ref int destination) => destination = sums._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairLanes1 MultiplyAdd(PairLanes1 sum, PairLanes1 left, PairLanes1 right) =>
        new(sum._value + ((short)left._value * (short)right._value) + ((left._value >> 16) * (right._value >> 16)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int ReadPair(ref readonly short pair) =>
        (ushort)pair | (Unsafe.Add(ref Unsafe.AsRef(in pair), 1) << 16);
}

/// <summary>Eight columns in an AVX2 register.</summary>
internal readonly struct PairLanes8(Vector256<int> value) : IPairLanes<PairLanes8>
{
    private readonly Vector256<int> _value = value;

    public static bool IsSupported => Avx2.IsSupported;

    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairLanes8 Load(ref readonly short pairs) => new(Vector256.LoadUnsafe(in pairs).AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairLanes8 Broadcast(ref readonly short pair) => new(Vector256.Create(Unsafe.ReadUnaligned<int>(ref Unsafe.As<short, byte>(ref Unsafe.AsRef(in pair)))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(PairLanes8 sums, ref int destination) => sums._value.StoreUnsafe(ref destination);

    /// <summary>One instruction with AVX-VNNI, two without.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairLanes8 MultiplyAdd(PairLanes8 sum, PairLanes8 left, PairLanes8 right) => AvxVnni.IsSupported
        ? new(AvxVnni.MultiplyWideningAndAdd(sum._value, left._value.AsInt16(), right._value.AsInt16()))
        : new(sum._value + Avx2.MultiplyAddAdjacent(left._value.AsInt16(), right._value.AsInt16()));
}

/// <summary>Sixteen columns in an AVX-512 register.</summary>
internal readonly struct PairLanes16(Vector512<int> value) : IPairLanes<PairLanes16>
{
    private readonly Vector512<int> _value = value;

    public static bool IsSupported => Vector512.IsHardwareAccelerated && Avx512BW.IsSupported;

    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairLanes16 Load(ref readonly short pairs) => new(Vector512.LoadUnsafe(in pairs).AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairLanes16 Broadcast(ref readonly short pair) => new(Vector512.Create(Unsafe.ReadUnaligned<int>(ref Unsafe.As<short, byte>(ref Unsafe.AsRef(in pair)))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(PairLanes16 sums, ref int destination) => sums._value.StoreUnsafe(ref destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairLanes16 MultiplyAdd(PairLanes16 sum, PairLanes16 left, PairLanes16 right) =>
        new(sum._value + Avx512BW.MultiplyAddAdjacent(left._value.AsInt16(), right._value.AsInt16()));
}
