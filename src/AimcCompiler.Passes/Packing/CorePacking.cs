using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>A row group of one copy, to be put on a core.</summary>
/// <param name="Family">Index of the family.</param>
/// <param name="Copy">Which copy.</param>
/// <param name="Group">Which row group.</param>
/// <param name="Tiles">Tiles that it takes.</param>
/// <param name="LoadPs">Time that its MVMs take to be issued, an inference.</param>
/// <param name="VectorPs">Time that the vector unit adds its partial sums, and finishes vectors where it is the last of its copy, an inference.</param>
internal readonly record struct PackingItem(int Family, int Copy, int Group, int Tiles, long LoadPs, long VectorPs);

/// <summary>Which of the cores with room takes a row group.</summary>
internal enum PackingRule
{
    /// <summary>The one with the least load.</summary>
    LeastLoaded,

    /// <summary>Where its copy is, or the one before it of its layer, as long as the period is kept; else the one with the least load.</summary>
    Together,

    /// <summary>The one with the fewest tiles left.</summary>
    Fullest,

    /// <summary>The one with the fewest tiles of its layer, which begin together; of those the one with the least load.</summary>
    Apart,
}

/// <summary>Row groups on cores: tiles are a limit, the largest load is what counts.</summary>
internal sealed class CorePacking
{
    /// <summary>Share of the period that sums may take of a vector unit: digital stages want theirs, and what waits for a busy unit comes in bursts.</summary>
    private const double ShareOfVectors = 0.5;

    private readonly int[] _capacities;
    private readonly int _coresOfChip;
    private readonly int[] _chipOf;
    private readonly long[] _vectors;

    /// <summary>Cores x families: tiles there.</summary>
    private readonly int[,] _tilesOf;

    public CorePacking(IReadOnlyList<PackingItem> items, ChipCapacity chip)
    {
        Items = [.. items];
        _capacities = chip.TilesOfCore.IsEmpty ? [int.MaxValue] : [.. chip.TilesOfCore];
        _coresOfChip = chip.Topology.Cores;
        CoreOf = new int[Items.Length];
        _tilesOf = new int[_capacities.Length, Items.Select(i => i.Family + 1).DefaultIfEmpty().Max()];
        Free = [.. _capacities];
        Loads = new long[_capacities.Length];
        _vectors = new long[_capacities.Length];

        // Chips are filled along the network, so that little passes between them.
        _chipOf = new int[Items.Length];
        if (chip.Chips > 1)
        {
            double share = (double)Items.Sum(i => (long)i.Tiles) / chip.Chips;
            long before = 0;
            for (int i = 0; i < Items.Length; i++)
            {
                _chipOf[i] = Math.Min(chip.Chips - 1, (int)(before / share));
                before += Items[i].Tiles;
            }
        }
    }

    public PackingItem[] Items { get; }

    /// <summary>Core of every item.</summary>
    public int[] CoreOf { get; private set; }

    /// <summary>Tiles that each core has left.</summary>
    public int[] Free { get; private set; }

    public long[] Loads { get; private set; }

    public long MaxLoad => Loads.Max();

    /// <summary>What sums ask of a core's vector unit.</summary>
    public long VectorPsOf(int core) => _vectors[core];

    /// <summary>Puts all items, in an order, on cores.</summary>
    /// <returns>Every item found room.</returns>
    public bool Construct(IEnumerable<int> order, PackingRule rule, long periodPs)
    {
        Clear();
        int lastCopy = -1;
        int lastFamily = -1;
        int last = -1;
        foreach (int i in order)
        {
            var item = Items[i];
            int core = -1;
            if (rule == PackingRule.Together && item.Family == lastFamily && (item.Copy == lastCopy || item.Group == 0) && Keeps(last, item, periodPs))
            {
                core = last;
            }

            core = core >= 0 ? core : Best(item, _chipOf[i], rule, periodPs);
            if (core < 0)
            {
                return false;
            }

            Put(i, core);
            (lastFamily, lastCopy, last) = (item.Family, item.Copy, core);
        }

        return true;
    }

    /// <summary>Puts every item on the core that is named for it.</summary>
    public void Assign(ReadOnlySpan<int> coreOf)
    {
        Clear();
        for (int i = 0; i < Items.Length; i++)
        {
            Put(i, coreOf[i]);
        }
    }

    /// <summary>Moves and exchanges that lower the largest load, until none does or the goal is reached.</summary>
    public void Balance(long goalPs)
    {
        List<int>[] on = [.. Loads.Select(_ => new List<int>())];
        for (int i = 0; i < Items.Length; i++)
        {
            on[CoreOf[i]].Add(i);
        }

        for (int step = 0; step < 4000; step++)
        {
            int from = Array.IndexOf(Loads, Loads.Max());
            if (Loads[from] <= goalPs || !Relieve(from, on))
            {
                return;
            }
        }
    }

