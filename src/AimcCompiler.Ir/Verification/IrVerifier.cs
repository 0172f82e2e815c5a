using System.Runtime.CompilerServices;
using AimcCompiler.Core;

namespace AimcCompiler.Ir;

/// <summary>What must hold of every form. Checked after each pass, in this order:
/// <list type="number">
/// <item>Every node has a home; an analog node has one layer or one time loop, and no other node has any; a layer that is of no node runs in one loop, once.</item>
/// <item>Layer ids ascend; a layer reads and writes values of its node, or of its loop, where every value is written before it is read; a layer that shares tiles
/// shares those of an earlier one, and its weights.</item>
/// <item>A matrix holds groups x rows x columns elements; rows and columns that it keeps of the model's are as many, ascending; scales have one element a column, or one; bias
/// has one for each of the model's columns, or none.</item>
/// <item>Codes lie within -2^(B-1) .. 2^(B-1) - 1, contents within [-1, 1]; scales are positive and finite.</item>
/// <item>Digits and levels decode to exactly the codes they came from; contents within 4 ulp of full scale.</item>
/// <item>No element is in two blocks, and what is in none is zero in its cells; a packed block holds whole matrices.</item>
/// <item>Every block of every copy has a place; none has more rows or physical columns than a tile; no two overlap on one; no tile beyond the chip.</item>
/// </list>
/// What the ADC converts is a matter of the whole program, whose verifier bounds the column sums.</summary>
public static class IrVerifier
{
    public static void Verify<TWeights>(AnalogGraph<TWeights> graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        Check(graph.Source.Nodes.All(n => graph.Homes.ContainsKey(n.Id)), "1: a node has no home");
        var inLoops = graph.Loops.SelectMany(l => l.Body).OfType<LoopProduct>().Select(p => p.Layer).ToList();
        Check(inLoops.Distinct().Count() == inLoops.Count, "1: two steps of loops run one layer");
        var owners = graph.Layers.Where(l => !inLoops.Contains(l.Id)).Select(l => (What: $"layer {l.Id}", l.Node)).Concat(graph.Loops.Select(l => (What: $"loop '{l.Name}'", l.Node))).ToList();
        var nodes = owners.Select(o => o.Node).ToHashSet();
        Check(nodes.Count == owners.Count, "1: two layers come from one node");
        var known = graph.Source.Nodes.Select(n => n.Id).ToHashSet();
        foreach (var (what, node) in owners)
        {
            Check(known.Contains(node), $"1: {what} comes from node {node}, which the graph does not have");
        }

        foreach (var node in graph.Source.Nodes)
        {
            bool isAnalog = graph.Homes[node.Id].Home == Home.Analog;
            Check(isAnalog == nodes.Contains(node.Id), $"1: node {node.Id} '{node.Name}' is {graph.Homes[node.Id].Home} and has {(isAnalog ? "no" : "a")} layer");
        }

        Dictionary<LayerId, AnalogLayer<TWeights>> byId = [];
        int last = -1;
        foreach (var layer in graph.Layers)
        {
            Check(layer.Id.Value > last, $"2: layer {layer.Id} follows l{last}");
            last = layer.Id.Value;
            if (layer.SharesTilesOf is { } shared)
            {
                Check(
                    byId.TryGetValue(shared, out var owner) && owner.SharesTilesOf is null && ReferenceEquals(owner.Weights, layer.Weights),
                    $"2: layer {layer.Id} shares the tiles of {shared}, which is no earlier layer with its weights");
            }

            byId.Add(layer.Id, layer);
            if (!inLoops.Contains(layer.Id))
            {
                var node = graph.Source[layer.Node];
                Check(node.Reads.Contains(layer.Input) && node.Outputs.Contains(layer.Output), $"2: layer {layer.Id} reads %{layer.Input} and writes %{layer.Output}, its node does not");
            }
        }

        foreach (var loop in graph.Loops)
        {
            VerifyLoop(graph.Source[loop.Node], loop, byId);
        }
    }

