using System.Runtime.CompilerServices;

namespace AimcCompiler.Kernels;

/// <summary>Noise of a column's sum in one draw: the read noise of all its cells and the noise of the output, which are independent, have the sum of their variances.</summary>
public readonly struct ColumnNoise : ILaneKernel
{
    private readonly float _outputVariance;

    private ColumnNoise(float outputVariance) => _outputVariance = outputVariance;

    /// <summary>sums[i] += sqrt(variances[i] + outputVariance) normals[i].</summary>
    public static void Add(ReadOnlySpan<float> variances, float outputVariance, ReadOnlySpan<float> normals, Span<float> sums)
    {
        ColumnNoise kernel = new(outputVariance);
        LaneMap.Run(in kernel, sums, variances, normals, normals, sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
        where TLanes : struct, ILanes<TLanes> => TLanes.FusedMultiplyAdd(TLanes.Sqrt(b + TLanes.Broadcast(_outputVariance)), c, a);
}
