using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>One way of a family to be on tiles: as it is, or with another number of shifts.</summary>
/// <param name="Alternative">Index among the alternatives of its stages; -1 = as it is.</param>
/// <param name="Vectors">Of one inference, of all members.</param>
/// <param name="Tiles">Of one copy.</param>
/// <param name="Issues">MVMs that cores begin in an inference.</param>
/// <param name="IntervalPs">Of the busiest tile, from one vector to the next.</param>
public sealed record FamilyWay(int Alternative, long Vectors, long Tiles, long Issues, long IntervalPs)
{
    /// <summary>Tiles of as many copies as it takes to keep none of them busy for longer; null = no number of copies does.</summary>
    public long? TilesWithin(long periodPs)
    {
        long vectors = periodPs / IntervalPs;
        return vectors == 0 ? null : Tiles * Math.Max(1, (Vectors + vectors - 1) / vectors);
    }
}

/// <summary>Families of which each has several ways to be on the tiles of a chip: more tiles of a copy and fewer vectors, which fewer copies take and of which cores begin fewer.</summary>
public sealed class FamilyWays
{
    /// <summary>Prices of an issue that a bound is looked for at, from one to the next twice as high.</summary>
    private const int Prices = 24;

    private readonly ImmutableArray<TileFamily> _families;
    private readonly ImmutableArray<ImmutableArray<FamilyWay>> _ways;
    private readonly long _tiles;
    private readonly long _cores;
    private readonly long _issuePs;

    /// <param name="graph">Stages whose times are known.</param>
    /// <param name="families">Their tiles.</param>
    /// <param name="chip">A chip with limits.</param>
    public FamilyWays(StageGraph graph, ImmutableArray<TileFamily> families, ChipCapacity chip)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        _families = families;
        _ways = [.. families.Select(f => Of(graph, f))];
        _tiles = (chip.Tiles ?? long.MaxValue / 4) - TileFamily.SharedTilesOf(families);
        (_cores, _issuePs) = (chip.Cores, chip.IssuePs ?? 0);
    }

    /// <summary>No interval below it is possible: at every price of an issue in tiles, the families together take no less than the least of their ways, and the chip has no more than its tiles and what its cores begin in an interval.</summary>
    public long BoundPs()
    {
        long low = 1;
        long high = Math.Max(_families.Select(f => f.BusyPs(1)).DefaultIfEmpty(1).Max(), IssuesPs(_ways.Sum(w => w[0].Issues)));
        double unit = _tiles / (double)Math.Max(1, _ways.Sum(w => w[0].Issues));
        double[] prices = [0, .. Enumerable.Range(0, _issuePs == 0 ? 0 : Prices).Select(i => unit * Math.Pow(2, i - (Prices / 2)))];
        while (low < high)
        {
            long middle = low + ((high - low) / 2);
            (low, high) = prices.All(p => IsPossible(middle, p)) && IssuesPs(_ways.Sum(w => w.Min(o => o.Issues))) <= middle ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    /// <summary>Ways with which copies for an interval fit the tiles and cores begin their MVMs in time, those of the fewest tiles where several do; null = none were found.</summary>
    public ImmutableArray<FamilyWay>? Within(long periodPs)
    {
        long issues = _issuePs == 0 ? long.MaxValue : periodPs / _issuePs * _cores;
        if (Cheapest(periodPs, 0) is not { } least || TilesOf(least, periodPs) > _tiles)
        {
            return null;
        }

        if (least.Sum(w => w.Issues) <= issues)
        {
            return least;
        }

        // The higher an issue's price, the fewer issues and the more tiles.
        double unit = _tiles / (double)Math.Max(1, _ways.Sum(w => w[0].Issues));
        (double low, double high) = (unit * 1e-6, unit * 1e6);
        ImmutableArray<FamilyWay>? found = null;
        for (int step = 0; step < 50; step++)
        {
            double middle = Math.Sqrt(low * high);
            var ways = Cheapest(periodPs, middle)!.Value;
            if (ways.Sum(w => w.Issues) > issues)
            {
                low = middle;
                continue;
            }

            found = TilesOf(ways, periodPs) <= _tiles ? ways : found;
            high = middle;
        }

        return found;
    }

    private long IssuesPs(long issues) => (issues + _cores - 1) / _cores * _issuePs;

    private bool IsPossible(long periodPs, double price)
    {
        if (Cheapest(periodPs, price) is not { } ways)
        {
            return false;
        }

        double issues = price == 0 ? 0 : price * (periodPs / _issuePs) * _cores;
        return TilesOf(ways, periodPs) + (price * ways.Sum(w => (double)w.Issues)) <= (_tiles + issues) * (1 + 1e-12);
    }

    /// <summary>Of every family the way of least tiles and issues, the first of equals; null = a family has none for the interval.</summary>
    private ImmutableArray<FamilyWay>? Cheapest(long periodPs, double price)
    {
        var chosen = ImmutableArray.CreateBuilder<FamilyWay>(_ways.Length);
        for (int f = 0; f < _ways.Length; f++)
        {
            FamilyWay? best = null;
            double least = double.PositiveInfinity;
            foreach (var way in _ways[f])
            {
                double cost = TilesOf(f, way, periodPs) is { } tiles ? tiles + (price * way.Issues) : double.PositiveInfinity;
                (best, least) = cost < least ? (way, cost) : (best, least);
            }

            if (best is null)
            {
                return null;
            }

            chosen.Add(best);
        }

        return chosen.MoveToImmutable();
    }

    private long TilesOf(ImmutableArray<FamilyWay> ways, long periodPs) => ways.Select((w, f) => TilesOf(f, w, periodPs)!.Value).Sum();

    private long? TilesOf(int family, FamilyWay way, long periodPs) =>
        _families[family].HasOneCopy ? (_families[family].BusyPs(1) <= periodPs ? way.Tiles : null) : way.TilesWithin(periodPs);

    private static ImmutableArray<FamilyWay> Of(StageGraph graph, TileFamily family)
    {
        MatrixDemand[] demands = [.. family.Members.Select(m => graph.Stages[m].Matrix!)];
        int rounds = family.Groups.Max(g => g.Rounds);
        long issues = family.Groups.Sum(g => (long)g.Rounds);
        FamilyWay own = new(-1, family.Vectors, family.Tiles, family.Vectors * issues, family.IntervalPs!.Value);
        return family.HasOneCopy
            ? [own]
            :
            [
                own,
                .. demands[0].Alternatives.Select((option, i) =>
                {
                    long vectors = demands.Sum(d => d.Vectors / d.VectorsPerRow * d.Alternatives[i].VectorsPerRow);
                    return new FamilyWay(i, vectors, option.Tiles, vectors * option.Issues, Math.Max(1, own.IntervalPs / rounds * option.Rounds));
                }),
            ];
    }
}
