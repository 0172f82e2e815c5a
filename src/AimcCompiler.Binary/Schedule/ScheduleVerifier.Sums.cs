using static AimcCompiler.Binary.ProgramVerifier;

namespace AimcCompiler.Binary;

public static partial class ScheduleVerifier
{
    private sealed partial class Verification
    {
        private void VerifyDrives()
        {
            Dictionary<(int Stage, int Group), Line<DriveTiles>> drives = [];
            foreach (var drive in _drives)
            {
                int g = drive.Instruction.RowGroup;
                int stage = schedule.Streams[drive.Stream].Stage;
                Check(drives.TryAdd((stage, g), drive), $"{StreamName(drive.Stream)} drives row group {g}, as another stream does");
                CheckAllVectors(stage, _mapping.RowGroups[g].Copy, drive.Instruction.Ordinal, drive.Count, $"{StreamName(drive.Stream)} drives row group {g}");
            }

            Dictionary<AddPartialSums, Line<AddPartialSums>> lines = new(ReferenceEqualityComparer.Instance);
            foreach (var add in _adds)
            {
                Check(lines.TryAdd(add.Instruction, add), $"{StreamName(add.Stream)} adds as another stream does");
            }

            Dictionary<int, Line<AddPartialSums>> byChannel = [];
            foreach (var send in _sendSums)
            {
                Check(
                    send.At > 0 && send.Around[send.At - 1] is AddPartialSums, $"{StreamName(send.Stream)} sends partial sums that it has not added");
                var add = lines[(AddPartialSums)send.Around[send.At - 1]];
                Check(IsTheSame(add.Instruction.Ordinal, send.Instruction.Ordinal, send.Count), $"{StreamName(send.Stream)} sends other partial sums than it adds");
                Check(byChannel.TryAdd(send.Instruction.Channel, add), $"channel {send.Instruction.Channel} has two senders");
            }

            HashSet<(int Stage, int Group)> added = [];
            HashSet<int> taken = [];
            HashSet<AddPartialSums> reached = new(ReferenceEqualityComparer.Instance);
            foreach (var finish in _finishes)
            {
                string name = StreamName(finish.Stream);
                Check(finish.At > 0 && finish.Around[finish.At - 1] is AddPartialSums, $"{name} finishes vectors that it has not added");
                var root = lines[(AddPartialSums)finish.Around[finish.At - 1]];
                Check(IsTheSame(root.Instruction.Ordinal, finish.Instruction.Ordinal, finish.Count), $"{name} finishes other vectors than it adds");
                List<int> order = [];
                Gather(finish, root, byChannel, taken, reached, added, order);
                VerifyOrder(finish.Instruction.Stage, finish.Instruction.Copy, order, name);
            }

            foreach (var add in _adds)
            {
                Check(reached.Contains(add.Instruction), $"{StreamName(add.Stream)} adds partial sums that nobody finishes");
            }

            foreach (int c in Enumerable.Range(0, schedule.Channels.Length).Where(c => schedule.Channels[c].Kind == ChannelKind.PartialSums))
            {
                Check(taken.Contains(c) && byChannel.ContainsKey(c), $"channel {c} has no {(taken.Contains(c) ? "sender" : "taker")}");
            }

            for (int g = 0; g < _mapping.RowGroups.Length; g++)
            {
                var placed = _mapping.RowGroups[g];
                for (int s = placed.Stage; s < _graph.Stages.Length; s++)
                {
                    if (_graph.Stages[s].Matrix is { } matrix && (matrix.SharesTilesOf ?? s) == placed.Stage && VectorsOf(s, placed.Copy).Count > 0)
                    {
                        Check(drives.ContainsKey((s, g)), $"row group {g} of {NameOf(_graph.Stages[s])} is never driven");
                        Check(added.Contains((s, g)), $"the sums of row group {g} of {NameOf(_graph.Stages[s])} are never added");
                    }
                }
            }
        }

