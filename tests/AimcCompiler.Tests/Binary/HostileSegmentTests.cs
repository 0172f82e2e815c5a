using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Tests.Passes.Segments;

namespace AimcCompiler.Tests.Binary;

/// <summary>Files of programs in segments, changed and with right checksums: each is read, or ends in one diagnostic.</summary>
public sealed class HostileSegmentTests
{
    /// <summary>What reading a few kilobytes may take of memory.</summary>
    private const long MostBytes = 32 << 20;

    private static readonly MappedProgram Valid = SegmentTests.Segmented(SegmentTests.Four(), MappingTarget.Throughput, batch: 3);

    private static readonly Dictionary<string, (Func<MappedProgram, MappedProgram> Change, string Message)> s_broken = new()
    {
        ["a negative segment"] = (p => In(p, 0, -1), "segment -1 runs after none"),
        ["a segment beyond all numbers"] = (p => In(p, ^1, int.MaxValue), "a layer of segment 2147483647 runs after"),
        ["a segment left out"] = (p => In(p, ^1, p.Segments + 1), $"a layer of segment {Valid.Segments + 1} runs after"),
        ["a segment that comes back"] = (p => In(p, ^1, 0), "share the cell"),
        ["a batch of less than none"] = (p => p with { SegmentBatch = -1 }, "-1 inferences pass a segment"),
        ["a batch without end"] = (p => p with { SegmentBatch = int.MaxValue }, "2147483647 inferences pass a segment"),
        ["a batch without segments"] = (p => Whole(p) with { SegmentBatch = 2 }, "2 inferences pass the only segment"),
        ["schedules without segments"] = (p => Whole(p) with { SegmentBatch = 1, SegmentSchedules = p.SegmentSchedules }, "schedules of segments, 1 segments"),
        ["a schedule too few"] = (p => p with { SegmentSchedules = p.SegmentSchedules[..^1] }, "schedules of segments"),
        ["a schedule too many"] = (p => p with { SegmentSchedules = p.SegmentSchedules.Add(p.SegmentSchedules[0]) }, "schedules of segments"),
        ["a schedule for another"] = (p => p with { SegmentSchedules = p.SegmentSchedules.SetItem(1, p.SegmentSchedules[0]) }, "stage of segment"),
        ["schedules in turn"] = (p => p with { SegmentSchedules = [.. p.SegmentSchedules.Reverse()] }, "segment"),
        ["a schedule and none"] = (p => p with { NotScheduled = "too large" }, "a schedule and a reason why it has none"),
        ["a schedule for all"] = (p => p with { Schedule = p.SegmentSchedules[0], SegmentSchedules = [] }, "one schedule for"),
        ["a part that is whole"] = (p => p with { Layers = p.Layers.SetItem(0, p.Layers[0] with { IsPart = true }) }, "is a part of a matrix and lacks no rows or columns"),
        ["a stage of a layer of another segment"] = (p => Stage(p, 1, s => s with { Unit = 0 }), "layer"),
        ["a stage of a layer that there is not"] = (p => Stage(p, 1, s => s with { Unit = 1000 }), "is layer 1000, there are 4"),
        ["a stage of a partition that there is not"] = (p => Stage(p, 1, s => s with { Unit = -2 }, StageKind.Digital), "is in partition -2"),
        ["operations below none"] = (p => Stage(p, 1, s => s with { OperationsPerRow = -1 }), "has -1 operations a row"),
        ["an input that nothing has made"] = (p => Value(p, 1, v => v.Producer < 0, v => v with { Name = "y" }), "is no input of segment 1 and no stage writes it"),
        ["an output that is not stored"] = (p => Value(p, 0, v => v.IsOutput, v => v with { IsOutput = false }), "is an output of segment 0"),
        ["an output that nobody wants"] = (p => Value(p, 1, v => v is { Producer: >= 0, IsOutput: false }, v => v with { IsOutput = true }), "is no output of segment 1"),
        ["rows below none"] = (p => Value(p, 0, v => v.Producer < 0, v => v with { Rows = -6 }), "has -6 rows"),
        ["bytes below none"] = (p => Value(p, 0, v => v.Producer < 0, v => v with { BytesPerElement = -1 }), "has -1 bytes an element"),
        ["rows beyond all numbers"] = (p => Value(p, 0, v => v.Producer < 0, v => v with { ElementsPerRow = long.MaxValue }), "elements a row"),
        ["a buffer of another segment"] = (p => First(p, s => s with { Buffers = s.Buffers.SetItem(0, s.Buffers[0] with { Segment = 1 }) }), "in segment 1 of a schedule that has one"),
        ["a buffer of a segment below none"] = (p => First(p, s => s with { Buffers = s.Buffers.SetItem(0, s.Buffers[0] with { Segment = -1 }) }), "in segment -1"),
        ["a stream of another segment"] = (p => First(p, s => s with { Streams = s.Streams.SetItem(0, s.Streams[0] with { Segment = 7 }) }), "is in segment 7 of a schedule that has one"),
        ["segments in a segment"] = (
            p => First(p, s => s with { Mapping = s.Mapping with { Segments = [.. s.Mapping.Segments[0].Select(i => (ImmutableArray<int>)[i])] } }), "segments, each has a schedule of its own"),
        ["blocks on each other"] = (p => p with { Layers = [.. p.Layers.Select(l => l with { Segment = 0 })], SegmentSchedules = [], SegmentBatch = 1 }, "share the cell"),
    };

