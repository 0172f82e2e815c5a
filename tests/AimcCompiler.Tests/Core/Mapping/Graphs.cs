using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Mapping;

/// <summary>Pipelines and chips made up for tests of mapping, bounds, schedules and timing.</summary>
internal static class Graphs
{
    /// <summary>A line of products: layer i has one row group of tiles[i] tiles and takes vectors[i] vectors an inference, one row each.</summary>
    public static StageGraph Chain(int[] tiles, int[] vectors)
    {
        GraphBuilder graph = new();
        int value = graph.Input(vectors[0], 16);
        for (int i = 0; i < tiles.Length; i++)
        {
            bool isAsLong = vectors[i] == graph.RowsOf(value);
            value = graph.Analog(value, [tiles[i]], vectors[i], 1, window: isAsLong ? RowWindow.SameRow : RowWindow.Whole(graph.RowsOf(value)));
        }

        return graph.Build(value);
    }

    /// <summary>Two convolutions of one image, which a digital stage adds.</summary>
    public static StageGraph Diamond()
    {
        GraphBuilder graph = new();
        int image = graph.Input(16, 48);
        int left = graph.Analog(image, [2], 16, 16, window: RowWindow.OfKernel(1, 1, 3));
        int right = graph.Analog(image, [1], 16, 16);
        return graph.Build(graph.Digital(16, 256, (left, RowWindow.SameRow), (right, RowWindow.SameRow)));
    }

    /// <summary>Two convolutions of three rows around which the image passes to an addition, then a product of all of it.</summary>
    public static StageGraph Residual()
    {
        GraphBuilder graph = new();
        int image = graph.Input(16, 64);
        int first = graph.Analog(image, [2, 2], 16, 16, window: RowWindow.OfKernel(1, 1, 3));
        int active = graph.Digital(16, 64, (first, RowWindow.SameRow));
        int second = graph.Analog(active, [2, 2], 16, 16, window: RowWindow.OfKernel(1, 1, 3));
        int sum = graph.Digital(16, 64, (second, RowWindow.SameRow), (image, RowWindow.SameRow));
        return graph.Build(graph.Analog(sum, [3, 3, 3], 1, 1, window: RowWindow.Whole(16)));
    }

    /// <summary>A convolution of four groups, each a row group of its own columns, of which dense blocks take two rounds, then a pool.</summary>
    public static StageGraph Grouped()
    {
        GraphBuilder graph = new();
        int image = graph.Input(8, 64);
        int grouped = graph.Analog(image, [1, 1, 1, 1], 8, 8, window: RowWindow.OfKernel(1, 1, 3), rounds: 2, isGrouped: true);
        return graph.Build(graph.Digital(4, 128, (grouped, RowWindow.OfKernel(2, 0, 2))));
    }

    /// <summary>Layers one after the other and beside each other, with digital stages between.</summary>
    public static StageGraph Random(int seed)
    {
        Random random = new(seed);
        GraphBuilder graph = new();
        List<int> images = [graph.Input(random.Next(4, 25), random.Next(1, 200))];
        int layers = random.Next(1, 9);
        for (int i = 0; i < layers; i++)
        {
            int input = images[random.Next(Math.Max(0, images.Count - 3), images.Count)];
            int rows = graph.RowsOf(input);
            int[] tiles = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => random.Next(1, 7))];
            int stride = random.Next(1, 3);
            int reach = random.Next(1, 4);
            int outRows = Math.Max(1, rows / stride);
            int value = random.Next(5) == 0
                ? graph.Analog(input, tiles, 1, 1, window: RowWindow.Whole(rows), addsExactly: random.Next(2) == 0)
                : graph.Analog(input, tiles, outRows, random.Next(1, 30), window: RowWindow.OfKernel(stride, reach / 2, reach), rounds: random.Next(4) == 0 ? 2 : 1, addsExactly: random.Next(2) == 0);
            if (random.Next(2) == 0)
            {
                var partner = images.FindAll(v => graph.RowsOf(v) == graph.RowsOf(value));
                (int, RowWindow)[] inputs = partner.Count > 0 && random.Next(2) == 0
                    ? [(value, RowWindow.SameRow), (partner[random.Next(partner.Count)], RowWindow.SameRow)]
                    : [(value, RowWindow.SameRow)];
                value = graph.Digital(graph.RowsOf(value), random.Next(0, 500), inputs);
            }

