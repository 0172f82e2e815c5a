using System.Collections.Immutable;
using static AimcCompiler.Binary.ProgramVerifier;

namespace AimcCompiler.Binary;

public static partial class ScheduleVerifier
{
    private sealed partial class Verification
    {
        /// <summary>An instruction with the loop that it stands in; outside of one it runs once.</summary>
        private sealed record Line<T>(int Stream, T Instruction, long Count, ImmutableArray<StreamInstruction> Around, int At)
            where T : StreamInstruction;

        private readonly List<Line<DriveTiles>> _drives = [];
        private readonly List<Line<AddPartialSums>> _adds = [];
        private readonly List<Line<FinishVector>> _finishes = [];
        private readonly List<Line<AwaitRows>> _awaits = [];
        private readonly List<Line<SendRow>> _sendRows = [];
        private readonly List<Line<SendPartialSums>> _sendSums = [];
        private readonly List<Line<RunDigital>> _digital = [];
        private readonly List<Line<LoadRow>> _loads = [];
        private readonly List<Line<StoreRow>> _stores = [];
        private readonly List<Line<ReleaseRows>> _releases = [];

        /// <summary>Sorts the instructions by kind and checks the indices and numbers in them.</summary>
        private void Collect()
        {
            for (int s = 0; s < schedule.Streams.Length; s++)
            {
                var stream = schedule.Streams[s];
                Check(IsName(stream.Name), $"stream {s} has no name");
                string name = StreamName(s);
                CheckCore(stream.Core, name);
                Check(s == 0 || schedule.Streams[s - 1].Core <= stream.Core, $"{name} of core {stream.Core} stands behind one of core {(s == 0 ? 0 : schedule.Streams[s - 1].Core)}");
                Check(stream.Segment == 0, $"{name} is in segment {stream.Segment} of a schedule that has one");
                Check(stream.Stage >= -1 && stream.Stage < _graph.Stages.Length, $"{name} serves stage {stream.Stage}, there are {_graph.Stages.Length}");
                Check(!stream.Body.IsDefaultOrEmpty, $"{name} does nothing");
                for (int i = 0; i < stream.Body.Length; i++)
                {
                    if (stream.Body[i] is Repeat loop)
                    {
                        Check(loop.Count is >= 1 and <= MaximumCount && !loop.Body.IsDefaultOrEmpty, $"{name} repeats {loop.Count} times {(loop.Body.IsDefaultOrEmpty ? "nothing" : "something")}");
                        for (int j = 0; j < loop.Body.Length; j++)
                        {
                            Add(s, loop.Body[j], loop.Count, loop.Body, j, name);
                        }
                    }
                    else
                    {
                        Add(s, stream.Body[i], 1, stream.Body, i, name);
                    }
                }
            }
        }