    private static void VerifyLoop<TWeights>(Node node, TimeLoop loop, Dictionary<LayerId, AnalogLayer<TWeights>> layers)
    {
        HashSet<string> outside = new(node.Reads, StringComparer.Ordinal);
        Check(outside.Contains(loop.Scanned) && node.Outputs.Contains(loop.Sequence), $"2: loop '{loop.Name}' reads %{loop.Scanned} and writes %{loop.Sequence}, its node does not");
        HashSet<string> inside = new(StringComparer.Ordinal) { loop.Slice };
        inside.UnionWith(loop.States.Select(s => s.Current));
        if (loop.Step is { } step)
        {
            inside.Add(step);
        }

        foreach (var part in loop.Body)
        {
            var (reads, writes) = part switch
            {
                LoopProduct product when layers.TryGetValue(product.Layer, out var layer) => ([layer.Input], [layer.Output]),
                LoopProduct product => throw new InvalidIrException($"1: loop '{loop.Name}' runs layer {product.Layer}, which the graph does not have"),
                LoopDigital digital => (digital.Cell.Header.Inputs.Select(i => i.Name).ToArray(), digital.Cell.Header.Outputs.Select(o => o.Name).ToArray()),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
            foreach (string value in reads)
            {
                Check(inside.Contains(value) || outside.Contains(value), $"2: loop '{loop.Name}' reads %{value} before it is written");
            }

            foreach (string value in writes)
            {
                Check(inside.Add(value), $"2: loop '{loop.Name}' writes %{value} twice");
            }
        }

        foreach (string value in loop.States.Select(s => s.Next).Append(loop.Collected))
        {
            Check(inside.Contains(value), $"2: no step of loop '{loop.Name}' writes %{value}");
        }
    }

    public static void Verify(AnalogGraph<FloatMatrix> graph)
    {
        Verify<FloatMatrix>(graph);
        foreach (var layer in graph.Layers)
        {
            var m = layer.Weights;
            Check(
                m.Stored.Type == TensorType.Float && m.Stored.Count == (long)m.Groups * m.Rows * m.Columns && m.Stored.Count > 0,
                $"3: layer {layer.Id} has {m.Stored.Count} weights for {m.Groups} x {m.Rows} x {m.Columns}");
            Check(layer.Bias.IsEmpty || layer.Bias.Length == m.Groups * m.Columns, $"3: layer {layer.Id} has {layer.Bias.Length} biases for {m.Groups * m.Columns} columns");
        }
    }

    public static void Verify(AnalogGraph<QuantizedMatrix> graph, ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(chip);
        Verify<QuantizedMatrix>(graph);
        foreach (var layer in graph.Layers)
        {
            var m = layer.Weights;
            Check(layer.Bias.IsEmpty || layer.Bias.Length == m.Groups * m.ModelColumns, $"3: layer {layer.Id} has {layer.Bias.Length} biases for {m.Groups * m.ModelColumns} columns");
            if (layer.SharesTilesOf is null)
            {
                Verify(layer.Id, m, chip.Tile.Weights.Bits);
            }
        }
    }

    public static void Verify(AnalogGraph<EncodedMatrix> graph)
    {
        Verify<EncodedMatrix>(graph);
        Dictionary<WeightEncoding, (short, short)> known = [];
        foreach (var layer in graph.Layers.Where(l => l.SharesTilesOf is null))
        {
            if (layer.Weights.Quantized.IsAnalog)
            {
                VerifyContents(layer.Id, layer.Weights);
            }
            else
            {
                VerifyDecoding(layer.Id, layer.Weights, known);
            }
        }
    }

    public static void Verify(AnalogGraph<SlicedMatrix> graph)
    {
        Verify<SlicedMatrix>(graph);
        // Contents have no digits: there is nothing in them that was not encoded.
        Dictionary<WeightEncoding, (short, short)> known = [];
        foreach (var layer in graph.Layers.Where(l => l.SharesTilesOf is null && !l.Weights.Quantized.IsAnalog))
        {
            VerifyDecoding(layer.Id, layer.Weights.Encoded, known);
        }
    }

    public static void Verify(AnalogGraph<SplitMatrix> graph, ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(chip);
        Verify<SplitMatrix>(graph);
        TileGeometry geometry = new(chip.Tile);
        foreach (var layer in graph.Layers.Where(l => l.SharesTilesOf is null))
        {
            VerifyBlocks(layer.Id, layer.Weights, geometry);
        }
    }

    /// <param name="graph">The placed layers.</param>
    /// <param name="chip">The chip.</param>
    /// <param name="chips">How many of them.</param>
    public static void Verify(AnalogGraph<PlacedMatrix> graph, ChipDescription chip, int chips)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        Verify<PlacedMatrix>(graph);
        TileGeometry geometry = new(chip.Tile);
        Dictionary<(int Segment, TileId Tile), List<(int Row, int Column, int Rows, int Columns, string Name)>> used = [];
        foreach (var layer in graph.Layers.Where(l => l.SharesTilesOf is null))
        {
            var blocks = layer.Weights.Split.Blocks;
            Check(layer.Weights.Copies >= 1, $"7: layer {layer.Id} has {layer.Weights.Copies} copies");
            Check(layer.Weights.Places.Length == blocks.Length * layer.Weights.Copies, $"7: layer {layer.Id} has {layer.Weights.Places.Length} places for {blocks.Length} blocks{(layer.Weights.Copies == 1 ? "" : $" of {layer.Weights.Copies} copies")}");
            for (int i = 0; i < layer.Weights.Places.Length; i++)
            {
                var (block, place) = (blocks[i % blocks.Length], layer.Weights.Places[i]);
                int rows = block.Groups * block.RowCount * geometry.PhysicalRowsPerWeight;
                int columns = block.Groups * block.ColumnCount * geometry.PhysicalColumnsPerWeight;
                Check(place.Tile.Value >= 0 && (chip.TilesPerChip is not { } tiles || place.Tile.Value < tiles * chips), $"7: a block of layer {layer.Id} stands on {place.Tile}, the chip has {chip.TilesPerChip * chips} tiles");
                Check(place.Row >= 0 && place.Column >= 0 && place.Row + rows <= chip.Tile.Rows && place.Column + columns <= chip.Tile.Columns, $"7: a block of layer {layer.Id} of {rows} x {columns} stands at [{place.Row},{place.Column}], a tile has {chip.Tile.Rows} x {chip.Tile.Columns}");
                if (!used.TryGetValue((layer.Weights.Segment, place.Tile), out var others))
                {
                    used.Add((layer.Weights.Segment, place.Tile), others = []);
                }

                foreach (var other in others)
                {
                    bool apart = place.Row + rows <= other.Row || other.Row + other.Rows <= place.Row || place.Column + columns <= other.Column || other.Column + other.Columns <= place.Column;
                    Check(apart, $"7: blocks of layers {layer.Id} and {other.Name} overlap on {place.Tile}");
                }

                others.Add((place.Row, place.Column, rows, columns, layer.Id.ToString()));
            }
        }
    }

