namespace AimcCompiler.Runtime;

/// <summary>Student's t distribution.</summary>
public static class StudentT
{
    // Quantiles for 1 to 30 degrees of freedom (any statistics table; NIST/SEMATECH e-Handbook, 1.3.6.7.2).
    private static readonly double[] Table =
    [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];

    /// <summary>The 97.5 % quantile. Beyond 30 degrees of freedom by the Cornish-Fisher expansion (Abramowitz and Stegun 26.7.5), exact to 1e-3.</summary>
    public static double Quantile975(int degreesOfFreedom)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(degreesOfFreedom);
        if (degreesOfFreedom <= Table.Length)
        {
            return Table[degreesOfFreedom - 1];
        }

        const double Z = 1.959964;
        const double Square = Z * Z;
        double first = Z * (Square + 1) / 4;
        double second = Z * ((((5 * Square) + 16) * Square) + 3) / 96;
        return Z + ((first + (second / degreesOfFreedom)) / degreesOfFreedom);
    }
}