        private void Add(int s, StreamInstruction instruction, long count, ImmutableArray<StreamInstruction> around, int at, string name)
        {
            switch (instruction)
            {
                case AwaitRows wait:
                    CheckBuffer(wait.Buffer, s, name);
                    var value = _graph.Values[schedule.Buffers[wait.Buffer].Value];
                    Check(wait.ItemsPerRow is >= 1, $"{name} awaits rows of {wait.ItemsPerRow} items");
                    CheckAffine(wait.Item, count, name);
                    Check(wait.Item.At(count - 1) / wait.ItemsPerRow < MaximumRows, $"{name} awaits rows of {Quoted.Of(value.Name)} beyond {MaximumRows}");
                    Check(
                        wait.Window is { Divisor: >= 1, Factor: >= 0 and <= MaximumRows, Offset: >= -MaximumRows and <= MaximumRows, Reach: >= 1 and <= MaximumRows },
                        $"{name} awaits {Quoted.Of(value.Name)} through a window that goes back or is empty");
                    _awaits.Add(new(s, wait, count, around, at));
                    break;
                case ReleaseRows release:
                    CheckBuffer(release.Buffer, s, name);
                    _releases.Add(new(s, release, count, around, at));
                    break;
                case DriveTiles drive:
                    CheckRowGroup(drive.RowGroup, s, name);
                    CheckAffine(drive.Ordinal, count, name);
                    _drives.Add(new(s, drive, count, around, at));
                    break;
                case AddPartialSums add:
                    Check(!add.RowGroups.IsDefaultOrEmpty && !add.Others.IsDefault, $"{name} adds nothing");
                    foreach (int g in add.RowGroups)
                    {
                        CheckRowGroup(g, s, name);
                    }

                    foreach (int c in add.First < 0 ? add.Others : add.Others.Insert(0, add.First))
                    {
                        CheckChannel(c, ChannelKind.PartialSums, -1, name);
                        Check(schedule.Channels[c].Receivers[0].Core == schedule.Streams[s].Core, $"{name} takes partial sums of channel {c}, which go to core {schedule.Channels[c].Receivers[0].Core}");
                    }

                    CheckAffine(add.Ordinal, count, name);
                    _adds.Add(new(s, add, count, around, at));
                    break;
                case SendPartialSums send:
                    CheckChannel(send.Channel, ChannelKind.PartialSums, schedule.Streams[s].Core, name);
                    CheckAffine(send.Ordinal, count, name);
                    _sendSums.Add(new(s, send, count, around, at));
                    break;
                case FinishVector finish:
                    Check(finish.Stage == schedule.Streams[s].Stage && finish.Stage >= 0 && _graph.Stages[finish.Stage].Matrix is not null, $"{name} finishes vectors of stage {finish.Stage}");
                    Check(!finish.Channels.IsDefaultOrEmpty, $"{name} finishes vectors for nobody");
                    foreach (int c in finish.Channels)
                    {
                        CheckChannel(c, ChannelKind.Results, schedule.Streams[s].Core, name);
                    }

                    CheckAffine(finish.Ordinal, count, name);
                    _finishes.Add(new(s, finish, count, around, at));
                    break;
                case RunDigital run:
                    Check(run.Stage == schedule.Streams[s].Stage && run.Stage >= 0 && _graph.Stages[run.Stage].Matrix is null, $"{name} does the digital work of stage {run.Stage}");
                    CheckAffine(run.Row, count, name);
                    _digital.Add(new(s, run, count, around, at));
                    break;
                case SendRow send:
                    CheckChannel(send.Channel, ChannelKind.Rows, schedule.Streams[s].Core, name);
                    CheckAffine(send.Row, count, name);
                    _sendRows.Add(new(s, send, count, around, at));
                    break;
                case LoadRow load:
                    CheckValue(load.Value, name);
                    CheckAffine(load.Row, count, name);
                    _loads.Add(new(s, load, count, around, at));
                    break;
                case StoreRow store:
                    CheckValue(store.Value, name);
                    CheckAffine(store.Row, count, name);
                    _stores.Add(new(s, store, count, around, at));
                    break;
                default:
                    Check(false, $"{name} has a loop in a loop");
                    break;
            }
        }

        private void CheckValue(int value, string name) => Check(value >= 0 && value < _graph.Values.Length, $"{name} moves value {value}, there are {_graph.Values.Length}");

        private void CheckBuffer(int buffer, int s, string name) =>
            Check(
                buffer >= 0 && buffer < schedule.Buffers.Length && schedule.Buffers[buffer].Core == schedule.Streams[s].Core, $"{name} reads buffer {buffer}, which is not on its core {schedule.Streams[s].Core}");

        private void CheckRowGroup(int group, int s, string name)
        {
            Check(group >= 0 && group < _mapping.RowGroups.Length && _mapping.RowGroups[group].Core == schedule.Streams[s].Core, $"{name} uses row group {group}, which is not on its core {schedule.Streams[s].Core}");
            int stage = schedule.Streams[s].Stage;
            Check(
                stage >= 0 && _graph.Stages[stage].Matrix is { } matrix && (matrix.SharesTilesOf ?? stage) == _mapping.RowGroups[group].Stage, $"{name} uses row group {group}, which is of stage {_mapping.RowGroups[group].Stage}");
        }

        private void CheckChannel(int channel, ChannelKind kind, int from, string name) =>
            Check(
                channel >= 0 && channel < schedule.Channels.Length && schedule.Channels[channel].Kind == kind && (from < 0 || schedule.Channels[channel].From == from),
                $"{name} uses channel {channel}, which carries no {kind} from its core");

        private static void CheckAffine(Affine index, long count, string name) =>
            Check(
                index is { Start: >= 0 and <= MaximumCount, Stride: >= 0 } && index.Stride <= MaximumCount / count, $"{name} counts from {index.Start} by {index.Stride}");

        private static bool IsTheSame(Affine one, Affine other, long count) => one.Start == other.Start && (one.Stride == other.Stride || count == 1);

        private string StreamName(int stream) => $"stream {stream} {Quoted.Of(schedule.Streams[stream].Name)}";
    }
}
