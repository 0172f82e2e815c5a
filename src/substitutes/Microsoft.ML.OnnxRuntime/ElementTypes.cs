using Microsoft.ML.OnnxRuntime.Tensors;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>Which .NET type holds which tensor element, and how wide it is.</summary>
internal static class ElementTypes
{
    internal static (Type Type, int Size)? Find(TensorElementType element) => element switch
    {
        TensorElementType.Float => (typeof(float), 4),
        TensorElementType.UInt8 => (typeof(byte), 1),
        TensorElementType.Int8 => (typeof(sbyte), 1),
        TensorElementType.UInt16 => (typeof(ushort), 2),
        TensorElementType.Int16 => (typeof(short), 2),
        TensorElementType.Int32 => (typeof(int), 4),
        TensorElementType.Int64 => (typeof(long), 8),
        TensorElementType.String => (typeof(string), -1),
        TensorElementType.Bool => (typeof(bool), 1),
        TensorElementType.Float16 => (typeof(Float16), 2),
        TensorElementType.Double => (typeof(double), 8),
        TensorElementType.UInt32 => (typeof(uint), 4),
        TensorElementType.UInt64 => (typeof(ulong), 8),
        TensorElementType.BFloat16 => (typeof(BFloat16), 2),
        _ => null,
    };

    internal static TensorElementType? Find(Type type)
    {
        foreach (var element in Enum.GetValues<TensorElementType>())
        {
            if (Find(element)?.Type == type) return element;
        }

        return null;
    }
}
