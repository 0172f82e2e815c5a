namespace AimcCompiler.Kernels;

/// <summary>The wires of a crossbar of linear cells. Word line r runs from its driver past columns 0, 1, ... and ends open; bit line c begins open, runs past
/// rows 0, 1, ... and ends at virtual ground. A cell joins the two lines at their crossing. Resistances in any unit whose inverse the cells are in; 0 is a
/// perfect wire.</summary>
public sealed record CrossbarWires
{
    /// <summary>What stands for a perfect wire among conductances: all sums are of positive terms, so the error it brings is its ratio to the cells'.</summary>
    private const double PerfectConductance = 1e30;

    public required int Rows { get; init; }

    public required int Columns { get; init; }

    /// <summary>From a driver to the first cell of its word line.</summary>
    public required double Driver { get; init; }

    /// <summary>From cell to cell along a word line.</summary>
    public required double WordLine { get; init; }

    /// <summary>From cell to cell along a bit line.</summary>
    public required double BitLine { get; init; }

    /// <summary>From the last cell of a bit line to virtual ground.</summary>
    public required double Sense { get; init; }

    /// <summary>To the last cell of a word line, where it stands apart; null = as between any two.</summary>
    public double? LastWordLine { get; init; }

    /// <summary>Rows that meet a bit line at the same point, 2 where the halves of a pair share the crossing.</summary>
    public int RowsPerCrossing { get; init; } = 1;

    /// <summary>No wire resists: a crossbar is its cells.</summary>
    public bool ArePerfect => Driver == 0 && WordLine == 0 && BitLine == 0 && Sense == 0 && LastWordLine is null or 0;

    /// <summary>Resistance of the bit line between a row and the next, or virtual ground.</summary>
    public double Below(int row) => row == Rows - 1 ? Sense : (row + 1) % RowsPerCrossing == 0 ? BitLine : 0;

    /// <summary>Resistance of the word line before a column.</summary>
    public double Before(int column) => column == 0 ? Driver : column == Columns - 1 ? LastWordLine ?? WordLine : WordLine;

    /// <summary>Resistance of a line beside the bit line before a row.</summary>
    public double Along(int row) => row == 0 ? Driver : row % RowsPerCrossing == 0 ? WordLine : 0;

    internal double ConductanceBelow(int row) => Conductance(Below(row));

    internal double ConductanceBefore(int column) => Conductance(Before(column));

    private static double Conductance(double resistance) => resistance == 0 ? PerfectConductance : Math.Min(1 / resistance, PerfectConductance);
}
