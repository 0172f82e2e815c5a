namespace AimcCompiler.Core;

public enum IrDropModel
{
    /// <summary>Kirchhoff's laws at every crossing, exact for linear cells.</summary>
    Nodal,

    /// <summary>aihwkit's fit: one polynomial of each column's load.</summary>
    Polynomial,
}

public enum IrDropTopology
{
    /// <summary>The word line that carries the input also feeds the cells.</summary>
    RowDriven,

    /// <summary>The input gates the cells; a source line beside each bit line feeds them.</summary>
    SourceLine,
}

/// <summary>The wires of a tile. Fields of the other model, and of the other topology, are null.</summary>
public sealed record IrDropDescription
{
    /// <summary>Of the resistance of copper, per kelvin above 300 K (hardware.md 3.8).</summary>
    public const double TemperatureCoefficient = 0.00451;

    public required IrDropModel Model { get; init; }

    public required IrDropTopology? Topology { get; init; }

    /// <summary>The halves of a pair stand next to each other, so that their currents cancel on the line that they share.</summary>
    public required bool? Interleaved { get; init; }

    /// <summary>From cell to cell along a word line; row_driven.</summary>
    public required double? WordLineOhm { get; init; }

    /// <summary>From cell to cell along a source line; source_line.</summary>
    public required double? SourceLineOhm { get; init; }

    /// <summary>From cell to cell along a bit line.</summary>
    public required double? BitLineOhm { get; init; }

    /// <summary>Between a driver and its word line or source line; null = none.</summary>
    public required double? DriverOhm { get; init; }

    /// <summary>Between a bit line and its converter; null = none.</summary>
    public required double? SenseOhm { get; init; }

    /// <summary>Factor of the polynomial; 1 is the published fit.</summary>
    public required double? Scale { get; init; }

    /// <summary>Conductance of a segment of wire over that of a full-scale device.</summary>
    public required double? GRatio { get; init; }

    /// <summary>What the resistances, given at 300 K, are multiplied with.</summary>
    public static double TemperatureFactor(double temperatureK) => 1 + (TemperatureCoefficient * (temperatureK - 300));
}
