namespace AimcCompiler.Runtime;

/// <summary>Messages on links.</summary>
internal sealed partial class Simulation
{
    /// <summary>Sends a message; the sender goes on when its tail has left.</summary>
    private void Transmit(int stream, ref StreamState state, int index, int row)
    {
        Unpark(stream, ref state);
        ref readonly var channel = ref _messages[index];
        int message = _messages.Send(index, stream, row, state.Inference, _now);
        long left = _now;
        if (channel.Port >= 0)
        {
            left = BookFirst(stream, ref state, StallCause.Buffer, channel.Port, _now, channel.CopyTime) + channel.CopyTime;
        }

        long sent = left;
        for (int hop = _messages.FirstHop(index, state.Inference); hop >= 0; hop = _messages.Hop(hop).Next)
        {
            left = Math.Max(left, Hop(message, hop, sent));
        }

        Land(message, channel.FirstLocal, sent);

        state.Resume = left;
    }

    /// <summary>Takes the link of a hop from the moment the head of the message is there; when the tail has left. Links behind it are taken with it where the message did not wait, else when its head
    /// is there: a message that waits does not keep others from links that it has not reached.</summary>
    private long Hop(int message, int index, long head)
    {
        ref readonly var hop = ref _messages.Hop(index);
        long start = head;
        if (hop.Before >= 0)
        {
            start = Take(message, hop.Before, start, hop.Duration, hop.IsFirst);
        }

        if (hop.Resource >= 0)
        {
            start = Take(message, hop.Resource, start, hop.Duration, hop.IsFirst);
        }

        long end = hop.Resource >= 0 ? start + hop.Duration : head;
        Land(message, hop.FirstLanding, end + hop.Delay);
        if (hop.FirstChild >= 0)
        {
            if (start == head)
            {
                PassOn(message, index, start + hop.Delay);
            }
            else
            {
                _events.Add(start + hop.Delay, new TimedEvent(EventKind.Hop, message, index));
            }
        }

        return end;
    }

    private long Take(int index, int resource, long from, long duration, bool holdsSender)
    {
        ref var message = ref _messages.Message(index);
        long start = Book(message.Sender, resource, from, duration, message.Inference);
        if (holdsSender)
        {
            _log?.Waited(message.Sender, StallCause.Link, resource, from, start);
            _log?.Worked(message.Sender, StallCause.Link, resource, start, start + duration);
        }

        if (start - from >= message.LongestWait)
        {
            (message.Slowest, message.LongestWait) = (resource, start - from);
        }

        return start;
    }

    /// <summary>The head of a message is at the links behind a hop.</summary>
    private void PassOn(int message, int hop, long head)
    {
        for (int child = _messages.Hop(hop).FirstChild; child >= 0; child = _messages.Hop(child).Next)
        {
            Hop(message, child, head);
        }
    }

    /// <summary>The tail of a message is at the receivers of a hop.</summary>
    private void Land(int message, int first, long time)
    {
        for (int landing = first; landing >= 0; landing = _messages.LandingOf(landing).Next)
        {
            ArriveAt(message, _messages.LandingOf(landing).Receiver, time);
        }
    }

    private void ArriveAt(int message, int receiver, long time)
    {
        int port = _messages.Receiver(receiver).Port;
        if (port >= 0)
        {
            ref var state = ref _messages.Message(message);
            long duration = _messages[state.Channel].CopyTime;
            long start = Times.Book(port, time, duration);
            time = start + duration;
            _trace?.Busy(port, -1, state.Inference, start, time);
        }

        if (time > _now)
        {
            _events.Add(time, new TimedEvent(EventKind.Arrival, message, receiver));
        }
        else
        {
            Arrive(message, receiver);
        }
    }

    private void Arrive(int index, int receiver)
    {
        ref var at = ref _messages.Receiver(receiver);
        ref var message = ref _messages.Message(index);
        if (_messages[message.Channel].Turns is null)
        {
            Count(index, at.Buffer);
            return;
        }

        if (message.Number != at.Next)
        {
            (at.Early ??= []).Add(index);
            return;
        }

        // It counts, and those that it kept waiting.
        for (int next = index; next >= 0; next = _messages.TakeEarly(receiver))
        {
            at.Next++;
            Count(next, at.Buffer);
        }
    }

    private void Count(int index, int target)
    {
        ref var message = ref _messages.Message(index);
        if (target >= 0)
        {
            Deliver(in message, target);
        }
        else
        {
            ref var channel = ref _messages[message.Channel];
            channel.Arrived++;
            if (channel.TakerWaits)
            {
                channel.TakerWaits = false;
                Wake(channel.Taker, in message);
            }
        }

        if (--message.Receivers == 0)
        {
            _messages.Drop(index);
        }
    }
}
