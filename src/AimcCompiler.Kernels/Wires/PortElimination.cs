using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AimcCompiler.Kernels;

/// <summary>Takes nodes out of a resistive network so that what the others see stays (star-mesh transform). The network is its branch conductances
/// alone: a node's total is their sum, so there is nothing to subtract, every result is a sum of positive terms and right to some ulp of itself, however
/// far wires and cells are apart (Grassmann, Taksar and Heyman's elimination).</summary>
/// <remarks>A matrix of m nodes is row-major with a stride of whole registers; entry (p, q) with p &lt; q is the conductance between p and q; what is on
/// and below the diagonal means nothing; columns m .. stride - 1 are 0. All operations are elementwise over eight lanes, so bits do not depend on the
/// machine's registers.</remarks>
internal static class PortElimination
{
    public const int Lanes = 8;

    /// <summary>Nodes taken out together.</summary>
    private const int Panel = 4;

    public static int StrideOf(int nodes) => (nodes + Lanes - 1) / Lanes * Lanes;

    /// <summary>Takes out nodes 0 .. eliminated - 1 of m.</summary>
    /// <param name="network">The matrix.</param>
    /// <param name="nodes">m.</param>
    /// <param name="eliminated">How many go.</param>
    /// <param name="firstSink">Only branches from nodes before this one to nodes from it on are wanted; 0 = all are.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Eliminate(Span<double> network, int nodes, int eliminated, int firstSink = 0)
    {
        int stride = StrideOf(nodes);
        int lastRow = firstSink == 0 ? nodes - 1 : firstSink;
        ref double a = ref MemoryMarshal.GetReference(network);
        Span<double> inverse = stackalloc double[Panel];
        for (int first = 0; first < eliminated; first += Panel)
        {
            int count = Math.Min(Panel, eliminated - first);
            for (int k = first; k < first + count; k++)
            {
                ref double row = ref Unsafe.Add(ref a, (nint)k * stride);
                for (int l = first; l < k; l++)
                {
                    ref double other = ref Unsafe.Add(ref a, (nint)l * stride);
                    var factor = Vector512.Create(Unsafe.Add(ref other, k) * inverse[l - first]);
                    for (int q = k & -Lanes; q < stride; q += Lanes)
                    {
                        Vector512.FusedMultiplyAdd(factor, Vector512.LoadUnsafe(ref other, (nuint)q), Vector512.LoadUnsafe(ref row, (nuint)q)).StoreUnsafe(ref row, (nuint)q);
                    }
                }

                double total = Total(ref row, k + 1, stride);
                inverse[k - first] = total > 0 ? 1 / total : 0;
            }

            for (int p = first + count; p < lastRow;)
            {
                int from = firstSink > 0 && p >= eliminated ? firstSink : p;
                if (count == Panel && p + Panel <= lastRow)
                {
                    Update4(ref a, first, p, from & -Lanes, stride, inverse);
                    p += Panel;
                }
                else
                {
                    Update1(ref a, first, count, p, from & -Lanes, stride, inverse);
                    p++;
                }
            }
        }
    }

    private static double Total(ref double row, int from, int stride)
    {
        var sums = Vector512<double>.Zero;
        double head = 0;
        int q = from;
        for (; q % Lanes != 0; q++)
        {
            head += Unsafe.Add(ref row, q);
        }

        for (; q < stride; q += Lanes)
        {
            sums += Vector512.LoadUnsafe(ref row, (nuint)q);
        }

        for (int lane = 0; lane < Lanes; lane++)
        {
            head += sums.GetElement(lane);
        }

        return head;
    }

