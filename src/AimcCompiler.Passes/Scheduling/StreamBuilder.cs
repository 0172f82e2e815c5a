using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Buffers, channels and streams for stages that have their places.</summary>
internal sealed class StreamBuilder
{
    private readonly StageGraph _graph;
    private readonly CoreMapping _mapping;
    private readonly ChipCapacity _capacity;
    private readonly ImmutableDictionary<(int Stage, int Value), long> _readBytes;
    private readonly Dictionary<(int Owner, int Copy), ImmutableArray<int>> _groupsOf;

    /// <summary>Rows buffers of readers, by core, value and first row; the stride is 1 or the number of homes.</summary>
    private readonly Dictionary<(int Core, int Value, int First, int Stride), int> _readBuffers = [];

    private readonly Dictionary<(int Value, int Home), int> _assemblies = [];
    private readonly Dictionary<int, List<(int Core, int Buffer)>> _buffersOf = [];
    private readonly ILookup<int, (Stage Stage, StageInput Input)> _readers;
    private readonly Dictionary<int, bool> _isDirect = [];
    private readonly List<RowBuffer> _buffers = [];
    private readonly List<HashSet<int>> _bufferStages = [];
    private readonly List<Channel> _channels = [];
    private readonly List<RoutedMessage> _messages = [];
    private readonly List<CoreStream> _streams = [];

    /// <param name="graph">The stages.</param>
    /// <param name="mapping">Where they are.</param>
    /// <param name="capacity">The chip.</param>
    /// <param name="readBytes">Bytes of a row of a value that a digital stage reads, where it is not all of it.</param>
    public StreamBuilder(StageGraph graph, CoreMapping mapping, ChipCapacity capacity, ImmutableDictionary<(int Stage, int Value), long>? readBytes = null)
    {
        (_graph, _mapping, _capacity, _readBytes) = (graph, mapping, capacity, readBytes ?? ImmutableDictionary<(int Stage, int Value), long>.Empty);
        _readers = graph.Stages.SelectMany(s => s.Inputs.Select(i => (Stage: s, Input: i))).ToLookup(r => r.Input.Value);
        _groupsOf = Enumerable.Range(0, mapping.RowGroups.Length).GroupBy(g => (mapping.RowGroups[g].Stage, mapping.RowGroups[g].Copy))
            .ToDictionary(g => g.Key, g => g.OrderBy(i => mapping.RowGroups[i].Group).ToImmutableArray());
    }

    /// <param name="tooSmall">What the buffers lack where there is no schedule.</param>
    public ProgramSchedule? Build(out string? tooSmall)
    {
        PlanBuffers();
        AddSources();
        for (int s = 0; s < _graph.Stages.Length; s++)
        {
            if (_graph.Stages[s].Matrix is not null)
            {
                AddAnalog(s);
            }
            else
            {
                AddDigital(s);
            }
        }

        AddSinks();
        ProgramSchedule planned = new()
        {
            Target = _mapping.Target,
            Overlaps = _mapping.Target != MappingTarget.Latency,
            Stages = _graph,
            Mapping = _mapping,
            Buffers = [.. _buffers],
            Channels = [.. _channels],
            Streams = [.. _streams.OrderBy(s => s.Core)],
        };
        var lives = planned.Overlaps ? null : new BufferLives(planned);
        if (Sized(planned.Overlaps ? null : new BufferLives(planned), out tooSmall) is not { } sized)
        {
            return null;
        }

        return planned with { Buffers = sized, Channels = Routed() };
    }

    /// <summary>Room beyond what the order of demand takes; the most first.</summary>
    private enum Slack
    {
        /// <summary>What a schedule takes in which inferences follow each other in the interval of the mapping, and readers that are late by a part of it. For throughput only.</summary>
        Periodic,

        /// <summary>Values that are read as a whole have room for two inferences.</summary>
        TwoInferences,

        /// <summary>Stages run ahead by what is in their pipeline.</summary>
        Ahead,

        None,

        /// <summary>Not even the row that a stream has read of one input while it waits for another.</summary>
        Least,
    }

    private int HomesOf(int value) => _mapping.Homes[value].Length;

    private int OwnerOf(int stage) => _graph.Stages[stage].Matrix!.SharesTilesOf ?? stage;

    private int CopiesOf(int stage) => _mapping.Replication.Copies[OwnerOf(stage)];

