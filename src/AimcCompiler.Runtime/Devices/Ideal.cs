using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>What is programmed stays.</summary>
internal sealed class Ideal(CellDescription cell, double? noiseRead) : DeviceModel(cell, noiseRead)
{
    public override bool IsIdeal => true;

    private protected override void ConductancesOfChunk(
        ReadOnlySpan<float> targetUs, double? timeS, in CellStream stream, int row, int firstColumn, Span<float> conductanceUs) =>
        targetUs.CopyTo(conductanceUs);
}
