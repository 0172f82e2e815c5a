using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;
using AimcCompiler.Tests.Passes.Scheduling;

namespace AimcCompiler.Tests.Binary;

/// <summary>Buffers that share addresses where one inference is under way at a time.</summary>
public sealed class BufferLivesTests
{
    public static TheoryData<string> Models => [.. ScheduleProgramTests.Models.Keys, "layers in a row"];

    /// <summary>Streams run in drawn orders, without waiting for room: that allows more orders than any chip has.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void NoTwoRowsLiveInOnePlace(string model)
    {
        foreach (string chip in (string[])["tiny", "isaac"])
        {
            var schedule = Compiled(model, ChipReader.Read(chip, ["core.buffer_kib=null"])).Schedule!;
            for (int seed = 0; seed < 12; seed++)
            {
                new DrawnRun(schedule, new Random(seed), seed % 2 == 0).Run();
            }
        }
    }

    /// <summary>The relation is an order.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void WhatEndsBeforeEndsBeforeAllThatFollows(string model)
    {
        var schedule = Compiled(model, ChipReader.Read("tiny", ["core.buffer_kib=null"])).Schedule!;
        BufferLives lives = new(schedule);
        int count = schedule.Buffers.Length;
        for (int a = 0; a < count; a++)
        {
            Assert.False(lives.Precedes(a, a));
            foreach (int b in Enumerable.Range(0, count).Where(b => lives.Precedes(a, b)))
            {
                Assert.False(lives.Precedes(b, a));
                Assert.All(Enumerable.Range(0, count).Where(c => lives.Precedes(b, c)), c => Assert.True(lives.Precedes(a, c), $"{a} {b} {c}"));
            }
        }
    }

    [Fact]
    public void LayersInARowTakeLessThanAllOfThemSideBySide()
    {
        var program = Compiled("layers in a row", ChipReader.Read("tiny", ["core.buffer_kib=null"]));
        var buffers = program.Schedule!.Buffers;
        long sideBySide = buffers.GroupBy(b => b.Core).Max(c => c.Sum(b => b.Capacity * b.RowBytes));
        long shared = buffers.Max(b => b.Address + (b.Capacity * b.RowBytes));
        Assert.True(shared < sideBySide, $"{shared} {sideBySide}");

        // A chip that has just that takes it for latency, and not where inferences overlap.
        var chip = ChipReader.Read("tiny", [FormattableString.Invariant($"core.buffer_kib={shared / 1024.0}")]);
        Assert.Equal(shared, ChipCapacity.Of(chip, 1).BufferBytes);
        Assert.NotNull(Compiled("layers in a row", chip).Schedule);
        Assert.False(new BufferLives(program.Schedule with { Overlaps = true }).MayShare(0, buffers.Length - 1));
    }

    [Fact]
    public void BuffersThatShareWithoutAnOrderAreRefused()
    {
        var program = Compiled("layers in a row", ChipReader.Read("tiny", ["core.buffer_kib=null"]));
        var schedule = program.Schedule!;
        BufferLives lives = new(schedule);
        int refused = 0;
        int taken = 0;
        for (int a = 0; a < schedule.Buffers.Length; a++)
        {
            for (int b = 0; b < schedule.Buffers.Length; b++)
            {
                if (a == b || schedule.Buffers[a].Core != schedule.Buffers[b].Core)
                {
                    continue;
                }

                // Far from all others, the two of them.
                const long Far = 1 << 20;
                var changed = schedule with { Buffers = [.. schedule.Buffers.Select((x, i) => i == a || i == b ? x with { Address = Far } : x)] };
                if (lives.MayShare(a, b))
                {
                    taken++;
                    ScheduleVerifier.VerifyAndRun(program with { Schedule = changed });
                    var overlapping = Assert.Throws<InvalidIrException>(() => ScheduleVerifier.Verify(program with { Schedule = changed with { Overlaps = true } }));
                    Assert.Contains("share byte", overlapping.Message, StringComparison.Ordinal);
                }
                else
                {
                    refused++;
                    var thrown = Assert.Throws<InvalidIrException>(() => ScheduleVerifier.Verify(program with { Schedule = changed }));
                    Assert.Contains("nothing in the streams makes one of them wait", thrown.Message, StringComparison.Ordinal);
                }
            }
        }

        Assert.True(refused > 0 && taken > 0, $"{refused} {taken}");
    }

    private static MappedProgram Compiled(string model, ChipDescription chip) =>
        AimcCompilation.Compile((model == "layers in a row" ? LayersInARow() : ScheduleProgramTests.Models[model]).Import(), chip, new CompileOptions { Target = MappingTarget.Latency, Chips = null, Sharing = TileSharing.Never }).Program;

    /// <summary>Each reads all of what the one before makes.</summary>
    private static TestModel LayersInARow()
    {
        TestModel model = new TestModel().Input("x", 1, 6);
        string last = "x";
        for (int i = 0; i < 6; i++)
        {
            model.Weights($"w{i}", 6, 6).Node("MatMul", $"{last} w{i}", $"m{i}").Node("Relu", $"m{i}", $"r{i}");
            last = $"r{i}";
        }

        return model.Output(last);
    }

    /// <summary>Two inferences, stream by stream as drawn. Fails where a buffer receives its first item while another with one of its bytes is in use.</summary>
    private sealed class DrawnRun
    {
        private const int Inferences = 2;
        private readonly ProgramSchedule _schedule;
        private readonly Random _random;
        private readonly bool _hasFavourites;
        private readonly (StreamInstruction Instruction, long Round)[][] _programs;
        private readonly int[] _inference;
        private readonly int[] _at;
        private readonly Dictionary<(int Stage, int RowGroup), int> _sums = [];
        private readonly int[] _waiting;

