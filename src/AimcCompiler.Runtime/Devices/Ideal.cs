using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>What is programmed stays.</summary>
internal sealed class Ideal(CellDescription cell, double? noiseRead) : DeviceModel(cell, noiseRead)
{
    public override bool IsIdeal => true;

    private protected override void ProgrammedOfChunk(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> draws, Span<float> programmedUs) =>
        targetUs.CopyTo(programmedUs);
}
