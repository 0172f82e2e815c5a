namespace AimcCompiler.Kernels;

/// <summary>1, 8 or 16 floats that are computed on together. Elementwise kernels are written once over this and give the same bits at every
/// width: each operation is one correctly rounded IEEE operation, or integer arithmetic on the 32 bits of a lane.</summary>
public interface ILanes<TSelf>
    where TSelf : struct, ILanes<TSelf>
{
    /// <summary>The machine has the instructions.</summary>
    static abstract bool IsSupported { get; }

    static abstract int Count { get; }

    static abstract TSelf Load(ref readonly float source);

    static abstract void Store(TSelf lanes, ref float destination);

    static abstract TSelf Broadcast(float value);

    static abstract TSelf BroadcastBits(uint bits);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator -(TSelf left, TSelf right);

    static abstract TSelf operator *(TSelf left, TSelf right);

    static abstract TSelf operator /(TSelf left, TSelf right);

    /// <summary>a b + c, rounded once.</summary>
    static abstract TSelf FusedMultiplyAdd(TSelf a, TSelf b, TSelf c);

    static abstract TSelf Sqrt(TSelf value);

    /// <summary>To the nearest integer, half to even.</summary>
    static abstract TSelf Round(TSelf value);

    /// <summary>left &lt; right ? left : right.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary>left &gt; right ? left : right.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>left &lt; right ? then : otherwise.</summary>
    static abstract TSelf IfLess(TSelf left, TSelf right, TSelf then, TSelf otherwise);

    /// <summary>How many lanes of left differ from right.</summary>
    static abstract int CountUnequal(TSelf left, TSelf right);

    static abstract TSelf operator &(TSelf left, TSelf right);

    static abstract TSelf operator |(TSelf left, TSelf right);

    static abstract TSelf operator ^(TSelf left, TSelf right);

    /// <summary>Adds the bit patterns as 32-bit integers.</summary>
    static abstract TSelf AddBits(TSelf left, TSelf right);

    static abstract TSelf ShiftLeft(TSelf bits, int count);

    static abstract TSelf ShiftRightLogical(TSelf bits, int count);

    static abstract TSelf ShiftRightArithmetic(TSelf bits, int count);

    /// <summary>The bit patterns, read as signed integers, to the nearest float.</summary>
    static abstract TSelf FloatOfInteger(TSelf bits);

    /// <summary>sums[i] += factor lane[i] in double, a rounding each.</summary>
    static abstract void AddScaled(TSelf lanes, double factor, ref double sums);
}