    private long RowsAt(int value, int home) => (_graph.Values[value].Rows - home + HomesOf(value) - 1) / HomesOf(value);

    /// <summary>The first vector of a copy, and how many it takes.</summary>
    private (long First, long Count) VectorsOf(int stage, int copy)
    {
        var matrix = _graph.Stages[stage].Matrix!;
        int copies = CopiesOf(stage);
        long first = (((copy - matrix.FirstOrdinal) % copies) + copies) % copies;
        return (first, first >= matrix.Vectors ? 0 : (matrix.Vectors - first + copies - 1) / copies);
    }

    private int SinkOf(int value) => _capacity.PortOf(_mapping.Homes[value][0]);

    private void PlanBuffers()
    {
        for (int s = 0; s < _graph.Stages.Length; s++)
        {
            var stage = _graph.Stages[s];
            if (stage.Matrix is { } matrix)
            {
                HashSet<(int Core, int Group)> needs = [];
                for (int copy = 0; copy < CopiesOf(s); copy++)
                {
                    foreach (int g in VectorsOf(s, copy).Count > 0 ? _groupsOf[(OwnerOf(s), copy)] : [])
                    {
                        needs.Add((_mapping.RowGroups[g].Core, _mapping.RowGroups[g].Group));
                    }
                }

                foreach (var onCore in needs.GroupBy(n => n.Core))
                {
                    long bytes = onCore.Sum(n => matrix.Groups[n.Group].InputBytesPerRow);
                    foreach (var input in stage.Inputs)
                    {
                        Reserve(onCore.Key, input.Value, 0, 1, bytes, s);
                    }
                }

                for (int home = 0; home < HomesOf(stage.Output); home++)
                {
                    _assemblies.Add((stage.Output, home), _buffers.Count);
                    _buffers.Add(new RowBuffer(
                        _mapping.Homes[stage.Output][home], stage.Output, home, HomesOf(stage.Output), matrix.VectorsPerRow, 1, _graph.Values[stage.Output].BytesPerRow, 0));
                    _bufferStages.Add([]);
                }
            }
            else
            {
                for (int home = 0; home < HomesOf(stage.Output); home++)
                {
                    foreach (var input in stage.Inputs)
                    {
                        if (IsDirect(input.Value))
                        {
                            _bufferStages[_assemblies[(input.Value, home)]].Add(s);
                            continue;
                        }

                        bool isStrided = input.Window == RowWindow.SameRow && HomesOf(input.Value) == HomesOf(stage.Output);
                        Reserve(
                            _mapping.Homes[stage.Output][home], input.Value, isStrided ? home : 0, isStrided ? HomesOf(stage.Output) : 1,
                            _readBytes.GetValueOrDefault((s, input.Value), _graph.Values[input.Value].BytesPerRow), s);
                    }
                }
            }
        }

        for (int v = 0; v < _graph.Values.Length; v++)
        {
            if (_graph.Values[v].IsOutput && IsDirect(v))
            {
                _bufferStages[_assemblies[(v, 0)]].Add(-1);
            }
            else if (_graph.Values[v].IsOutput)
            {
                Reserve(SinkOf(v), v, 0, 1, _graph.Values[v].BytesPerRow, -1);
            }
        }
    }

    private void Reserve(int core, int value, int first, int stride, long bytes, int stage)
    {
        if (!_readBuffers.TryGetValue((core, value, first, stride), out int buffer))
        {
            _readBuffers.Add((core, value, first, stride), buffer = _buffers.Count);
            _buffers.Add(new RowBuffer(core, value, first, stride, 1, 1, 0, 0));
            _bufferStages.Add([]);
            _buffersOf.TryAdd(value, []);
            _buffersOf[value].Add((core, buffer));
        }

        // Row groups of several layers on one core may need different parts of a row.
        _bufferStages[buffer].Add(stage);
        _buffers[buffer] = _buffers[buffer] with { RowBytes = Math.Min(_graph.Values[value].BytesPerRow, _buffers[buffer].RowBytes + bytes) };
    }

