using System.Buffers;
using System.Runtime.InteropServices;

namespace AimcCompiler.Binary;

/// <summary>An array seen as bytes, without copying.</summary>
internal sealed class ArrayBytes<T>(T[] array) : MemoryManager<byte>
    where T : unmanaged
{
    public override Span<byte> GetSpan() => MemoryMarshal.AsBytes(array.AsSpan());

    public override unsafe MemoryHandle Pin(int elementIndex = 0)
    {
        GCHandle handle = GCHandle.Alloc(array, GCHandleType.Pinned);
        return new MemoryHandle((byte*)handle.AddrOfPinnedObject() + elementIndex, handle);
    }

    public override void Unpin()
    {
        // The GCHandle in the MemoryHandle does it.
    }

    protected override void Dispose(bool disposing)
    {
    }
}
