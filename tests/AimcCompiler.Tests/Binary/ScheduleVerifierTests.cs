using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Binary;

/// <summary>One thing is broken, and the message names it.</summary>
public sealed class ScheduleVerifierTests
{
    /// <summary>A residual of two layers on four cores, the second of several row groups.</summary>
    private static readonly MappedProgram Valid = AimcCompilation.Compile(
        new TestModel().Input("x", 1, 3, 7, 6).Weights("w", 3, 3, 3, 3).Weights("v", 3, 3, 2, 2).Node("Conv", "x w", "c", ("pads", new[] { 1, 1, 1, 1 })).Node("Relu", "c", "r")
            .Node("Conv", "r v", "d", ("pads", new[] { 1, 1, 0, 0 })).Node("Add", "x d", "y").Output("y").Import(),
        ChipReader.Read("tiny", ["mesh.rows=3", "mesh.columns=3"]), new CompileOptions()).Program;

    /// <summary>The same with sums whose order matters.</summary>
    private static readonly MappedProgram Ordered = AimcCompilation.Compile(
        new TestModel().Input("x", 1, 100).Weights("w", 100, 2).Node("MatMul", "x w", "y").Output("y").Import(),
        ChipReader.Read("tiny", ["mesh.rows=3", "mesh.columns=3", "tile.adc.bits=null"]), new CompileOptions()).Program;

