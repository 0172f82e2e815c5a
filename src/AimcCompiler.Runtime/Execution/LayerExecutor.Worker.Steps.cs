using AimcCompiler.Binary;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

internal sealed partial class LayerExecutor
{
    internal sealed partial class Worker
    {
        /// <summary>Reads one vector (<see cref="VectorSteps"/>).</summary>
        public LoadedVector Load(VectorGatherer gatherer, ReadOnlySpan<float> input, int vector, VectorNames names, float? staticScale)
        {
            Load(gatherer, input, vector, 1, names, staticScale, areCodes: false);
            return new LoadedVector(vector, _inputs[.._rows], _scales[0], _samples[0], _ordinals[0]);
        }

        /// <summary>Puts a vector and what has been added of it where a strip's first stands.</summary>
        private void Restore(LoadedVector vector, PartialSums sums)
        {
            Reserve(1);
            vector.Inputs.CopyTo(_inputs, 0);
            (_scales[0], _samples[0], _ordinals[0]) = (vector.Scale, vector.Sample, vector.Ordinal);
            for (int slice = 0; slice < _slices; slice++)
            {
                sums.Slices.AsSpan(slice * _columns, _columns).CopyTo(_acc.AsSpan(slice * _capacity * _columns));
            }

            sums.Digital.CopyTo(_digital, 0);
        }

        /// <summary>Runs a vector through blocks and adds their results, in order.</summary>
        public void Add(LoadedVector vector, IEnumerable<int> blocks, PartialSums sums)
        {
            Restore(vector, sums);
            _engine.Load(_inputs, _rows, 1, _samples, _ordinals);
            foreach (int index in blocks)
            {
                switch (_owner._path)
                {
                    case LayerPath.Integer:
                        AddInteger(_layer.Blocks[index]);
                        break;
                    case LayerPath.Double or LayerPath.Reference:
                        AddDouble(_layer.Blocks[index]);
                        break;
                    default:
                        RunBlock(_owner._blocks[index], 0, 1);
                        break;
                }
            }

            for (int slice = 0; slice < _slices; slice++)
            {
                _acc.AsSpan(slice * _capacity * _columns, _columns).CopyTo(sums.Slices.AsSpan(slice * _columns));
            }

            _digital.AsSpan(0, _columns).CopyTo(sums.Digital);
        }

        /// <summary>The vector's results.</summary>
        public ReadOnlySpan<float> Finish(LoadedVector vector, PartialSums sums)
        {
            Restore(vector, sums);
            if (TakesTurns)
            {
                _places[0] = 0;
            }

            Finish(1, _owner._whole);
            return _results.AsSpan(0, _columns);
        }

        public PartialSums NewSums() => new(new double[_slices * _columns], new double[_columns]);

        /// <summary>The product of codes with one block: integers, exact in any order.</summary>
        private void AddInteger(Block block)
        {
            for (int g = block.FirstGroup; g < block.FirstGroup + block.Groups; g++)
            {
                for (int n = block.ColumnStart; n < block.ColumnStart + block.ColumnCount; n++)
                {
                    long sum = 0;
                    for (int r = block.RowStart; r < block.RowStart + block.RowCount; r++)
                    {
                        sum += (long)_inputs[(g * _layer.Rows) + r] * _layer.Code((((g * _layer.Rows) + r) * _layer.Columns) + n);
                    }

                    _acc[(g * _layer.Columns) + n] += sum;
                }
            }
        }

        /// <summary>The same in double: row by row, as the whole product.</summary>
        private void AddDouble(Block block)
        {
            for (int g = block.FirstGroup; g < block.FirstGroup + block.Groups; g++)
            {
                for (int r = block.RowStart; r < block.RowStart + block.RowCount; r++)
                {
                    int at = (((g * _layer.Rows) + r) * _layer.Columns) + block.ColumnStart;
                    DoubleMvm.Add(
                        _inputs.AsSpan((g * _layer.Rows) + r, 1),
                        1,
                        1,
                        _owner._weights.AsSpan(at, block.ColumnCount),
                        1,
                        block.ColumnCount,
                        _acc.AsSpan((g * _layer.Columns) + block.ColumnStart, block.ColumnCount),
                        block.ColumnCount);
                }
            }
        }
    }
}
