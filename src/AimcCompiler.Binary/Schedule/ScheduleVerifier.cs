using System.Collections.Immutable;
using AimcCompiler.Core;
using static AimcCompiler.Binary.ProgramVerifier;

namespace AimcCompiler.Binary;

/// <summary>The specification of a <see cref="ProgramSchedule"/>. Checked in this order:
/// <list type="number">
/// <item>Lists and places: cores are cores of the program's chips, every value has homes, every stage is in one segment.</item>
/// <item>Stages: <see cref="VerifyStages"/>; analog ones name the layers of the program, each once, with its copies, vectors and columns; digital ones name partitions; inputs and outputs of the
/// program are values.</item>
/// <item>Row groups: every block of every copy is in one of them, on tiles of its core.</item>
/// <item>Buffers: counts are counts, each lies inside the buffer of its core and overlaps no other.</item>
/// <item>Channels: every hop begins where the one before it ends, the tree reaches the receivers and nobody else, one stream sends.</item>
/// <item>Drives: one stream drives a row group with every vector of its copy, once and in order; one adds what it drives, in the order of the layer's blocks where order matters.</item>
/// <item>Results: every vector is finished once and goes to the home of its row; every row of every buffer comes once.</item>
/// <item>Windows: a stream awaits what its stage reads, through the stage's windows, on its own core, and releases all of it at its end.</item>
/// <item>Liveness (<see cref="FindDeadlock"/>): run on counts, two inferences end.</item>
/// </list></summary>
public static partial class ScheduleVerifier
{
    /// <summary>Cores of all chips of a program that has a schedule.</summary>
    public const int MaximumCores = 1 << 16;

    /// <summary>Rows of all buffers together.</summary>
    public const long MaximumBufferedRows = 1 << 26;

    /// <summary>Turns of a channel's paths.</summary>
    public const int MaximumTurns = 64;

    /// <summary>Cores of so many chips.</summary>
    public static long CoresOf(ChipDescription chip, int chips)
    {
        ArgumentNullException.ThrowIfNull(chip);
        return chip.Mesh is { } mesh ? (long)mesh.Rows * mesh.Columns * chips : chips;
    }

    /// <summary>1 to 8; nothing where there is no schedule.</summary>
    /// <exception cref="InvalidIrException">An invariant is broken; the message names the entity and the bound.</exception>
    public static void Verify(MappedProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (program.Schedule is null && program.SegmentSchedules.IsEmpty)
        {
            return;
        }

        Check(
            CoresOf(program.Chip, program.Chips) <= MaximumCores,
            $"the program has a schedule for {CoresOf(program.Chip, program.Chips)} cores, at most {MaximumCores} can have one");
        if (program.Schedule is { } schedule)
        {
            new Verification(program, schedule, 0).Run();
        }

        for (int s = 0; s < program.SegmentSchedules.Length; s++)
        {
            new Verification(program, program.SegmentSchedules[s], s).Run();
        }
    }

