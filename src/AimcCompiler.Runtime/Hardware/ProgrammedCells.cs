using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>Devices of one row of a block, of one slice, pair and polarity, from left to right.</summary>
public readonly ref struct CellRun
{
    /// <summary>Index of the layer in the program.</summary>
    public required int Layer { get; init; }

    public required int Copy { get; init; }

    public required int Tile { get; init; }

    /// <summary>Physical row on the tile.</summary>
    public required int Row { get; init; }

    /// <summary>Physical column of the first; a unit column's is at or above the tile's columns.</summary>
    public required int FirstColumn { get; init; }

    /// <summary>From one to the next.</summary>
    public required int ColumnStride { get; init; }

    /// <summary>Row of the layer's matrices, those of a grouped layer one below the other.</summary>
    public required int WeightRow { get; init; }

    /// <summary>Column of the first, those of a grouped layer's matrices side by side; -1 for a unit column.</summary>
    public required int FirstWeightColumn { get; init; }

    public required int Slice { get; init; }

    /// <summary>Which of several pairs of different significance.</summary>
    public required int Pair { get; init; }

    /// <summary>0 positive, 1 negative.</summary>
    public required int Polarity { get; init; }

    public required ReadOnlySpan<float> TargetUs { get; init; }

    /// <summary>At the time asked for; 0 on dead lines.</summary>
    public required ReadOnlySpan<float> ConductanceUs { get; init; }
}

/// <summary>Takes the devices of a chip, run by run.</summary>
public delegate void CellVisitor(in CellRun run);

/// <summary>The cells of a program as <see cref="Session"/> programs them.</summary>
public static class ProgrammedCells
{
    /// <summary>Devices that hold weights, or measure inputs.</summary>
    /// <param name="program">A verified program.</param>
    /// <param name="layer">One layer; null = all that have tiles of their own.</param>
    public static long Count(MappedProgram program, int? layer)
    {
        ArgumentNullException.ThrowIfNull(program);
        var encoding = WeightEncoding.Of(program.Chip.Tile);
        long perWeight = (long)encoding.Slices * (encoding.IsDifferential ? 2 : 1);
        bool hasUnit = encoding is { HasUnitColumn: true, Sign: SignEncoding.OffsetUnitColumn };
        long pairs = program.Chip.Tile.Cell.Significance?.Count ?? 1;
        return Layers(program, layer).Sum(l => program.Layers[l].Blocks.Sum(b => b.Rows * pairs * ((b.Columns * perWeight) + (hasUnit ? 1 : 0))));
    }

    /// <summary>Programs the layers, one block after the other, and shows every device: layer, block, slice, row, polarity, pair.</summary>
    /// <param name="program">A verified program.</param>
    /// <param name="options">Seed, instance and time.</param>
    /// <param name="layer">One layer; null = all that have tiles of their own.</param>
    /// <param name="visit">Called with each run.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    /// <exception cref="DiagnosticException">The device's model does not reach the time.</exception>
    public static void Visit(MappedProgram program, SimulationOptions options, int? layer, CellVisitor visit, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(visit);
        var tile = program.Chip.Tile;
        var device = DeviceModel.Create(tile.Cell, tile.Noise.Read, tile.Noise.TemperatureK);
        foreach (int index in Layers(program, layer))
        {
            var mapped = program.Layers[index];
            TilePhysics physics = new(program, mapped, device, exactConversions: true);
            foreach (var block in mapped.Blocks)
            {
                cancellation.ThrowIfCancellationRequested();
                PhysicalCells places = new(tile, block);
                int firstRow = (block.FirstGroup * mapped.Rows) + block.RowStart;
                int firstColumn = (block.FirstGroup * mapped.Columns) + block.ColumnStart;
                ProgrammedBlock.Program(physics, block, options, observer: Show);

                void Show(in CellStream devices, int blockRow, ReadOnlySpan<float> targetUs, ReadOnlySpan<float> conductanceUs) => visit(new CellRun
                {
                    Layer = index,
                    Copy = block.Copy,
                    Tile = block.Tile,
                    Row = places.Row(blockRow, devices.Polarity),
                    FirstColumn = devices.IsUnitColumn ? places.UnitColumn : places.FirstColumn(devices.Slice, devices.Polarity),
                    ColumnStride = places.Stride,
                    WeightRow = firstRow + blockRow,
                    FirstWeightColumn = devices.IsUnitColumn ? -1 : firstColumn,
                    Slice = devices.Slice,
                    Pair = devices.Pair,
                    Polarity = devices.Polarity,
                    TargetUs = targetUs,
                    ConductanceUs = conductanceUs,
                });
            }
        }
    }

    private static ImmutableArray<int> Layers(MappedProgram program, int? only) =>
        only is { } layer ? [layer] : [.. Enumerable.Range(0, program.Layers.Length).Where(l => program.Layers[l].SharesTilesOf is null)];
}