    /// <summary>What reads the results of a layer does it where their rows are put together, row by row: it takes them from there, and they go nowhere else.</summary>
    private bool IsDirect(int value)
    {
        if (!_isDirect.TryGetValue(value, out bool isDirect))
        {
            var (own, homes) = (_graph.Values[value], _mapping.Homes[value]);
            isDirect = own.Producer >= 0 && _graph.Stages[own.Producer].Matrix is not null
                && (_readers[value].Any() || own.IsOutput)
                && _readers[value].All(r => r.Stage is { Kind: StageKind.Digital } && r.Input is { IsCarried: false, Window: var window } && window == RowWindow.SameRow
                    && _mapping.Homes[r.Stage.Output].AsSpan().SequenceEqual(homes.AsSpan()))
                && (!own.IsOutput || (homes is [var home] && home == SinkOf(value)));
            _isDirect.Add(value, isDirect);
        }

        return isDirect;
    }

    private int ReadBuffer(int core, StageInput input, int home, int homes)
    {
        if (IsDirect(input.Value))
        {
            return _assemblies[(input.Value, home)];
        }

        bool isStrided = input.Window == RowWindow.SameRow && HomesOf(input.Value) == homes;
        return isStrided ? _readBuffers[(core, input.Value, home, homes)] : _readBuffers[(core, input.Value, 0, 1)];
    }

    /// <summary>The most room that all cores have, and on each core as much of what is more as it has.</summary>
    /// <param name="lives">Which buffers may share addresses; null = none.</param>
    /// <param name="lack">What the buffers lack.</param>
    private ImmutableArray<RowBuffer>? Sized(BufferLives? lives, out string? lack)
    {
        lack = null;
        List<int[]> larger = [];
        foreach (var slack in Enum.GetValues<Slack>().Where(s => s != Slack.Periodic || _mapping.Target != MappingTarget.Tiles))
        {
            int[] rows = RowsOf(slack);
            lack = Lack(rows, lives);
            if (lack is not null)
            {
                larger.Add(rows);
                continue;
            }

            if (_capacity.BufferBytes is { } limit && larger.Count > 0)
            {
                larger.Reverse();
                rows = Enlarged(rows, larger, lives, limit);
            }

            return Placed(rows, lives);
        }

        return null;
    }

    /// <summary>Core by core, from one set of rooms to the next larger one: a core that does not hold the next has the part of the difference that it holds.</summary>
    private int[] Enlarged(int[] least, List<int[]> larger, BufferLives? lives, long limit)
    {
        const int Parts = 16;
        int[] rows = [.. least];
        foreach (int[] onCore in BuffersOfCores())
        {
            foreach (int[] next in larger)
            {
                int With(int buffer, int part) => rows[buffer] + (int)((long)Math.Max(0, next[buffer] - rows[buffer]) * part / Parts);
                int part = Parts;
                while (part > 0 && Layout(onCore, [.. onCore.Select(b => With(b, part))], lives).End > limit)
                {
                    part--;
                }

                foreach (int b in onCore)
                {
                    rows[b] = With(b, part);
                }

                if (part < Parts)
                {
                    break;
                }
            }
        }

        // All together may be more than is taken.
        return rows.Sum(r => (long)r) > ScheduleVerifier.MaximumBufferedRows ? least : rows;
    }

    private IEnumerable<int[]> BuffersOfCores() => Enumerable.Range(0, _buffers.Count).GroupBy(b => _buffers[b].Core).Select(g => g.ToArray());

    /// <summary>Rows that each buffer holds at least.</summary>
    private int[] RowsOf(Slack slack)
    {
        int[] ahead = [.. Enumerable.Range(0, _graph.Stages.Length).Select(s => slack >= Slack.None || _graph.Stages[s].Loop is not null ? 0 : AheadOf(s))];
        var peaks = RowDemand.Peaks(_graph, ahead, LeastRoom.Lags(_graph, _mapping.Replication.Copies, HomesOf), isLeast: slack == Slack.Least);
        var periodic = slack == Slack.Periodic ? PeriodicRoom.Of(_graph, _mapping, _capacity) : null;
        int[] all = new int[_buffers.Count];
        foreach (var (buffer, index) in _buffers.Select((b, i) => (b, i)))
        {
            int rows = _bufferStages[index].Select(s => (peaks[(buffer.Value, s)] + Twice(slack, buffer.Value, s) + buffer.RowStride - 1) / buffer.RowStride).DefaultIfEmpty(1).Max();
            bool isAssembly = _assemblies.GetValueOrDefault((buffer.Value, buffer.FirstRow), -1) == index;
            if (isAssembly)
            {
                // The row at hand, and those whose first vectors are done before its last.
                rows = Math.Max(rows, 1 + ((ahead[_graph.Values[buffer.Value].Producer] + buffer.RowStride - 1) / buffer.RowStride));
            }

            if (periodic is not null)
            {
                int held = _bufferStages[index].Select(s => periodic.Rows(buffer.Value, s, buffer.RowStride)).DefaultIfEmpty(0).Max();
                rows = Math.Max(rows, held + (isAssembly ? periodic.RowsInAssembly(buffer.Value, buffer.RowStride) : 0));
            }
            else
            {
                rows = Math.Min(rows, 2 * _graph.Values[buffer.Value].Rows);
            }

            all[index] = rows;
        }

        return all;
    }

