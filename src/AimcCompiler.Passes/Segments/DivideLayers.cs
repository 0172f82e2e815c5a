using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>How a matrix that is larger than the chip is cut.</summary>
/// <param name="Rows">Rows of a part at most.</param>
/// <param name="Columns">Columns of a part at most.</param>
/// <param name="Parts">How many there are.</param>
internal readonly record struct LayerDivision(int Rows, int Columns, int Parts)
{
    /// <summary>All rows of as many columns as fit; where not even one column block does, fewer rows. Null = it takes more parts than have noise of their own, or nothing fits.</summary>
    /// <param name="matrix">The matrix.</param>
    /// <param name="geometry">Of a tile.</param>
    /// <param name="tiles">Tiles that there are.</param>
    public static LayerDivision? Of(QuantizedMatrix matrix, TileGeometry geometry, long tiles)
    {
        long rowBlocks = Blocks(matrix.Rows, geometry.LogicalRows);
        long rows = Math.Min(rowBlocks, tiles / matrix.Groups);
        if (rows == 0)
        {
            return null;
        }

        long rowParts = Blocks(rowBlocks, rows);
        rows = Blocks(rowBlocks, rowParts);
        long columns = tiles / matrix.Groups / rows;
        long parts = rowParts * Blocks(Blocks(matrix.Columns, geometry.LogicalColumns), columns);
        return parts is > 1 and <= NoiseKeys.PartsOfMatrix
            ? new LayerDivision((int)Math.Min(matrix.Rows, rows * geometry.LogicalRows), (int)Math.Min(matrix.Columns, columns * geometry.LogicalColumns), (int)parts)
            : null;
    }

    private static long Blocks(long count, long of) => (count + of - 1) / of;
}

/// <summary>Cuts matrices that are larger than the chip into parts, which are layers of their own: each reads what the layer reads and writes its share of what it writes, and the shares are added digitally. A cut between columns adds zeros;
/// one between rows adds the parts of sums, behind the converters.
/// <code>
/// before:  l0 'fc' %y = mvm(%x)  1 x 400 x 120        after:  l0 'fc/part0' %y/part0 = mvm(%x)  columns 0 to 63;  l1 'fc/part1' %y/part1 = mvm(%x)  columns 64 to 119;  %y = Add(%y/part0, %y/part1)
/// </code></summary>
internal static class DivideLayers
{
    /// <param name="graph">The layers.</param>
    /// <param name="divisions">Of layers that are in no loop and the only product of their node.</param>
    public static AnalogGraph<QuantizedMatrix> Run(AnalogGraph<QuantizedMatrix> graph, IReadOnlyDictionary<LayerId, LayerDivision> divisions)
    {
        var source = graph.Source;
        int nextId = source.Nodes.Select(n => n.Id.Value).Concat(source.Header.OriginalNodes.Select(n => n.Id.Value)).Max() + 1;
        var homes = graph.Homes.ToBuilder();
        var facts = source.Facts.ToBuilder();
        Dictionary<NodeId, List<Node>> replaced = [];
        Dictionary<LayerId, List<QuantizedMatrix>> cut = [];
        var layers = ImmutableArray.CreateBuilder<AnalogLayer<QuantizedMatrix>>();
        foreach (var layer in graph.Layers)
        {
            if (!divisions.TryGetValue(layer.Id, out var division))
            {
                layers.Add(layer with { Id = IdOf(layer.Id, 0), SharesTilesOf = layer.SharesTilesOf is { } owner ? IdOf(owner, 0) : null });
                continue;
            }

            // Layers with equal weights have the same parts, each on tiles of its own.
            var family = layer.SharesTilesOf ?? layer.Id;
            if (!cut.TryGetValue(family, out var parts))
            {
                cut.Add(family, parts = [.. PartsOf(layer.Weights, division)]);
            }

            var node = source[layer.Node];
            List<Node> nodes = [];
            string sum = "";
            for (int i = 0; i < parts.Count; i++)
            {
                string output = $"{layer.Output}/part{i}";
                facts.Add(output, source.Facts[layer.Output]);
                Node part = node with { Id = new NodeId(nextId++), Name = $"{layer.Name}/part{i}", Outputs = [output], MadeFrom = layer.Origin, Part = i };
                nodes.Add(part);
                homes.Add(part.Id, homes[node.Id]);
                layers.Add(layer with
                {
                    Id = IdOf(layer.Id, i),
                    Node = part.Id,
                    Part = i,
                    SharesTilesOf = null,
                    Name = part.Name,
                    Output = output,
                    Weights = parts[i],
                    Bias = BiasOf(layer, parts, i),
                    Macs = layer.VectorsPerInference * parts[i].Groups * parts[i].Rows * parts[i].Columns,
                });
                if (i > 0)
                {
                    string next = i == parts.Count - 1 ? layer.Output : $"{layer.Output}/sum{i}";
                    facts[next] = source.Facts[layer.Output];
                    Node add = new(new NodeId(nextId++), $"{layer.Name}/sum{i}", "", "Add", [sum, output], [next], [], Rewriting.NoAttributes, default, layer.Origin);
                    nodes.Add(add);
                    homes.Add(add.Id, new NodeHome(Home.Digital, FallbackReason.NotAnMvm, ""));
                    sum = next;
                }
                else
                {
                    sum = output;
                }
            }

            homes.Remove(node.Id);
            replaced.Add(node.Id, nodes);
        }

        return new AnalogGraph<QuantizedMatrix>(
            source.With([.. source.Nodes.SelectMany(n => replaced.TryGetValue(n.Id, out var nodes) ? nodes : [n])], facts: facts.ToImmutable()),
            homes.ToImmutable(),
            layers.ToImmutable(),
            [.. graph.Loops.Select(l => l with { Body = [.. l.Body.Select(s => s is LoopProduct product ? new LoopProduct(IdOf(product.Layer, 0)) : s)] })]);
    }

    /// <summary>Room for parts between the layers' numbers.</summary>
    private static LayerId IdOf(LayerId layer, int part) => new((layer.Value * NoiseKeys.PartsOfMatrix) + part);

    /// <summary>A column's bias goes with its first rows, so that it is added where it would be; of columns that no part has, with the first part.</summary>
    private static ImmutableArray<float> BiasOf(AnalogLayer<QuantizedMatrix> layer, List<QuantizedMatrix> parts, int part)
    {
        int total = layer.Weights.KeptColumns?.Total ?? layer.Weights.Columns;
        int[] first = [.. Enumerable.Repeat(0, total)];
        HashSet<int> seen = [];
        for (int p = 0; p < parts.Count; p++)
        {
            foreach (int column in Enumerable.Range(0, parts[p].Columns).Select(c => KeptLines.Of(parts[p].KeptColumns, c)).Where(seen.Add))
            {
                first[column] = p;
            }
        }

        return first.Contains(part) ? [.. layer.Bias.Select((b, i) => first[i % total] == part ? b : 0)] : [];
    }

    private static IEnumerable<QuantizedMatrix> PartsOf(QuantizedMatrix matrix, LayerDivision division)
    {
        for (int row = 0; row < matrix.Rows; row += division.Rows)
        {
            for (int column = 0; column < matrix.Columns; column += division.Columns)
            {
                yield return SkipZeros.Taken(
                    matrix,
                    [.. Enumerable.Range(row, Math.Min(division.Rows, matrix.Rows - row))],
                    [.. Enumerable.Range(column, Math.Min(division.Columns, matrix.Columns - column))],
                    isPart: true);
            }
        }
    }
}
