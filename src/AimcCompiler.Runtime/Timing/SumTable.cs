using AimcCompiler.Binary;

namespace AimcCompiler.Runtime;

/// <summary>The sums behind the tiles of every row group that a stage drives: layers with equal weights drive the same tiles.</summary>
internal sealed class SumTable(ProgramSchedule schedule, TimedChip chip, bool isBounded)
{
    private readonly Dictionary<(int Stage, int RowGroup), int> _groupOf = [];
    private readonly Dictionary<int, int> _tileOf = [];
    private readonly List<int> _resources = [];
    private GroupState[] _groups = new GroupState[64];
    private WaitingLine[] _turns = [];
    private int _count;

    public ref GroupState this[int group] => ref _groups[group];

    /// <summary>Streams in line for the tiles of a row group.</summary>
    public ref WaitingLine Turns(int tile) => ref _turns[tile];

    /// <summary>Resource of tiles.</summary>
    public int ResourceOf(int tile) => _resources[tile];

    /// <summary>Index of a row group that a stage drives or adds.</summary>
    public int GroupOf(int stage, int rowGroup)
    {
        if (_groupOf.TryGetValue((stage, rowGroup), out int known))
        {
            return known;
        }

        var group = schedule.Mapping.RowGroups[rowGroup];
        var work = schedule.Stages.Stages[stage];
        var demand = work.Matrix!;
        if (!_tileOf.TryGetValue(group.Tiles[0], out int tile))
        {
            _resources.Add(chip.Add(new TimedResource(
                group.Tiles.Length == 1 ? FormattableString.Invariant($"tile {group.Tiles[0]}") : FormattableString.Invariant($"tiles {group.Tiles[0]}..{group.Tiles[^1]}"),
                "tile",
                group.Core,
                StallCause.Tiles)));
            tile = _resources.Count - 1;
            _tileOf.Add(group.Tiles[0], tile);
            Array.Resize(ref _turns, _resources.Count);
        }

        if (_count == _groups.Length)
        {
            Array.Resize(ref _groups, 2 * _count);
        }

        int rounds = demand.Groups[group.Group].Rounds;
        long one = Picoseconds(demand.IntervalNs);
        int bytes = schedule.Stages.Values[work.Inputs[0].Value].BytesPerElement;
        _groups[_count] = new GroupState
        {
            Stage = stage,
            Tile = tile,
            Resource = _resources[tile],
            Tiles = group.Tiles.Length,
            Interval = rounds * one,
            Latency = Picoseconds(demand.LatencyNs) + ((rounds - 1) * one),
            IssueTime = rounds * chip.IssuePs,
            ReadTime = chip.BufferPs((long)demand.Groups[group.Group].Inputs * bytes),
            Room = isBounded ? demand.SumsInFlight : int.MaxValue,
            Ready = new (long, long)[4],
            Driver = -1,
            Adder = -1,
        };
        _groupOf.Add((stage, rowGroup), _count);
        return _count++;
    }

    /// <summary>What of the past matters for the future.</summary>
    public void Digest(StateDigest digest, WaitingLines lines, long now)
    {
        foreach (ref var group in _groups.AsSpan(0, _count))
        {
            digest.Add(group.Waiting);
            for (int i = 0; i < group.Waiting; i++)
            {
                digest.Add(Math.Max(0, group.ReadyAt(i).Time - now));
            }

            digest.Add((group.DriverWaits ? 1 : 0) + (group.AdderWaits ? 2 : 0));
        }

        foreach (ref var line in _turns.AsSpan())
        {
            lines.Digest(digest, line);
        }
    }

    private static long Picoseconds(double? ns) => (long)Math.Round(1000 * (ns ?? 0));

    internal struct GroupState
    {
        public int Stage;
        public int Tile;
        public int Resource;

        /// <summary>Tiles that convert at the same time.</summary>
        public int Tiles;

        /// <summary>Of a vector, all rounds.</summary>
        public long Interval;
        public long Latency;
        public long IssueTime;

        /// <summary>Of the vector, from the buffer.</summary>
        public long ReadTime;

        /// <summary>Vectors that are driven and not added, at most.</summary>
        public int Room;
        public int Driver;
        public int Adder;
        public bool DriverWaits;
        public bool AdderWaits;

        /// <summary>Vectors that are driven and not added.</summary>
        public int Waiting;

        /// <summary>When their sums are ready, and the place of that among events at one time: a ring.</summary>
        public (long Time, long Sequence)[] Ready;
        public int First;

        public readonly (long Time, long Sequence) ReadyAt(int index) => Ready[(First + index) & (Ready.Length - 1)];

        public void Add(long time, long sequence)
        {
            if (Waiting == Ready.Length)
            {
                var larger = new (long, long)[2 * Waiting];
                for (int i = 0; i < Waiting; i++)
                {
                    larger[i] = ReadyAt(i);
                }

                (Ready, First) = (larger, 0);
            }

            Ready[(First + Waiting++) & (Ready.Length - 1)] = (time, sequence);
        }

        public void Take()
        {
            First = (First + 1) & (Ready.Length - 1);
            Waiting--;
        }
    }
}
