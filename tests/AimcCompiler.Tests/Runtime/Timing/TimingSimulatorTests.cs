using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Binary;

namespace AimcCompiler.Tests.Runtime.Timing;

/// <summary>Times that a few lines of arithmetic give, on the preset tiny: 8 lanes of 1 ns, links of 4 bytes a ns and 1 ns a hop, 6.4 GB/s of memory.</summary>
public sealed class TimingSimulatorTests
{
    private const double Ns = 1e-9;

    private static readonly Affine s_each = new(0, 1);

    /// <summary>Copy 0 of conv1 drives ordinals 0, 2, .. 24 every 300 ns; row r of its output is complete 500 ns after its last is driven: 2600, 3200 and 4100 ns for rows 2, 3, 4. conv2 begins its rows
    /// then, and copy 0 drives ordinals 6 and 8 at 4100 and 4500 ns; 600 ns later the last is done.</summary>
    [Fact]
    public void ARowBeginsWhenItsWindowIsThere()
    {
        var result = Run(ScheduleSamples.Tiny(), TimedParts.None);
        Assert.Equal(5100 * Ns, result.LatencyS!.Value, 1e-15);
    }

    /// <summary>13 vectors of 300 ns; the buffers hold the others back.</summary>
    [Fact]
    public void TheSteadyIntervalIsThatOfTheBusiestTile()
    {
        var result = Run(ScheduleSamples.Tiny(), TimedParts.Room, inferences: null);
        Assert.Equal((IntervalSource.Repeats, 1), (result.IntervalFrom, result.Period));
        Assert.Equal(3900 * Ns, result.IntervalS!.Value, 1e-15);
        Assert.Equal(1, result.Resources.Single(r => r.Name == "tile 0").BusyShare, 1e-12);
        Assert.Equal(12 / 13.0, result.Resources.Single(r => r.Name == "tile 4").BusyShare, 1e-12);
        Assert.Equal(5 * 400 / 3900.0, result.Resources.Single(r => r.Name == "tile 5").BusyShare, 1e-12);
    }

    /// <summary>What repeats goes on like that: ends of inferences a period apart are always equally far apart.</summary>
    [Theory]
    [InlineData(TimedParts.Room)]
    [InlineData(TimedParts.All)]
    [InlineData(TimedParts.All & ~TimedParts.Transfers)]
    public void ARunThatRepeatsGoesOnLikeThat(TimedParts parts)
    {
        var program = ScheduleSamples.Tiny();
        TimingOptions options = new() { Parts = parts };
        var result = TimingSimulator.Run(program, options);
        Assert.Equal(IntervalSource.Repeats, result.IntervalFrom);
        Simulation run = new(new ScheduleFacts(program, program.Schedule!), program, options, limit: null, result.UnderWay);
        int count = result.Inferences + (5 * result.Period!.Value);
        run.Run(() => run.Ended.Count == count, default);
        for (int i = result.Inferences - 1; i < count; i++)
        {
            Assert.Equal(result.Period.Value * result.IntervalS!.Value, (run.Ended[i] - run.Ended[i - result.Period.Value]) * 1e-12, 1e-15);
        }
    }

    /// <summary>A batch that shares 4 inferences' time: from the first row to the last.</summary>
    [Fact]
    public void ABatchSharesItsTime()
    {
        var one = Run(ScheduleSamples.Tiny(), TimedParts.None);
        var batch = Run(ScheduleSamples.Tiny(), TimedParts.None, inferences: 4);
        Assert.Equal((IntervalSource.None, null), (one.IntervalFrom, one.IntervalS));
        Assert.Equal((IntervalSource.Batch, false, 4), (batch.IntervalFrom, batch.IsSteady, batch.Inferences));
        // The busiest tile takes 3900 ns of each, the last inference ends 1200 ns after its last vector.
        Assert.Equal(((4 * 3900) + 1200) / 4.0 * Ns, batch.IntervalS!.Value, 1e-15);
    }

    /// <summary>conv1 ends at 12 x 300 + 500 ns, conv2 4 x 400 + 600 ns later.</summary>
    [Fact]
    public void StageAfterStageAddsTheirTimes()
    {
        var result = TimingSimulator.Run(ScheduleSamples.Tiny(), new TimingOptions { Parts = TimedParts.None, IsSerial = true, Inferences = 3 });
        Assert.Equal(6300 * Ns, result.LatencyS!.Value, 1e-15);
        Assert.Equal(6300 * Ns, result.IntervalS!.Value, 1e-15);
    }

