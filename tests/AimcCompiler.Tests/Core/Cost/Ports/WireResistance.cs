namespace AimcCompiler.Tests.Core;

/// <summary>Resistance of a wire of a crossbar, rho / (W^2 AR), which <c>tile.noise.ir_drop</c> asks for cell by cell (NeuroSim; DNN+NeuroSim, IEDM 2019).</summary>
internal static class WireResistance
{
    /// <summary>Copper's change of resistivity per kelvin.</summary>
    private const double PerKelvin = 0.00451;

    private const double ReferenceKelvin = 300;
    private const double NmPerUm = 1000;

    /// <summary>Of a micrometer.</summary>
    /// <param name="widthNm">Width of the wire.</param>
    /// <param name="aspectRatio">Height over width.</param>
    /// <param name="ohmMeters">Resistivity at 300 K; grows as wires get thin.</param>
    /// <param name="kelvin">Temperature.</param>
    public static double OhmPerUm(double widthNm, double aspectRatio, double ohmMeters, double kelvin = ReferenceKelvin)
    {
        double width = widthNm * 1e-9;
        double resistivity = ohmMeters * (1 + (PerKelvin * Math.Abs(kelvin - ReferenceKelvin)));
        return resistivity / (width * width * aspectRatio) * 1e-6;
    }

    /// <summary>From one cell to the next.</summary>
    /// <param name="ohmPerUm">Of the wire.</param>
    /// <param name="widthNm">Width of the wire, the feature size F of the cell.</param>
    /// <param name="pitch">In F: 4 along a row and 12 along a column of 1T1R cells, 2 of a crossbar without transistors.</param>
    public static double OhmPerCell(double ohmPerUm, double widthNm, double pitch) => ohmPerUm * widthNm * pitch / NmPerUm;
}
