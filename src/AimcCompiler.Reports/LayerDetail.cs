using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Serialization;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Reports;

/// <summary>One layer and everything that stands of it (<c>inspect --layer</c>).</summary>
public sealed record LayerDetail
{
    public int SchemaVersion { get; init; } = 1;

    public required LayerReport Layer { get; init; }

    /// <summary>The ONNX node it was made from.</summary>
    public required NodeReport? Node { get; init; }

    public required string InputValue { get; init; }

    public required string OutputValue { get; init; }

    /// <summary>How input vectors are gathered.</summary>
    public required string View { get; init; }

    public required EncodingDescription Encoding { get; init; }

    public required Slicing Slicing { get; init; }

    public required int? CellBits { get; init; }

    public required bool HasBias { get; init; }

    public required int Scales { get; init; }

    public required ImmutableArray<BlockReport> Blocks { get; init; }

    /// <exception cref="DiagnosticException">The program has no such layer.</exception>
    public static LayerDetail Of(MappedProgram program, string name, Func<int, SimulationReport>? simulation = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        int index = 0;
        while (index < program.Layers.Length && program.Layers[index].Name != name)
        {
            index++;
        }

        if (index == program.Layers.Length)
        {
            throw Unknown(program, name);
        }

        var survey = new LayerSurvey(program, index);
        var tile = program.Chip.Tile;
        MappedLayer layer = survey.Layer;
        MappingReport report = MappingReport.Of(program, simulation);
        return new LayerDetail
        {
            Layer = report.Layers[index],
            Node = survey.Node is { } node ? report.Nodes[program.Nodes.IndexOf(node)] : null,
            InputValue = program.Values[layer.Input].Name,
            OutputValue = program.Values[layer.Output].Name,
            View = layer.View.ToString()!,
            Encoding = tile.Encoding,
            Slicing = tile.Weights.Slicing,
            CellBits = tile.Cell.Bits,
            HasBias = !layer.Bias.IsEmpty,
            Scales = layer.Scales.Length,
            Blocks = [.. layer.Blocks.Select(b => BlockReport.Of(program.Chip, layer, b))],
        };
    }

    private static DiagnosticException Unknown(MappedProgram program, string name)
    {
        string[] names = [.. program.Layers.Select(l => l.Name)];
        IReadOnlyList<string> near = NearestName.Of(name, names);
        NodePlacement? node = program.Nodes.FirstOrDefault(n => n.Name == name);
        string message = node is null
            ? $"there is no layer '{name}'"
            : $"node '{name}' is not on tiles: {FallbackReasons.Explain(node.Reason)}";
        string[] levers = near.Count > 0 ? [.. near] : names.Length > 0 ? [.. names.Take(3)] : ["aimc inspect lists the nodes"];
        return new DiagnosticException(Descriptors.UnknownNode, program.ModelName, message, levers);
    }
}

/// <summary>A part of a layer on its tile. Rows and columns are physical where they are the tile's.</summary>
public sealed record BlockReport
{
    public required string Layer { get; init; }

    public required int Copy { get; init; }

    public required int FirstGroup { get; init; }

    public required int Groups { get; init; }

    public required int RowBlock { get; init; }

    public required int RowStart { get; init; }

    public required int RowCount { get; init; }

    public required int ColumnStart { get; init; }

    public required int ColumnCount { get; init; }

    public required int Tile { get; init; }

    public required int TileRow { get; init; }

    public required int TileColumn { get; init; }

    /// <summary>Word lines it takes on the tile.</summary>
    public required int TileRows { get; init; }

    /// <summary>Bit lines it takes on the tile.</summary>
    public required int TileColumns { get; init; }

    internal static BlockReport Of(ChipDescription chip, MappedLayer layer, Block block)
    {
        var geometry = new TileGeometry(chip.Tile);
        return new BlockReport
        {
            Layer = layer.Name,
            Copy = block.Copy,
            FirstGroup = block.FirstGroup,
            Groups = block.Groups,
            RowBlock = block.RowBlock,
            RowStart = block.RowStart,
            RowCount = block.RowCount,
            ColumnStart = block.ColumnStart,
            ColumnCount = block.ColumnCount,
            Tile = block.Tile,
            TileRow = block.TileRow,
            TileColumn = block.TileColumn,
            TileRows = block.Rows * geometry.PhysicalRowsPerWeight,
            TileColumns = block.Columns * geometry.PhysicalColumnsPerWeight,
        };
    }
}

/// <summary>One tile and what stands on it (<c>inspect --tile</c>).</summary>
public sealed record TileDetail
{
    public int SchemaVersion { get; init; } = 1;

    public required int Tile { get; init; }

    public required int Chip { get; init; }

    public required int Core { get; init; }

    /// <summary>Which of the core's tiles it is.</summary>
    public required int TileOfCore { get; init; }

    public required int Rows { get; init; }

    public required int Columns { get; init; }

    /// <summary>Word lines that some block drives.</summary>
    public required int RowsUsed { get; init; }

    /// <summary>Bit lines that some block reads.</summary>
    public required int ColumnsUsed { get; init; }

    /// <summary>Cells that hold a weight.</summary>
    public required long CellsUsed { get; init; }

    [JsonPropertyName("utilisation")]
    public required double Utilization { get; init; }

    public required ImmutableArray<BlockReport> Blocks { get; init; }

    /// <exception cref="DiagnosticException">The program's chips have no such tile.</exception>
    public static TileDetail Of(MappedProgram program, int tile)
    {
        ArgumentNullException.ThrowIfNull(program);
        long? total = MappingSurvey.TilesTotal(program);
        if (tile < 0 || tile >= total)
        {
            throw new DiagnosticException(
                Descriptors.InvalidOption,
                string.Create(CultureInfo.InvariantCulture, $"--tile {tile}"),
                string.Create(CultureInfo.InvariantCulture, $"the program's chips have tiles 0 to {total - 1}"));
        }

        BlockReport[] blocks =
        [
            .. program.Layers.SelectMany(l => l.Blocks.Where(b => b.Tile == tile).Select(b => BlockReport.Of(program.Chip, l, b))),
        ];
        var description = program.Chip.Tile;
        int perCore = program.Chip.Core.Tiles;
        int cores = program.Chip.Mesh is { } mesh ? mesh.Rows * mesh.Columns : int.MaxValue;
        long cells = Enumerable.Range(0, program.Layers.Length)
            .Select(i => new LayerSurvey(program, i))
            .Sum(s => s.Layer.Blocks.Where(b => b.Tile == tile).Sum(s.CellsOf));
        return new TileDetail
        {
            Tile = tile,
            Chip = tile / perCore / cores,
            Core = tile / perCore % cores,
            TileOfCore = tile % perCore,
            Rows = description.Rows,
            Columns = description.Columns,
            RowsUsed = Covered(blocks.Select(b => (b.TileRow, b.TileRows))),
            ColumnsUsed = Covered(blocks.Select(b => (b.TileColumn, b.TileColumns))),
            CellsUsed = cells,
            Utilization = cells / ((double)description.Rows * description.Columns),
            Blocks = [.. blocks],
        };
    }

    private static int Covered(IEnumerable<(int Start, int Count)> ranges)
    {
        int covered = 0;
        int end = 0;
        foreach (var (start, count) in ranges.Order())
        {
            covered += Math.Max(0, start + count - Math.Max(end, start));
            end = Math.Max(end, start + count);
        }

        return covered;
    }
}
