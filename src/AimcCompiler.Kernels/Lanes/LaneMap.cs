using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AimcCompiler.Kernels;

/// <summary>An elementwise function of four arguments, written once for every lane width. It may read its own fields.</summary>
public interface ILaneKernel
{
    TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
        where TLanes : struct, ILanes<TLanes>;
}

/// <summary>Runs elementwise kernels over spans with the widest lanes of the machine.</summary>
public static class LaneMap
{
    /// <summary>result[i] = kernel(a[i], b[i], c[i], d[i]); result may be one of the arguments.</summary>
    public static void Run<TKernel>(
        in TKernel kernel, ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> c, ReadOnlySpan<float> d, Span<float> result)
        where TKernel : struct, ILaneKernel
    {
        int done = 0;
        if (Lanes16.IsSupported)
        {
            done = Run<TKernel, Lanes16>(in kernel, a, b, c, d, result, 0);
        }

        if (Lanes8.IsSupported)
        {
            done = Run<TKernel, Lanes8>(in kernel, a, b, c, d, result, done);
        }

        Run<TKernel, Lanes1>(in kernel, a, b, c, d, result, done);
    }

    /// <summary>The same with one width, from an index on; what is less than a whole register stays undone. Returns where it
    /// stopped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static int Run<TKernel, TLanes>(
        in TKernel kernel,
        ReadOnlySpan<float> a,
        ReadOnlySpan<float> b,
        ReadOnlySpan<float> c,
        ReadOnlySpan<float> d,
        Span<float> result,
        int start)
        where TKernel : struct, ILaneKernel
        where TLanes : struct, ILanes<TLanes>
    {
        Debug.Assert(Math.Min(Math.Min(a.Length, b.Length), Math.Min(c.Length, d.Length)) >= result.Length);
        ref float firstA = ref MemoryMarshal.GetReference(a);
        ref float firstB = ref MemoryMarshal.GetReference(b);
        ref float firstC = ref MemoryMarshal.GetReference(c);
        ref float firstD = ref MemoryMarshal.GetReference(d);
        ref float firstResult = ref MemoryMarshal.GetReference(result);
        int i = start;
        for (; i <= result.Length - TLanes.Count; i += TLanes.Count)
        {
            var value = kernel.Apply(
                TLanes.Load(ref Unsafe.Add(ref firstA, i)),
                TLanes.Load(ref Unsafe.Add(ref firstB, i)),
                TLanes.Load(ref Unsafe.Add(ref firstC, i)),
                TLanes.Load(ref Unsafe.Add(ref firstD, i)));
            TLanes.Store(value, ref Unsafe.Add(ref firstResult, i));
        }

        return i;
    }
}
