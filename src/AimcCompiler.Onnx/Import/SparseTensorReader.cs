using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Onnx.Proto;

namespace AimcCompiler.Onnx;

/// <summary>SparseTensorProto -> dense <see cref="Tensor"/>.</summary>
internal static class SparseTensorReader
{
    /// <summary>Elements of the dense tensor; a few bytes of a file must not become gigabytes.</summary>
    private const long MaximumDense = 1L << 28;

    /// <exception cref="FormatException">Shape, values and indices do not fit together, or the dense tensor would be too large.</exception>
    public static Tensor Read(SparseTensorProto proto, ExternalData? external)
    {
        ArgumentNullException.ThrowIfNull(proto);
        if (proto.Values is null || proto.Indices is null)
        {
            throw new FormatException("has no values or no indices");
        }

        var shape = proto.Dims.ToImmutableArray();
        long count = 1;
        foreach (long dimension in shape)
        {
            if (dimension < 0 || (dimension > 0 && count > MaximumDense / dimension))
            {
                throw new FormatException($"has shape {Tensor.Format(shape)}, which is not a shape of at most {MaximumDense} elements");
            }

            count *= dimension;
        }

        var values = TensorReader.Read(proto.Values, external);
        var indices = TensorReader.Read(proto.Indices, external);
        if (values.Shape.Length != 1 || Tensor.BitsOf(values.Type) < 8)
        {
            throw new FormatException($"has values {values}; one dimension of whole bytes is needed");
        }

        if (indices.Type != TensorType.Int64
            || !(indices.Shape.SequenceEqual([values.Count]) || (indices.Shape is [var n, var rank] && n == values.Count && rank == shape.Length)))
        {
            throw new FormatException($"has indices {indices}; Int64 {values.Count} or {values.Count}x{shape.Length} is needed");
        }

        var dense = Tensor.Zeros(values.Type, shape);
        long[] numbers = (long[])indices.Data;
        long last = -1;
        for (int i = 0; i < values.Count; i++)
        {
            long at = indices.Shape.Length == 1 ? numbers[i] : Linear(numbers.AsSpan(i * shape.Length, shape.Length), shape);
            if (at < 0 || at >= count)
            {
                throw new FormatException($"has index {i} outside its shape {Tensor.Format(shape)}");
            }

            if (at <= last)
            {
                throw new FormatException($"has index {i} out of ascending order");
            }

            Array.Copy(values.Data, i, dense.Data, at, 1);
            last = at;
        }

        return dense;
    }

    /// <summary>-1 where a coordinate is outside.</summary>
    private static long Linear(ReadOnlySpan<long> coordinates, ImmutableArray<long> shape)
    {
        long linear = 0;
        for (int i = 0; i < coordinates.Length; i++)
        {
            if (coordinates[i] < 0 || coordinates[i] >= shape[i])
            {
                return -1;
            }

            linear = (linear * shape[i]) + coordinates[i];
        }

        return linear;
    }
}