    [Fact]
    public void EveryPartCostsTimeOrNothing()
    {
        var none = Run(ScheduleSamples.Tiny(), TimedParts.None, inferences: 12);
        var all = Run(ScheduleSamples.Tiny(), TimedParts.All, inferences: 12);
        Assert.True(all.LatencyS > none.LatencyS);
        Assert.True(all.IntervalS >= none.IntervalS);
        foreach (var part in (TimedParts[])[TimedParts.Transfers, TimedParts.Digital, TimedParts.Memory, TimedParts.Room])
        {
            Assert.InRange(Run(ScheduleSamples.Tiny(), part).LatencyS!.Value, none.LatencyS!.Value, all.LatencyS!.Value);
        }

        Assert.Empty(all.NotModelled);
    }

    [Fact]
    public void TheSameProgramHasTheSameTimes()
    {
        Trace first = new();
        Trace second = new();
        TimingSimulator.Run(ScheduleSamples.Tiny(), new TimingOptions { Inferences = 5, Trace = first });
        TimingSimulator.Run(ScheduleSamples.Tiny(), new TimingOptions { Inferences = 5, Trace = second });
        Assert.Equal(first.Spans, second.Spans);
        Assert.NotEmpty(first.Spans);
    }

    /// <summary>A resource serves one request at a time.</summary>
    [Fact]
    public void SpansOfAResourceNeverOverlap()
    {
        Trace trace = new();
        TimingSimulator.Run(ScheduleSamples.Tiny(), new TimingOptions { Inferences = 6, Trace = trace });
        foreach (var spans in trace.Spans.GroupBy(s => s.Resource))
        {
            long end = 0;
            foreach (var span in spans.OrderBy(s => s.Start))
            {
                Assert.True(span.Start >= end);
                Assert.True(span.End > span.Start);
                end = span.End;
            }
        }
    }

    /// <summary>Two operators of 80 operations on one vector unit of 8 lanes: 10 ns each.</summary>
    [Fact]
    public void AVectorUnitServesOneRequestAfterTheOther()
    {
        var program = Sent(rows: 1, bytes: 4, capacity: 1, operations: 80, hops: [], homes: [0, 0]);
        Assert.Equal(20 * Ns, Run(program, TimedParts.Digital).LatencyS!.Value, 1e-15);
        Assert.Equal(10 * Ns, Run(Sent(1, 4, 1, 80, [], [0, 1]), TimedParts.Digital).LatencyS!.Value, 1e-15);
    }

    /// <summary>40 bytes take 10 ns of a link and are there 1 ns later; a second message over the same link waits for the first.</summary>
    [Fact]
    public void ALinkServesOneMessageAfterTheOther()
    {
        ChannelHop there = Hop(0, 1, -1, 40);
        Assert.Equal(11 * Ns, Run(Sent(1, 40, 1, 0, [there], [1]), TimedParts.Transfers).LatencyS!.Value, 1e-15);
        Assert.Equal(21 * Ns, Run(Sent(1, 40, 1, 0, [there, there], [1, 1]), TimedParts.Transfers).LatencyS!.Value, 1e-15);
    }

    /// <summary>41 bytes are eleven flits of 32 bits.</summary>
    [Fact]
    public void ALinkCarriesWholeFlits() =>
        Assert.Equal(12 * Ns, Run(Sent(1, 41, 1, 0, [Hop(0, 1, -1, 41)], [1]), TimedParts.Transfers).LatencyS!.Value, 1e-15);

    /// <summary>The head of a message is at the second link 1 ns after it is at the first.</summary>
    [Fact]
    public void AMulticastPassesOnWhileItArrives() =>
        Assert.Equal(12 * Ns, Run(Sent(1, 40, 1, 0, [Hop(0, 1, -1, 40), Hop(1, 3, 0, 40)], [1, 3], isMulticast: true), TimedParts.Transfers).LatencyS!.Value, 1e-15);

