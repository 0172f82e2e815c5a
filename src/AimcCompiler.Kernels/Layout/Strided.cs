using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Kernels;

/// <summary>Every so many elements of a line. Elements move, nothing is computed.</summary>
public static class Strided
{
    /// <summary>destination[i] = source[i stride].</summary>
    public static void Copy(ReadOnlySpan<float> source, int stride, Span<float> destination)
    {
        if (stride == 1)
        {
            source[..destination.Length].CopyTo(destination);
            return;
        }

        int done = 0;
        if (stride == 2 && Avx2.IsSupported)
        {
            ref float from = ref MemoryMarshal.GetReference(source);
            ref float to = ref MemoryMarshal.GetReference(destination);
            for (; done <= destination.Length - Vector256<float>.Count && (2 * done) + (2 * Vector256<float>.Count) <= source.Length; done += Vector256<float>.Count)
            {
                // [0 2 8 10 | 4 6 12 14], in pairs to [0 2 4 6 8 10 12 14].
                var even = Avx.Shuffle(Vector256.LoadUnsafe(ref from, (nuint)(2 * done)), Vector256.LoadUnsafe(ref from, (nuint)((2 * done) + Vector256<float>.Count)), 0b10_00_10_00);
                Avx2.Permute4x64(even.AsDouble(), 0b11_01_10_00).AsSingle().StoreUnsafe(ref to, (nuint)done);
            }
        }

        for (; done < destination.Length; done++)
        {
            destination[done] = source[done * stride];
        }
    }
}
