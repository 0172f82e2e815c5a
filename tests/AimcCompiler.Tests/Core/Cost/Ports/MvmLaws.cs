namespace AimcCompiler.Tests.Core;

/// <summary>How long an MVM takes where it is not pulses of one length each: what stands in a chip's <c>cycle_ns</c>.</summary>
internal static class MvmLaws
{
    /// <summary>Longest train of pulses that NeuRRAM integrates before it converts.</summary>
    private const int MostBitsOfNeuRramPhase = 3;

    /// <summary>Pulse widths: the largest magnitude in steps of a clock, once for each phase of reading, then what the ADC still takes.</summary>
    /// <param name="inputBits">Sign included.</param>
    /// <param name="stepNs">Width of an LSB.</param>
    /// <param name="tailNs">After the pulse.</param>
    /// <param name="phases">1, or 4 where each polarity of inputs and weights is read by itself.</param>
    public static double PulseWidthNs(int inputBits, double stepNs, double tailNs, int phases) => phases * ((((1L << (inputBits - 1)) - 1) * stepNs) + tailNs);

    /// <summary>An oscillator counts, or a ramp climbs, through all codes; every column at the same time.</summary>
    /// <param name="adcBits">Bits of a code.</param>
    /// <param name="stepNs">Of one code.</param>
    public static double RampNs(int adcBits, double stepNs) => (1L << adcBits) * stepNs;

    /// <summary>NeuRRAM: bits of a magnitude as trains of 2^p - 1 integration steps of 270 ns, in two phases beyond 3 bits; after each the charge is counted down in steps of 300 ns, one a bit that is still to come,
    /// and 300 ns between phases (Wan et al., Nature 608, 2022; CimLoop's model of it).</summary>
    /// <param name="inputBits">Sign included.</param>
    /// <param name="outputBits">Of the ADC.</param>
    public static double NeuRramNs(int inputBits, int outputBits)
    {
        int magnitude = Math.Max(1, inputBits - 1);
        int[] phases = magnitude <= MostBitsOfNeuRramPhase ? [magnitude] : [(magnitude + 1) / 2, magnitude / 2];
        long integrations = phases.Sum(p => (1L << p) - 1);
        long conversions = phases.Select((_, i) => (long)outputBits - phases[..i].Sum()).Sum();
        return (270 * integrations) + (300 * conversions) + (300 * phases.Length);
    }
}