    /// <summary>The first of two rows goes round the mesh, where a message of 100 ns is before it, and arrives at 112 ns; the second goes straight, at 10 ns, and counts after it.</summary>
    [Fact]
    public void MessagesOnSeveralPathsCountInOrder()
    {
        var program = Sent(2, 40, 2, 80, [Hop(2, 3, -1, 400)], [3, 1]);
        var schedule = program.Schedule!;
        program = program with
        {
            Schedule = schedule with
            {
                Channels =
                [
                    schedule.Channels[0] with { From = 2 },
                    schedule.Channels[1] with { Turns = [0, 1], Hops = [Hop(0, 2, -1, 40), Hop(2, 3, 0, 40), Hop(3, 1, 1, 40), Hop(0, 1, -1, 40) with { Path = 1 }] },
                ],
                Streams = schedule.Streams.SetItem(0, schedule.Streams[0] with { Core = 2 }),
            },
        };
        Trace trace = new();
        var result = TimingSimulator.Run(program, new TimingOptions { Parts = TimedParts.Transfers | TimedParts.Digital, Inferences = 1, Trace = trace });
        (long, long)[] SpansOf(string name) => [.. trace.Spans.Where(s => result.Resources[s.Resource].Name == name).Select(s => (s.Start, s.End)).Order()];
        Assert.Equal([(10_000, 20_000)], SpansOf("link (0,0)->(0,1)"));
        Assert.Equal([(112_000, 122_000), (122_000, 132_000)], SpansOf("core (0,1) vector unit"));
    }

    /// <summary>With room for one row, the next is sent when it has been computed with: 11 ns of link and 10 ns of work a row. With room for two the link works meanwhile: rows arrive at 11, 21 and
    /// 32 ns, the last 11 ns after the first was freed.</summary>
    [Fact]
    public void ASenderWaitsForRoom()
    {
        ChannelHop there = Hop(0, 1, -1, 40);
        Assert.Equal(63 * Ns, Run(Sent(3, 40, 1, 80, [there], [1]), TimedParts.All & ~TimedParts.Memory).LatencyS!.Value, 1e-15);
        Assert.Equal(42 * Ns, Run(Sent(3, 40, 2, 80, [there], [1]), TimedParts.All & ~TimedParts.Memory).LatencyS!.Value, 1e-15);
        Assert.Equal(41 * Ns, Run(Sent(3, 40, 3, 80, [there], [1]), TimedParts.All & ~TimedParts.Memory).LatencyS!.Value, 1e-15);
    }

    /// <summary>64 bytes are 10 ns of 6.4 GB/s: three rows in, three rows out.</summary>
    [Fact]
    public void OffChipMemoryHasOnePort() => Assert.Equal(60 * Ns, Run(Sent(3, 64, 3, 0, [], [0]), TimedParts.Memory).LatencyS!.Value, 1e-15);

    [Fact]
    public void AStallNamesTheResourceBehindAChainOfWaitingStages()
    {
        var result = Run(ScheduleSamples.Tiny(), TimedParts.None, inferences: null);
        // conv2 waits for conv1's tiles: through the Relu, the home of conv1's rows, and the additions.
        var stall = result.Stalls.Where(s => s.Stage == "conv2").MaxBy(s => s.Share)!;
        Assert.Equal((StallCause.Tiles, true), (stall.Cause, stall.What is "tile 0" or "tile 4"));
        Assert.All(result.Stalls, s => Assert.InRange(s.Share, 0, 1));
    }