    /// <summary>Buffers of so many rows, each with its address.</summary>
    private ImmutableArray<RowBuffer> Placed(int[] rows, BufferLives? lives)
    {
        long[] addresses = new long[rows.Length];
        foreach (int[] onCore in BuffersOfCores())
        {
            foreach (var (buffer, address) in onCore.Zip(Layout(onCore, [.. onCore.Select(b => rows[b])], lives).Addresses))
            {
                addresses[buffer] = address;
            }
        }

        return [.. _buffers.Select((b, i) => b with { Capacity = rows[i], Address = addresses[i] })];
    }

    /// <summary>Addresses of the buffers of a core: side by side, or shared by those that are never in use at a time.</summary>
    /// <returns>And where the last one ends.</returns>
    private (long[] Addresses, long End) Layout(int[] onCore, int[] rows, BufferLives? lives)
    {
        long[] bytes = [.. onCore.Zip(rows, (b, r) => r * _buffers[b].RowBytes)];
        long[] addresses = new long[bytes.Length];
        if (lives is not null && onCore.Length <= BufferLives.MaximumSharing)
        {
            addresses = BufferLayout.Of(bytes, (one, other) => lives.MayShare(onCore[one], onCore[other]));
        }
        else
        {
            for (int i = 1; i < addresses.Length; i++)
            {
                addresses[i] = addresses[i - 1] + bytes[i - 1];
            }
        }

        return (addresses, addresses.Zip(bytes, (a, b) => a + b).DefaultIfEmpty(0).Max());
    }

    /// <returns>What stands against so many rows; null = nothing.</returns>
    private string? Lack(int[] rows, BufferLives? lives)
    {
        if (rows.Sum(r => (long)r) is > ScheduleVerifier.MaximumBufferedRows and var all)
        {
            return FormattableString.Invariant($"the buffers would hold {all} rows, at most {ScheduleVerifier.MaximumBufferedRows} are taken");
        }

        if (_capacity.BufferBytes is not { } limit)
        {
            return null;
        }

        var ends = BuffersOfCores().Select(onCore => (Core: _buffers[onCore[0]].Core, Layout(onCore, [.. onCore.Select(b => rows[b])], lives).End));
        if (ends.Where(e => e.End > limit).OrderByDescending(e => e.End).ToList() is not [var worst, ..] over)
        {
            return null;
        }

        int largest = Enumerable.Range(0, rows.Length).Where(b => _buffers[b].Core == worst.Core).MaxBy(b => rows[b] * _buffers[b].RowBytes);
        return FormattableString.Invariant(
            $"the buffer of core {worst.Core} would hold {worst.End} bytes, it has {limit}; the largest part is {rows[largest]} rows of '{_graph.Values[_buffers[largest].Value].Name}'{(over.Count > 1 ? FormattableString.Invariant($"; so it is with {over.Count} cores") : "")}");
    }

    /// <summary>More rows for a reader that takes a whole value and works on it for more than one row.</summary>
    private int Twice(Slack slack, int value, int stage) =>
        slack <= Slack.TwoInferences && _mapping.Target != MappingTarget.Latency && stage >= 0 && _graph.Values[_graph.Stages[stage].Output].Rows > 1
            && _graph.Stages[stage].Inputs.Any(i => i.Value == value && i.Window == RowWindow.Whole(_graph.Values[value].Rows))
            ? _graph.Values[value].Rows
            : 0;

