using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>What one line of columns (a slice and a polarity, or the unit column) has between its cells and its codes: one entry a column, null where
/// nothing is on.</summary>
internal sealed class LinePeriphery
{
    /// <summary>1 / the sum of a column's conductances, in levels: what makes its sum a voltage.</summary>
    public float[]? PerConductance { get; init; }

    /// <summary>The sum that was programmed for, by which the digital side multiplies.</summary>
    public double[]? Conductance { get; init; }

    /// <summary>n of y / (1 + |n y|), y in the units of column sums.</summary>
    public float[]? Nonlinearity { get; init; }

    /// <summary>v, the voltage offset as a fraction of the read voltage.</summary>
    public float[]? VoltageOffset { get; init; }

    public StepCurve[]? Curves { get; init; }

    /// <summary>Magnitudes of net contents, which set the noise of a read.</summary>
    public float[]? Magnitudes { get; init; }
}

/// <summary>The static part of a block's drivers, column circuits and converters: drawn once an instance, for the physical row, column and ADC, so that
/// blocks on one tile share what they share there.</summary>
internal sealed class BlockPeriphery
{
    private readonly TilePhysics _physics;
    private readonly SimulationOptions _options;
    private readonly Block _block;

    private BlockPeriphery(TilePhysics physics, ProgrammedBlock block, SimulationOptions options)
    {
        (_physics, _options, _block) = (physics, options, block.Block);
        int slices = physics.Weights.Slices;
        Lines = new LinePeriphery[(2 * slices) + 1];
        Dictionary<int, StepCurve> curves = [];
        for (int line = 0; line < 2 * slices; line++)
        {
            int slice = line / 2;
            float[]? cells = line % 2 == 0 ? block.Positive[slice] : block.Negative[slice];
            if (cells is not null)
            {
                float lsb = physics.HasAdc ? physics.Lsbs[slice] : 0;
                Lines[line] = Line(block, line, cells, lsb, [.. Enumerable.Range(0, block.Block.Columns).Select(c => PhysicalColumn(c, line))], curves);
            }
        }

        if (block.Unit is { } unit)
        {
            Lines[2 * slices] = Line(block, 2 * slices, unit, physics.UnitLsb, [physics.Tile.Columns], curves);
        }

        Drivers = physics.HasDriverErrors ? DriverLevels() : null;
    }

    public LinePeriphery[] Lines { get; }

    /// <summary>Each row's levels in codes, from the lowest pulse on; null without errors.</summary>
    public float[][]? Drivers { get; }

    /// <summary>Null where nothing is on.</summary>
    public static BlockPeriphery? Of(TilePhysics physics, ProgrammedBlock block, SimulationOptions options) =>
        physics.HasPeriphery ? new BlockPeriphery(physics, block, options) : null;

    /// <summary>A weight's columns lie side by side: slices, and in each the two halves of a pair that stands in columns. A pair that is subtracted in the
    /// array is converted at its positive column.</summary>
    private int PhysicalColumn(int column, int line)
    {
        var encoding = _physics.Tile.Encoding;
        bool isPairOfColumns = _physics.Weights.IsDifferential && encoding.PairAxis == PairAxis.Columns;
        int perWeight = _physics.Weights.Slices * (isPairOfColumns ? 2 : 1);
        return _block.TileColumn + (column * perWeight) + (isPairOfColumns ? line : line / 2);
    }

    private LinePeriphery Line(ProgrammedBlock block, int line, float[] cells, float lsb, int[] physical, Dictionary<int, StepCurve> curves)
    {
        double[]? held = block.Terms?.Held[line];
        double full = _physics.HasAdc ? _physics.AdcMax * (double)lsb : _physics.FullScale;
        return new LinePeriphery
        {
            PerConductance = held is null ? null : Array.ConvertAll(held, sum => sum > 0 ? (float)(1 / sum) : 0),
            Conductance = held is null ? null : block.Terms!.Programmed[line],
            Nonlinearity = _physics.HasNonlinearity ? Array.ConvertAll(physical, c => Nonlinearity(c, full)) : null,
            VoltageOffset = _physics.HasCurrentErrors
                ? Array.ConvertAll(physical, c => (float)((_physics.Tile.Output!.VoltageOffset ?? 0) * Circuit(c, 1)))
                : null,
            Curves = _physics.HasAdcCurves ? Array.ConvertAll(physical, c => Curve(c, curves)) : null,
            Magnitudes = _physics.WeightNoise is { Kind: WeightNoiseKind.PcmRead } ? Array.ConvertAll(cells, Math.Abs) : null,
        };
    }

    private float Nonlinearity(int column, double full)
    {
        var output = _physics.Tile.Output!;
        return (float)Math.Abs(output.Nonlinearity!.Value * (1 + ((output.NonlinearitySpread ?? 0) * Circuit(column, 0))) / full);
    }

    /// <summary>A draw of a column's circuit.</summary>
    private float Circuit(int column, int which) => Draw(DrawPurpose.OutputCircuit, column, which, 1)[0];

    private StepCurve Curve(int column, Dictionary<int, StepCurve> curves)
    {
        var adc = _physics.Tile.Adc;
        int converter = column / adc.ColumnsPerAdc + (column == _physics.Tile.Columns && column % adc.ColumnsPerAdc != 0 ? 1 : 0);
        bool isPerColumn = adc.Structure is { Kind: AdcStructureKind.Ramp, ComparatorSigma: > 0 };
        int key = isPerColumn ? column : converter;
        if (curves.TryGetValue(key, out var curve))
        {
            return curve;
        }

        CodeEdges edges = new(adc.Bits!.Value, _physics.IsSigned, _physics.LevelShift);
        curve = edges.Curve(
            adc.Errors,
            adc.Structure,
            Draw(DrawPurpose.AdcErrors, converter, 0, edges.ErrorDraws),
            Draw(DrawPurpose.AdcStructure, converter, 0, edges.StructureDraws),
            Circuit(column, 2));
        curves.Add(key, curve);
        return curve;
    }

    private float[][] DriverLevels()
    {
        int least = _physics.Input.HasSignedPulses ? -_physics.Input.MaxPulse : 0;
        int step = _physics.Input.CodesPerLevel;
        int count = ((_physics.Input.MaxPulse - least) / step) + 1;
        int rowsPerWeight = new TileGeometry(_physics.Tile).PhysicalRowsPerWeight;
        float[][] levels = new float[_block.Rows][];
        for (int r = 0; r < levels.Length; r++)
        {
            float[] draws = Draw(DrawPurpose.RowDriver, _block.TileRow + (r * rowsPerWeight), 0, CodeEdges.LevelDraws(count));
            levels[r] = Array.ConvertAll(CodeEdges.Levels(count, least / (float)step, _physics.Tile.Input.Errors!, draws), level => level * step);
        }

        return levels;
    }

    private float[] Draw(DrawPurpose purpose, int place, int first, int count)
    {
        float[] draws = new float[count];
        CellStream stream = new(_options.Seed, _options.Instance, Layer: 0, Slice: 0, Pair: 0, Polarity: 0, Copy: 0);
        Draws.Normals(stream, purpose, (ulong)_block.Tile, place, first, draws);
        return draws;
    }
}
