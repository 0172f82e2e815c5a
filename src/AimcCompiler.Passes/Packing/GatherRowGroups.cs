using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Brings row groups together that save bytes on one core: copies of one row group read the same input, the row groups of one copy add to the same sums. Annealing over moves and exchanges that keep every core within
/// the period.</summary>
internal sealed class GatherRowGroups
{
    private readonly CorePacking _packing;
    private readonly long _periodPs;
    private readonly int _cores;

    // Per item: its row group and its copy, counted over all families; what a core costs that has one of them.
    private readonly int[] _groupOf;
    private readonly int[] _copyOf;
    private readonly double[] _inputBytes;
    private readonly double[] _sumBytes;

    // Items of a row group, of a copy, of a core.
    private readonly int[][] _ofGroup;
    private readonly int[][] _ofCopy;
    private readonly List<int>[] _on;
    private readonly int[] _place;

    // Row groups x cores, copies x cores: items there.
    private readonly int[] _groupsOn;
    private readonly int[] _copiesOn;
    private SplitMix64 _random;

    private GatherRowGroups(StageGraph graph, IReadOnlyList<TileFamily> families, CorePacking packing, long periodPs, ulong seed)
    {
        (_packing, _periodPs, _random) = (packing, periodPs, new SplitMix64(seed));
        _cores = packing.Loads.Length;
        _groupOf = new int[packing.Items.Length];
        _copyOf = new int[packing.Items.Length];
        _inputBytes = new double[packing.Items.Length];
        _sumBytes = new double[packing.Items.Length];
        _place = new int[packing.Items.Length];
        Dictionary<(int, int), int> groups = [];
        Dictionary<(int, int), int> copies = [];
        long[] copiesOf = new long[families.Count];
        foreach (var item in packing.Items)
        {
            copiesOf[item.Family] = Math.Max(copiesOf[item.Family], item.Copy + 1);
        }

        for (int i = 0; i < packing.Items.Length; i++)
        {
            var item = packing.Items[i];
            _groupOf[i] = IndexOf(groups, (item.Family, item.Group));
            _copyOf[i] = IndexOf(copies, (item.Family, item.Copy));
            foreach (var stage in families[item.Family].Members.Select(m => graph.Stages[m]))
            {
                _inputBytes[i] += (double)stage.Matrix!.Groups[item.Group].InputBytesPerRow * graph.Values[stage.Inputs[0].Value].Rows;
                _sumBytes[i] += (double)stage.Matrix.Vectors / copiesOf[item.Family] * stage.Matrix.Columns * (stage.Matrix.AdditionsPerVector > 0 ? stage.Matrix.PartialSumBytes : 0);
            }
        }

        _ofGroup = Lists(_groupOf, groups.Count);
        _ofCopy = Lists(_copyOf, copies.Count);
        _on = [.. Enumerable.Range(0, _cores).Select(_ => new List<int>())];
        _groupsOn = new int[groups.Count * _cores];
        _copiesOn = new int[copies.Count * _cores];
        for (int i = 0; i < packing.Items.Length; i++)
        {
            int core = packing.CoreOf[i];
            _place[i] = _on[core].Count;
            _on[core].Add(i);
            _groupsOn[(_groupOf[i] * _cores) + core]++;
            _copiesOn[(_copyOf[i] * _cores) + core]++;
        }
    }

    /// <param name="graph">The stages.</param>
    /// <param name="families">Their tiles.</param>
    /// <param name="packing">Where they are; changed.</param>
    /// <param name="periodPs">Load that no core may exceed.</param>
    /// <param name="tries">Steps that are looked at.</param>
    /// <param name="seed">Names the draws.</param>
    public static void Run(StageGraph graph, IReadOnlyList<TileFamily> families, CorePacking packing, long periodPs, long tries, ulong seed)
    {
        if (packing.Loads.Length > 1 && packing.Items.Length > 1)
        {
            new GatherRowGroups(graph, families, packing, periodPs, seed).Search(tries);
        }
    }

    private void Search(long tries)
    {
        const int Steps = 100;
        double from = _inputBytes.Zip(_sumBytes, (a, b) => a + b).Average();
        if (!(from > 0))
        {
            return;
        }

        double factor = Metropolis.Factor(1000, 1, Steps);
        double temperature = from;
        for (int step = 0; step < Steps; step++, temperature *= factor)
        {
            for (long i = tries / Steps; i > 0; i--)
            {
                Try(step == Steps - 1 ? 0 : temperature);
            }
        }
    }

    private void Try(double temperature)
    {
        int item = _random.Next(_groupOf.Length);
        ulong draw = _random.Next();
        int[] relatives = (draw & 1) == 0 ? _ofGroup[_groupOf[item]] : _ofCopy[_copyOf[item]];
        int from = _packing.CoreOf[item];
        int to = relatives.Length > 1 ? _packing.CoreOf[relatives[_random.Next(relatives.Length)]] : _random.Next(_cores);
        if (to == from || !_packing.AreOfOneChip(from, to))
        {
            return;
        }

        if (_packing.HasRoom(item, to, -1, _periodPs))
        {
            double delta = Move(item, to);
            if (!Metropolis.Takes(delta, temperature, draw))
            {
                Move(item, from);
            }

            return;
        }

        int other = _on[to].Count == 0 ? -1 : _on[to][_random.Next(_on[to].Count)];
        if (other >= 0 && _packing.HasRoom(item, to, other, _periodPs) && _packing.HasRoom(other, from, item, _periodPs))
        {
            double delta = Move(item, to) + Move(other, from);
            if (!Metropolis.Takes(delta, temperature, draw))
            {
                Move(item, from);
                Move(other, to);
            }
        }
    }

    /// <returns>Bytes that it costs.</returns>
    private double Move(int item, int to)
    {
        int from = _packing.CoreOf[item];
        int group = _groupOf[item] * _cores;
        int copy = _copyOf[item] * _cores;
        double delta = (--_groupsOn[group + from] == 0 ? -_inputBytes[item] : 0) + (--_copiesOn[copy + from] == 0 ? -_sumBytes[item] : 0)
            + (_groupsOn[group + to]++ == 0 ? _inputBytes[item] : 0) + (_copiesOn[copy + to]++ == 0 ? _sumBytes[item] : 0);
        int last = _on[from][^1];
        _on[from][_place[item]] = last;
        _place[last] = _place[item];
        _on[from].RemoveAt(_on[from].Count - 1);
        _place[item] = _on[to].Count;
        _on[to].Add(item);
        _packing.Move(item, to);
        return delta;
    }

    private static int IndexOf(Dictionary<(int, int), int> indices, (int, int) key)
    {
        if (!indices.TryGetValue(key, out int index))
        {
            indices.Add(key, index = indices.Count);
        }

        return index;
    }

    private static int[][] Lists(int[] keys, int count)
    {
        var lists = Enumerable.Range(0, count).Select(_ => new List<int>()).ToArray();
        for (int i = 0; i < keys.Length; i++)
        {
            lists[keys[i]].Add(i);
        }

        return [.. lists.Select(l => l.ToArray())];
    }
}
