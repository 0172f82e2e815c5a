using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AimcCompiler.Kernels;

/// <summary>The pulses of many vectors as <see cref="LevelMvm"/> takes them: a plane is one pulse of as many vectors as a register has bytes, an index for each group of rows.</summary>
public sealed class PulsePlanes
{
    /// <summary>Rows that are turned together, from vectors in memory to vectors in lanes.</summary>
    private const int TurnedRows = 64;

    /// <summary>Pulses whose fields fit a word of 16 bits.</summary>
    private readonly int _pulsesOfWord;

    private readonly int _leastCode;

    /// <summary>By word and code: the fields of its pulses.</summary>
    private readonly ushort[][] _words;
    private readonly ushort[] _turned = new ushort[TurnedRows * 64];
    private byte[] _indices = [];

    /// <param name="leastCode">Codes are at least this,</param>
    /// <param name="greatestCode">and at most this.</param>
    /// <param name="pulses">How many pulses a code has.</param>
    /// <param name="fields">What a pulse can be.</param>
    /// <param name="pulse">(code, number of the pulse) to pulse.</param>
    public PulsePlanes(int leastCode, int greatestCode, int pulses, PulseFields fields, Func<int, int, int> pulse)
    {
        ArgumentNullException.ThrowIfNull(pulse);
        (Pulses, Fields, _leastCode) = (pulses, fields, leastCode);
        _pulsesOfWord = 16 / fields.Bits;
        _words = new ushort[(pulses + _pulsesOfWord - 1) / _pulsesOfWord][];
        for (int w = 0; w < _words.Length; w++)
        {
            _words[w] = new ushort[greatestCode - leastCode + 1];
            for (int i = 0; i < _words[w].Length; i++)
            {
                int word = 0;
                for (int p = w * _pulsesOfWord; p < Math.Min(pulses, (w + 1) * _pulsesOfWord); p++)
                {
                    word |= fields.Field(pulse(leastCode + i, p)) << ((p % _pulsesOfWord) * fields.Bits);
                }

                _words[w][i] = (ushort)word;
            }
        }
    }

    public int Pulses { get; }

    public PulseFields Fields { get; }

    /// <summary>Vectors of a plane.</summary>
    public int Lanes { get; private set; } = 1;

    /// <summary>Vectors packed, in whole planes.</summary>
    public int PackedVectors => VectorBlocks * Lanes;

    internal int VectorBlocks { get; private set; }

    internal int Groups { get; private set; }

    /// <summary>Planes that go through the columns together.</summary>
    public int BlockPlanes { get; private set; }

    /// <summary>Block of planes, group of rows, plane of the block, lane.</summary>
    internal ReadOnlySpan<byte> Indices => _indices;

    /// <summary>Packs the pulses of vectors of codes; what was packed before is forgotten.</summary>
    /// <param name="codes">Whole numbers, row-major.</param>
    /// <param name="stride">From vector to vector.</param>
    /// <param name="vectors">How many.</param>
    /// <param name="rows">Codes of each.</param>
    public void Pack(ReadOnlySpan<float> codes, int stride, int vectors, int rows)
    {
        int blocks = (vectors + LevelLanes64.Count - 1) / LevelLanes64.Count;
        if (LevelLanes64.IsSupported && vectors > LevelLanes32.Count && blocks * Pulses > 2)
        {
            Pack<LevelLanes64>(codes, stride, vectors, rows);
        }
        else if (LevelLanes32.IsSupported)
        {
            Pack<LevelLanes32>(codes, stride, vectors, rows);
        }
        else
        {
            Pack<LevelLanes1>(codes, stride, vectors, rows);
        }
    }

