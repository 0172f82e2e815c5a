using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>An array that is read slice by slice along its first axis.</summary>
internal abstract class ArraySource : IDisposable
{
    private protected ArraySource(string where, TensorType type, ImmutableArray<long> shape)
    {
        Where = where;
        Type = type;
        Shape = shape;
    }

    public string Where { get; }

    public TensorType Type { get; }

    public ImmutableArray<long> Shape { get; }

    /// <summary>Elements of one slice along the first axis.</summary>
    public long SliceCount => Tensor.CountOf(Shape.IsEmpty ? [] : Shape.RemoveAt(0));

    /// <summary>Length of the first axis; 1 for a scalar.</summary>
    public long Slices => Shape.IsEmpty ? 1 : Shape[0];

    /// <summary>Slices [first, first + count) in an array of the element type.</summary>
    public abstract Array Read(long first, long count);

    public Tensor ReadAll() => new(Type, Shape, Read(0, Slices));

    public abstract void Dispose();

    /// <summary>Elements of so many slices, when one array can hold them.</summary>
    private protected int Elements(long slices)
    {
        long limit = DataLimits.MaxArrayBytes / Math.Max(1, Tensor.SizeOf(Type));
        return SliceCount == 0 || slices <= limit / SliceCount
            ? (int)(slices * SliceCount)
            : throw DataLimits.Invalid(
                Where,
                $"{slices} slices of {SliceCount} elements of {Type} are more than the {DataLimits.MaxArrayBytes} bytes read at once",
                "use fewer samples",
                "use a smaller batch");
    }
}

/// <summary>An array already in memory.</summary>
internal sealed class TensorSource(string where, Tensor tensor) : ArraySource(where, tensor.Type, tensor.Shape)
{
    public override Array Read(long first, long count)
    {
        int elements = Elements(count);
        var result = Array.CreateInstance(Tensor.ElementType(Type), elements);
        Array.Copy(tensor.Data, first * SliceCount, result, 0, elements);
        return result;
    }

    public override void Dispose()
    {
    }
}
