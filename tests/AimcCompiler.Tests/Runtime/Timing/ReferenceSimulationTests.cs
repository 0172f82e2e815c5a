using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Binary;
using AimcCompiler.Tests.Passes.Scheduling;

namespace AimcCompiler.Tests.Runtime.Timing;

/// <summary>The simulator against the plain one: every inference of compiled programs ends at the same picosecond, on chips whose rates are drawn.</summary>
public sealed class ReferenceSimulationTests
{
    private static readonly TimedParts[] s_parts = [TimedParts.All, TimedParts.All & ~TimedParts.Room, TimedParts.Transfers | TimedParts.Room, TimedParts.Core | TimedParts.Digital, TimedParts.None];

    public static TheoryData<string> Models => [.. ScheduleProgramTests.Models.Keys];

    [Theory]
    [MemberData(nameof(Models))]
    public void EveryInferenceEndsAtTheSameTime(string model)
    {
        Random random = new(model.Length);
        foreach (string chip in (string[])["tiny", "isaac"])
        {
            foreach (var target in (MappingTarget[])[MappingTarget.Tiles, MappingTarget.Throughput])
            {
                var program = AimcCompilation.Compile(ScheduleProgramTests.Models[model].Import(), ChipReader.Read(chip), new CompileOptions { Target = target, Chips = null }).Program;
                if (program.Schedule is null)
                {
                    continue;
                }

                foreach (var parts in s_parts)
                {
                    AssertSame(Drawn(program, random), parts, underWay: random.Next(1, 5));
                }

                AssertNotBelowBounds(Drawn(program, random));
            }
        }
    }

    /// <summary>Paths in turn, with a message that overtakes.</summary>
    [Fact]
    public void MessagesOnSeveralPathsToo()
    {
        Random random = new(3);
        var program = ScheduleSamples.Tiny();
        var schedule = program.Schedule!;
        MeshTopology mesh = new(2, 2);
        var channels = schedule.Channels.Select(c => c.Hops is [{ Link: >= 0, Parent: -1 } hop] && mesh.Links[hop.Link] is var link
            ? c with
            {
                Turns = [1, 0, 0],
                // The other way round the mesh.
                Hops = [hop, .. Around(mesh, link.From, link.To).Select((l, i) => new ChannelHop(l, 0, i == 0 ? -1 : i, hop.Bytes, 1))],
            }
            : c).ToArray();
        Assert.Contains(channels, c => c.Paths == 2);
        program = program with { Schedule = schedule with { Channels = [.. channels] } };
        for (int i = 0; i < 20; i++)
        {
            AssertSame(Drawn(program, random), s_parts[i % 3], underWay: 1 + (i % 4));
        }
    }

    /// <summary>No schedule beats a bound; a mean whose halves agree may be off by as much as they may differ.</summary>
    private static void AssertNotBelowBounds(MappedProgram program)
    {
        var result = TimingSimulator.Run(program, new TimingOptions { HasStalls = false });
        double interval = result.IntervalS!.Value * (result.IntervalFrom == IntervalSource.Repeats ? 1.000001 : 1.01);
        Assert.All(BoundSurvey.Of(program, result.IntervalS, result.LatencyS).Where(b => b.Limits == "interval"), b => Assert.True(b.Value is null || b.Value <= interval, $"{b} is beaten: {result.IntervalS}"));
    }

    private static int[] Around(MeshTopology mesh, int from, int to)
    {
        int[] others = [.. Enumerable.Range(0, 4).Where(c => c != from && c != to)];
        int second = others.First(c => c % 2 == from % 2 || c / 2 == from / 2);
        int third = others.First(c => c != second);
        return [mesh.LinkOf(from, second), mesh.LinkOf(second, third), mesh.LinkOf(third, to)];
    }

    private static void AssertSame(MappedProgram program, TimedParts parts, int underWay)
    {
        const int Inferences = 5;
        ReferenceSimulation reference = new(program, parts, Inferences, underWay);
        reference.Run();
        Simulation run = new(new ScheduleFacts(program, program.Schedule!), program, new TimingOptions { Parts = parts }, Inferences, underWay);
        run.Run(() => run.Ended.Count == Inferences, default);
        Assert.Equal(reference.Ended, run.Ended);
    }

    /// <summary>The program on a chip with other rates: times that often coincide, and times that never do.</summary>
    private static MappedProgram Drawn(MappedProgram program, Random random)
    {
        double? Rate(params double?[] rates) => rates[random.Next(rates.Length)];
        var chip = program.Chip;
        return program with
        {
            Chip = chip with
            {
                Core = chip.Core with
                {
                    BufferGbPerS = Rate(null, 4, 0.37),
                    MvmIssueNs = Rate(null, 100, 7.3),
                    ConvertingTiles = (int?)Rate(null, null, 1, 2),
                    Digital = chip.Core.Digital with { NsPerOp = Rate(1, 3, 0.13) },
                },
                Noc = chip.Noc is { } noc ? noc with { GbPerS = Rate(4, 1, 0.19), NsPerHop = Rate(1, 10, 0.3)!.Value } : null,
                OffChip = chip.OffChip is { } memory ? memory with { GbPerS = Rate(6.4, 1, 0.07)!.Value, LatencyNs = Rate(null, 50) } : null,
            },
        };
    }
}
