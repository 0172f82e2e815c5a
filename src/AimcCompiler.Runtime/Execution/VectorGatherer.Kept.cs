using System.Buffers;
using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

internal abstract partial class VectorGatherer
{
    /// <summary>Vectors without the elements that meet zeros alone; outputs that are the bias alone are filled in.</summary>
    private sealed class Kept : VectorGatherer
    {
        private readonly VectorGatherer _whole;
        private readonly int _groups;
        private readonly int _rows;
        private readonly int _columns;
        private readonly int _modelRows;
        private readonly int _modelColumns;
        private readonly KeptLines? _keptRows;
        private readonly KeptLines? _keptColumns;

        /// <summary>Groups x the model's columns: what a column holds that the layer does not have.</summary>
        private readonly ImmutableArray<float> _bias;

        public Kept(MappedLayer layer, VectorGatherer whole)
        {
            _whole = whole;
            (_groups, _rows, _columns) = (layer.Groups, layer.Rows, layer.Columns);
            (_modelRows, _modelColumns) = (layer.ModelRows, layer.ModelColumns);
            (_keptRows, _keptColumns, _bias) = (layer.KeptRows, layer.KeptColumns, layer.Bias);
        }

        public override int Vectors => _whole.Vectors;

        public override ImmutableArray<long> OutputShape => _whole.OutputShape;

        public override bool Repeats => _whole.Repeats;

        public override bool MayPack => _keptRows is null && _whole.MayPack;

        public override bool GatherQuads(ReadOnlySpan<float> input, int first, int count, Span<float> quads) => _keptRows is null && _whole.GatherQuads(input, first, count, quads);

        public override ReadOnlySpan<float> StandingStrip(ReadOnlySpan<float> input, int first, int count) => _keptRows is null ? _whole.StandingStrip(input, first, count) : [];

        public override void GatherStrip(ReadOnlySpan<float> input, int first, int count, Span<float> destination)
        {
            if (_keptRows is not { } kept)
            {
                _whole.GatherStrip(input, first, count, destination);
                return;
            }

            float[] buffer = ArrayPool<float>.Shared.Rent(count * _groups * _modelRows);
            var vectors = Whole(input, first, count, buffer);
            for (int v = 0; v < count * _groups; v++)
            {
                var from = vectors.Slice(v * _modelRows, _modelRows);
                var to = destination.Slice(v * _rows, _rows);
                for (int r = 0; r < to.Length; r++)
                {
                    to[r] = from[kept.Indices[r]];
                }
            }

            ArrayPool<float>.Shared.Return(buffer);
        }

        public override bool LeavesOutInputs => _keptRows is not null;

        public override void ScaleStrip(ReadOnlySpan<float> input, int first, int count, Span<float> scales)
        {
            int length = _groups * _modelRows;
            float[] buffer = ArrayPool<float>.Shared.Rent(count * length);
            var vectors = Whole(input, first, count, buffer);
            for (int v = 0; v < count; v++)
            {
                scales[v] = LayerExecutor.Worker.Scale(vectors.Slice(v * length, length));
            }

            ArrayPool<float>.Shared.Return(buffer);
        }

        public override void ScatterStrip(ReadOnlySpan<float> results, int first, int count, int firstColumn, int columns, Span<float> output)
        {
            if (_keptColumns is not { } kept)
            {
                _whole.ScatterStrip(results, first, count, firstColumn, columns, output);
                return;
            }

            // Parts of the columns that follow each other have the columns between them that the layer lacks.
            int all = _groups * _modelColumns;
            int begin = firstColumn == 0 ? 0 : ModelColumn(kept, firstColumn);
            int end = firstColumn + columns == _groups * _columns ? all : ModelColumn(kept, firstColumn + columns);
            float[] buffer = ArrayPool<float>.Shared.Rent(count * all);
            for (int v = 0; v < count; v++)
            {
                var line = buffer.AsSpan(v * all, all);
                for (int c = begin; c < end; c++)
                {
                    // A sum of nothing, and the bias: no negative zero.
                    line[c] = _bias.IsEmpty ? 0 : 0 + _bias[c];
                }

                for (int c = firstColumn; c < firstColumn + columns; c++)
                {
                    line[ModelColumn(kept, c)] = results[(v * _groups * _columns) + c];
                }
            }

            _whole.ScatterStrip(buffer, first, count, begin, end - begin, output);
            ArrayPool<float>.Shared.Return(buffer);
        }

        public override void GatherLanes(ReadOnlySpan<float> input, int first, int count, LaneScratch scratch, Span<float> destination) => throw NoLanes();

        public override void ScatterLanes(ReadOnlySpan<float> results, int first, int count, Span<float> output) => throw NoLanes();

        /// <summary>All elements of the vectors, where they stand or in the buffer.</summary>
        private ReadOnlySpan<float> Whole(ReadOnlySpan<float> input, int first, int count, float[] buffer)
        {
            var standing = _whole.StandingStrip(input, first, count);
            if (!standing.IsEmpty)
            {
                return standing;
            }

            var vectors = buffer.AsSpan(0, count * _groups * _modelRows);
            _whole.GatherStrip(input, first, count, vectors);
            return vectors;
        }

        private int ModelColumn(KeptLines kept, int column) => (column / _columns * _modelColumns) + kept.Indices[column % _columns];

        /// <summary>An obstacle of <see cref="LaneLayer"/>.</summary>
        private static InvalidOperationException NoLanes() => new("Vectors of which parts are left out do not stand in lanes.");
    }
}