    private static readonly Dictionary<string, (Func<ProgramSchedule, ProgramSchedule> Break, string Message)> Breaks = new()
    {
        ["a home that is no core"] = (s => s with { Mapping = s.Mapping with { Homes = s.Mapping.Homes.SetItem(1, [9]) } }, "is on core 9, there are 9"),
        ["no home"] = (s => s with { Mapping = s.Mapping with { Homes = s.Mapping.Homes.SetItem(1, []) } }, "has 0 homes"),
        ["another number of chips"] = (s => s with { Mapping = s.Mapping with { Chips = 2 } }, "the mapping has 2 chips, the program 1"),
        ["a stage in two segments"] = (s => s with { Mapping = s.Mapping with { Segments = [s.Mapping.Segments[0], [0]] } }, "do not hold every stage once"),
        ["a value of no rows"] = (s => Value(s, "c", v => v with { Rows = 0 }), "has 0 rows"),
        ["two values of one name"] = (s => Value(s, "c", v => v with { Name = "r" }), "two stage values are named 'r'"),
        ["another producer"] = (s => Value(s, "c", v => v with { Producer = 1 }), "which does not write it"),
        ["a window that goes back"] = (s => Input(s, "conv_c", new RowWindow(1, -1, 1, 3)), "which goes back"),
        ["a stage that reads a later one"] = (s => Stage(s, "conv_c", t => t with { Inputs = [new StageInput(IndexOf(s, "d"), RowWindow.SameRow)] }), "which a later stage writes"),
        ["a state outside of a loop"] = (s => Stage(s, "conv_c", t => t with { Inputs = [new StageInput(0, new RowWindow(1, 1, -1, 1), IsCarried: true)] }), "which no stage of its loop writes"),
        ["too few vectors"] = (s => Matrix(s, "conv_c", m => m with { Vectors = 41 }), "takes 41 vectors, 6 for each of 7 rows"),
        ["another layer"] = (s => Stage(s, "conv_c", t => t with { Unit = 1 }), "is layer 'conv_d'"),
        ["a layer without a stage"] = (s => Stage(s, "conv_c", t => t with { Kind = StageKind.Digital, Matrix = null, Unit = 0 }), "has 1 copies"),
        ["another first vector"] = (s => Matrix(s, "conv_c", m => m with { FirstOrdinal = 1 }), "begins at vector 1 of its tiles, 0 come before"),
        ["no such partition"] = (s => Stage(s, "relu_r", t => t with { Unit = 7 }), "is in partition 7"),
        ["an output that is none"] = (s => Value(s, "c", v => v with { IsOutput = true }), "'c' is no output"),
        ["a block in no row group"] = (s => Matrix(s, "conv_c", m => m with { Groups = m.Groups.SetItem(0, m.Groups[0] with { Blocks = [m.Groups[0].Blocks[0] + 100] }) }), "do not hold each of its"),
        ["another column"] = (s => Matrix(s, "conv_c", m => m with { Groups = m.Groups.SetItem(0, m.Groups[0] with { FirstColumn = 1 }) }), "its blocks begin at 0"),
        ["a row group on another core"] = (s => Group(s, 0, g => g with { Core = g.Core + 1 }), ", tile 0 on core 0"),
        ["a row group on other tiles"] = (s => Group(s, 0, g => g with { Tiles = [3] }), "is on other tiles than its blocks"),
        ["a row group that is not placed"] = (s => s with { Mapping = s.Mapping with { RowGroups = s.Mapping.RowGroups.RemoveAt(0) } }, "are placed"),
        ["a buffer beyond the core's"] = (s => Buffer(s, 0, b => b with { Address = 4096 }), "is not inside the 4096 bytes"),
        ["two buffers in one place"] = (s => Buffer(s, SecondOnACore(s), b => b with { Address = 0 }), "share byte 0"),
        ["a buffer without room"] = (s => Buffer(s, 0, b => b with { Capacity = 0 }), "has room for 0 rows"),
        ["a buffer of another core"] = (s => Buffer(s, 0, b => b with { Core = (b.Core + 1) % 9, Address = 3000 }), "which is not on core"),
        ["a hop from elsewhere"] = (s => Routed(s, c => c with { Hops = c.Hops.SetItem(0, c.Hops[0] with { Link = (c.Hops[0].Link + 7) % 24 }) }), "the message is at"),
        ["a hop without its parent"] = (s => Routed(s, c => c with { Hops = c.Hops.SetItem(0, c.Hops[0] with { Parent = 0 }) }), "follows hop 0"),
        ["a path that ends before its receiver"] = (s => Routed(s, c => c with { Hops = [] }), "does not reach core"),
        ["a path that goes on behind its receiver"] = (s => Routed(s, c => c with { Hops = c.Hops.Add(Onward(c)) }), "where nobody receives it"),
        ["a hop of too many bytes"] = (s => Routed(s, c => c with { Hops = c.Hops.SetItem(0, c.Hops[0] with { Bytes = c.Bytes + 1 }) }), "bytes of"),
        ["a hop of a path that there is not"] = (s => Routed(s, c => c with { Hops = c.Hops.SetItem(0, c.Hops[0] with { Path = 1 }) }), "is of path 1 of 1"),
        ["a path that has no turn"] = (s => Routed(s, c => TwoPaths(c) with { Turns = [0, 2] }), "one of them is missing"),
        ["too many turns"] = (s => Routed(s, c => c with { Turns = [.. new int[65]] }), "at most 64 are taken"),
        ["a second path that does not reach a receiver"] = (s => Routed(s, c => c with { Turns = [0, 1] }), "path 1 of channel"),
        ["a hop behind one of another path"] = (s => Far(s, c => TwoPaths(c) with { Hops = TwoPaths(c).Hops.SetItem(c.Hops.Length + 1, c.Hops[1] with { Path = 1 }) }), "follows one of another path"),
        ["a stream in the wrong place"] = (s => s with { Streams = [.. s.Streams.Reverse()] }, "stands behind one of core"),
        ["a loop in a loop"] = (s => First<Repeat>(s, r => new Repeat(1, [r])), "has a loop in a loop"),
        ["a row group that is not driven"] = (s => Without<DriveTiles>(s), "is never driven"),
        ["a vector that is not driven"] = (s => Rounds<DriveTiles>(s, -1), "vectors 0 + i 1, copy 0 has"),
        ["a vector driven twice"] = (s => First<DriveTiles>(s, d => d with { Ordinal = new Affine(0, 0) }), "vectors 0 + i 0, copy 0 has"),
        ["a row group driven by two"] = (s => Twice<DriveTiles>(s), "as another stream does"),
        ["sums that are not added"] = (s => First<AddPartialSums>(s, a => a with { RowGroups = [.. a.RowGroups.Take(a.RowGroups.Length - 1)] }, a => a.RowGroups.Length > 1), "are never added"),
        ["sums added twice"] = (s => First<AddPartialSums>(s, a => a with { RowGroups = [.. a.RowGroups, a.RowGroups[0]] }), "a second time"),
        ["sums of another core"] = (s => First<AddPartialSums>(s, a => a with { RowGroups = [s.Mapping.RowGroups.IndexOf(s.Mapping.RowGroups.First(g => g.Core != s.Mapping.RowGroups[a.RowGroups[0]].Core))] }), "which is not on its core"),
        ["partial sums that nobody takes"] = (s => First<AddPartialSums>(s, a => a with { Others = [] }, a => a.Others.Length > 0), "that nobody finishes"),
        ["partial sums taken twice"] = (s => First<AddPartialSums>(s, a => a with { Others = [a.Others[0], a.Others[0]] }, a => a.Others.Length > 0), "as another stream does"),
        ["partial sums that are not sent"] = (s => Without<SendPartialSums>(s), "to which nobody sends"),
        ["a result that is not finished"] = (s => Without<FinishVector>(s), "that nobody finishes"),
        ["a result of another copy"] = (s => First<FinishVector>(s, f => f with { Copy = 1 }), "for copy 1 of 1"),
        ["a row that is not sent"] = (s => Without<SendRow>(s), "has no sender"),
        ["a row sent twice"] = (s => Twice<SendRow>(s), "has two senders"),
        ["other rows sent"] = (s => First<SendRow>(s, r => r with { Row = new Affine(1, 1) }), "a row that it does not have"),
        ["rows that are not made"] = (s => Without<RunDigital>(s), "sends 7 rows 0 + i 1 of"),
        ["rows that are not loaded"] = (s => Without<LoadRow>(s), "a row that it does not have"),
        ["rows that are not stored"] = (s => Without<StoreRow>(s), "0 rows of stage value 'y' are stored, it has 7"),
        ["a buffer that nobody reads"] = (s => s with { Buffers = s.Buffers.Add(s.Buffers[0] with { Address = 3900, Capacity = 1 }) }, "to buffer"),
        ["rows that are not awaited"] = (s => First<AwaitRows>(s, w => w with { Window = RowWindow.SameRow }, w => w.Window.Reach == 3), "does not await the rows of"),
        ["rows awaited for other vectors"] = (s => First<AwaitRows>(s, w => w with { Item = new Affine(0, 2) }, w => w.Window.Reach == 3), "does not await the rows of"),
        ["rows that are not released"] = (s => Without<ReleaseRows>(s), "does not release buffer"),
    };

