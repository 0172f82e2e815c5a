namespace AimcCompiler.Runtime;

/// <summary>Rows and room in buffers.</summary>
internal sealed partial class Simulation
{
    private bool Await(int stream, ref StreamState state, in TimedStep step)
    {
        ref var buffer = ref _rows[step.Subject];
        long item = step.Item.At(state.Round);
        int row = (int)(step.ItemsPerRow == 1 ? item : item / step.ItemsPerRow);
        long before = (long)state.Inference * buffer.Rows.Count;
        // What is behind the window is free before the rest is waited for: its room may be what the rest needs.
        Release(step.Subject, step.Reader, before + buffer.Rows.UpTo(step.Window.First(row, step.Rows) - 1), stream);
        long needed = before + buffer.Rows.UpTo(step.Window.Last(row, step.Rows));
        if (buffer.Complete >= needed)
        {
            return true;
        }

        state.Needed = needed;
        Park(ref state, WaitKind.Rows, step.Subject);
        _lines.Add(ref buffer.WaitForRows, stream);
        return false;
    }

    private void Release(int index, int reader, long count, int stream)
    {
        if (!_rows.Release(index, reader, count))
        {
            return;
        }

        ref var buffer = ref _rows[index];
        for (int waiting = buffer.WaitForRoom.First, before = -1; waiting >= 0;)
        {
            int next = _lines.After(waiting);
            if (buffer.HasRoom(_streams[waiting].Needed))
            {
                _lines.Remove(ref buffer.WaitForRoom, before, waiting);
                Wake(waiting, stream);
            }
            else
            {
                before = waiting;
            }

            waiting = next;
        }
    }

    /// <summary>A row or a result, when all receivers have room.</summary>
    private bool Send(int stream, ref StreamState state, int index, int row)
    {
        ref var channel = ref _messages[index];
        for (int r = channel.FirstReceiver; r < channel.FirstReceiver + channel.Receivers; r++)
        {
            int target = _messages.Receiver(r).Buffer;
            if (target < 0)
            {
                continue;
            }

            ref var buffer = ref _rows[target];
            if (buffer.Rows.Has(row) && buffer.IndexOf(row, state.Inference) is var place && !buffer.HasRoom(place))
            {
                state.Needed = place;
                Park(ref state, WaitKind.Room, target, StallCause.Room);
                _lines.Add(ref buffer.WaitForRoom, stream);
                return false;
            }
        }

        Transmit(stream, ref state, index, row);
        return true;
    }

    /// <summary>An item is in a buffer.</summary>
    private void Deliver(in MessageTable.MessageState message, int target)
    {
        ref var buffer = ref _rows[target];
        if (!buffer.Rows.Has(message.Row) || !buffer.Arrive(buffer.IndexOf(message.Row, message.Inference)))
        {
            return;
        }

        for (int waiting = buffer.WaitForRows.First, before = -1; waiting >= 0;)
        {
            int next = _lines.After(waiting);
            if (buffer.Complete >= _streams[waiting].Needed)
            {
                _lines.Remove(ref buffer.WaitForRows, before, waiting);
                Wake(waiting, in message);
            }
            else
            {
                before = waiting;
            }

            waiting = next;
        }
    }
}
