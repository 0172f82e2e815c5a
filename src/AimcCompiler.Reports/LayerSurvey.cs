using System.Collections.Immutable;
using System.Numerics;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Reports;

/// <summary>Counts of one layer from its blocks as they are placed, and the work they make.</summary>
internal sealed class LayerSurvey
{
    private readonly MappedProgram _program;
    private readonly TileGeometry _geometry;
    private readonly ImmutableArray<Block> _copy;

    public LayerSurvey(MappedProgram program, int index)
    {
        _program = program;
        Layer = program.Layers[index];
        _geometry = new TileGeometry(program.Chip.Tile);
        _copy = [.. Layer.Blocks.Where(b => b.Copy == 0)];
        Node = program.Nodes.FirstOrDefault(n => n.Layer == index);
        Input = InputEncoding.Of(program.Chip.Tile.Input, Layer.InputIsNonNegative);
        RowBlocks = _copy.Select(b => b.RowBlock).Distinct().Count();
        ColumnBlocks = _copy.Select(b => b.ColumnStart).Distinct().Count();
        TilesPerCopy = _copy.Select(b => b.Tile).Distinct().Count();
        Tiles = Layer.Blocks.Select(b => b.Tile).Distinct().Count();
        CellsUsed = Layer.Blocks.Sum(CellsOf);
        CellsOfOneCopy = _copy.Sum(CellsOf);
        Macs = Layer.ModelWeights * Layer.OutputsOf(Layer.VectorsPerInference, program.Values[Layer.Output].Shape);
        Weights = _copy.Sum(b => (long)b.Groups * b.RowCount * b.ColumnCount);
        Work = WorkOf(Layer.VectorsPerInference);
    }

    public MappedLayer Layer { get; }

    /// <summary>The node it was made from.</summary>
    public NodePlacement? Node { get; }

    public InputEncoding Input { get; }

    public int RowBlocks { get; }

    public int ColumnBlocks { get; }

    public int TilesPerCopy { get; }

    public int Tiles { get; }

    /// <summary>Cells that hold a weight, all copies.</summary>
    public long CellsUsed { get; }

    public long CellsOfOneCopy { get; }

    /// <summary>As the model counts them, zeros that are left out included.</summary>
    public long Macs { get; }

    /// <summary>Weights of one copy that are on tiles.</summary>
    public long Weights { get; }

    /// <summary>Zeros that are not on tiles; null = all are, or other layers have weights there.</summary>
    public ZerosReport? Zeros()
    {
        long weights = ((long)Layer.Groups * Layer.ModelRows * Layer.ModelColumns) - Weights;
        if (weights == 0 || Layer.IsPart)
        {
            return null;
        }

        long whole = Layer.Packing switch
        {
            DepthwisePolicy.Dense => Layer.Groups,
            DepthwisePolicy.Packed => DivideUp(Layer.Groups, Math.Max(1, Math.Min(_geometry.LogicalRows / Layer.ModelRows, _geometry.LogicalColumns / Layer.ModelColumns))),
            _ => Layer.Groups * DivideUp(Layer.ModelRows, _geometry.LogicalRows) * DivideUp(Layer.ModelColumns, _geometry.LogicalColumns),
        };
        return new ZerosReport(Layer.ModelRows - Layer.Rows, Layer.ModelColumns - Layer.Columns, Math.Max(0, whole - _copy.Length), weights);
    }

    public LayerWork Work { get; private init; }

    /// <summary>Cells that hold a weight; the zero cells between packed groups do not count.</summary>
    public long CellsOf(Block block) =>
        (long)block.Groups * block.RowCount * block.ColumnCount * _geometry.PhysicalRowsPerWeight * _geometry.PhysicalColumnsPerWeight;

