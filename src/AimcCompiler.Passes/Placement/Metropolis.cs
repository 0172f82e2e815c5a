using AimcCompiler.Kernels;

namespace AimcCompiler.Passes;

/// <summary>Whether annealing takes a step: always one for the better, one for the worse by d at temperature t with probability exp(-d / t).</summary>
internal static class Metropolis
{
    /// <summary>-ln of so many equally likely numbers: where d &lt; t x one of them, the step is taken.</summary>
    private static readonly double[] s_thresholds = [.. Enumerable.Range(0, 4096).Select(i => -FixedMath.Log((i + 0.5) / 4096))];

    /// <param name="delta">What the step changes the cost by.</param>
    /// <param name="temperature">Above 0.</param>
    /// <param name="draw">Of which the upper twelve bits are random.</param>
    public static bool Takes(double delta, double temperature, ulong draw) => delta < 0 || delta < temperature * s_thresholds[draw >> 52];

    /// <summary>Factor of so many equal steps from one temperature to another.</summary>
    public static double Factor(double from, double to, int steps) => FixedMath.Exp((float)(-FixedMath.Log(from / to) / steps));
}