        /// <summary>The row groups below an addition in the order in which they add; without recursion, for a chain may be long.</summary>
        private void Gather(
            Line<FinishVector> finish, Line<AddPartialSums> root, Dictionary<int, Line<AddPartialSums>> byChannel, HashSet<int> taken, HashSet<AddPartialSums> reached, HashSet<(int, int)> added, List<int> order)
        {
            Stack<(Line<AddPartialSums>? Add, int Group)> open = new([(root, -1)]);
            while (open.TryPop(out var next))
            {
                if (next.Add is not { } add)
                {
                    order.Add(next.Group);
                    continue;
                }

                string name = StreamName(add.Stream);
                Check(reached.Add(add.Instruction), $"{name} adds for two");
                int stage = finish.Instruction.Stage;
                Check(schedule.Streams[add.Stream].Stage == stage, $"{name} adds for {NameOf(_graph.Stages[stage])}");
                CheckAllVectors(stage, finish.Instruction.Copy, add.Instruction.Ordinal, add.Count, $"{name} adds");
                List<(Line<AddPartialSums>?, int)> parts = [];
                if (add.Instruction.First >= 0)
                {
                    parts.Add((Sender(add.Instruction.First), -1));
                }

                foreach (int g in add.Instruction.RowGroups)
                {
                    Check(_mapping.RowGroups[g].Copy == finish.Instruction.Copy, $"{name} adds row group {g} of copy {_mapping.RowGroups[g].Copy}");
                    Check(added.Add((stage, g)), $"{name} adds row group {g} a second time");
                    parts.Add((null, g));
                }

                foreach (int channel in add.Instruction.Others)
                {
                    parts.Add((Sender(channel), -1));
                }

                for (int i = parts.Count - 1; i >= 0; i--)
                {
                    open.Push(parts[i]);
                }

                Line<AddPartialSums> Sender(int channel)
                {
                    Check(taken.Add(channel), $"{name} takes channel {channel}, as another stream does");
                    Check(byChannel.ContainsKey(channel), $"{name} takes channel {channel}, to which nobody sends");
                    return byChannel[channel];
                }
            }
        }

        private void VerifyOrder(int stage, int copy, List<int> order, string name)
        {
            var matrix = _graph.Stages[stage].Matrix!;
            if (matrix.AddsExactly)
            {
                return;
            }

            var layer = program.Layers[_graph.Stages[stage].Unit];
            Dictionary<(int, int), int> last = [];
            foreach (int block in order.SelectMany(g => matrix.Groups[_mapping.RowGroups[g].Group].Blocks))
            {
                var columns = (layer.Blocks[block].FirstGroup, layer.Blocks[block].ColumnStart);
                Check(last.GetValueOrDefault(columns, -1) < block, $"{name} adds block {block} of copy {copy} behind block {last.GetValueOrDefault(columns)}: the order matters");
                last[columns] = block;
            }
        }

        private void CheckAllVectors(int stage, int copy, Affine ordinal, long count, string what)
        {
            Check(copy >= 0 && copy < CopiesOf(stage), $"{what} for copy {copy} of {CopiesOf(stage)}");
            var (first, all) = VectorsOf(stage, copy);
            Check(
                count == all && IsTheSame(ordinal, new Affine(first, CopiesOf(stage)), count),
                $"{what} with {count} vectors {ordinal.Start} + i {ordinal.Stride}, copy {copy} has {all}: {first} + i {CopiesOf(stage)}");
        }

        private int CopiesOf(int stage) => _mapping.Replication.Copies[_graph.Stages[stage].Matrix!.SharesTilesOf ?? stage];

        private (long First, long Count) VectorsOf(int stage, int copy)
        {
            var matrix = _graph.Stages[stage].Matrix!;
            int copies = CopiesOf(stage);
            long first = (((copy - matrix.FirstOrdinal) % copies) + copies) % copies;
            return (first, first >= matrix.Vectors ? 0 : (matrix.Vectors - first + copies - 1) / copies);
        }
    }
}