    [Fact]
    public void AScheduleThatStopsSaysWhoWaitsForWhat()
    {
        // The Relu's rows never leave.
        var program = ScheduleSamples.Tiny();
        var schedule = program.Schedule!;
        int relu = schedule.Streams.ToList().FindIndex(s => s.Name.StartsWith("relu", StringComparison.Ordinal));
        var silent = schedule.Streams[relu] with { Body = [.. schedule.Streams[relu].Body.Select(i => i is Repeat r ? r with { Body = r.Body[..2] } : i)] };
        var found = Assert.Throws<DiagnosticException>(() => Run(program with { Schedule = schedule with { Streams = schedule.Streams.SetItem(relu, silent) } }, TimedParts.All));
        Assert.Equal("AIMC5009", found.Diagnostics[0].Descriptor.Id);
        Assert.Contains("'conv2 copy 0 drive' waits for rows of 'relu_out' in core (0,0)", found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AProgramWithoutScheduleSaysWhy()
    {
        var found = Assert.Throws<DiagnosticException>(() => Run(ScheduleSamples.Tiny() with { Schedule = null, NotScheduled = "'x' is a sequence" }, TimedParts.All));
        Assert.Equal("AIMC5008", found.Diagnostics[0].Descriptor.Id);
        Assert.Contains("'x' is a sequence", found.Message, StringComparison.Ordinal);
    }

    /// <summary>25 vectors of 4 rows and 8 columns, 9 vectors of 18 rows and 24 columns; 3 and 4 pulses; 0.4 pJ a row and pulse, 1.2 pJ a conversion of a pair of columns.</summary>
    [Fact]
    public void EnergyIsThatOfWhatIsDone()
    {
        var energy = Run(ScheduleSamples.Tiny(), TimedParts.All).Energy.ToDictionary(e => e.Part, e => e.Joules!.Value * 1e12);
        Assert.Equal(0.4 * ((25 * 4 * 3) + (9 * 18 * 4)), energy["dac"], 1e-6);
        Assert.Equal(1.2 * ((25 * 4 * 3) + (9 * 12 * 4)), energy["adc"], 1e-6);
        // Additions of three row blocks, two columns each; 2 operations to finish a vector; the Relu.
        Assert.Equal(0.3 * ((9 * 4) + (2 * 34) + 50), energy["digital"], 1e-6);
        // x to core 1, results of copy 0, rows of the Relu, partial sums, results: whole flits of 4 bytes.
        Assert.Equal(0.08 * 8 * ((6 * 8) + (13 * 4) + (5 * 12) + (5 * 4) + (4 * 4) + (5 * 4)), energy["noc"], 1e-6);
        Assert.Equal(50.8 * 8 * (36 + 18), energy["off_chip"], 1e-6);
    }

    private static TimingResult Run(MappedProgram program, TimedParts parts, int? inferences = 1) => TimingSimulator.Run(program, new TimingOptions { Parts = parts, Inferences = inferences });

    private static ChannelHop Hop(int from, int to, int parent, long bytes) => new(new MeshTopology(2, 2).LinkOf(from, to), 0, parent, bytes);

    /// <summary>An input that core 0 sends to operators on the homes, which store what they compute with it.</summary>
    private static MappedProgram Sent(int rows, long bytes, int capacity, long operations, ImmutableArray<ChannelHop> hops, ImmutableArray<int> homes, bool isMulticast = false)
    {
        var program = ScheduleSamples.Tiny();
        int count = homes.Length;
        ImmutableArray<Channel> channels = isMulticast
            ? [new Channel(ChannelKind.Rows, 0, [.. homes.Select((h, i) => new Receiver(h, i))], bytes, 0, hops)]
            : [.. homes.Select((h, i) => new Channel(ChannelKind.Rows, 0, [new Receiver(h, i)], bytes, 0, i < hops.Length ? [hops[i]] : []))];
        CoreStream Source(int channel) => new(0, "source", -1, [new Repeat(rows, [new LoadRow(0, s_each), new SendRow(channel, s_each)])]);
        return program with
        {
            Schedule = program.Schedule! with
            {
                Stages = new StageGraph(
                    [new StageValue("x", rows, bytes, 1, -1, false), .. homes.Select((_, i) => new StageValue($"y{i}", rows, bytes, 1, i, true))],
                    [
                        .. homes.Select((_, i) => new Stage
                        {
                            Name = $"operator{i}",
                            Kind = StageKind.Digital,
                            Unit = 0,
                            Output = 1 + i,
                            Inputs = [new StageInput(0, RowWindow.SameRow)],
                            OperationsPerRow = operations,
                            Matrix = null,
                        }),
                    ]),
                Mapping = program.Schedule!.Mapping with { RowGroups = [], Homes = [[0], .. homes.Select(h => ImmutableArray.Create(h))], Replication = new Replication([.. new int[count]], null, null) },
                Buffers = [.. homes.Select(h => new RowBuffer(h, 0, 0, 1, 1, capacity, bytes, 0))],
                Channels = channels,
                Streams =
                [
                    .. channels.Select((_, i) => Source(i)),
                    .. homes.Select((h, i) => new CoreStream(
                        h,
                        $"operator{i}",
                        i,
                        [new Repeat(rows, [new AwaitRows(i, RowWindow.SameRow, s_each, 1), new RunDigital(i, s_each), new StoreRow(1 + i, s_each)]), new ReleaseRows(i)])),
                ],
            },
        };
    }

    private sealed class Trace : ITimingTrace
    {
        public List<(int Resource, int Stage, int Inference, long Start, long End)> Spans { get; } = [];

        public void Busy(int resource, int stage, int inference, long startPs, long endPs) => Spans.Add((resource, stage, inference, startPs, endPs));

        public void Stalled(int stream, StallCause cause, int resource, long startPs, long endPs)
        {
        }
    }
}