    private static void VerifyKept(LayerId id, KeptLines? kept, int lines, string what)
    {
        if (kept is null)
        {
            return;
        }

        Check(kept.Indices.Length == lines, $"3: layer {id} keeps {kept.Indices.Length} {what} of the model's, its matrix has {lines}");
        for (int i = 0; i < lines; i++)
        {
            Check(kept.Indices[i] > (i == 0 ? -1 : kept.Indices[i - 1]) && kept.Indices[i] < kept.Total, $"3: layer {id} keeps {what} {kept.Indices[i]} of {kept.Total} out of order");
        }
    }

    private static void Verify(LayerId id, QuantizedMatrix m, int? bits)
    {
        VerifyKept(id, m.KeptRows, m.Rows, "rows");
        VerifyKept(id, m.KeptColumns, m.Columns, "columns");
        long count = (long)m.Groups * m.Rows * m.Columns;
        Check((m.Codes?.LongLength ?? m.Contents!.LongLength) == count, $"3: layer {id} has {m.Codes?.LongLength ?? m.Contents!.LongLength} elements for {m.Groups} x {m.Rows} x {m.Columns}");
        Check(m.Scales.Length == 1 || m.Scales.Length == m.Groups * m.Columns, $"3: layer {id} has {m.Scales.Length} scales for {m.Groups * m.Columns} columns");
        Check(m.IsAnalog == bits is null, $"4: layer {id} is {(m.IsAnalog ? "analog" : "coded")}, the chip has weights of {bits?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "no"} bits");
        foreach (float scale in m.Scales)
        {
            Check(float.IsFinite(scale) && scale > 0, $"4: layer {id} has scale {scale}");
        }

        if (m.Codes is { } codes)
        {
            int most = (1 << (bits!.Value - 1)) - 1;
            int bad = codes.AsSpan().IndexOfAnyExceptInRange((short)(-most - 1), (short)most);
            Check(bad < 0, $"4: layer {id} has code {(bad < 0 ? 0 : codes[bad])}, {bits} bits hold {-most - 1} .. {most}");
        }
        else
        {
            int bad = UnitInterval.IndexOfOutside(m.Contents!);
            Check(bad < 0, $"4: layer {id} has content {(bad < 0 ? 0 : m.Contents![bad])}, a cell holds -1 .. 1");
        }
    }

