using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AimcCompiler.Digital;

namespace AimcCompiler.Benchmarks;

/// <summary>What one thread of the machine computes in fp32, a multiply-add counted as two operations.</summary>
/// <param name="MultiplyAddGflops">Multiply-adds in registers: no product can be faster.</param>
/// <param name="OnnxRuntimeGflops">ONNX Runtime's MatMul of a batch with packed weights.</param>
internal sealed record MachineRate(double MultiplyAddGflops, double OnnxRuntimeGflops)
{
    public const int N = 1024;
    public const int Batch = 128;

    private const int Steps = 1 << 20;

    /// <summary>More sums than a processor has multiply-adds under way.</summary>
    private const int Sums = 12;

    public static MachineRate Measure(CancellationToken cancellation)
    {
        MatrixProduct product = new(N);
        using var session = product.Reference(1);
        using DigitalValue value = new(product.Inputs(Batch));
        var given = MatrixProduct.Given(value);
        int lanes = Vector512.IsHardwareAccelerated ? Vector512<float>.Count : Vector256<float>.Count;
        Action multiplyAdd = Vector512.IsHardwareAccelerated ? () => s_result = Wide(Steps) : () => s_result = Narrow(Steps);
        var found = Alternation.Measure(multiplyAdd, () => MatrixProduct.Run(session, given), Clock.Cpu, 5, 2, 0.3, cancellation);
        return new MachineRate(2.0 * lanes * Sums * Steps / found.OursS / 1e9, 2.0 * N * N * Batch / found.TheirsS / 1e9);
    }

    private static float s_result;

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Wide(int steps)
    {
        Vector512<float> a = Vector512.Create(0.999f), b = Vector512.Create(0.001f);
        Vector512<float> s0 = a, s1 = a, s2 = a, s3 = a, s4 = a, s5 = a, s6 = a, s7 = a, s8 = a, s9 = a, s10 = a, s11 = a;
        for (int i = 0; i < steps; i++)
        {
            s0 = Vector512.FusedMultiplyAdd(s0, a, b);
            s1 = Vector512.FusedMultiplyAdd(s1, a, b);
            s2 = Vector512.FusedMultiplyAdd(s2, a, b);
            s3 = Vector512.FusedMultiplyAdd(s3, a, b);
            s4 = Vector512.FusedMultiplyAdd(s4, a, b);
            s5 = Vector512.FusedMultiplyAdd(s5, a, b);
            s6 = Vector512.FusedMultiplyAdd(s6, a, b);
            s7 = Vector512.FusedMultiplyAdd(s7, a, b);
            s8 = Vector512.FusedMultiplyAdd(s8, a, b);
            s9 = Vector512.FusedMultiplyAdd(s9, a, b);
            s10 = Vector512.FusedMultiplyAdd(s10, a, b);
            s11 = Vector512.FusedMultiplyAdd(s11, a, b);
        }

        return Vector512.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Narrow(int steps)
    {
        Vector256<float> a = Vector256.Create(0.999f), b = Vector256.Create(0.001f);
        Vector256<float> s0 = a, s1 = a, s2 = a, s3 = a, s4 = a, s5 = a, s6 = a, s7 = a, s8 = a, s9 = a, s10 = a, s11 = a;
        for (int i = 0; i < steps; i++)
        {
            s0 = Vector256.FusedMultiplyAdd(s0, a, b);
            s1 = Vector256.FusedMultiplyAdd(s1, a, b);
            s2 = Vector256.FusedMultiplyAdd(s2, a, b);
            s3 = Vector256.FusedMultiplyAdd(s3, a, b);
            s4 = Vector256.FusedMultiplyAdd(s4, a, b);
            s5 = Vector256.FusedMultiplyAdd(s5, a, b);
            s6 = Vector256.FusedMultiplyAdd(s6, a, b);
            s7 = Vector256.FusedMultiplyAdd(s7, a, b);
            s8 = Vector256.FusedMultiplyAdd(s8, a, b);
            s9 = Vector256.FusedMultiplyAdd(s9, a, b);
            s10 = Vector256.FusedMultiplyAdd(s10, a, b);
            s11 = Vector256.FusedMultiplyAdd(s11, a, b);
        }

        return Vector256.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }
}