    public static TheoryData<string> Names => [.. Breaks.Keys];

    [Fact]
    public void WhatIsCompiledIsValid()
    {
        ScheduleVerifier.VerifyAndRun(Valid);
        ScheduleVerifier.VerifyAndRun(Ordered);
        Assert.Contains(Valid.Schedule!.Channels, c => !c.Hops.IsEmpty);
        Assert.Contains(Ordered.Schedule!.Channels, c => c.Kind == ChannelKind.PartialSums);
    }

    [Fact]
    public void ChannelsMayHaveSeveralPaths() =>
        ScheduleVerifier.VerifyAndRun(Valid with { Schedule = Valid.Schedule! with { Channels = [.. Valid.Schedule!.Channels.Select(c => c.Hops.IsEmpty ? c : TwoPaths(c))] } });

    /// <summary>Every message takes the path of its turn.</summary>
    [Fact]
    public void MessagesOfAllPathsAreAllMessages()
    {
        Random random = new(3);
        for (int i = 0; i < 200; i++)
        {
            var channel = Valid.Schedule!.Channels[0] with { Turns = [.. Enumerable.Range(0, random.Next(9)).Select(_ => random.Next(4))] };
            long messages = random.Next(40);
            for (int path = 0; path < channel.Paths; path++)
            {
                Assert.Equal(Enumerable.Range(0, (int)messages).Count(m => channel.PathOf(m) == path), channel.MessagesOn(path, messages));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void WhatIsBrokenIsNamed(string what)
    {
        var (change, message) = Breaks[what];
        var valid = what.Contains("partial sums", StringComparison.Ordinal) ? Tree : Valid;
        var e = Assert.Throws<InvalidIrException>(() => ScheduleVerifier.Verify(valid with { Schedule = change(valid.Schedule!) }));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SumsInAnotherOrderAreRefusedWhereItMatters()
    {
        var broken = First<AddPartialSums>(Ordered.Schedule!, a => a with { RowGroups = [.. a.RowGroups.Reverse()] }, a => a.RowGroups.Length > 1);
        Assert.Contains("the order matters", Assert.Throws<InvalidIrException>(() => ScheduleVerifier.Verify(Ordered with { Schedule = broken })).Message, StringComparison.Ordinal);
        ScheduleVerifier.Verify(Tree with { Schedule = First<AddPartialSums>(Tree.Schedule!, a => a with { RowGroups = [.. a.RowGroups.Reverse()] }, a => a.RowGroups.Length > 1) });
    }

    /// <summary>A shortcut with room for one row: the sum waits for the other way, which waits for rows that have no room.</summary>
    [Fact]
    public void AShortcutWithoutRoomComesToAHalt()
    {
        var schedule = Valid.Schedule!;
        int add = schedule.Streams.IndexOf(schedule.Streams.First(s => s.Name == "add_y"));
        var wait = schedule.Streams[add].Body.OfType<Repeat>().Single().Body.OfType<AwaitRows>().First(w => schedule.Stages.Values[schedule.Buffers[w.Buffer].Value].Name == "x");
        var broken = Buffer(schedule, wait.Buffer, b => b with { Capacity = 1 });
        ScheduleVerifier.Verify(Valid with { Schedule = broken });
        var e = Assert.Throws<InvalidIrException>(() => ScheduleVerifier.VerifyAndRun(Valid with { Schedule = broken }));
        Assert.Contains("'input x' on core 0 waits for room for 'x'", e.Message, StringComparison.Ordinal);
        Assert.Contains("'add_y' on core", e.Message, StringComparison.Ordinal);
    }

    /// <summary>A stream that sends what it has not yet awaited its turn for: two that wait for each other.</summary>
    [Fact]
    public void TwoThatWaitForEachOtherComeToAHalt()
    {
        var schedule = Valid.Schedule!;
        // The layer's own rows are awaited before they are finished.
        int assembly = schedule.Buffers.IndexOf(schedule.Buffers.First(b => b.Value == IndexOf(schedule, "c") && b.ItemsPerRow > 1));
        int sums = schedule.Streams.IndexOf(schedule.Streams.First(s => s.Name == "conv_c sums" && s.Body.OfType<Repeat>().Single().Body.OfType<FinishVector>().Any()));
        var broken = schedule with
        {
            Streams = schedule.Streams.SetItem(sums, schedule.Streams[sums] with { Body = schedule.Streams[sums].Body.Insert(0, new AwaitRows(assembly, RowWindow.SameRow, new Affine(0, 0), 1)) }),
        };
        var halted = ScheduleVerifier.FindDeadlock(broken);
        Assert.NotNull(halted);
        Assert.Contains(halted.Value, h => h.StartsWith("'conv_c sums'", StringComparison.Ordinal) && h.Contains("rows of 'c'", StringComparison.Ordinal));
    }

    private static MappedProgram Tree { get; } = AimcCompilation.Compile(
        new TestModel().Input("x", 1, 200).Weights("w", 200, 2).Node("MatMul", "x w", "y").Output("y").Import(),
        ChipReader.Read("tiny", ["mesh.rows=3", "mesh.columns=3"]), new CompileOptions()).Program;

    private static int IndexOf(ProgramSchedule s, string value) => s.Stages.Values.IndexOf(s.Stages.Values.First(v => v.Name == value));

    private static ProgramSchedule Value(ProgramSchedule s, string name, Func<StageValue, StageValue> change) =>
        s with { Stages = s.Stages with { Values = s.Stages.Values.SetItem(IndexOf(s, name), change(s.Stages.Values[IndexOf(s, name)])) } };

    private static ProgramSchedule Stage(ProgramSchedule s, string name, Func<Stage, Stage> change)
    {
        int at = s.Stages.Stages.IndexOf(s.Stages.Stages.First(t => t.Name == name));
        return s with { Stages = s.Stages with { Stages = s.Stages.Stages.SetItem(at, change(s.Stages.Stages[at])) } };
    }

    private static ProgramSchedule Input(ProgramSchedule s, string stage, RowWindow window) => Stage(s, stage, t => t with { Inputs = t.Inputs.SetItem(0, t.Inputs[0] with { Window = window }) });

    private static ProgramSchedule Matrix(ProgramSchedule s, string stage, Func<MatrixDemand, MatrixDemand> change) => Stage(s, stage, t => t with { Matrix = change(t.Matrix!) });

    private static ProgramSchedule Group(ProgramSchedule s, int at, Func<PlacedRowGroup, PlacedRowGroup> change) =>
        s with { Mapping = s.Mapping with { RowGroups = s.Mapping.RowGroups.SetItem(at, change(s.Mapping.RowGroups[at])) } };

    private static ProgramSchedule Buffer(ProgramSchedule s, int at, Func<RowBuffer, RowBuffer> change) => s with { Buffers = s.Buffers.SetItem(at, change(s.Buffers[at])) };

    private static int SecondOnACore(ProgramSchedule s) => s.Buffers.IndexOf(s.Buffers.First(b => b.Address > 0));

    /// <summary>The first channel with hops.</summary>
    private static ProgramSchedule Routed(ProgramSchedule s, Func<Channel, Channel> change)
    {
        int at = s.Channels.IndexOf(s.Channels.First(c => !c.Hops.IsEmpty));
        return s with { Channels = s.Channels.SetItem(at, change(s.Channels[at])) };
    }

    /// <summary>The first channel with a hop behind another.</summary>
    private static ProgramSchedule Far(ProgramSchedule s, Func<Channel, Channel> change)
    {
        int at = s.Channels.IndexOf(s.Channels.First(c => c.Hops.Length > 1 && c.Hops[1].Parent == 0));
        return s with { Channels = s.Channels.SetItem(at, change(s.Channels[at])) };
    }

    /// <summary>The same way again as a second path, which two messages of three take.</summary>
    internal static Channel TwoPaths(Channel channel) => channel with
    {
        Hops = [.. channel.Hops, .. channel.Hops.Select(h => h with { Path = 1, Parent = h.Parent < 0 ? -1 : h.Parent + channel.Hops.Length })],
        Turns = [0, 1, 1],
    };

    /// <summary>A hop from the end of a channel's first path to a core that does not receive.</summary>
    private static ChannelHop Onward(Channel channel)
    {
        MeshTopology mesh = new(3, 3);
        int last = channel.Hops.Length - 1;
        int end = mesh.Links[channel.Hops[last].Link].To;
        int link = Enumerable.Range(0, mesh.Links.Length).First(l => mesh.Links[l].From == end && channel.Receivers.All(r => r.Core != mesh.Links[l].To));
        return new ChannelHop(link, 0, last, channel.Hops[last].Bytes);
    }

    private static ProgramSchedule Edit<T>(ProgramSchedule s, Func<CoreStream, Repeat?, T, ImmutableArray<StreamInstruction>?> change)
        where T : StreamInstruction
    {
        for (int i = 0; i < s.Streams.Length; i++)
        {
            var stream = s.Streams[i];
            for (int j = 0; j < stream.Body.Length; j++)
            {
                if (stream.Body[j] is T own && change(stream, null, own) is { } instead)
                {
                    return s with { Streams = s.Streams.SetItem(i, stream with { Body = [.. stream.Body[..j], .. instead, .. stream.Body[(j + 1)..]] }) };
                }

                if (stream.Body[j] is Repeat loop && loop.Body.OfType<T>().FirstOrDefault(t => change(stream, loop, t) is not null) is { } inner)
                {
                    int k = loop.Body.IndexOf(inner);
                    ImmutableArray<StreamInstruction> body = [.. loop.Body[..k], .. change(stream, loop, inner)!.Value, .. loop.Body[(k + 1)..]];
                    return s with { Streams = s.Streams.SetItem(i, stream with { Body = body.IsEmpty ? stream.Body.RemoveAt(j) : stream.Body.SetItem(j, loop with { Body = body }) }) };
                }
            }
        }

        throw new InvalidOperationException($"There is no {typeof(T).Name}.");
    }

    private static ProgramSchedule First<T>(ProgramSchedule s, Func<T, StreamInstruction> change, Func<T, bool>? which = null)
        where T : StreamInstruction => Edit<T>(s, (_, _, t) => which is null || which(t) ? [change(t)] : null);

    private static ProgramSchedule Without<T>(ProgramSchedule s)
        where T : StreamInstruction => Edit<T>(s, (_, _, _) => []);

    private static ProgramSchedule Twice<T>(ProgramSchedule s)
        where T : StreamInstruction => Edit<T>(s, (_, _, t) => [t, t]);

    private static ProgramSchedule Rounds<T>(ProgramSchedule s, int more)
        where T : StreamInstruction
    {
        int at = s.Streams.IndexOf(s.Streams.First(t => t.Body.OfType<Repeat>().Any(r => r.Body.OfType<T>().Any())));
        var loop = s.Streams[at].Body.OfType<Repeat>().First();
        return s with { Streams = s.Streams.SetItem(at, s.Streams[at] with { Body = s.Streams[at].Body.Replace(loop, loop with { Count = loop.Count + more }) }) };
    }
}