    /// <param name="id">The layer.</param>
    /// <param name="encoded">Its codes.</param>
    /// <param name="known">By encoding: the codes around 0 that are known to come back from the cells. Layers have far more weights than codes exist.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void VerifyDecoding(LayerId id, EncodedMatrix encoded, Dictionary<WeightEncoding, (short Lowest, short Highest)> known)
    {
        var encoding = encoded.Encoding;
        if (!known.TryGetValue(encoding, out var range))
        {
            known.Add(encoding, range = ComingBack(encoding));
        }

        short[] codes = encoded.Quantized.Codes!;
        if (encoded.Centers.IsEmpty && codes.AsSpan().IndexOfAnyExceptInRange(range.Lowest, range.Highest) < 0)
        {
            return;
        }

        Span<int> digits = stackalloc int[encoding.Slices];
        for (int i = 0; i < codes.Length; i++)
        {
            int code = encoded.InCells(i);
            if (code < range.Lowest || code > range.Highest)
            {
                VerifyDecoding(id, encoding, code, digits);
            }
        }
    }

    private static (short Lowest, short Highest) ComingBack(WeightEncoding encoding)
    {
        Span<int> digits = stackalloc int[encoding.Slices];
        int lowest = 0;
        int highest = 0;
        while (highest < short.MaxValue && highest < encoding.HighestInCells && ComesBack(encoding, highest + 1, digits))
        {
            highest++;
        }

        int end = encoding.LowestInCells();
        while (lowest > short.MinValue && lowest > end && ComesBack(encoding, lowest - 1, digits))
        {
            lowest--;
        }

        return ((short)lowest, (short)highest);
    }

    private static bool ComesBack(WeightEncoding encoding, int code, Span<int> digits)
    {
        encoding.Split(code, digits);
        foreach (int digit in digits)
        {
            var (positive, negative) = encoding.Levels(digit);
            if (positive < 0 || positive > encoding.MaxLevel || negative < 0 || negative > encoding.MaxLevel || WeightEncoding.Digit(positive, negative) != digit)
            {
                return false;
            }
        }

        return encoding.Join(digits) == code;
    }

    private static void VerifyDecoding(LayerId id, WeightEncoding encoding, int code, Span<int> digits)
    {
        encoding.Split(code, digits);
        for (int i = 0; i < digits.Length; i++)
        {
            var (positive, negative) = encoding.Levels(digits[i]);
            Check(positive >= 0 && positive <= encoding.MaxLevel && negative >= 0 && negative <= encoding.MaxLevel, $"5: layer {id} code {code} needs levels ({positive}, {negative}), a cell has 0 .. {encoding.MaxLevel}");
            Check(WeightEncoding.Digit(positive, negative) == digits[i], $"5: layer {id} code {code} slice {i}: digit {digits[i]} became {positive - negative}");
        }

        Check(encoding.Join(digits) == code, $"5: layer {id} code {code} decodes to {encoding.Join(digits)}");
    }

    private static void VerifyContents(LayerId id, EncodedMatrix encoded)
    {
        const float Tolerance = 4 * 1.1920929e-7f;
        const int Piece = 1 << 16;
        var encoding = encoded.Encoding;
        float[] contents = encoded.Quantized.Contents!;
        int bad = int.MaxValue;
        Parallel.For(0, (contents.Length + Piece - 1) / Piece, piece =>
        {
            int start = piece * Piece;
            int found = encoding.IndexOfInexact(contents.AsSpan(start, Math.Min(Piece, contents.Length - start)), Tolerance);
            if (found >= 0)
            {
                // The first of them all, whichever piece is done first.
                int at = start + found;
                for (int least = Volatile.Read(ref bad); at < least; least = Volatile.Read(ref bad))
                {
                    Interlocked.CompareExchange(ref bad, at, least);
                }
            }
        });
        if (bad < int.MaxValue)
        {
            var (positive, negative) = encoding.Contents(contents[bad]);
            throw new InvalidIrException($"5: layer {id} content {contents[bad]} decodes to {encoding.Content(positive, negative)}");
        }
    }

