using AimcCompiler.Binary;

namespace AimcCompiler.Runtime;

/// <summary>The rows in every buffer, and who waits for rows or for room. Rows are counted over all inferences.</summary>
internal sealed class RowTable
{
    private readonly BufferState[] _buffers;

    /// <summary>Rows that each reader has released, reader after reader of each buffer.</summary>
    private readonly long[] _released;

    /// <param name="schedule">The schedule.</param>
    /// <param name="readers">Streams that read each buffer.</param>
    /// <param name="isBounded">Buffers have an end.</param>
    public RowTable(ProgramSchedule schedule, List<int>[] readers, bool isBounded)
    {
        _buffers = new BufferState[schedule.Buffers.Length];
        int first = 0;
        for (int b = 0; b < _buffers.Length; b++)
        {
            var buffer = schedule.Buffers[b];
            var rows = BufferRows.Of(buffer, schedule.Stages);
            _buffers[b] = new BufferState
            {
                Rows = rows,
                ItemsPerRow = buffer.ItemsPerRow,
                Capacity = isBounded ? buffer.Capacity : long.MaxValue / 2,
                Items = new int[16],
                FirstReader = first,
                Readers = readers[b].Count,
            };
            first += readers[b].Count;
        }

        _released = new long[first];
    }

    public ref BufferState this[int buffer] => ref _buffers[buffer];

    /// <summary>A reader is past so many rows; true = a row is freed.</summary>
    /// <param name="index">Buffer.</param>
    /// <param name="reader">Which of its readers.</param>
    /// <param name="count">Rows.</param>
    public bool Release(int index, int reader, long count)
    {
        ref var buffer = ref _buffers[index];
        ref long own = ref _released[buffer.FirstReader + reader];
        if (own >= count)
        {
            return false;
        }

        bool wasLeast = own == buffer.Released;
        own = count;
        if (!wasLeast)
        {
            return false;
        }

        long least = count;
        foreach (long released in _released.AsSpan(buffer.FirstReader, buffer.Readers))
        {
            least = Math.Min(least, released);
        }

        if (least == buffer.Released)
        {
            return false;
        }

        buffer.Released = least;
        return true;
    }

    /// <summary>What of the past matters for the future.</summary>
    public void Digest(StateDigest digest, WaitingLines lines, int ended)
    {
        foreach (ref var buffer in _buffers.AsSpan())
        {
            long before = (long)ended * buffer.Rows.Count;
            digest.Add(buffer.Complete - before);
            foreach (long released in _released.AsSpan(buffer.FirstReader, buffer.Readers))
            {
                digest.Add(released - before);
            }

            for (long row = buffer.Complete; row < buffer.Touched; row++)
            {
                digest.Add(buffer.ItemsOf(row));
            }

            lines.Digest(digest, buffer.WaitForRows);
            lines.Digest(digest, buffer.WaitForRoom);
        }
    }

    internal struct BufferState
    {
        public BufferRows Rows;
        public int ItemsPerRow;
        public long Capacity;
        public int FirstReader;
        public int Readers;

        /// <summary>Items that have come of each row from the first that is not complete, a ring.</summary>
        public int[] Items;

        /// <summary>Rows that are there, or were.</summary>
        public long Complete;

        /// <summary>Rows up to the last of which an item has come.</summary>
        public long Touched;

        /// <summary>Rows that every reader has released.</summary>
        public long Released;
        public WaitingLine WaitForRows;
        public WaitingLine WaitForRoom;

        /// <summary>Number of a row among those of all inferences that come here.</summary>
        public readonly long IndexOf(int row, int inference) => ((long)inference * Rows.Count) + Rows.UpTo(row) - 1;

        public readonly bool HasRoom(long index) => index < Released + Capacity;

        public readonly int ItemsOf(long index) => Items[index & (Items.Length - 1)];

        /// <summary>An item of a row is there; true = a row more can be read.</summary>
        public bool Arrive(long index)
        {
            if (ItemsPerRow == 1 && index == Complete && Touched == Complete)
            {
                Touched = ++Complete;
                return true;
            }

            while (index - Complete >= Items.Length)
            {
                int[] larger = new int[2 * Items.Length];
                for (long i = Complete; i < Complete + Items.Length; i++)
                {
                    larger[i & (larger.Length - 1)] = ItemsOf(i);
                }

                Items = larger;
            }

            Items[index & (Items.Length - 1)]++;
            Touched = Math.Max(Touched, index + 1);
            long before = Complete;
            while (ItemsOf(Complete) >= ItemsPerRow)
            {
                Items[Complete++ & (Items.Length - 1)] = 0;
            }

            return Complete > before;
        }
    }
}