    /// <summary>Bits that hold every possible column sum, sign included; null where cells or inputs are not integers.</summary>
    public int? LosslessAdcBits()
    {
        TileDescription tile = _program.Chip.Tile;
        var weights = WeightEncoding.Of(tile);
        if (weights.IsAnalog || Input.Bits is null)
        {
            return null;
        }

        int pulse = tile.Adc.InputSlices == InputSliceConversion.Accumulated ? Input.MaxCode : Input.MaxPulse;
        BigInteger sum = (BigInteger)Layer.Blocks.Max(b => b.Rows) * pulse * weights.MaxLevel;
        if (weights.HasFlip)
        {
            sum /= 2; // the flip rule leaves no column above half of full scale
        }

        bool isSigned = Input.HasSignedPulses || (weights.IsDifferential && tile.Encoding.Subtract == Subtraction.InArray);
        return (int)sum.GetBitLength() + (isSigned ? 1 : 0);
    }

    /// <summary>A range is needed and not there.</summary>
    public bool MissesRange() => ProgramRanges.Lacking(_program, Layer) is not null;

    /// <summary>MVMs of the layer before that must be done before the first of this one, in that layer's own count.</summary>
    public LayerWork After(LayerWork? before)
    {
        if (before is null)
        {
            return Work;
        }

        long all = before.MvmsPerInference;
        if (Layer.View is not ConvolutionView view || _program.Values[Layer.Input].Shape is not { Length: > 2 } shape || shape.Skip(2).Any(d => d <= 0))
        {
            return Work with { FillMvms = all };
        }

        // The window's last element, in row-major order, over the pixels of the input.
        long pixels = 1;
        long fill = 0;
        for (int axis = view.Kernel.Length - 1; axis >= 0; axis--)
        {
            long reach = axis == view.Kernel.Length - 1 ? view.Places()[^1] + 1 : (view.Kernel[axis] - 1L) * view.Dilations[axis];
            fill += Math.Max(0, reach) * pixels;
            pixels *= shape[axis + 2];
        }

        // Pooling in between leaves fewer pixels than the layer before made.
        return Work with { FillMvms = Math.Min(all, (long)Math.Ceiling(fill * (all / (double)pixels))) };
    }

    /// <summary>Blocks of a copy that share a tile are driven one after the other; so many rounds make one window.</summary>
    private LayerWork WorkOf(long windows)
    {
        int rounds = _copy.GroupBy(b => b.Tile).Max(g => g.Count());
        bool isParallel = rounds == 1;
        int rowTiles = isParallel ? RowBlocks : 1;
        int columnTiles = isParallel ? (int)DivideUp(_copy.Length, RowBlocks) : TilesPerCopy;
        long rows = _copy.Sum(b => (long)b.Rows);
        long columns = _copy.Sum(b => (long)b.Columns);
        return new LayerWork(
            Layer.Name,
            Rows: DivideUp(rows, (long)columnTiles * rounds),
            Columns: DivideUp(columns, (long)rowTiles * rounds),
            MvmsPerInference: windows * rounds,
            RowTiles: rowTiles,
            ColumnTiles: columnTiles,
            Copies: Layer.Copies,
            UsedRows: DivideUp(rows * _geometry.PhysicalRowsPerWeight, rounds),
            UsedColumns: DivideUp(columns * _geometry.PhysicalColumnsPerWeight, rounds),
            UsedCells: DivideUp(
                _copy.Sum(b => (long)b.Rows * b.Columns) * _geometry.PhysicalRowsPerWeight * _geometry.PhysicalColumnsPerWeight, rounds),
            Macs: Macs)
        {
            Tiles = TilesPerCopy,
            DrivenPulses = Layer.MeanPulses,
            LongestPulses = Layer.LongestPulses,
            UnsignedCodes = Input.IsUnsigned,
            SharesTilesOf = Layer.SharesTilesOf,
            IsSerial = _program.Instructions.OfType<LoopInstruction>().SelectMany(l => l.Body).OfType<MvmInstruction>().Any(m => ReferenceEquals(_program.Layers[m.Layer], Layer)),
        };
    }

    private static long DivideUp(long dividend, long divisor) => (dividend + divisor - 1) / divisor;
}
