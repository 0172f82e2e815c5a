using System.Buffers;
using System.Runtime.InteropServices;
using AimcCompiler.Core;

namespace AimcCompiler.Onnx;

/// <summary>A numeric tensor's array as bytes, without a copy.</summary>
internal sealed unsafe class TensorBytes(Tensor tensor) : MemoryManager<byte>
{
    public override Span<byte> GetSpan() => TensorReader.Bytes(tensor.Data, tensor.Type);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        var handle = GCHandle.Alloc(tensor.Data, GCHandleType.Pinned);
        return new MemoryHandle((byte*)handle.AddrOfPinnedObject() + elementIndex, handle, this);
    }

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