    /// <summary>One move or exchange that lowers the load of a core and leaves the other below what it was.</summary>
    private bool Relieve(int from, List<int>[] on)
    {
        long best = Loads[from];
        (int One, int Other, int To) found = (-1, -1, -1);
        foreach (int one in Kinds(on[from]))
        {
            var leaving = Items[one];
            for (int to = 0; to < Loads.Length; to++)
            {
                if (to == from || to / _coresOfChip != from / _coresOfChip)
                {
                    continue;
                }

                if (Free[to] >= leaving.Tiles && Math.Max(Loads[from] - leaving.LoadPs, Loads[to] + leaving.LoadPs) is var moved && moved < best)
                {
                    (best, found) = (moved, (one, -1, to));
                }

                // Only what is lighter comes back.
                if (Loads[to] >= best)
                {
                    continue;
                }

                foreach (int other in Kinds(on[to]))
                {
                    var coming = Items[other];
                    long difference = leaving.LoadPs - coming.LoadPs;
                    if (difference > 0 && Free[from] + leaving.Tiles >= coming.Tiles && Free[to] + coming.Tiles >= leaving.Tiles
                        && Math.Max(Loads[from] - difference, Loads[to] + difference) is var exchanged && exchanged < best)
                    {
                        (best, found) = (exchanged, (one, other, to));
                    }
                }
            }
        }

        if (found.One < 0)
        {
            return false;
        }

        Transfer(found.One, found.To, on);
        if (found.Other >= 0)
        {
            Transfer(found.Other, from, on);
        }

        return true;
    }

    /// <summary>One item of each size and load.</summary>
    private IEnumerable<int> Kinds(List<int> items)
    {
        HashSet<(int, long)> seen = [];
        foreach (int i in items)
        {
            if (seen.Add((Items[i].Tiles, Items[i].LoadPs)))
            {
                yield return i;
            }
        }
    }

    private void Transfer(int item, int to, List<int>[] on)
    {
        on[CoreOf[item]].Remove(item);
        on[to].Add(item);
        Move(item, to);
    }

    /// <summary>Takes an item from its core to another.</summary>
    public void Move(int item, int to)
    {
        int from = CoreOf[item];
        Free[from] += Items[item].Tiles;
        _tilesOf[from, Items[item].Family] -= Items[item].Tiles;
        Loads[from] -= Items[item].LoadPs;
        _vectors[from] -= Items[item].VectorPs;
        Put(item, to);
    }

    /// <summary>Room for an item on a core when another leaves it (-1 = none does), within a load.</summary>
    public bool HasRoom(int item, int core, int leaving, long periodPs)
    {
        var coming = Items[item];
        var (tiles, load, vectors) = leaving < 0 ? (0, 0L, 0L) : (Items[leaving].Tiles, Items[leaving].LoadPs, Items[leaving].VectorPs);
        return Free[core] + tiles >= coming.Tiles && Loads[core] - load + coming.LoadPs <= periodPs
            && (_vectors[core] - vectors + coming.VectorPs <= ShareOfVectors * periodPs || coming.VectorPs <= vectors);
    }

    /// <summary>Cores of one chip exchange items, never those of two.</summary>
    public bool AreOfOneChip(int one, int other) => one / _coresOfChip == other / _coresOfChip;

    /// <summary>Takes over the cores of another packing of the same items.</summary>
    public void CopyFrom(CorePacking other)
    {
        (CoreOf, Free, Loads) = ([.. other.CoreOf], [.. other.Free], [.. other.Loads]);
        other._vectors.CopyTo(_vectors, 0);
        Array.Copy(other._tilesOf, _tilesOf, _tilesOf.Length);
    }

    private void Clear()
    {
        _capacities.CopyTo(Free, 0);
        Array.Clear(Loads);
        Array.Clear(_vectors);
        Array.Clear(_tilesOf);
    }

    private void Put(int item, int core)
    {
        CoreOf[item] = core;
        Free[core] -= Items[item].Tiles;
        _tilesOf[core, Items[item].Family] += Items[item].Tiles;
        Loads[core] += Items[item].LoadPs;
        _vectors[core] += Items[item].VectorPs;
    }

    private bool Keeps(int core, PackingItem item, long periodPs) =>
        core >= 0 && Free[core] >= item.Tiles && Loads[core] + item.LoadPs <= periodPs && _vectors[core] + item.VectorPs <= ShareOfVectors * periodPs;

    /// <summary>Of the cores with room: those that keep the period, of the item's chip, with the least load, or the fullest.</summary>
    private int Best(PackingItem item, int chip, PackingRule rule, long periodPs)
    {
        int best = -1;
        (bool, int, int, long, int) least = default;
        for (int core = 0; core < Loads.Length; core++)
        {
            if (Free[core] >= item.Tiles)
            {
                var rank = (!Keeps(core, item, periodPs), Math.Abs((core / _coresOfChip) - chip), rule == PackingRule.Apart ? _tilesOf[core, item.Family] : 0, rule == PackingRule.Fullest ? 0 : Math.Max(Loads[core] + item.LoadPs, _vectors[core] + item.VectorPs), Free[core]);
                if (best < 0 || rank.CompareTo(least) < 0)
                {
                    (best, least) = (core, rank);
                }
            }
        }

        return best;
    }
}