    /// <summary>Rows that are in a stage's pipeline at a time: one at work, those that its copies begin, those that its tiles have not yet given out.</summary>
    private int AheadOf(int stage)
    {
        if (_graph.Stages[stage].Matrix is not { } matrix)
        {
            return 1;
        }

        int copies = CopiesOf(stage);
        double rounds = Math.Ceiling(matrix.VectorsPerRow / (double)copies);
        double pipeline = matrix.LatencyNs is { } latency && matrix.IntervalNs is > 0 and var interval ? Math.Ceiling(latency / (interval * rounds)) : 0;
        return (int)Math.Min(1 + Math.Ceiling(copies / (double)matrix.VectorsPerRow) + pipeline, _graph.Values[_graph.Stages[stage].Output].Rows);
    }

    /// <param name="kind">What it carries.</param>
    /// <param name="from">Core of the sender.</param>
    /// <param name="receivers">Where it ends.</param>
    /// <param name="bytes">Of a message.</param>
    /// <param name="capacity">Of partial sums.</param>
    /// <param name="needs">Bytes that each receiver needs of a message.</param>
    /// <param name="count">Messages of one inference.</param>
    private int AddChannel(ChannelKind kind, int from, ImmutableArray<Receiver> receivers, long bytes, int capacity, long[] needs, long count)
    {
        _channels.Add(new Channel(kind, from, receivers, bytes, capacity, []));
        _messages.Add(new RoutedMessage(
            from, [.. receivers.Zip(needs).Where(r => r.First.Core != from).GroupBy(r => r.First.Core).Select(r => (r.Key, Math.Min(bytes, r.Sum(n => n.Second))))], bytes, count));
        return _channels.Count - 1;
    }

    /// <summary>The channels with their paths; those within a core have none.</summary>
    private ImmutableArray<Channel> Routed()
    {
        int[] far = [.. Enumerable.Range(0, _channels.Count).Where(c => !_messages[c].Receivers.IsEmpty)];
        var routes = RouteMessages.Run(_capacity.Topology, Array.ConvertAll(far, c => _messages[c]), _capacity.Ports[0], _capacity.Multicasts);
        foreach (var (channel, paths) in far.Zip(routes))
        {
            _channels[channel] = _channels[channel] with { Hops = paths.Hops, Turns = paths.Turns };
        }

        return [.. _channels];
    }

    /// <summary>The channel by which the rows of one home go to all that read them; null = nobody does.</summary>
    private int? RowChannel(int value, int home)
    {
        int homes = HomesOf(value);
        Receiver[] receivers = [.. _buffersOf.GetValueOrDefault(value, []).Where(b => _buffers[b.Buffer].RowStride == 1 || _buffers[b.Buffer].FirstRow == home).Select(b => new Receiver(b.Core, b.Buffer))];
        if (receivers.Length == 0)
        {
            return null;
        }

        long[] needs = [.. receivers.Select(r => _buffers[r.Buffer].RowBytes)];
        return AddChannel(ChannelKind.Rows, _mapping.Homes[value][home], [.. receivers], Math.Min(_graph.Values[value].BytesPerRow, needs.Sum()), 0, needs, RowsAt(value, home));
    }

    private void AddStream(int core, string name, int stage, params ReadOnlySpan<StreamInstruction?> body) =>
        _streams.Add(new CoreStream(core, name, stage, [.. body.ToArray().OfType<StreamInstruction>()]));

    private static Repeat Loop(long count, params IEnumerable<StreamInstruction?> body) => new(count, [.. body.OfType<StreamInstruction>()]);

    private void AddSources()
    {
        foreach (int value in _graph.Inputs)
        {
            for (int home = 0; home < HomesOf(value); home++)
            {
                Affine row = new(home, HomesOf(value));
                int? channel = RowChannel(value, home);
                AddStream(
                    _mapping.Homes[value][home], NameOf($"input {_graph.Values[value].Name}", value, home), -1,
                    Loop(RowsAt(value, home), [new LoadRow(value, row), channel is { } c ? new SendRow(c, row) : null]));
            }
        }
    }

    private void AddSinks()
    {
        for (int value = 0; value < _graph.Values.Length; value++)
        {
            if (_graph.Values[value].IsOutput)
            {
                Affine row = new(0, 1);
                int buffer = IsDirect(value) ? _assemblies[(value, 0)] : _readBuffers[(SinkOf(value), value, 0, 1)];
                AddStream(
                    SinkOf(value), $"output {_graph.Values[value].Name}", -1,
                    Loop(_graph.Values[value].Rows, [new AwaitRows(buffer, RowWindow.SameRow, row, 1), new StoreRow(value, row)]), new ReleaseRows(buffer));
            }
        }
    }

