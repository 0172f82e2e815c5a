using AimcCompiler.Core;

namespace AimcCompiler.Binary;

public static partial class ProgramVerifier
{
    private static void VerifyBlocks(MappedProgram program, MappedLayer layer, string name)
    {
        TileDescription tile = program.Chip.Tile;
        var geometry = new TileGeometry(tile);
        Int128? tiles = program.Chip.TilesPerChip is { } perChip ? (Int128)program.Chips * perChip : null;
        Check(!layer.Blocks.IsDefault, $"{name} has no blocks");
        for (int i = 0; i < layer.Blocks.Length; i++)
        {
            Block block = layer.Blocks[i];
            string where = $"block {i} of {name}";
            Check(block.Copy >= 0 && block.Copy < layer.Copies, $"{where} is of copy {block.Copy}, the layer has {layer.Copies}");
            CheckSpan(block.FirstGroup, block.Groups, layer.Groups, where, "groups");
            CheckSpan(block.RowStart, block.RowCount, layer.Rows, where, "matrix rows");
            CheckSpan(block.ColumnStart, block.ColumnCount, layer.Columns, where, "matrix columns");
            Check(block.RowBlock >= 0 && block.RowBlock < layer.Rows, $"{where} is row block {block.RowBlock}, at most {layer.Rows} are possible");
            if (block.Groups > 1)
            {
                Check(layer.Packing == DepthwisePolicy.Packed, $"{where} has {block.Groups} groups, the layer is not packed");
                Check(
                    block.RowCount == layer.Rows && block.ColumnCount == layer.Columns,
                    $"{where} packs {block.RowCount} x {block.ColumnCount} of matrices of {layer.Rows} x {layer.Columns}, a packed block holds whole ones");
            }

            Check(block.Tile >= 0 && (tiles is null || block.Tile < tiles), $"{where} is on tile {block.Tile}, {program.Chips} chips have {tiles} tiles");
            CheckSpan(block.TileRow, PhysicalRows(block, geometry), tile.Rows, where, "physical rows");
            CheckSpan(block.TileColumn, PhysicalColumns(block, geometry), tile.Columns, where, "physical columns");
        }
    }

    private static long PhysicalRows(Block block, TileGeometry geometry) => (long)block.Groups * block.RowCount * geometry.PhysicalRowsPerWeight;

    private static long PhysicalColumns(Block block, TileGeometry geometry) =>
        (long)block.Groups * block.ColumnCount * geometry.PhysicalColumnsPerWeight;

    private static void VerifyRowBlocks(MappedLayer layer, string name)
    {
        var extents = new SortedDictionary<int, (int Start, int Count)>();
        foreach (Block block in layer.Blocks)
        {
            var extent = (block.RowStart, block.RowCount);
            if (!extents.TryAdd(block.RowBlock, extent))
            {
                (int Start, int Count) other = extents[block.RowBlock];
                Check(
                    other == extent,
                    $"row block {block.RowBlock} of {name} has rows {block.RowStart} + {block.RowCount} in one block, {other.Start} + {other.Count} in another");
            }
        }

        int end = 0;
        int next = 0;
        foreach (var (index, (start, count)) in extents)
        {
            Check(index == next, $"row block {next} of {name} is missing");
            Check(start == end, $"row block {index} of {name} begins at row {start}, the one before it ends at {end}");
            end = start + count;
            next++;
        }

        Check(end == layer.Rows, $"the row blocks of {name} end at row {end}, the matrix has {layer.Rows} rows");
    }

    private static void VerifyCover(MappedLayer layer, string name)
    {
        if (layer.Blocks.Sum(b => (long)b.Groups * b.RowCount * b.ColumnCount) < (long)layer.Copies * layer.Groups * layer.Rows * layer.Columns)
        {
            VerifyHoles(layer, name);
            return;
        }

        int rowBlocks = layer.Blocks.Max(b => b.RowBlock) + 1;
        var expected = (Copy: 0, Group: 0, RowBlock: 0, Column: 0);
        foreach (Block block in layer.Blocks.OrderBy(b => (b.Copy, b.FirstGroup, b.RowBlock, b.ColumnStart)))
        {
            // In this order every block must begin where the one before it ended.
            var actual = (block.Copy, block.FirstGroup, block.RowBlock, block.ColumnStart);
            Check(
                actual.CompareTo(expected) <= 0,
                $"no block of {name} holds {Place(expected)}; the next block holds {Place(actual)}");
            Check(actual == expected, $"two blocks of {name} hold {Place(actual)}");
            expected.Column = block.ColumnStart + block.ColumnCount;
            if (expected.Column == layer.Columns)
            {
                expected = (block.Copy, block.FirstGroup, block.RowBlock + 1, 0);
            }

            if (expected.RowBlock == rowBlocks)
            {
                expected = (block.Copy, block.FirstGroup + block.Groups, 0, 0);
            }

            if (expected.Group == layer.Groups)
            {
                expected = (block.Copy + 1, 0, 0, 0);
            }
        }

        Check(expected == (layer.Copies, 0, 0, 0), $"no block of {name} holds {Place(expected)}");

        static string Place((int Copy, int Group, int RowBlock, int Column) place) =>
            $"column {place.Column} of row block {place.RowBlock} of group {place.Group} in copy {place.Copy}";
    }

