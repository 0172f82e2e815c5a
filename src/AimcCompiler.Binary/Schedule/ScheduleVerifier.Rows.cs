using System.Collections.Immutable;
using AimcCompiler.Core;
using static AimcCompiler.Binary.ProgramVerifier;

namespace AimcCompiler.Binary;

public static partial class ScheduleVerifier
{
    private sealed partial class Verification
    {
        private void VerifyResults()
        {
            HashSet<(int, int)> finished = [];
            HashSet<int> senders = [];
            // What comes into a buffer: first row and stride of each sender.
            List<(int First, int Stride)>[] arrivals = [.. schedule.Buffers.Select(_ => new List<(int, int)>())];
            foreach (var finish in _finishes)
            {
                var (stage, copy) = (finish.Instruction.Stage, finish.Instruction.Copy);
                string name = StreamName(finish.Stream);
                Check(finished.Add((stage, copy)), $"{name} finishes copy {copy} of {NameOf(_graph.Stages[stage])}, as another stream does");
                int value = _graph.Stages[stage].Output;
                int homes = _mapping.Homes[value].Length;
                Check(finish.Instruction.Channels.Length == homes, $"{name} sends to {finish.Instruction.Channels.Length} homes, {ValueName(value)} has {homes}");
                for (int home = 0; home < homes; home++)
                {
                    int c = finish.Instruction.Channels[home];
                    Check(senders.Add(c), $"channel {c} has two senders");
                    Check(schedule.Channels[c].Receivers.Length == 1, $"channel {c} of results has {schedule.Channels[c].Receivers.Length} receivers");
                    var buffer = schedule.Buffers[schedule.Channels[c].Receivers[0].Buffer];
                    Check(
                        buffer.Value == value && buffer.Core == _mapping.Homes[value][home] && buffer.FirstRow == home && buffer.RowStride == homes
                            && buffer.ItemsPerRow == _graph.Stages[stage].Matrix!.VectorsPerRow,
                        $"{name} sends to buffer {schedule.Channels[c].Receivers[0].Buffer}, which does not assemble rows of home {home} of {ValueName(value)}");
                    if (!arrivals[schedule.Channels[c].Receivers[0].Buffer].Contains((home, homes)))
                    {
                        arrivals[schedule.Channels[c].Receivers[0].Buffer].Add((home, homes));
                    }
                }
            }

            for (int s = 0; s < _graph.Stages.Length; s++)
            {
                for (int copy = 0; _graph.Stages[s].Matrix is not null && copy < CopiesOf(s); copy++)
                {
                    Check(VectorsOf(s, copy).Count == 0 || finished.Contains((s, copy)), $"copy {copy} of {NameOf(_graph.Stages[s])} is never finished");
                }
            }

            foreach (var send in _sendRows)
            {
                string name = StreamName(send.Stream);
                int c = send.Instruction.Channel;
                Check(senders.Add(c), $"channel {c} has two senders");
                int value = SentValue(send, name);
                int homes = _mapping.Homes[value].Length;
                int home = (int)Math.Min(send.Instruction.Row.Start, homes);
                Check(
                    home < homes && schedule.Streams[send.Stream].Core == _mapping.Homes[value][home] && send.Count == RowsAt(value, home) && IsTheSame(send.Instruction.Row, new Affine(home, homes), send.Count),
                    $"{name} sends {send.Count} rows {send.Instruction.Row.Start} + i {send.Instruction.Row.Stride} of {ValueName(value)}, which are not those of a home on its core");
                foreach (var receiver in schedule.Channels[c].Receivers)
                {
                    Check(
                        schedule.Buffers[receiver.Buffer].Value == value && schedule.Buffers[receiver.Buffer].ItemsPerRow == 1, $"{name} sends rows of {ValueName(value)} to buffer {receiver.Buffer}, which takes others");
                    arrivals[receiver.Buffer].Add((home, homes));
                }
            }

            for (int c = 0; c < schedule.Channels.Length; c++)
            {
                Check(schedule.Channels[c].Kind == ChannelKind.PartialSums || senders.Contains(c), $"channel {c} has no sender");
            }

            for (int b = 0; b < schedule.Buffers.Length; b++)
            {
                var buffer = schedule.Buffers[b];
                int homes = _mapping.Homes[buffer.Value].Length;
                int[] expected = buffer.RowStride == 1 ? [.. Enumerable.Range(0, homes)] : [buffer.FirstRow];
                Check(buffer.RowStride == 1 || buffer.RowStride == homes, $"buffer {b} takes every row {buffer.RowStride} of {ValueName(buffer.Value)}, which has {homes} homes");
                Check(
                    arrivals[b].Order().SequenceEqual(expected.Select(e => (e, homes))), $"to buffer {b} come rows of homes {string.Join(", ", arrivals[b].Select(a => a.First))} of {ValueName(buffer.Value)}, those of {string.Join(", ", expected)} are needed, each once");
            }
        }