    private string NameOf(string name, int value, int home) => HomesOf(value) == 1 ? name : FormattableString.Invariant($"{name} home {home}");

    private void AddDigital(int s)
    {
        var stage = _graph.Stages[s];
        int homes = HomesOf(stage.Output);
        for (int home = 0; home < homes; home++)
        {
            int core = _mapping.Homes[stage.Output][home];
            Affine row = new(home, homes);
            int[] buffers = [.. stage.Inputs.Select(i => ReadBuffer(core, i, home, homes))];
            int? channel = RowChannel(stage.Output, home);
            AddStream(
                core, NameOf(stage.Name, stage.Output, home), s,
                [
                    Loop(
                        RowsAt(stage.Output, home),
                        [.. stage.Inputs.Zip(buffers, (i, b) => new AwaitRows(b, i.Window, row, 1)), new RunDigital(s, row), channel is { } c ? new SendRow(c, row) : null]),
                    .. buffers.Distinct().Select(b => new ReleaseRows(b)),
                ]);
        }
    }

    private void AddAnalog(int s)
    {
        var stage = _graph.Stages[s];
        var matrix = stage.Matrix!;
        int copies = CopiesOf(s);
        for (int copy = 0; copy < copies; copy++)
        {
            var (first, count) = VectorsOf(s, copy);
            if (count == 0)
            {
                continue;
            }

            var groups = _groupsOf[(OwnerOf(s), copy)];
            string name = copies == 1 ? stage.Name : FormattableString.Invariant($"{stage.Name} copy {copy}");
            Affine ordinal = new(first, copies);
            foreach (var onCore in groups.GroupBy(g => _mapping.RowGroups[g].Core))
            {
                int[] buffers = [.. stage.Inputs.Select(i => _readBuffers[(onCore.Key, i.Value, 0, 1)])];
                AddStream(
                    onCore.Key, name, s,
                    [
                        Loop(count, [.. stage.Inputs.Zip(buffers, (i, b) => new AwaitRows(b, i.Window, ordinal, matrix.VectorsPerRow)), .. onCore.Select(g => new DriveTiles(g, ordinal))]),
                        .. buffers.Distinct().Select(b => new ReleaseRows(b)),
                    ]);
            }

            AddSums(s, copy, groups, count, ordinal, $"{name} sums");
        }

        // Results are put together to rows where the value is at home, and go on from there.
        for (int home = 0; home < HomesOf(stage.Output) && !IsDirect(stage.Output); home++)
        {
            Affine row = new(home, HomesOf(stage.Output));
            int buffer = _assemblies[(stage.Output, home)];
            int? channel = RowChannel(stage.Output, home);
            AddStream(
                _mapping.Homes[stage.Output][home], NameOf($"{stage.Name} rows", stage.Output, home), s,
                Loop(RowsAt(stage.Output, home), [new AwaitRows(buffer, RowWindow.SameRow, row, 1), channel is { } c ? new SendRow(c, row) : null]),
                new ReleaseRows(buffer));
        }
    }

