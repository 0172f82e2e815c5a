using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AimcCompiler.Core;
using Microsoft.ML.OnnxRuntime;

namespace AimcCompiler.Digital;

public enum DigitalKind
{
    /// <summary>An optional without a value.</summary>
    Empty,
    Tensor,
    Sequence,
    Map,
}

/// <summary>What flows between sessions: a tensor of ours, or a value of ONNX Runtime that goes from one session to the next uncopied.</summary>
public sealed class DigitalValue : IDisposable
{
    private readonly OrtValue _value;
    private Tensor? _tensor;

    /// <summary>A value over the tensor's own array, which stays pinned until the value is disposed of.</summary>
    public DigitalValue(Tensor tensor)
    {
        _value = tensor.ToOrtValue();
        _tensor = tensor;
    }

    /// <summary>Takes the value over.</summary>
    internal DigitalValue(OrtValue value)
    {
        _value = value;
    }

    public DigitalKind Kind => _value.OnnxType switch
    {
        OnnxValueType.ONNX_TYPE_TENSOR => DigitalKind.Tensor,
        OnnxValueType.ONNX_TYPE_SEQUENCE => DigitalKind.Sequence,
        OnnxValueType.ONNX_TYPE_MAP => DigitalKind.Map,
        OnnxValueType.ONNX_TYPE_UNKNOWN or OnnxValueType.ONNX_TYPE_OPTIONAL => DigitalKind.Empty,
        _ => throw new DigitalException($"Values of {_value.OnnxType} are not supported."),
    };

    /// <summary>Type and shape of a tensor, without reading its elements.</summary>
    /// <exception cref="DigitalException">The value is not a tensor.</exception>
    public (TensorType Type, ImmutableArray<long> Shape) TensorFacts
    {
        get
        {
            if (Kind != DigitalKind.Tensor) throw new DigitalException($"A value of kind {Kind} has no shape.");

            var info = _value.GetTensorTypeAndShape();
            return ((TensorType)(int)info.ElementDataType, [.. info.Shape]);
        }
    }

    /// <summary>The elements of a float tensor where they lie; valid until the value is disposed of.</summary>
    /// <exception cref="DigitalException">The value is not a tensor of floats.</exception>
    public ReadOnlySpan<float> Floats => TensorFacts.Type == TensorType.Float
        ? _value.GetTensorDataAsSpan<float>()
        : throw new DigitalException($"A tensor of {TensorFacts.Type} has no floats.");

    /// <summary>The same as memory, for whoever reads it from several threads.</summary>
    /// <exception cref="DigitalException">The value is not a tensor of floats.</exception>
    public ReadOnlyMemory<float> FloatMemory => _tensor is { Type: TensorType.Float } tensor ? tensor.Floats : new FloatElements(_value).Memory;

    internal OrtValue Ort => _value;

    /// <summary>A sequence over the tensors' own arrays.</summary>
    public static DigitalValue FromSequence(IEnumerable<Tensor> tensors)
    {
        var elements = new List<OrtValue>(tensors.Select(tensor => tensor.ToOrtValue()));
        try
        {
            return new DigitalValue(OrtValue.CreateSequence(elements));
        }
        catch (OnnxRuntimeException error)
        {
            elements.ForEach(element => element.Dispose());
            throw DigitalException.From(error);
        }
    }

    /// <summary>The tensor this value was made over, or a copy of ONNX Runtime's elements (made once).</summary>
    /// <exception cref="DigitalException">The value is not a tensor.</exception>
    public Tensor ToTensor() => _tensor ??= _value.ToTensor();

    /// <summary>The elements of a sequence, or a map's keys and values; the caller disposes of them.</summary>
    public IReadOnlyList<DigitalValue> Elements()
    {
        if (Kind is not (DigitalKind.Sequence or DigitalKind.Map)) throw new DigitalException($"A value of kind {Kind} has no elements.");

        try
        {
            return [.. Enumerable.Range(0, _value.GetValueCount()).Select(i => new DigitalValue(_value.GetValue(i, OrtAllocator.DefaultInstance)))];
        }
        catch (OnnxRuntimeException error)
        {
            throw DigitalException.From(error);
        }
    }

    public void Dispose() => _value.Dispose();

    /// <summary>True when both tensors lie at the same address: a model may hand an input through as an output.</summary>
    internal static bool SharesMemory(OrtValue left, OrtValue right)
    {
        if (!HasBytes(left) || !HasBytes(right)) return false;

        var a = left.GetTensorMutableRawData();
        var b = right.GetTensorMutableRawData();
        return !a.IsEmpty && !b.IsEmpty && Unsafe.AreSame(ref MemoryMarshal.GetReference(a), ref MemoryMarshal.GetReference(b));
    }

    /// <summary>Only tensors of these types can lie in an array of ours.</summary>
    private static bool HasBytes(OrtValue value) =>
        value.IsTensor && (TensorType)(int)value.GetTensorTypeAndShape().ElementDataType is not TensorType.String and var type && Enum.IsDefined(type) && !Tensor.IsPacked(type);

    /// <summary>The elements of a tensor of floats in ONNX Runtime's memory, which does not move.</summary>
    private sealed class FloatElements(OrtValue value) : MemoryManager<float>
    {
        public override Span<float> GetSpan() => value.GetTensorMutableDataAsSpan<float>();

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException("The elements are read as a span.");

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