            images.Add(value);
        }

        return graph.Build(images[^1]);
    }

    /// <summary>At most three layers of at most twelve tiles together: all mappings can be tried.</summary>
    public static StageGraph Small(int seed)
    {
        Random random = new(seed);
        GraphBuilder graph = new();
        int layers = random.Next(1, 4);
        int value = graph.Input(random.Next(1, 7), 8);
        int tiles = 12;
        for (int i = 0; i < layers; i++)
        {
            int[] groups = [.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => random.Next(1, 3))];
            if (groups.Sum() > tiles)
            {
                groups = [1];
            }

            tiles -= groups.Sum();
            int rows = random.Next(1, 8);
            bool isAsLong = rows == graph.RowsOf(value);
            value = graph.Analog(value, groups, rows, random.Next(1, 6), window: isAsLong ? RowWindow.SameRow : RowWindow.Whole(graph.RowsOf(value)), rounds: random.Next(1, 3));
        }

        return graph.Build(value);
    }

    /// <summary>A mesh of cores whose tiles take 1 MVM an <paramref name="issueNs"/>.</summary>
    public static ChipCapacity Chip(int rows, int columns, int tiles, double? issueNs = 20, int chips = 1) => new()
    {
        Topology = new MeshTopology(rows, columns),
        Chips = chips,
        TilesOfCore = [.. Enumerable.Repeat(tiles, rows * columns * chips)],
        TilesPerCore = tiles,
        IssuePs = (long?)(1000 * issueNs),
        ConvertingTiles = null,
        PsPerThousandOperations = 100_000,
        BufferBytes = null,
        BufferPsPerKilobyte = null,
        LinkPsPerKilobyte = 40_000,
        MemoryPsPerKilobyte = 16_000,
        BoardPsPerKilobyte = 160_000,
        HopPs = 1000,
        Multicasts = true,
        Ports = [0],
    };
}

/// <summary>Puts a <see cref="StageGraph"/> together value by value.</summary>
internal sealed class GraphBuilder
{
    private readonly List<StageValue> _values = [];
    private readonly List<Stage> _stages = [];

    public int RowsOf(int value) => _values[value].Rows;

    /// <returns>Index of the value.</returns>
    public int Input(int rows, long elementsPerRow)
    {
        _values.Add(new StageValue($"v{_values.Count}", rows, elementsPerRow, 1, -1, false));
        return _values.Count - 1;
    }

    /// <param name="input">Index of the value that it reads.</param>
    /// <param name="tiles">Of each row group.</param>
    /// <param name="rows">Of its output.</param>
    /// <param name="vectorsPerRow">Of its output.</param>
    /// <param name="window">Null = the same row.</param>
    /// <param name="rounds">MVMs of a tile for one vector.</param>
    /// <param name="intervalNs">Between two MVMs of a tile; null = not known.</param>
    /// <param name="latencyNs">Of one MVM.</param>
    /// <param name="sharesTilesOf">A stage with the same tiles.</param>
    /// <param name="addsExactly">Partial sums add in any order.</param>
    /// <param name="isSerial">A recurrence.</param>
    /// <param name="columns">Output columns of a row group.</param>
    /// <param name="isGrouped">Row groups have columns of their own and add nothing up.</param>
    /// <returns>Index of the value that it writes.</returns>
    public int Analog(
        int input, int[] tiles, int rows, int vectorsPerRow, RowWindow? window = null, int rounds = 1, double? intervalNs = 100, double latencyNs = 120,
        int? sharesTilesOf = null, bool addsExactly = true, bool isSerial = false, int columns = 8, bool isGrouped = false)
    {
        long first = 0;
        foreach (var stage in _stages.Where((s, i) => i == sharesTilesOf || (sharesTilesOf is not null && s.Matrix?.SharesTilesOf == sharesTilesOf)))
        {
            first += stage.Matrix!.Vectors;
        }

        long bytes = _values[input].BytesPerRow;
        int all = isGrouped ? columns * tiles.Length : columns;
        _values.Add(new StageValue($"v{_values.Count}", rows, (long)all * vectorsPerRow, 1, _stages.Count, false));
        _stages.Add(new Stage
        {
            Name = $"s{_stages.Count}",
            Kind = StageKind.Analog,
            Unit = -1,
            Output = _values.Count - 1,
            Inputs = [new StageInput(input, window ?? RowWindow.SameRow)],
            OperationsPerRow = (long)all * vectorsPerRow,
            Matrix = new MatrixDemand
            {
                Vectors = (long)rows * vectorsPerRow,
                VectorsPerRow = vectorsPerRow,
                FirstOrdinal = first,
                SharesTilesOf = sharesTilesOf,
                Groups = [.. tiles.Select((t, i) => new RowGroupDemand([i], t, rounds, i * 8, 8, Math.Max(1, bytes / tiles.Length), columns))],
                IntervalNs = intervalNs,
                LatencyNs = latencyNs,
                Columns = all,
                PartialSumBytes = 4,
                AddsExactly = addsExactly,
                IsSerial = isSerial,
            },
        });
        return _values.Count - 1;
    }

    /// <param name="rows">Of its output.</param>
    /// <param name="operationsPerRow">Scalar operations.</param>
    /// <param name="inputs">What it reads.</param>
    /// <returns>Index of the value that it writes.</returns>
    public int Digital(int rows, long operationsPerRow, params (int Value, RowWindow Window)[] inputs)
    {
        var first = _values[inputs[0].Value];
        _values.Add(new StageValue($"v{_values.Count}", rows, first.ElementsPerRow, 1, _stages.Count, false));
        _stages.Add(new Stage
        {
            Name = $"s{_stages.Count}",
            Kind = StageKind.Digital,
            Unit = -1,
            Output = _values.Count - 1,
            Inputs = [.. inputs.Select(i => new StageInput(i.Value, i.Window))],
            OperationsPerRow = operationsPerRow,
            Matrix = null,
        });
        return _values.Count - 1;
    }

    public StageGraph Build(params int[] outputs) => new([.. _values.Select((v, i) => v with { IsOutput = outputs.Contains(i) })], [.. _stages]);
}