        /// <summary>The value whose row a stream has at the moment: what it made, loaded, or awaited in the buffer where results become rows.</summary>
        private int SentValue(Line<SendRow> send, string name)
        {
            for (int i = send.At - 1; i >= 0; i--)
            {
                switch (send.Around[i])
                {
                    case RunDigital run when IsTheSame(run.Row, send.Instruction.Row, send.Count):
                        return _graph.Stages[run.Stage].Output;
                    case LoadRow load when IsTheSame(load.Row, send.Instruction.Row, send.Count):
                        return load.Value;
                    case AwaitRows wait when wait is { Window: var window, ItemsPerRow: 1 } && window == RowWindow.SameRow && IsTheSame(wait.Item, send.Instruction.Row, send.Count):
                        return schedule.Buffers[wait.Buffer].Value;
                }
            }

            throw new InvalidIrException($"{name} sends a row that it does not have");
        }

        private void VerifyWindows()
        {
            var awaitsOf = _awaits.ToLookup(a => a.Stream);
            var releasesOf = _releases.ToLookup(r => r.Stream);
            HashSet<int> read = [];
            foreach (var wait in _awaits)
            {
                string name = StreamName(wait.Stream);
                var buffer = schedule.Buffers[wait.Instruction.Buffer];
                read.Add(wait.Instruction.Buffer);
                Check(
                    buffer.RowStride == 1 || (wait.Instruction.Window == RowWindow.SameRow && IsTheSame(wait.Instruction.Item, new Affine(buffer.FirstRow, buffer.RowStride), wait.Count)),
                    $"{name} awaits rows in buffer {wait.Instruction.Buffer} that do not come there");
                Check(
                    releasesOf[wait.Stream].Any(r => r.Instruction.Buffer == wait.Instruction.Buffer && IsBehind(r, wait)), $"{name} does not release buffer {wait.Instruction.Buffer} at its end");
                Check(
                    awaitsOf[wait.Stream].Count(w => w.Instruction.Buffer == wait.Instruction.Buffer) == 1 || awaitsOf[wait.Stream].Where(w => w.Instruction.Buffer == wait.Instruction.Buffer).All(w => ReferenceEquals(w, wait) || w.Around == wait.Around),
                    $"{name} awaits rows of buffer {wait.Instruction.Buffer} in two loops");
            }

            for (int b = 0; b < schedule.Buffers.Length; b++)
            {
                Check(read.Contains(b), $"nobody reads buffer {b}");
            }

            foreach (var drive in _drives)
            {
                int stage = schedule.Streams[drive.Stream].Stage;
                CheckAwaits(stage, drive.Around, drive.At, drive.Instruction.Ordinal, drive.Count, _graph.Stages[stage].Matrix!.VectorsPerRow, StreamName(drive.Stream));
            }

            HashSet<(int Stage, long Home)> made = [];
            foreach (var run in _digital)
            {
                string name = StreamName(run.Stream);
                int value = _graph.Stages[run.Instruction.Stage].Output;
                int homes = _mapping.Homes[value].Length;
                long home = run.Instruction.Row.Start;
                Check(
                    home < homes && schedule.Streams[run.Stream].Core == _mapping.Homes[value][(int)home] && run.Count == RowsAt(value, (int)home) && IsTheSame(run.Instruction.Row, new Affine(home, homes), run.Count)
                        && made.Add((run.Instruction.Stage, home)),
                    $"{name} makes {run.Count} rows {home} + i {run.Instruction.Row.Stride} of {ValueName(value)}, which are not those of a home on its core, or a second time");
                CheckAwaits(run.Instruction.Stage, run.Around, run.At, run.Instruction.Row, run.Count, 1, name);
            }

            for (int s = 0; s < _graph.Stages.Length; s++)
            {
                if (_graph.Stages[s].Matrix is null)
                {
                    for (int home = 0; home < _mapping.Homes[_graph.Stages[s].Output].Length; home++)
                    {
                        Check(made.Contains((s, home)), $"no stream makes the rows of home {home} of {ValueName(_graph.Stages[s].Output)}");
                    }
                }
            }

            VerifyOutside();
        }

