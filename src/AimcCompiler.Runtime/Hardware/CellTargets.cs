using System.Numerics;
using System.Runtime.CompilerServices;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>What the cells of a block are to hold: the contents of its weights by the chip's encoding, row by row and slice by slice. Cells between the matrices of a packed
/// block hold a weight of 0.</summary>
internal sealed class CellTargets
{
    private readonly TilePhysics _physics;
    private readonly Block _block;
    private readonly WeightEncoding _encoding;
    private readonly int _lowest;

    private readonly int _codes;

    /// <summary>Levels by slice and code from the lowest on; empty where there are fewer cells than codes.</summary>
    private readonly float[] _positive = [];
    private readonly float[] _negative = [];

    public CellTargets(TilePhysics physics, Block block)
    {
        (_physics, _block, _encoding) = (physics, block, physics.Weights);
        if (_encoding.IsAnalog)
        {
            return;
        }

        _lowest = -_encoding.HighestInCells - 1;
        _codes = (2 * _encoding.HighestInCells) + 2;
        if ((long)block.Rows * block.Columns < _codes)
        {
            return;
        }

        _positive = new float[_encoding.Slices * _codes];
        _negative = new float[_encoding.Slices * _codes];
        Span<int> digits = stackalloc int[_encoding.Slices];
        for (int i = 0; i < _codes; i++)
        {
            _encoding.Split(_lowest + i, digits);
            for (int slice = 0; slice < digits.Length; slice++)
            {
                (_positive[(slice * _codes) + i], _negative[(slice * _codes) + i]) = _encoding.Levels(digits[slice]);
            }
        }
    }

    /// <summary>One row of one slice.</summary>
    /// <param name="slice">The slice.</param>
    /// <param name="row">Row of the block.</param>
    /// <param name="flipped">Columns that hold the complement; null without flip.</param>
    /// <param name="positive">One a column.</param>
    /// <param name="negative">One a column; 0 without pairs.</param>
    public void Fill(int slice, int row, bool[]? flipped, Span<float> positive, Span<float> negative)
    {
        int group = row / _block.RowCount;
        int first = group * _block.ColumnCount;
        if (_block.ColumnCount < positive.Length)
        {
            var (zero, other) = _encoding.IsAnalog ? _encoding.Contents(0) : LevelsOf(slice, 0);
            positive.Fill(zero);
            negative.Fill(other);
        }

        int index = ((((_block.FirstGroup + group) * _physics.Layer.Rows) + _block.RowStart + (row % _block.RowCount)) * _physics.Layer.Columns) + _block.ColumnStart;
        FillWeights(slice, index, positive.Slice(first, _block.ColumnCount), negative.Slice(first, _block.ColumnCount));
        for (int c = 0; c < positive.Length && flipped is not null; c++)
        {
            positive[c] = flipped[c] ? _encoding.MaxLevel - positive[c] : positive[c];
        }
    }

    /// <summary>Columns that are to hold the complement.</summary>
    public bool[] FlippedColumns(int slice)
    {
        double[] sums = new double[_block.Columns];
        float[] positive = new float[_block.Columns];
        float[] negative = new float[_block.Columns];
        for (int r = 0; r < _block.Rows; r++)
        {
            Fill(slice, r, null, positive, negative);
            for (int c = 0; c < sums.Length; c++)
            {
                sums[c] += positive[c];
            }
        }

        return Array.ConvertAll(sums, sum => _encoding.IsFlipped((long)sum, _block.Rows));
    }

    private void FillWeights(int slice, int index, Span<float> positive, Span<float> negative)
    {
        var weights = _physics.Layer.Weights;
        if (_encoding.IsAnalog)
        {
            FillContents(weights.Float32.Slice(index, positive.Length), positive, negative);
        }
        else if (weights.Element == WeightElement.Int8)
        {
            FillLevels(slice, weights.Int8.Slice(index, positive.Length), positive, negative);
        }
        else
        {
            FillLevels(slice, weights.Int16.Slice(index, positive.Length), positive, negative);
        }
    }

    private void FillLevels<TCode>(int slice, ReadOnlySpan<TCode> codes, Span<float> positive, Span<float> negative)
        where TCode : unmanaged, IBinaryInteger<TCode>
    {
        if (_positive.Length == 0)
        {
            for (int c = 0; c < codes.Length; c++)
            {
                (positive[c], negative[c]) = LevelsOf(slice, int.CreateTruncating(codes[c]));
            }

            return;
        }

        var positives = _positive.AsSpan(slice * _codes, _codes);
        for (int c = 0; c < codes.Length; c++)
        {
            positive[c] = positives[int.CreateTruncating(codes[c]) - _lowest];
        }

        if (!_encoding.IsDifferential)
        {
            negative.Clear();
            return;
        }

        var negatives = _negative.AsSpan(slice * _codes, _codes);
        for (int c = 0; c < codes.Length; c++)
        {
            negative[c] = negatives[int.CreateTruncating(codes[c]) - _lowest];
        }
    }

    private (float Positive, float Negative) LevelsOf(int slice, int code)
    {
        Span<int> digits = stackalloc int[_encoding.Slices];
        _encoding.Split(code, digits);
        return _encoding.Levels(digits[slice]);
    }

    private void FillContents(ReadOnlySpan<float> contents, Span<float> positive, Span<float> negative)
    {
        if (_encoding.Sign == SignEncoding.DifferentialOneSided)
        {
            LaneMap.Run(default(Above), contents, contents, contents, contents, positive);
            LaneMap.Run(default(Below), contents, contents, contents, contents, negative);
            return;
        }

        for (int c = 0; c < contents.Length; c++)
        {
            (positive[c], negative[c]) = _encoding.Contents(contents[c]);
        }
    }

    /// <summary>a where it is not negative, else 0.</summary>
    private readonly struct Above : ILaneKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => TLanes.IfLess(a, TLanes.Broadcast(0), TLanes.Broadcast(0), a);
    }

    /// <summary>-a where it is negative, else 0.</summary>
    private readonly struct Below : ILaneKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => TLanes.IfLess(a, TLanes.Broadcast(0), TLanes.Broadcast(0) - a, TLanes.Broadcast(0));
    }
}