        /// <summary>Of each buffer in each inference: items of its rows, and streams that still read.</summary>
        private readonly int[][][] _items;
        private readonly HashSet<int>[][] _readers;

        public DrawnRun(ProgramSchedule schedule, Random random, bool hasFavourites)
        {
            (_schedule, _random, _hasFavourites) = (schedule, random, hasFavourites);
            _programs = [.. schedule.Streams.Select(s => s.Body.SelectMany(i => i is Repeat loop
                ? Enumerable.Range(0, (int)loop.Count).SelectMany(r => loop.Body.Select(b => (b, (long)r)))
                : [(i, 0L)]).ToArray())];
            _inference = new int[_programs.Length];
            _at = new int[_programs.Length];
            _waiting = new int[schedule.Channels.Length];
            _items = [.. schedule.Buffers.Select(b => (int[][])[.. Enumerable.Range(0, Inferences).Select(_ => new int[schedule.Stages.Values[b.Value].Rows])])];
            _readers = [.. schedule.Buffers.Select((_, b) => (HashSet<int>[])[.. Enumerable.Range(0, Inferences).Select(_ =>
                Enumerable.Range(0, _programs.Length).Where(s => AwaitsOf(schedule.Streams[s]).Any(a => a.Buffer == b)).ToHashSet())])];
        }

        public void Run()
        {
            int[] order = [.. Enumerable.Range(0, _programs.Length)];
            _random.Shuffle(order);
            while (_inference.Any(i => i < Inferences))
            {
                if (!_hasFavourites)
                {
                    _random.Shuffle(order);
                }

                Assert.Contains(order, Step);
            }
        }

        private static IEnumerable<AwaitRows> AwaitsOf(CoreStream stream) => stream.Body.SelectMany(i => i is Repeat loop ? loop.Body : [i]).OfType<AwaitRows>();

        private bool Comes(int buffer, int row) => row % _schedule.Buffers[buffer].RowStride == _schedule.Buffers[buffer].FirstRow;

        private bool IsWhole(int buffer, int inference, int rows) => Enumerable.Range(0, rows).All(r => !Comes(buffer, r) || _items[buffer][inference][r] == _schedule.Buffers[buffer].ItemsPerRow);

        /// <summary>One instruction; false = it waits.</summary>
        private bool Step(int s)
        {
            if (_inference[s] == Inferences || (_inference[s] > 0 && Enumerable.Range(0, _programs.Length).Any(o => _inference[o] < _inference[s] && _programs[o].Any(i => i.Instruction is StoreRow))))
            {
                return false;
            }

            var (instruction, round) = _programs[s][_at[s]];
            int stage = _schedule.Streams[s].Stage;
            switch (instruction)
            {
                case AwaitRows wait:
                    int rows = _schedule.Stages.Values[_schedule.Buffers[wait.Buffer].Value].Rows;
                    if (!IsWhole(wait.Buffer, _inference[s], wait.Window.Last((int)(wait.Item.At(round) / wait.ItemsPerRow), rows) + 1))
                    {
                        return false;
                    }

                    break;
                case DriveTiles drive:
                    _sums[(stage, drive.RowGroup)] = _sums.GetValueOrDefault((stage, drive.RowGroup)) + 1;
                    break;
                case AddPartialSums add:
                    int[] channels = [.. add.Others.Append(add.First).Where(c => c >= 0)];
                    if (add.RowGroups.Any(g => _sums.GetValueOrDefault((stage, g)) == 0) || channels.Any(c => _waiting[c] == 0))
                    {
                        return false;
                    }

                    Array.ForEach([.. add.RowGroups], g => _sums[(stage, g)]--);
                    Array.ForEach(channels, c => _waiting[c]--);
                    break;
                case SendPartialSums send:
                    _waiting[send.Channel]++;
                    break;
                case FinishVector finish:
                    int made = (int)(finish.Ordinal.At(round) / _schedule.Stages.Stages[finish.Stage].Matrix!.VectorsPerRow);
                    Deliver(finish.Channels[made % finish.Channels.Length], made, _inference[s]);
                    break;
                case SendRow send:
                    Deliver(send.Channel, (int)send.Row.At(round), _inference[s]);
                    break;
                default:
                    break;
            }

            _at[s]++;
            // Nothing but sending what was made is left: the stream reads no more.
            if (_programs[s].Skip(_at[s]).All(i => i.Instruction is ReleaseRows || (i.Instruction is SendRow && _programs[s].Any(p => p.Instruction is RunDigital))))
            {
                Array.ForEach(_readers, r => r[_inference[s]].Remove(s));
            }

            if (_at[s] == _programs[s].Length)
            {
                (_at[s], _inference[s]) = (0, _inference[s] + 1);
            }

            return true;
        }

        private bool IsInUse(int buffer, int inference) => _items[buffer][inference].Any(i => i > 0) && (_readers[buffer][inference].Count > 0 || !IsWhole(buffer, inference, _items[buffer][inference].Length));

        private void Deliver(int channel, int row, int inference)
        {
            foreach (int buffer in _schedule.Channels[channel].Receivers.Select(r => r.Buffer))
            {
                var own = _schedule.Buffers[buffer];
                for (int other = 0; other < _items.Length && _items[buffer][inference].All(i => i == 0); other++)
                {
                    var its = _schedule.Buffers[other];
                    bool overlaps = its.Core == own.Core && its.Address < own.Address + (own.Capacity * own.RowBytes) && own.Address < its.Address + (its.Capacity * its.RowBytes);
                    Assert.False(
                        other != buffer && overlaps && Enumerable.Range(0, Inferences).Any(i => IsInUse(other, i)), $"row {row} of buffer {buffer} comes while buffer {other} is in use");
                }

                _items[buffer][inference][row]++;
            }
        }
    }
}
