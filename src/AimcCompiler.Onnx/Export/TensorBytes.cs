using System.Buffers;
using System.Runtime.InteropServices;
using AimcCompiler.Core;

namespace AimcCompiler.Onnx;

/// <summary>A part of a numeric tensor's array as bytes, without a copy.</summary>
internal sealed unsafe class TensorBytes(Tensor tensor, long start, int length) : MemoryManager<byte>
{
    /// <summary>The whole array, of less than 2 GiB.</summary>
    public TensorBytes(Tensor tensor)
        : this(tensor, 0, checked((int)tensor.Bytes))
    {
    }

    /// <summary>Asks for no elements yet.</summary>
    public override Memory<byte> Memory => CreateMemory(length);

    public override Span<byte> GetSpan() => TensorReader.Bytes(tensor.Data, start, length);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        var handle = GCHandle.Alloc(tensor.Data, GCHandleType.Pinned);
        return new MemoryHandle((byte*)handle.AddrOfPinnedObject() + start + elementIndex, handle, this);
    }

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