    private static void VerifyBlocks(LayerId id, SplitMatrix split, TileGeometry geometry)
    {
        var m = split.Quantized;
        List<WeightBlock>[] ofGroup = [.. Enumerable.Range(0, m.Groups).Select(_ => new List<WeightBlock>())];
        foreach (var b in split.Blocks)
        {
            Check(b.FirstGroup >= 0 && b.Groups >= 1 && b.FirstGroup + b.Groups <= m.Groups && b.RowStart >= 0 && b.RowCount >= 1 && b.RowStart + b.RowCount <= m.Rows && b.ColumnStart >= 0 && b.ColumnCount >= 1 && b.ColumnStart + b.ColumnCount <= m.Columns, $"6: a block of layer {id} leaves its matrix: {b}");
            Check(b.Groups == 1 || (b.RowCount == m.Rows && b.ColumnCount == m.Columns), $"6: a packed block of layer {id} holds {b.RowCount} x {b.ColumnCount} of {m.Rows} x {m.Columns}");
            Check(b.Groups * b.RowCount <= geometry.LogicalRows, $"7: a block of layer {id} has {b.Groups * b.RowCount} rows, a tile holds {geometry.LogicalRows}");
            Check(b.Groups * b.ColumnCount <= geometry.LogicalColumns, $"7: a block of layer {id} has {b.Groups * b.ColumnCount} columns, a tile holds {geometry.LogicalColumns}");
            for (int g = b.FirstGroup; g < b.FirstGroup + b.Groups; g++)
            {
                ofGroup[g].Add(b);
            }
        }

        if (split.Blocks.Sum(b => (long)b.Groups * b.RowCount * b.ColumnCount) < (long)m.Groups * m.Rows * m.Columns)
        {
            VerifyHoles(id, split, ofGroup);
            return;
        }

        // Blocks stand in strips of columns, each cut into rows: strips side by side and rows below each other mean a partition.
        for (int g = 0; g < m.Groups; g++)
        {
            int column = 0;
            foreach (var strip in ofGroup[g].GroupBy(b => b.ColumnStart).OrderBy(s => s.Key))
            {
                Check(strip.Key == column, $"6: layer {id} group {g}: column {column} is followed by a block at column {strip.Key}");
                int row = 0;
                int width = strip.First().ColumnCount;
                foreach (var b in strip.OrderBy(b => b.RowStart))
                {
                    Check(b.ColumnCount == width, $"6: layer {id} group {g} column {strip.Key}: blocks of {width} and {b.ColumnCount} columns");
                    Check(b.RowStart == row, $"6: layer {id} group {g} column {strip.Key}: row {row} is followed by a block at row {b.RowStart}");
                    row += b.RowCount;
                }

                Check(row == m.Rows, $"6: layer {id} group {g} column {strip.Key}: {row} of {m.Rows} rows are in blocks");
                column += width;
            }

            Check(column == m.Columns, $"6: layer {id} group {g}: {column} of {m.Columns} columns are in blocks");
        }
    }

    /// <summary>What is in no block is zero in its cells.</summary>
    private static void VerifyHoles(LayerId id, SplitMatrix split, List<WeightBlock>[] ofGroup)
    {
        var m = split.Quantized;
        bool[] isHeld = new bool[m.Rows * m.Columns];
        for (int g = 0; g < m.Groups; g++)
        {
            Array.Clear(isHeld);
            foreach (var b in ofGroup[g])
            {
                for (int row = b.RowStart; row < b.RowStart + b.RowCount; row++)
                {
                    var line = isHeld.AsSpan((row * m.Columns) + b.ColumnStart, b.ColumnCount);
                    Check(!line.Contains(true), $"6: layer {id} group {g}: two blocks hold row {row} from column {b.ColumnStart} on");
                    line.Fill(true);
                }
            }

            for (int row = 0; row < m.Rows; row++)
            {
                var line = isHeld.AsSpan(row * m.Columns, m.Columns);
                for (int column = line.IndexOf(false); column >= 0;)
                {
                    int next = line[column..].IndexOf(true);
                    int end = next < 0 ? m.Columns : column + next;
                    if (!split.Sliced.Encoded.IsZero(g, row, 1, column, end - column))
                    {
                        throw new InvalidIrException($"6: layer {id} group {g}: no block holds columns {column} to {end - 1} of row {row}, which are not zero");
                    }

                    next = line[end..].IndexOf(false);
                    column = next < 0 ? -1 : end + next;
                }
            }
        }
    }

    private static void Check(bool holds, string message)
    {
        if (!holds)
        {
            throw new InvalidIrException(message);
        }
    }
}
