namespace AimcCompiler.Core;

/// <summary>Energy and area of an ADC as a regression over the published ones (Murmann's survey; coefficients of the Accelergy ADC plug-in,
/// <c>model.yaml</c>). A best case: the 20th percentile of energy. Nearly flat below 6 bits, where a table is better.</summary>
public static class AdcSurvey
{
    private const int LeastBits = 4;

    /// <summary>Energy of one conversion.</summary>
    /// <param name="bits">4 or more.</param>
    /// <param name="samplesPerSecond">Rate of one ADC.</param>
    /// <param name="technologyNm">Feature size.</param>
    public static double EnergyPj(int bits, double samplesPerSecond, double technologyNm)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bits, LeastBits);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(samplesPerSecond);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(technologyNm);
        double signalToNoiseDb = (20 * Math.Log10(2) * bits) + (10 * Math.Log10(1.5));
        double limitOfFrequencyDb = 213.7806687348118 - (2.8719030399529957 * Math.Log(samplesPerSecond));
        double limitOfBitsDb = 128.3068287398817 + (3.2205115110 * bits);
        double figureOfMeritDb = Math.Min(limitOfFrequencyDb, limitOfBitsDb);
        double logEnergy = 26.0496215686518
            + (1.8800369206815004 * Math.Log(technologyNm))
            - (2.8291256050594527 * Math.Log(bits))
            - 1.4702022133784405;
        return 0.5 * Math.Pow(10, (signalToNoiseDb - figureOfMeritDb) / 10) * Math.Exp(logEnergy);
    }

    /// <summary>Area of one ADC. About five times ISAAC's, which is a single best design.</summary>
    public static double AreaUm2(int bits, double samplesPerSecond, double technologyNm) => Math.Exp(
        1.3461916439910742
        + (0.9932794744745022 * Math.Log(technologyNm))
        + (0.18071538424508238 * Math.Log(samplesPerSecond))
        + (0.29912426192653485 * Math.Log(EnergyPj(bits, samplesPerSecond, technologyNm))));
}
