using System.Numerics;

namespace AimcCompiler.Runtime;

/// <summary>128 bits of a sequence of numbers: two states with one digest are taken for the same.</summary>
internal sealed class StateDigest
{
    private ulong _low = 0x243f6a8885a308d3;
    private ulong _high = 0x13198a2e03707344;

    public (ulong Low, ulong High) Value => (_low, _high);

    public void Add(long number)
    {
        _low = (_low ^ (ulong)number) * 0x9e3779b97f4a7c15;
        _low ^= _low >> 32;
        _high = BitOperations.RotateLeft(_high + (ulong)number, 29) * 0xd6e8feb86659fd93;
    }
}