    public static TheoryData<string> Broken => [.. s_broken.Keys];

    [Theory]
    [MemberData(nameof(Broken))]
    public void WhatContradictsIsNamed(string what)
    {
        var (change, message) = s_broken[what];
        Assert.Contains(message, Refuse(SampleProgram.Bytes(change(Valid))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileOfBeforeSegmentsHasNone()
    {
        byte[] file = SampleProgram.Bytes(Valid);
        file[4] = 4;
        SampleProgram.Reseal(file);
        Assert.Contains("version 4 says something of segments", Refuse(file).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryCutIsDetected()
    {
        byte[] file = SampleProgram.Bytes(Valid);
        for (int length = 0; length < file.Length; length += 61)
        {
            Refuse(file[..length]);
        }
    }

    /// <summary>Damage in what segments add to the manifest, and in their sections.</summary>
    [Fact]
    public void ChangedNumbersEndInOneDiagnostic()
    {
        byte[] valid = SampleProgram.Bytes(Valid);
        byte[] without = SampleProgram.Bytes(Valid with { SegmentSchedules = [], SegmentBatch = 1 });
        int end = 192 + (int)BitConverter.ToUInt64(valid, 32);
        int first = 192 + (int)BitConverter.ToUInt64(without, 32);
        Random random = new(6);
        int read = 0;
        for (int i = 0; i < 2000; i++)
        {
            byte[] file = [.. valid];
            for (int n = random.Next(1, 3); n > 0; n--)
            {
                file[random.Next(5) > 0 ? random.Next(first, end) : random.Next(valid.Length - 400, valid.Length)] = (byte)random.Next(256);
            }

            SampleProgram.Reseal(file);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                var changed = AimcReader.Read(file, "changed.aimc");
                read++;
                foreach (var schedule in changed.SegmentSchedules.Where(s => s.Streams.All(t => t.Body.OfType<Repeat>().All(r => r.Count < 100))))
                {
                    ScheduleVerifier.FindDeadlock(schedule);
                }
            }
            catch (DiagnosticException e)
            {
                Assert.Same(Descriptors.InvalidProgram, Assert.Single(e.Diagnostics).Descriptor);
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes);
        }

        Assert.InRange(read, 1, 1000);
    }

    private static Diagnostic Refuse(byte[] file)
    {
        var diagnostic = Assert.Single(Assert.Throws<DiagnosticException>(() => AimcReader.Read(file, "changed.aimc")).Diagnostics);
        Assert.Same(Descriptors.InvalidProgram, diagnostic.Descriptor);
        Assert.NotEmpty(diagnostic.Levers);
        return diagnostic;
    }

    private static MappedProgram In(MappedProgram program, Index layer, int segment)
    {
        int at = layer.GetOffset(program.Layers.Length);
        return program with { Layers = program.Layers.SetItem(at, program.Layers[at] with { Segment = segment }) };
    }

    /// <summary>One layer on all of its own tiles, so that one segment holds it.</summary>
    private static MappedProgram Whole(MappedProgram program)
    {
        var layer = program.Layers[0];
        return program with
        {
            Layers = [layer],
            Partitions = [],
            Instructions = [new MvmInstruction(0)],
            Nodes = [],
            Outputs = [layer.Output],
            SegmentSchedules = [],
        };
    }

    private static MappedProgram First(MappedProgram program, Func<ProgramSchedule, ProgramSchedule> change) => program with { SegmentSchedules = program.SegmentSchedules.SetItem(0, change(program.SegmentSchedules[0])) };

    private static MappedProgram Stage(MappedProgram program, int segment, Func<Stage, Stage> change, StageKind kind = StageKind.Analog)
    {
        var schedule = program.SegmentSchedules[segment];
        int at = Enumerable.Range(0, schedule.Stages.Stages.Length).First(s => schedule.Stages.Stages[s].Kind == kind);
        var stages = schedule.Stages.Stages.SetItem(at, change(schedule.Stages.Stages[at]));
        return program with { SegmentSchedules = program.SegmentSchedules.SetItem(segment, schedule with { Stages = new StageGraph(schedule.Stages.Values, stages) }) };
    }

    private static MappedProgram Value(MappedProgram program, int segment, Func<StageValue, bool> which, Func<StageValue, StageValue> change)
    {
        var schedule = program.SegmentSchedules[segment];
        int at = Enumerable.Range(0, schedule.Stages.Values.Length).First(v => which(schedule.Stages.Values[v]));
        var values = schedule.Stages.Values.SetItem(at, change(schedule.Stages.Values[at]));
        return program with { SegmentSchedules = program.SegmentSchedules.SetItem(segment, schedule with { Stages = new StageGraph(values, schedule.Stages.Stages) }) };
    }
}
