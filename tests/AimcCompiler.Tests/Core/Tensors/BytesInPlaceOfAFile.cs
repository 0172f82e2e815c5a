using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core;

/// <summary>Stored elements that count what is read of them.</summary>
internal sealed class BytesInPlaceOfAFile(byte[] bytes) : StoredElements
{
    private long _taken;

    public long Taken => Interlocked.Read(ref _taken);

    public override void Read(long start, Span<byte> destination)
    {
        bytes.AsSpan((int)start, destination.Length).CopyTo(destination);
        Interlocked.Add(ref _taken, destination.Length);
    }
}
