using System.Buffers;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>A value of ONNX Runtime: a tensor, a sequence or a map, over its own memory or over the caller's.</summary>
public unsafe class OrtValue : IDisposable
{
    // An empty tensor still needs an address.
    private static readonly void* s_nowhere = NativeMemory.AllocZeroed(16);

    private nint _handle;
    private MemoryHandle _pin;
    private OrtValue[] _members = [];

    /// <summary>Takes ownership. An empty optional has no type: <see cref="OnnxValueType.ONNX_TYPE_UNKNOWN"/>.</summary>
    internal OrtValue(nint handle)
        : this(handle, handle != 0 && OrtApi.HasValue(handle) ? (OnnxValueType)OrtApi.GetValueType(handle) : OnnxValueType.ONNX_TYPE_UNKNOWN)
    {
    }

    private OrtValue(nint handle, OnnxValueType type)
    {
        _handle = handle;
        OnnxType = type;
    }

    ~OrtValue()
    {
        Dispose(false);
    }

    public OnnxValueType OnnxType { get; private set; }

    public bool IsTensor => OnnxType == OnnxValueType.ONNX_TYPE_TENSOR;

    public bool IsSparseTensor => OnnxType == OnnxValueType.ONNX_TYPE_SPARSETENSOR;

    internal nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle == 0 && OnnxType != OnnxValueType.ONNX_TYPE_UNKNOWN, this);
            return _handle;
        }
    }

    /// <summary>A tensor over the array, which stays pinned until the value is disposed of.</summary>
    public static OrtValue CreateTensorValueFromMemory<T>(T[] data, long[] shape)
        where T : unmanaged => CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, new Memory<T>(data), shape);

    public static OrtValue CreateTensorValueFromMemory<T>(OrtMemoryInfo memoryInfo, Memory<T> memory, long[] shape)
        where T : unmanaged
    {
        var elementType = ElementTypes.Find(typeof(T))
            ?? throw new OnnxRuntimeException(ErrorCode.InvalidArgument, $"Tensor of type: {typeof(T)} is not supported");
        long count = CountOf(shape);
        if (count > memory.Length)
        {
            throw new OnnxRuntimeException(
                ErrorCode.InvalidArgument, $"Managed memory size: {memory.Length} elements is less than shape size: {count} elements");
        }

        var pin = memory.Pin();
        try
        {
            return new OrtValue(
                CreateOver(memoryInfo, elementType, shape, pin.Pointer, (nuint)memory.Length * (nuint)sizeof(T)), OnnxValueType.ONNX_TYPE_TENSOR)
            {
                _pin = pin,
            };
        }
        catch
        {
            pin.Dispose();
            throw;
        }
    }

    /// <summary>A tensor over memory of the caller's, who keeps it alive and in place as long as the value lives.</summary>
    public static OrtValue CreateTensorValueWithData(
        OrtMemoryInfo memInfo, TensorElementType elementType, long[] shape, IntPtr dataBufferPtr, long bufferLengthInBytes)
    {
        var (type, size) = ElementTypes.Find(elementType)
            ?? throw new OnnxRuntimeException(ErrorCode.InvalidArgument, $"Tensor element type: {elementType} is not supported");
        if (type == typeof(string))
        {
            throw new OnnxRuntimeException(
                ErrorCode.InvalidArgument, "Cannot map managed strings buffer to native OrtValue. Use string specific interfaces");
        }

        long count = CountOf(shape);
        if (count * size > bufferLengthInBytes)
        {
            throw new OnnxRuntimeException(
                ErrorCode.InvalidArgument,
                $"Shape: {shape} has: {count} elements requires a buffer of at least {count * size} bytes. Provided: {bufferLengthInBytes} bytes");
        }

        return new OrtValue(
            CreateOver(memInfo, elementType, shape, (void*)dataBufferPtr, (nuint)bufferLengthInBytes), OnnxValueType.ONNX_TYPE_TENSOR);
    }

    public static OrtValue CreateAllocatedTensorValue(OrtAllocator allocator, TensorElementType elementType, long[] shape)
    {
        fixed (long* dimensions = shape)
        {
            nint value = OrtApi.CreateTensor(allocator.Pointer, dimensions, (nuint)shape.Length, (int)elementType);
            return new OrtValue(value, OnnxValueType.ONNX_TYPE_TENSOR);
        }
    }

    public static OrtValue CreateTensorWithEmptyStrings(OrtAllocator allocator, long[] shape) =>
        CreateAllocatedTensorValue(allocator, TensorElementType.String, shape);

    /// <summary>A sequence of the values; it takes them over and empties the collection.</summary>
    public static OrtValue CreateSequence(ICollection<OrtValue> ortValues)
    {
        ArgumentNullException.ThrowIfNull(ortValues);
        if (ortValues.IsReadOnly) throw new ArgumentException("ortValues argument can not be a readonly collection");

        OrtValue[] members = [.. ortValues];
        fixed (nint* handles = Array.ConvertAll(members, member => member.Handle))
        {
            nint value = OrtApi.CreateValue(handles, (nuint)members.Length, (int)OnnxValueType.ONNX_TYPE_SEQUENCE);
            ortValues.Clear();
            return new OrtValue(value, OnnxValueType.ONNX_TYPE_SEQUENCE) { _members = members };
        }
    }

    /// <summary>The length of a sequence, 2 (keys, values) for a map.</summary>
    public int GetValueCount() => (int)OrtApi.GetValueCount(Typed());

    /// <summary>An element of a sequence, or a map's keys (0) or values (1); the caller disposes of it.</summary>
    public OrtValue GetValue(int index, OrtAllocator allocator) => new(OrtApi.GetValue(Typed(), index, allocator.Pointer));

    public OrtTensorTypeAndShapeInfo GetTensorTypeAndShape()
    {
        if (!IsTensor && !IsSparseTensor)
        {
            throw new OnnxRuntimeException(ErrorCode.InvalidArgument, $"This OrtValue type contains: {OnnxType}, not a tensor or sparse tensor");
        }

        nint info = OrtApi.GetTensorTypeAndShape(Handle);
        try
        {
            return new OrtTensorTypeAndShapeInfo(info);
        }
        finally
        {
            OrtApi.ReleaseTensorTypeAndShapeInfo(info);
        }
    }

    /// <summary>The elements in place; valid until the value is disposed of.</summary>
    public ReadOnlySpan<T> GetTensorDataAsSpan<T>()
        where T : unmanaged => GetTensorMutableDataAsSpan<T>();

    public Span<T> GetTensorMutableDataAsSpan<T>()
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(Bytes(typeof(T)));

    public Span<byte> GetTensorMutableRawData() => Bytes(typeof(byte));

    public string[] GetStringTensorAsArray()
    {
        var info = GetTensorTypeAndShape();
        if (!info.IsString)
        {
            throw new OnnxRuntimeException(
                ErrorCode.Fail,
                $"GetStringTensorAsArray() is only supported for string tensors. This OrtValue contains a {info.ElementDataType} tensor.");
        }

        var texts = new string[info.ElementCount];
        if (texts.Length == 0) return texts;

        // All strings in one piece, without terminators; offsets[i] is where string i begins.
        var content = new byte[OrtApi.GetStringTensorDataLength(Handle) + 1];
        var offsets = new nuint[texts.Length];
        fixed (byte* bytes = content)
        fixed (nuint* starts = offsets)
        {
            OrtApi.GetStringTensorContent(Handle, bytes, (nuint)content.Length - 1, starts, (nuint)offsets.Length);
        }

        for (int i = 0; i < texts.Length; i++)
        {
            int end = i + 1 < texts.Length ? (int)offsets[i + 1] : content.Length - 1;
            texts[i] = Encoding.UTF8.GetString(content, (int)offsets[i], end - (int)offsets[i]);
        }

        return texts;
    }

    public string GetStringElement(int index)
    {
        var bytes = new byte[OrtApi.GetStringTensorElementLength(Handle, (nuint)index)];
        fixed (byte* buffer = bytes)
        {
            if (bytes.Length > 0) OrtApi.GetStringTensorElement(Handle, (nuint)bytes.Length, (nuint)index, buffer);
        }

        return Encoding.UTF8.GetString(bytes);
    }

    /// <exception cref="NotSupportedException">The text holds a NUL, which this stand-in's way into the library would cut.</exception>
    public void StringTensorSetElementAt(ReadOnlySpan<char> str, int index)
    {
        if (str.Contains('\0')) throw new NotSupportedException("A string with a NUL character cannot be put into a string tensor.");

        fixed (byte* text = Utf8.ZeroTerminated(str.ToString()))
        {
            OrtApi.FillStringTensorElement(Handle, text, (nuint)index);
        }
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        nint handle = Interlocked.Exchange(ref _handle, 0);
        if (handle != 0) OrtApi.ReleaseValue(handle);

        // A forgotten value must not leave the caller's array pinned for good: the pin goes in the finalizer as well.
        _pin.Dispose();
        _pin = default;
        if (disposing)
        {
            foreach (var member in _members) member.Dispose();
            _members = [];
        }
    }

    private static nint CreateOver(OrtMemoryInfo memoryInfo, TensorElementType type, long[] shape, void* data, nuint bytes)
    {
        fixed (long* dimensions = shape)
        {
            return OrtApi.CreateTensorWithData(
                memoryInfo.Pointer, data == null && bytes == 0 ? s_nowhere : data, bytes, dimensions, (nuint)shape.Length, (int)type);
        }
    }

    private static long CountOf(long[] shape)
    {
        long count = 1;
        foreach (long dimension in shape)
        {
            if (dimension < 0) throw new ArgumentOutOfRangeException(nameof(shape), $"Shape must not have negative elements: {dimension}");

            count = checked(count * dimension);
        }

        return count;
    }

    private nint Typed() =>
        OnnxType != OnnxValueType.ONNX_TYPE_UNKNOWN
            ? Handle
            : throw new OnnxRuntimeException(ErrorCode.InvalidArgument, "This OrtValue is an empty optional");

    private Span<byte> Bytes(Type requested)
    {
        if (!IsTensor) throw new OnnxRuntimeException(ErrorCode.InvalidArgument, $"This OrtValue type contains: {OnnxType}, not a tensor");

        var info = GetTensorTypeAndShape();
        if (info.IsString) throw new OnnxRuntimeException(ErrorCode.InvalidArgument, "Strings are not supported by this API");

        var (type, size) = ElementTypes.Find(info.ElementDataType)
            ?? throw new OnnxRuntimeException(ErrorCode.InvalidArgument, $"Element type: {info.ElementDataType} is not registered type.");
        if (requested != typeof(byte) && requested != type)
        {
            throw new OnnxRuntimeException(ErrorCode.InvalidArgument, $"Requested type: {requested} does not match the actual type: {type}");
        }

        if (info.ElementCount == 0) return [];

        Debug.Assert(info.ElementCount * size <= int.MaxValue);
        return new Span<byte>(OrtApi.GetTensorMutableData(Handle), checked((int)(info.ElementCount * size)));
    }
}
