using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AimcCompiler.Core;
using Microsoft.ML.OnnxRuntime;

namespace AimcCompiler.Digital;

/// <summary>Tensors to and from ONNX Runtime's values.</summary>
public static class OrtTensors
{
    /// <summary>A value over the tensor's own array (strings are copied); the array stays pinned until the value is disposed of.</summary>
    public static OrtValue ToOrtValue(this Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        long[] shape = [.. tensor.Shape];
        return tensor.Data switch
        {
            float[] a => OrtValue.CreateTensorValueFromMemory(a, shape),
            double[] a => OrtValue.CreateTensorValueFromMemory(a, shape),
            // The two 16-bit floats have types of their own in ONNX Runtime; only the bits matter, so the array is seen as one of those.
            Half[] a => OrtValue.CreateTensorValueFromMemory(Unsafe.As<Float16[]>(a), shape),
            Array a when tensor.Type == TensorType.BFloat16 => OrtValue.CreateTensorValueFromMemory(Unsafe.As<BFloat16[]>(a), shape),
            // C# arrays of signed and unsigned integers match each other's patterns: ask the tensor, not the array.
            Array a when tensor.Type == TensorType.UInt8 => OrtValue.CreateTensorValueFromMemory((byte[])a, shape),
            Array a when tensor.Type == TensorType.Int8 => OrtValue.CreateTensorValueFromMemory((sbyte[])a, shape),
            Array a when tensor.Type == TensorType.UInt16 => OrtValue.CreateTensorValueFromMemory((ushort[])a, shape),
            Array a when tensor.Type == TensorType.Int16 => OrtValue.CreateTensorValueFromMemory((short[])a, shape),
            Array a when tensor.Type == TensorType.UInt32 => OrtValue.CreateTensorValueFromMemory((uint[])a, shape),
            Array a when tensor.Type == TensorType.Int32 => OrtValue.CreateTensorValueFromMemory((int[])a, shape),
            Array a when tensor.Type == TensorType.UInt64 => OrtValue.CreateTensorValueFromMemory((ulong[])a, shape),
            Array a when tensor.Type == TensorType.Int64 => OrtValue.CreateTensorValueFromMemory((long[])a, shape),
            bool[] a => OrtValue.CreateTensorValueFromMemory(a, shape),
            string[] a => OfStrings(a, shape),
            _ => throw new DigitalException($"A tensor of {tensor.Type} cannot be handed to ONNX Runtime from outside."),
        };
    }

    /// <summary>A copy of the value's elements in a typed array.</summary>
    /// <exception cref="DigitalException">The value is not a tensor, or one of 2 GiB and more.</exception>
    public static Tensor ToTensor(this OrtValue value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (!value.IsTensor) throw new DigitalException($"A tensor is needed where ONNX Runtime gives {value.OnnxType}.");

        var info = value.GetTensorTypeAndShape();
        var type = (TensorType)(int)info.ElementDataType;
        if (!Enum.IsDefined(type) || Tensor.IsPacked(type)) throw new DigitalException($"A tensor of element type {type} cannot be read from ONNX Runtime.");

        if (type == TensorType.String) return new Tensor(type, [.. info.Shape], value.GetStringTensorAsArray());

        if (info.ElementCount * Tensor.SizeOf(type) > int.MaxValue)
        {
            throw new DigitalException($"A tensor of {type} {Tensor.Format([.. info.Shape])} is too large to read: 2 GiB is the limit.");
        }

        var tensor = Tensor.Zeros(type, [.. info.Shape]);
        var bytes = value.GetTensorMutableRawData();
        bytes.CopyTo(MemoryMarshal.CreateSpan(ref MemoryMarshal.GetArrayDataReference(tensor.Data), bytes.Length));
        return tensor;
    }

    private static OrtValue OfStrings(string[] texts, long[] shape)
    {
        var value = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape);
        try
        {
            for (int i = 0; i < texts.Length; i++) value.StringTensorSetElementAt(texts[i].AsSpan(), i);
        }
        catch
        {
            value.Dispose();
            throw;
        }

        return value;
    }
}