    /// <summary>9: runs the streams of a valid schedule on counts.</summary>
    /// <param name="schedule">Valid.</param>
    /// <param name="inferences">How many follow each other.</param>
    /// <returns>Null = all end; else who does not and what each waits for.</returns>
    public static ImmutableArray<string>? FindDeadlock(ProgramSchedule schedule, int inferences = 2)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        return new TokenRun(schedule, inferences).Run();
    }

    /// <summary>1 to 9.</summary>
    /// <exception cref="InvalidIrException">An invariant is broken.</exception>
    public static void VerifyAndRun(MappedProgram program)
    {
        Verify(program);
        foreach (var schedule in program.Schedules)
        {
            if (FindDeadlock(schedule) is { } halted)
            {
                throw new InvalidIrException($"the streams come to a halt: {string.Join("; ", halted.Take(8))}{(halted.Length > 8 ? FormattableString.Invariant($"; and {halted.Length - 8} more") : "")}");
            }
        }
    }

    private sealed partial class Verification(MappedProgram program, ProgramSchedule schedule, int segment)
    {
        private readonly StageGraph _graph = schedule.Stages;
        private readonly CoreMapping _mapping = schedule.Mapping;
        private readonly NocTopology _topology = NocTopology.Of(program.Chip);

        private readonly int _port = ChipCapacity.Of(program.Chip, 1).Ports[0];

        private int Cores => _topology.Cores * program.Chips;

        public void Run()
        {
            VerifyPlaces();
            VerifyStagesOfProgram();
            VerifyRowGroups();
            VerifyBuffers();
            VerifyChannels();
            Collect();
            VerifyDrives();
            VerifyResults();
            VerifyWindows();
        }

        private void CheckCore(int core, string what) => Check(core >= 0 && core < Cores, $"{what} is on core {core}, there are {Cores}");

        private void VerifyPlaces()
        {
            Check(Enum.IsDefined(schedule.Target), $"the schedule has target {(int)schedule.Target}, which is not known");
            Check(
                !schedule.Buffers.IsDefault && !schedule.Channels.IsDefault && !schedule.Streams.IsDefault && !_mapping.RowGroups.IsDefault && !_mapping.Homes.IsDefault && !_mapping.Segments.IsDefault
                    && !_mapping.Replication.Copies.IsDefault,
                "a list of the schedule is missing");
            VerifyStages(_graph);
            Check(_mapping.Chips == program.Chips, $"the mapping has {_mapping.Chips} chips, the program {program.Chips}");
            Check(_mapping.Target == schedule.Target, $"the mapping aims at {_mapping.Target}, the schedule at {schedule.Target}");
            Check(_mapping.Homes.Length == _graph.Values.Length, $"{_mapping.Homes.Length} values have homes, there are {_graph.Values.Length}");
            for (int v = 0; v < _mapping.Homes.Length; v++)
            {
                string name = ValueName(v);
                Check(
                    !_mapping.Homes[v].IsDefaultOrEmpty && _mapping.Homes[v].Length <= _graph.Values[v].Rows,
                    $"{name} of {_graph.Values[v].Rows} rows has {(_mapping.Homes[v].IsDefault ? 0 : _mapping.Homes[v].Length)} homes");
                foreach (int core in _mapping.Homes[v])
                {
                    CheckCore(core, name);
                }
            }

            Check(
                _mapping.Replication.Copies.Length == _graph.Stages.Length, $"{_mapping.Replication.Copies.Length} stages have copies, there are {_graph.Stages.Length}");
            Check(
                _mapping.Segments.All(s => !s.IsDefault) && _mapping.Segments.SelectMany(s => s).Order().SequenceEqual(Enumerable.Range(0, _graph.Stages.Length)),
                "the segments do not hold every stage once");
        }

        private void VerifyStagesOfProgram()
        {
            bool[] isStage = new bool[program.Layers.Length];
            long[] done = new long[program.Layers.Length];
            long[] first = new long[program.Layers.Length];
            foreach (var mvm in program.Instructions.SelectMany(i => i is LoopInstruction loop ? loop.Body : [i]).OfType<MvmInstruction>())
            {
                int family = program.Layers[mvm.Layer].SharesTilesOf ?? mvm.Layer;
                first[mvm.Layer] = done[family];
                done[family] += program.Layers[mvm.Layer].VectorsPerInference;
            }

            for (int s = 0; s < _graph.Stages.Length; s++)
            {
                var stage = _graph.Stages[s];
                string name = NameOf(stage);
                if (stage.Matrix is not { } matrix)
                {
                    Check(_mapping.Replication.Copies[s] == 0, $"{name} is digital and has {_mapping.Replication.Copies[s]} copies");
                    Check(
                        stage.Unit == -1 ? stage is { Kind: StageKind.Digital, OperationsPerRow: 0 } : stage.Unit >= 0 && stage.Unit < program.Partitions.Length,
                        $"{name} is in partition {stage.Unit}, there are {program.Partitions.Length}");
                    continue;
                }

                Check(stage.Unit >= 0 && stage.Unit < program.Layers.Length, $"{name} is layer {stage.Unit}, there are {program.Layers.Length}");
                Check(!isStage[stage.Unit], $"{name} is layer {stage.Unit}, as another stage is");
                isStage[stage.Unit] = true;
                var layer = program.Layers[stage.Unit];
                Check(layer.Name == stage.Name, $"{name} is layer {Quoted.Of(layer.Name)}");
                Check(
                    program.Values[layer.Output].Name == _graph.Values[stage.Output].Name,
                    $"{name} writes {Quoted.Of(_graph.Values[stage.Output].Name)}, its layer {Quoted.Of(program.Values[layer.Output].Name)}");
                Check(matrix.Vectors == layer.VectorsPerInference, $"{name} takes {matrix.Vectors} vectors, its layer {layer.VectorsPerInference}");
                Check(matrix.FirstOrdinal == first[stage.Unit], $"{name} begins at vector {matrix.FirstOrdinal} of its tiles, {first[stage.Unit]} come before");
                Check(
                    matrix.Columns == (long)layer.Groups * layer.Columns, $"{name} has {matrix.Columns} columns, its layer {layer.Groups} groups of {layer.Columns}");
                Check(
                    _graph.Values[stage.Output].ElementsPerRow == (long)matrix.VectorsPerRow * layer.Groups * layer.ModelColumns,
                    $"{name} writes rows of {_graph.Values[stage.Output].ElementsPerRow} elements, {matrix.VectorsPerRow} vectors of {(long)layer.Groups * layer.ModelColumns} columns");
                int owner = matrix.SharesTilesOf is { } shared ? _graph.Stages[shared].Unit : stage.Unit;
                Check(
                    (program.Layers[owner].SharesTilesOf ?? owner) == (layer.SharesTilesOf ?? stage.Unit), $"{name} is on the tiles of layer {owner}, its layer on others");
                Check(_mapping.Replication.Copies[s] == layer.Copies, $"{name} has {_mapping.Replication.Copies[s]} copies, its layer {layer.Copies}");
            }

            for (int l = 0; l < isStage.Length; l++)
            {
                Check(isStage[l] == (program.Layers[l].Segment == segment), $"layer {l} of segment {program.Layers[l].Segment} is {(isStage[l] ? "a" : "no")} stage of segment {segment}");
            }

            Dictionary<string, int> values = [];
            for (int v = 0; v < _graph.Values.Length; v++)
            {
                values.Add(_graph.Values[v].Name, v);
            }

            (HashSet<string> outputs, HashSet<string> inputs) = Ends();
            foreach (var value in _graph.Values)
            {
                Check(value.IsOutput == outputs.Contains(value.Name), $"stage value {Quoted.Of(value.Name)} is {(value.IsOutput ? "no" : "an")} output of {Whole}");
                Check(value.Producer >= 0 || inputs.Contains(value.Name), $"stage value {Quoted.Of(value.Name)} is no input of {Whole} and no stage writes it");
            }
        }

        private string Whole => program.SegmentSchedules.IsEmpty ? "the program" : $"segment {segment}";

        /// <summary>What leaves the chips and what comes to them: outputs and inputs of the program, and what passes from segment to segment.</summary>
        private (HashSet<string> Outputs, HashSet<string> Inputs) Ends()
        {
            HashSet<string> outputs = [.. program.Outputs.Select(o => program.Values[o].Name)];
            HashSet<string> inputs = [.. program.Inputs.Select(i => program.Values[i].Name)];
            if (program.SegmentSchedules.IsEmpty)
            {
                return (outputs, inputs);
            }

            var segments = program.SegmentOfInstructions();
            var ofInstructions = program.Instructions.Select((i, at) => (Segment: segments[at], Reads: ReadsOf(i), Writes: WritesOf(i))).ToList();
            HashSet<string> own = [.. ofInstructions.Where(i => i.Segment == segment).SelectMany(i => i.Writes).Select(v => program.Values[v].Name)];
            outputs.RemoveWhere(o => !own.Contains(o) && !inputs.Contains(o));
            outputs.UnionWith(ofInstructions.Where(i => i.Segment > segment).SelectMany(i => i.Reads).Select(v => program.Values[v].Name).Where(own.Contains));
            inputs.UnionWith(ofInstructions.Where(i => i.Segment < segment).SelectMany(i => i.Writes).Select(v => program.Values[v].Name));
            return (outputs, inputs);
        }

        private IEnumerable<int> ReadsOf(Instruction instruction) => instruction switch
        {
            MvmInstruction mvm => [program.Layers[mvm.Layer].Input],
            DigitalInstruction digital => program.Partitions[digital.Partition].Inputs,
            LoopInstruction loop => loop.Body.SelectMany(ReadsOf).Append(loop.Scanned).Concat(loop.States.Where(s => s.Initial is not null).Select(s => s.Initial!.Value)),
            _ => throw new System.Diagnostics.UnreachableException(),
        };

        private IEnumerable<int> WritesOf(Instruction instruction) => instruction switch
        {
            MvmInstruction mvm => [program.Layers[mvm.Layer].Output],
            DigitalInstruction digital => program.Partitions[digital.Partition].Outputs,
            LoopInstruction loop => loop.Body.SelectMany(WritesOf).Append(loop.Sequence).Concat(loop.States.Where(s => s.Final is not null).Select(s => s.Final!.Value)),
            _ => throw new System.Diagnostics.UnreachableException(),
        };

        private void VerifyRowGroups()
        {
            var groups = _mapping.RowGroups.Select((g, i) => (Group: g, Index: i)).ToLookup(g => g.Group.Stage);
            Check(groups.All(g => g.Key >= 0 && g.Key < _graph.Stages.Length && _graph.Stages[g.Key].Matrix is { SharesTilesOf: null }), "a row group is of no stage that has tiles");
            for (int s = 0; s < _graph.Stages.Length; s++)
            {
                if (_graph.Stages[s].Matrix is not { } matrix)
                {
                    continue;
                }

                string name = NameOf(_graph.Stages[s]);
                var layer = program.Layers[_graph.Stages[s].Unit];
                int perCopy = layer.Blocks.Length / layer.Copies;
                int[] blocks = [.. matrix.Groups.SelectMany(g => g.Blocks).Order()];
                Check(blocks.AsSpan().SequenceEqual([.. Enumerable.Range(0, perCopy)]), $"the row groups of {name} do not hold each of its {perCopy} blocks once");
                foreach (var group in matrix.Groups)
                {
                    int first = group.Blocks.Min(b => (layer.Blocks[b].FirstGroup * layer.Columns) + layer.Blocks[b].ColumnStart);
                    Check(
                        group.FirstColumn == first && group.Columns == group.Blocks.Sum(b => layer.Blocks[b].Columns),
                        $"a row group of {name} has columns {group.FirstColumn} + {group.Columns}, its blocks begin at {first}");
                }

                if (matrix.SharesTilesOf is { } owner)
                {
                    Check(
                        matrix.Groups.Zip(_graph.Stages[owner].Matrix!.Groups).All(g => g.First.Blocks.AsSpan().SequenceEqual(g.Second.Blocks.AsSpan())),
                        $"{name} has other row groups than the stage on whose tiles it is");
                    continue;
                }

                HashSet<(int, int)> seen = [];
                foreach (var (placed, index) in groups[s])
                {
                    Check(
                        placed.Copy >= 0 && placed.Copy < layer.Copies && placed.Group >= 0 && placed.Group < matrix.Groups.Length && seen.Add((placed.Copy, placed.Group)),
                        $"row group {index} is group {placed.Group} of copy {placed.Copy} of {name}, which there is not, or a second time");
                    CheckCore(placed.Core, $"row group {index}");
                    int[] tiles = [.. matrix.Groups[placed.Group].Blocks.Select(b => (placed.Copy * perCopy) + b).Select(b => layer.Blocks[b].Copy == placed.Copy ? layer.Blocks[b].Tile : -1).Distinct()];
                    Check(!tiles.Contains(-1), $"the blocks of {name} do not stand copy by copy");
                    Check(tiles.AsSpan().SequenceEqual(placed.Tiles.AsSpan()), $"row group {index} of {name} is on other tiles than its blocks");
                    foreach (int tile in tiles)
                    {
                        int core = program.Chip.Mesh is null ? 0 : tile / program.Chip.Core.Tiles;
                        Check(core == placed.Core, $"row group {index} of {name} is on core {placed.Core}, tile {tile} on core {core}");
                    }
                }

                Check(seen.Count == layer.Copies * matrix.Groups.Length, $"{seen.Count} row groups of {name} are placed, {layer.Copies} copies of {matrix.Groups.Length} are needed");
            }
        }

        private void VerifyBuffers()
        {
            long? limit = program.Chip.Core.BufferKib is { } kib ? (long)(kib * 1024) : null;
            for (int b = 0; b < schedule.Buffers.Length; b++)
            {
                var buffer = schedule.Buffers[b];
                string name = $"buffer {b}";
                CheckCore(buffer.Core, name);
                Check(buffer.Value >= 0 && buffer.Value < _graph.Values.Length, $"{name} holds value {buffer.Value}, there are {_graph.Values.Length}");
                var value = _graph.Values[buffer.Value];
                Check(buffer.RowStride >= 1 && buffer.FirstRow >= 0 && buffer.FirstRow < Math.Min(buffer.RowStride, value.Rows), $"{name} takes rows {buffer.FirstRow}, {buffer.FirstRow} + {buffer.RowStride}, ...");
                Check(buffer is { ItemsPerRow: >= 1, Segment: >= 0 }, $"{name} takes {buffer.ItemsPerRow} items a row in segment {buffer.Segment}");
                Check(buffer.Capacity >= 1 && buffer.Capacity <= MaximumBufferedRows, $"{name} has room for {buffer.Capacity} rows of {value.Rows}");
                Check(buffer.RowBytes >= 1 && buffer.RowBytes <= value.BytesPerRow, $"{name} takes {buffer.RowBytes} bytes of rows of {value.BytesPerRow}");
                Check(buffer.Address >= 0 && buffer.Address <= MaximumCount, $"{name} begins at byte {buffer.Address}");
                Check(
                    limit is null || buffer.Address + (buffer.Capacity * buffer.RowBytes) <= limit,
                    $"{name} of {buffer.Capacity} rows of {buffer.RowBytes} bytes at {buffer.Address} is not inside the {limit} bytes of core {buffer.Core}");
            }

            long rows = schedule.Buffers.Sum(b => (long)b.Capacity);
            Check(rows <= MaximumBufferedRows, $"the buffers have room for {rows} rows, at most {MaximumBufferedRows} are taken");
            foreach (var onCore in Enumerable.Range(0, schedule.Buffers.Length).GroupBy(b => (schedule.Buffers[b].Core, schedule.Buffers[b].Segment)))
            {
                int before = -1;
                foreach (int b in onCore.OrderBy(b => schedule.Buffers[b].Address))
                {
                    long end = before < 0 ? 0 : schedule.Buffers[before].Address + (schedule.Buffers[before].Capacity * schedule.Buffers[before].RowBytes);
                    Check(end <= schedule.Buffers[b].Address, $"buffers {before} and {b} share byte {schedule.Buffers[b].Address} of core {onCore.Key.Core}");
                    before = b;
                }
            }
        }

        private string ValueName(int value) => $"stage value {Quoted.Of(_graph.Values[value].Name)}";
    }
}
