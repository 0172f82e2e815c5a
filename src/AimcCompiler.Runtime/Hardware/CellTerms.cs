using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>What column sums need of the cells beside their contents: the terms of a bent I-V curve, and the sums of conductance that voltage sensing
/// divides by. Filled while a block is programmed, device by device. A line is a slice and a polarity (2 slice + polarity), or the unit column after them.</summary>
internal sealed class CellTerms
{
    private const double Ln10 = 2.302585092994046;

    private readonly TilePhysics _physics;
    private readonly int _rows;
    private readonly int _columns;
    private readonly double _gMinUs;
    private readonly double _usPerLevel;
    private readonly double _volts;
    private readonly bool _pairsAddEvenTerms;

    private CellTerms(TilePhysics physics, int rows, int columns)
    {
        _physics = physics;
        (_rows, _columns) = (rows, columns);
        var cell = physics.Tile.Cell;
        _gMinUs = cell.GMinUs;
        _usPerLevel = (cell.GMaxUs - cell.GMinUs) / physics.Weights.MaxLevel;
        _volts = cell.ReadVoltageV;
        _pairsAddEvenTerms = physics.Tile.Encoding.PairAxis == PairAxis.Rows;
        int lines = (2 * physics.Weights.Slices) + 1;
        Even = new float[lines][];
        Odd = new float[lines][];
        Held = new double[lines][];
        Programmed = new double[lines][];
    }

    /// <summary>Cells of the product with the square of the voltage, or with its magnitude where all driven cells see one voltage; null without.</summary>
    public float[]?[] Even { get; }

    /// <summary>Cells of the product with the cube of the voltage.</summary>
    public float[]?[] Odd { get; }

    /// <summary>Each column's sum of conductance as it is, in levels.</summary>
    public double[]?[] Held { get; }

    /// <summary>Each column's sum of conductance as it was meant to be, in levels.</summary>
    public double[]?[] Programmed { get; }

    /// <summary>Null where contents say all.</summary>
    public static CellTerms? Of(TilePhysics physics, int rows, int columns) =>
        physics.Iv is null && !physics.SensesVoltage ? null : new CellTerms(physics, rows, columns);

    public int Line(int slice, int polarity) => (2 * slice) + (_physics.SubtractsInArray ? 0 : polarity);

    public int UnitLine => 2 * _physics.Weights.Slices;

    /// <summary>A row of devices before it is programmed.</summary>
    public void AddTargets(int line, ReadOnlySpan<float> contents) => AddSums(ref Programmed[line], contents);

    /// <summary>A row of devices as it is now; contents become those at the read voltage where all driven cells see it.</summary>
    public void Add(int line, bool isNegative, int row, Span<float> contents)
    {
        if (_physics.SensesVoltage)
        {
            AddSums(ref Held[line], contents);
        }

        if (_physics.Iv is not { } iv)
        {
            return;
        }

        bool isMilo = iv.Kind == IvKind.Milo;
        bool separatesEven = isMilo && (_physics.DrivesAmplitudes || _physics.Tile.Input.Sign == InputSign.SignMagnitude);
        int columns = contents.Length;
        var even = separatesEven ? (Even[line] ??= new float[_rows * columns]).AsSpan(row * columns, columns) : default;
        var odd = _physics.DrivesAmplitudes ? (Odd[line] ??= new float[_rows * columns]).AsSpan(row * columns, columns) : default;
        bool subtracts = isNegative && _physics.SubtractsInArray;
        float oddSign = subtracts ? -1 : 1;
        float evenSign = subtracts && !_pairsAddEvenTerms ? -1 : 1;
        for (int c = 0; c < columns; c++)
        {
            var (square, cube) = isMilo ? Milo(contents[c]) : (0, -iv.CubicPerV2!.Value * _volts * _volts * contents[c]);
            if (separatesEven)
            {
                even[c] += evenSign * (float)square;
            }

            if (_physics.DrivesAmplitudes)
            {
                odd[c] += oddSign * (float)cube;
            }
            else
            {
                contents[c] += (float)(cube + (separatesEven ? 0 : square));
            }
        }
    }

    /// <summary>NL2 V and NL3 V^2 above those of g_min, in levels.</summary>
    private (double Square, double Cube) Milo(float content)
    {
        var (square, cube) = Coefficients(_gMinUs + (content * _usPerLevel));
        var (leastSquare, leastCube) = Coefficients(_gMinUs);
        return ((square - leastSquare) * _volts * 1e6 / _usPerLevel, (cube - leastCube) * _volts * _volts * 1e6 / _usPerLevel);
    }

    /// <summary>NL2 in A/V^2 and NL3 in A/V^3 (Milo et al., IRPS 2021, as in CrossSim); conductances beyond the fit have the values at its ends.</summary>
    private static (double Square, double Cube) Coefficients(double gUs)
    {
        double l = FixedMath.Log(Math.Clamp(gUs, 50, 225) * 1e-6) / Ln10;
        return ((((((0.0001388 * l) + 0.001541) * l) + 0.005711) * l) + 0.007063, (((8.8710e-5 * l) + 6.7919e-4) * l) + 1.2968e-3);
    }

    private void AddSums(ref double[]? sums, ReadOnlySpan<float> contents)
    {
        sums ??= new double[contents.Length];
        for (int c = 0; c < contents.Length; c++)
        {
            sums[c] += contents[c] + (_gMinUs / _usPerLevel);
        }
    }
}
