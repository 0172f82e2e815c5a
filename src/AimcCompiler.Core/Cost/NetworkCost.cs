namespace AimcCompiler.Core;

/// <summary>What a network's layers cost together. Only tiles and core buffers: digital work and the NoC come on top.
/// A number that needs an unknown constant is null.</summary>
public sealed record NetworkCost
{
    public required IReadOnlyList<LayerCost> Layers { get; init; }

    public long Tiles => Layers.Where(l => l.Work.SharesTilesOf is null).Sum(l => l.Tiles);

    public long TileMvms => Layers.Sum(l => l.TileMvms);

    public long Macs => Layers.Sum(l => l.Work.Macs);

    /// <summary>Used unit cells over the cells of all tiles, 0 .. 1.</summary>
    public double? Utilization => Tiles == 0 ? null : Layers.Where(l => l.Work.SharesTilesOf is null).Sum(l => l.Utilization * l.Tiles) / Tiles;

    /// <summary>Energy per inference, part by part.</summary>
    public TileEnergy? Energy => Layers.Count == 0 ? null : Layers.Select(l => l.Energy).Aggregate((a, b) => a + b);

    /// <summary>Time of the slowest layer, or of the slowest of those that take the same tiles in turn: with every layer at work on its own sample, a result comes out
    /// that often.</summary>
    public double? BottleneckNs => Sum(
        [.. Layers.Select((l, i) => (Owner: l.Work.SharesTilesOf ?? i, l.TimeNs)).GroupBy(l => l.Owner).Select(g => g.Aggregate((double?)0, (sum, l) => sum + l.TimeNs))],
        times => times.Max());

    public double? InferencesPerSecond => 1e9 / BottleneckNs;

    /// <summary>One sample, one layer after the other.</summary>
    public double? SerialLatencyNs => Sum([.. Layers.Select(l => l.TimeNs)], times => times.Sum());

    /// <summary>One sample through an element pipeline: a layer starts when its first window is there. Layers in their order.</summary>
    public double? PipelinedLatencyNs
    {
        get
        {
            double? filled = 0;
            for (int i = 1; i < Layers.Count; i++)
            {
                LayerCost producer = Layers[i - 1];
                long rounds = (Layers[i].Work.FillMvms + producer.Work.Copies - 1) / producer.Work.Copies;
                filled += (rounds * producer.Timing.InitiationIntervalNs) + producer.Timing.LatencyNs - producer.Timing.InitiationIntervalNs;
            }

            return filled + BottleneckNs;
        }
    }

    /// <summary>1 MAC = 2 operations, at the pipelined rate.</summary>
    public double? Tops => 2 * Macs * InferencesPerSecond * 1e-12;

    /// <summary>Operations per energy of the tiles alone; operations / pJ = TOPS/W.</summary>
    public double? TilesTopsPerWatt => 2 * Macs / Energy?.TilesPj;

    /// <summary>Operations per energy of tiles and core buffers.</summary>
    public double? TopsPerWatt => 2 * Macs / Energy?.TotalPj;

    public static NetworkCost Of(ChipDescription chip, IEnumerable<LayerWork> layers) =>
        new() { Layers = [.. layers.Select(l => LayerCost.Of(chip, l))] };

    /// <summary>Null if there is nothing or one of the values is not known.</summary>
    private static double? Sum(double?[] values, Func<IEnumerable<double>, double> combine) =>
        values.Length == 0 || values.Contains(null) ? null : combine(values.Select(v => v!.Value));
}