    internal void Pack<TLanes>(ReadOnlySpan<float> codes, int stride, int vectors, int rows)
        where TLanes : struct, ILevelLanes<TLanes>
    {
        Lanes = TLanes.Count;
        BlockPlanes = TLanes.HasManyRegisters ? 4 : 2;
        VectorBlocks = (vectors + Lanes - 1) / Lanes;
        Groups = (rows + Fields.Rows - 1) / Fields.Rows;
        int blocks = ((VectorBlocks * Pulses) + BlockPlanes - 1) / BlockPlanes;
        int length = blocks * Groups * BlockPlanes * Lanes;
        if (_indices.Length < length)
        {
            _indices = new byte[length];
        }

        for (int block = 0; block < VectorBlocks; block++)
        {
            int first = block * Lanes;
            int count = Math.Min(Lanes, vectors - first);
            for (int row = 0; row < rows; row += TurnedRows)
            {
                int rowCount = Math.Min(TurnedRows, rows - row);
                for (int w = 0; w < _words.Length; w++)
                {
                    Turn(codes[((first * stride) + row)..], stride, count, rowCount, _words[w]);
                    for (int p = w * _pulsesOfWord; p < Math.Min(Pulses, (w + 1) * _pulsesOfWord); p++)
                    {
                        int plane = (block * Pulses) + p;
                        int at = ((plane / BlockPlanes * Groups) + (row / Fields.Rows)) * BlockPlanes;
                        Extract(p % _pulsesOfWord, (rowCount + Fields.Rows - 1) / Fields.Rows, _indices.AsSpan((at + (plane % BlockPlanes)) * Lanes));
                    }
                }
            }
        }
    }

    /// <summary>Words of codes, rows x lanes; 0 where there is no row or no vector.</summary>
    private void Turn(ReadOnlySpan<float> codes, int stride, int vectors, int rows, ReadOnlySpan<ushort> words)
    {
        int groupRows = (rows + Fields.Rows - 1) / Fields.Rows * Fields.Rows;
        if (vectors < Lanes || rows < groupRows)
        {
            _turned.AsSpan(0, groupRows * Lanes).Clear();
        }

        for (int m = 0; m < vectors; m++)
        {
            var vector = codes.Slice(m * stride, rows);
            int at = m;
            foreach (float code in vector)
            {
                _turned[at] = words[(int)code - _leastCode];
                at += Lanes;
            }
        }
    }

    /// <summary>The indices of one pulse.</summary>
    private void Extract(int pulse, int groups, Span<byte> indices)
    {
        int step = BlockPlanes * Lanes;
        int half = Vector<ushort>.Count;
        int shift = pulse * Fields.Bits;
        if (Lanes < 2 * half)
        {
            for (int i = 0; i < groups * Lanes; i++)
            {
                int index = 0;
                for (int r = 0; r < Fields.Rows; r++)
                {
                    int word = _turned[(((i / Lanes * Fields.Rows) + r) * Lanes) + (i % Lanes)];
                    index |= ((word >> shift) & ((1 << Fields.Bits) - 1)) << (r * Fields.Bits);
                }

                indices[(i / Lanes * step) + (i % Lanes)] = (byte)index;
            }

            return;
        }

        ref ushort turned = ref MemoryMarshal.GetArrayDataReference(_turned);
        ref byte index0 = ref MemoryMarshal.GetReference(indices);
        for (int g = 0; g < groups; g++)
        {
            for (int lane = 0; lane < Lanes; lane += 2 * half)
            {
                var low = Vector<ushort>.Zero;
                var high = Vector<ushort>.Zero;
                for (int r = 0; r < Fields.Rows; r++)
                {
                    ref ushort row = ref Unsafe.Add(ref turned, (((g * Fields.Rows) + r) * Lanes) + lane);
                    Vector<ushort> mask = new((ushort)(((1 << Fields.Bits) - 1) << (r * Fields.Bits)));
                    low |= Shifted(Vector.LoadUnsafe(ref row), shift - (r * Fields.Bits)) & mask;
                    high |= Shifted(Vector.LoadUnsafe(ref row, (nuint)half), shift - (r * Fields.Bits)) & mask;
                }

                Vector.Narrow(low, high).StoreUnsafe(ref index0, (nuint)((g * step) + lane));
            }
        }

        static Vector<ushort> Shifted(Vector<ushort> words, int right) =>
            right >= 0 ? Vector.ShiftRightLogical(words, right) : Vector.ShiftLeft(words, -right);
    }
}