    /// <summary>Exact sums add core by core in a tree around the first home. Others are handed on from run to run in their order, the row groups of the same columns by themselves; what finishes the vector puts all columns together.</summary>
    private void AddSums(int s, int copy, ImmutableArray<int> groups, long count, Affine ordinal, string name)
    {
        var stage = _graph.Stages[s];
        var matrix = stage.Matrix!;
        List<SumNode> nodes = [];
        if (matrix.AddsExactly)
        {
            int home = _mapping.Homes[stage.Output][0];
            int[] inOrder = [.. SumOrder.Of([.. groups.Select(g => DemandOf(s, g))]).Select(i => groups[i])];
            foreach (var onCore in inOrder.GroupBy(g => _mapping.RowGroups[g].Core).OrderBy(g => Distance(g.Key, home)).ThenBy(g => g.Key))
            {
                nodes.Add(new SumNode(onCore.Key, [.. onCore], nodes.Count == 0 ? -1 : (nodes.Count - 1) / 2, false));
            }
        }
        else
        {
            // The last of a chain stands first, as the root of a tree does; that of the last columns finishes, and takes with it what is all on its core.
            foreach (int[] range in SumOrder.Ranges([.. groups.Select(g => DemandOf(s, g))]).Reverse())
            {
                int last = nodes.Count;
                foreach (int g in range.Reverse().Select(i => groups[i]))
                {
                    int core = _mapping.RowGroups[g].Core;
                    if (nodes.Count > last && nodes[^1].Core == core)
                    {
                        nodes[^1].Groups.Insert(0, g);
                    }
                    else
                    {
                        nodes.Add(new SumNode(core, [g], nodes.Count > last ? nodes.Count - 1 : last == 0 ? -1 : 0, nodes.Count > last));
                    }
                }

                if (nodes.Count - 1 == last && last > 0 && nodes[last].Core == nodes[0].Core)
                {
                    nodes[0].Groups.AddRange(nodes[last].Groups);
                    nodes.RemoveAt(last);
                }
            }
        }

        // Children send before parents add: from the leaves on.
        int[] first = [.. nodes.Select(_ => -1)];
        List<int>[] others = [.. nodes.Select(_ => new List<int>())];
        List<RowGroupDemand>[] below = [.. nodes.Select(n => n.Groups.ConvertAll(g => DemandOf(s, g)))];
        for (int i = nodes.Count - 1; i >= 0; i--)
        {
            var node = nodes[i];
            StreamInstruction last;
            if (i == 0)
            {
                long bytes = _graph.Values[stage.Output].BytesPerRow / matrix.VectorsPerRow;
                var value = stage.Output;
                long[] results = ResultsOf(value, ordinal, count);
                last = new FinishVector(
                    s, copy,
                    [.. Enumerable.Range(0, HomesOf(value)).Select(h => AddChannel(
                        ChannelKind.Results, node.Core, [new Receiver(_mapping.Homes[value][h], _assemblies[(value, h)])], bytes, 0, [bytes], results[h]))],
                    ordinal);
            }
            else
            {
                long bytes = (long)ColumnsOf(below[i]) * matrix.PartialSumBytes;
                int channel = AddChannel(ChannelKind.PartialSums, node.Core, [new Receiver(nodes[node.Parent].Core, -1)], bytes, matrix.SumsInFlight, [bytes], count);
                if (node.IsHandedOn)
                {
                    first[node.Parent] = channel;
                }
                else
                {
                    others[node.Parent].Add(channel);
                }

                below[node.Parent].AddRange(below[i]);
                last = new SendPartialSums(channel, ordinal);
            }

            AddStream(node.Core, name, s, Loop(count, [new AddPartialSums(first[i], [.. node.Groups], [.. others[i]], ordinal), last]));
        }
    }

    /// <summary>Row groups whose sums add on one core, one after the other.</summary>
    /// <param name="Core">The core.</param>
    /// <param name="Groups">In the order in which they add.</param>
    /// <param name="Parent">Where the sum goes; -1 = it is finished here.</param>
    /// <param name="IsHandedOn">The parent adds to it; else it is added there.</param>
    private sealed record SumNode(int Core, List<int> Groups, int Parent, bool IsHandedOn);

    /// <summary>Vectors of a copy whose rows are at each home.</summary>
    private long[] ResultsOf(int value, Affine ordinal, long count)
    {
        long[] results = new long[HomesOf(value)];
        int perRow = _graph.Stages[_graph.Values[value].Producer].Matrix!.VectorsPerRow;
        for (long i = 0; i < count; i++)
        {
            results[ordinal.At(i) / perRow % results.Length]++;
        }

        return results;
    }

    private RowGroupDemand DemandOf(int stage, int rowGroup) => _graph.Stages[stage].Matrix!.Groups[_mapping.RowGroups[rowGroup].Group];

    /// <summary>Columns that some of the row groups add to.</summary>
    private static int ColumnsOf(IEnumerable<RowGroupDemand> groups)
    {
        int columns = 0;
        int end = 0;
        foreach (var group in groups.OrderBy(g => g.FirstColumn))
        {
            columns += Math.Max(0, group.FirstColumn + group.Columns - Math.Max(end, group.FirstColumn));
            end = Math.Max(end, group.FirstColumn + group.Columns);
        }

        return columns;
    }

    private int Distance(int from, int to)
    {
        int cores = _capacity.Topology.Cores;
        return from / cores == to / cores ? _capacity.Topology.Hops(from % cores, to % cores) : int.MaxValue;
    }
}