    /// <summary>Every copy has the blocks of the first, which hold no weight twice and all that are not zero in their cells.</summary>
    private static void VerifyHoles(MappedLayer layer, string name)
    {
        Block[] blocks = [.. layer.Blocks.OrderBy(b => (b.Copy, b.FirstGroup, b.RowBlock, b.ColumnStart))];
        int perCopy = blocks.Length / layer.Copies;
        for (int i = 0; i < blocks.Length; i++)
        {
            var (one, first) = (blocks[i], blocks[perCopy == 0 ? 0 : i % perCopy]);
            Check(
                perCopy > 0 && one.Copy == i / perCopy && one with { Copy = 0, Tile = first.Tile, TileRow = first.TileRow, TileColumn = first.TileColumn } == first,
                $"the copies of {name} hold different parts of it");
        }

        var ofGroup = blocks[..perCopy].SelectMany(b => Enumerable.Range(b.FirstGroup, b.Groups).Select(g => (Group: g, Block: b))).ToLookup(b => b.Group, b => b.Block);
        bool[] isHeld = new bool[layer.Rows * layer.Columns];
        for (int group = 0; group < layer.Groups; group++)
        {
            Array.Clear(isHeld);
            foreach (Block block in ofGroup[group])
            {
                for (int row = block.RowStart; row < block.RowStart + block.RowCount; row++)
                {
                    var line = isHeld.AsSpan((row * layer.Columns) + block.ColumnStart, block.ColumnCount);
                    Check(!line.Contains(true), $"two blocks of {name} hold row {row} of group {group} from column {block.ColumnStart} on");
                    line.Fill(true);
                }
            }

            for (int at = Array.IndexOf(isHeld, false); at >= 0;)
            {
                int next = isHeld.AsSpan(at).IndexOf(true);
                int end = next < 0 ? isHeld.Length : at + next;
                int wrong = IndexOfNotZero(layer.Weights, (group * isHeld.Length) + at, end - at);
                if (wrong >= 0)
                {
                    throw new InvalidIrException($"no block of {name} holds row {(at + wrong) / layer.Columns} and column {(at + wrong) % layer.Columns} of group {group}, which is not zero");
                }

                at = next < 0 ? -1 : Array.IndexOf(isHeld, false, end);
            }
        }
    }

    private static int IndexOfNotZero(WeightSection weights, int start, int count) => weights.Element switch
    {
        WeightElement.Int8 => weights.Int8.Slice(start, count).IndexOfAnyExcept((sbyte)0),
        WeightElement.Int16 => weights.Int16.Slice(start, count).IndexOfAnyExcept((short)0),
        _ => weights.Float32.Slice(start, count).IndexOfAnyExcept(0f),
    };

    private static void VerifyTiles(MappedProgram program)
    {
        var geometry = new TileGeometry(program.Chip.Tile);
        var placed = program.Layers.Where(l => l.SharesTilesOf is null).SelectMany(layer => layer.Blocks.Select(block => (Layer: layer, Block: block)))
            .OrderBy(p => (p.Layer.Segment, p.Block.Tile, p.Block.TileRow, p.Block.TileColumn));

        // Per physical column of the tile at hand: the row below the lowest cell taken so far, and by whom.
        int[] ends = new int[program.Chip.Tile.Columns];
        MappedLayer?[] owners = new MappedLayer?[program.Chip.Tile.Columns];
        (int Segment, int Tile) tile = (0, -1);
        foreach (var (layer, block) in placed)
        {
            if ((layer.Segment, block.Tile) != tile)
            {
                tile = (layer.Segment, block.Tile);
                Array.Clear(ends);
            }

            int columns = (int)PhysicalColumns(block, geometry);
            int end = block.TileRow + (int)PhysicalRows(block, geometry);
            for (int c = block.TileColumn; c < block.TileColumn + columns; c++)
            {
                if (ends[c] > block.TileRow)
                {
                    throw new InvalidIrException(
                        $"blocks of {NameOf(owners[c]!)} and {NameOf(layer)} share the cell of row {block.TileRow} and column {c} of tile {block.Tile}");
                }

                ends[c] = end;
                owners[c] = layer;
            }
        }
    }

    private static void CheckSpan(int start, long count, int end, string where, string what) =>
        Check(start >= 0 && count >= 1 && start <= end - count, $"{where} has {what} {start} + {count}, 0 to {end} is allowed");
}