    /// <summary>Four rows and four eliminated nodes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Update4(ref double a, int first, int p, int from, int stride, ReadOnlySpan<double> inverse)
    {
        ref double k0 = ref Unsafe.Add(ref a, (nint)first * stride);
        ref double k1 = ref Unsafe.Add(ref k0, stride);
        ref double k2 = ref Unsafe.Add(ref k1, stride);
        ref double k3 = ref Unsafe.Add(ref k2, stride);
        ref double r0 = ref Unsafe.Add(ref a, (nint)p * stride);
        ref double r1 = ref Unsafe.Add(ref r0, stride);
        ref double r2 = ref Unsafe.Add(ref r1, stride);
        ref double r3 = ref Unsafe.Add(ref r2, stride);
        var f00 = Vector512.Create(Unsafe.Add(ref k0, p) * inverse[0]);
        var f01 = Vector512.Create(Unsafe.Add(ref k1, p) * inverse[1]);
        var f02 = Vector512.Create(Unsafe.Add(ref k2, p) * inverse[2]);
        var f03 = Vector512.Create(Unsafe.Add(ref k3, p) * inverse[3]);
        var f10 = Vector512.Create(Unsafe.Add(ref k0, p + 1) * inverse[0]);
        var f11 = Vector512.Create(Unsafe.Add(ref k1, p + 1) * inverse[1]);
        var f12 = Vector512.Create(Unsafe.Add(ref k2, p + 1) * inverse[2]);
        var f13 = Vector512.Create(Unsafe.Add(ref k3, p + 1) * inverse[3]);
        var f20 = Vector512.Create(Unsafe.Add(ref k0, p + 2) * inverse[0]);
        var f21 = Vector512.Create(Unsafe.Add(ref k1, p + 2) * inverse[1]);
        var f22 = Vector512.Create(Unsafe.Add(ref k2, p + 2) * inverse[2]);
        var f23 = Vector512.Create(Unsafe.Add(ref k3, p + 2) * inverse[3]);
        var f30 = Vector512.Create(Unsafe.Add(ref k0, p + 3) * inverse[0]);
        var f31 = Vector512.Create(Unsafe.Add(ref k1, p + 3) * inverse[1]);
        var f32 = Vector512.Create(Unsafe.Add(ref k2, p + 3) * inverse[2]);
        var f33 = Vector512.Create(Unsafe.Add(ref k3, p + 3) * inverse[3]);
        for (nuint q = (nuint)from; q < (nuint)stride; q += Lanes)
        {
            var v0 = Vector512.LoadUnsafe(ref k0, q);
            var v1 = Vector512.LoadUnsafe(ref k1, q);
            var v2 = Vector512.LoadUnsafe(ref k2, q);
            var v3 = Vector512.LoadUnsafe(ref k3, q);
            var s0 = Vector512.FusedMultiplyAdd(f00, v0, Vector512.LoadUnsafe(ref r0, q));
            var s1 = Vector512.FusedMultiplyAdd(f10, v0, Vector512.LoadUnsafe(ref r1, q));
            var s2 = Vector512.FusedMultiplyAdd(f20, v0, Vector512.LoadUnsafe(ref r2, q));
            var s3 = Vector512.FusedMultiplyAdd(f30, v0, Vector512.LoadUnsafe(ref r3, q));
            s0 = Vector512.FusedMultiplyAdd(f01, v1, s0);
            s1 = Vector512.FusedMultiplyAdd(f11, v1, s1);
            s2 = Vector512.FusedMultiplyAdd(f21, v1, s2);
            s3 = Vector512.FusedMultiplyAdd(f31, v1, s3);
            s0 = Vector512.FusedMultiplyAdd(f02, v2, s0);
            s1 = Vector512.FusedMultiplyAdd(f12, v2, s1);
            s2 = Vector512.FusedMultiplyAdd(f22, v2, s2);
            s3 = Vector512.FusedMultiplyAdd(f32, v2, s3);
            s0 = Vector512.FusedMultiplyAdd(f03, v3, s0);
            s1 = Vector512.FusedMultiplyAdd(f13, v3, s1);
            s2 = Vector512.FusedMultiplyAdd(f23, v3, s2);
            s3 = Vector512.FusedMultiplyAdd(f33, v3, s3);
            s0.StoreUnsafe(ref r0, q);
            s1.StoreUnsafe(ref r1, q);
            s2.StoreUnsafe(ref r2, q);
            s3.StoreUnsafe(ref r3, q);
        }
    }

    private static void Update1(ref double a, int first, int count, int p, int from, int stride, ReadOnlySpan<double> inverse)
    {
        ref double row = ref Unsafe.Add(ref a, (nint)p * stride);
        for (int l = 0; l < count; l++)
        {
            ref double other = ref Unsafe.Add(ref a, (nint)(first + l) * stride);
            var factor = Vector512.Create(Unsafe.Add(ref other, p) * inverse[l]);
            for (nuint q = (nuint)from; q < (nuint)stride; q += Lanes)
            {
                Vector512.FusedMultiplyAdd(factor, Vector512.LoadUnsafe(ref other, q), Vector512.LoadUnsafe(ref row, q)).StoreUnsafe(ref row, q);
            }
        }
    }
}