        /// <summary>Rows of inputs are loaded, and those of outputs are stored, each once.</summary>
        private void VerifyOutside()
        {
            long[] loaded = new long[_graph.Values.Length];
            long[] stored = new long[_graph.Values.Length];
            foreach (var load in _loads)
            {
                Check(_graph.Values[load.Instruction.Value].Producer < 0, $"{StreamName(load.Stream)} loads {ValueName(load.Instruction.Value)}, which the chip makes");
                Check(load.Instruction.Row.At(load.Count - 1) < _graph.Values[load.Instruction.Value].Rows, $"{StreamName(load.Stream)} loads rows that {ValueName(load.Instruction.Value)} does not have");
                loaded[load.Instruction.Value] += load.Count;
            }

            foreach (var store in _stores)
            {
                string name = StreamName(store.Stream);
                Check(_graph.Values[store.Instruction.Value].IsOutput, $"{name} stores {ValueName(store.Instruction.Value)}, which is no output");
                Check(
                    store.At > 0 && store.Around[store.At - 1] is AwaitRows { ItemsPerRow: 1 } wait && wait.Window == RowWindow.SameRow && schedule.Buffers[wait.Buffer].Value == store.Instruction.Value
                        && IsTheSame(wait.Item, store.Instruction.Row, store.Count),
                    $"{name} stores rows of {ValueName(store.Instruction.Value)} that it has not awaited");
                Check(store.Instruction.Row is { Start: 0, Stride: 1 } || store.Count == 1, $"{name} stores rows {store.Instruction.Row.Start} + i {store.Instruction.Row.Stride}");
                stored[store.Instruction.Value] += store.Count;
            }

            for (int v = 0; v < _graph.Values.Length; v++)
            {
                long rows = _graph.Values[v].Rows;
                Check(loaded[v] == (_graph.Values[v].Producer < 0 ? rows : 0), $"{loaded[v]} rows of {ValueName(v)} are loaded, it has {rows}");
                Check(stored[v] == (_graph.Values[v].IsOutput ? rows : 0), $"{stored[v]} rows of {ValueName(v)} are stored, it has {rows}");
            }
        }

        private void CheckAwaits(int stage, ImmutableArray<StreamInstruction> around, int at, Affine item, long count, int itemsPerRow, string name)
        {
            foreach (var input in _graph.Stages[stage].Inputs)
            {
                bool isAwaited = false;
                for (int i = 0; i < at && !isAwaited; i++)
                {
                    isAwaited = around[i] is AwaitRows wait && schedule.Buffers[wait.Buffer].Value == input.Value && wait.Window == input.Window
                        && wait.ItemsPerRow == itemsPerRow && IsTheSame(wait.Item, item, count);
                }

                Check(isAwaited, $"{name} does not await the rows of {ValueName(input.Value)} that {NameOf(_graph.Stages[stage])} reads");
            }
        }

        private bool IsBehind(Line<ReleaseRows> release, Line<AwaitRows> wait)
        {
            var body = schedule.Streams[release.Stream].Body;
            if (release.Around != body)
            {
                return false;
            }

            for (int i = 0; i < release.At; i++)
            {
                if ((body[i] is Repeat loop && loop.Body == wait.Around) || (body == wait.Around && i == wait.At))
                {
                    return true;
                }
            }

            return false;
        }

        private long RowsAt(int value, int home) => (_graph.Values[value].Rows - home + _mapping.Homes[value].Length - 1) / _mapping.Homes[value].Length;
    }
}
