using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using AimcCompiler.Core;

namespace AimcCompiler.Kernels;

/// <summary>What rows are driven with for whole codes, many at once (<see cref="InputEncoding.Pulse"/>).</summary>
public static class PulseTrain
{
    /// <summary>pulses[i] = encoding.Pulse(codes[i], pulse), for encodings with bits.</summary>
    public static void Extract(InputEncoding encoding, ReadOnlySpan<float> codes, int pulse, Span<float> pulses)
    {
        ArgumentNullException.ThrowIfNull(encoding);
        Debug.Assert(encoding.Bits is not null && pulses.Length >= codes.Length);
        if (encoding.PulseBits == 0)
        {
            codes.CopyTo(pulses);
            return;
        }

        // Every rule is: a part of the code, shifted and masked, with a sign or none.
        bool isSignPulse = encoding.Sign == InputSign.TwosComplement && pulse == encoding.PulseWeights.Length - 1;
        bool isSecondPhase = encoding.Sign == InputSign.TwoPhase && pulse >= encoding.PulseWeights.Length / 2;
        int digit = encoding.Sign == InputSign.TwoPhase ? pulse % (encoding.PulseWeights.Length / 2) : pulse;
        int shift = isSignPulse ? 31 : digit * encoding.PulseBits;
        var mask = Vector512.Create(isSignPulse ? 1 : encoding.MaxPulse);
        var part = Vector512.Create(encoding.Sign == InputSign.TwosComplement && !isSignPulse ? encoding.MaxCode : -1);
        ref float code = ref MemoryMarshal.GetReference(codes);
        ref float target = ref MemoryMarshal.GetReference(pulses);
        int i = 0;
        for (; i <= codes.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var x = Vector512.ConvertToInt32(Vector512.LoadUnsafe(ref code, (nuint)i));
            var sign = Vector512<int>.Zero;
            if (encoding.Sign == InputSign.SignMagnitude)
            {
                sign = x >> 31;
                x = (x ^ sign) - sign;
            }
            else if (encoding.Sign == InputSign.TwoPhase)
            {
                x = Vector512.Max(isSecondPhase ? -x : x, Vector512<int>.Zero);
            }

            x = ((x & part) >>> shift) & mask;
            Vector512.ConvertToSingle((x ^ sign) - sign).StoreUnsafe(ref target, (nuint)i);
        }

        for (; i < codes.Length; i++)
        {
            pulses[i] = encoding.Pulse((int)codes[i], pulse);
        }
    }

    /// <summary>The exact sum of whole numbers below 2^24.</summary>
    public static double Sum(ReadOnlySpan<float> codes)
    {
        var sums = Vector512<double>.Zero;
        int i = 0;
        for (; i <= codes.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            var eight = Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(codes), (nuint)i);
            sums += Vector512.Create(Vector256.WidenLower(eight), Vector256.WidenUpper(eight));
        }

        double sum = Vector512.Sum(sums);
        for (; i < codes.Length; i++)
        {
            sum += codes[i];
        }

        return sum;
    }
}
