using AimcCompiler.Core;

namespace AimcCompiler.Onnx;

/// <summary>The elements of a tensor at a place in an opened file, which stays open as long as the tensor lives.</summary>
/// <param name="file">The file.</param>
/// <param name="path">Its name, for errors.</param>
/// <param name="offset">Where the elements begin.</param>
/// <param name="bytes">How many bytes they have.</param>
public sealed class FileElements(FileStream file, string path, long offset, long bytes) : StoredElements
{
    public long Bytes { get; } = bytes;

    public override void Read(long start, Span<byte> destination)
    {
        try
        {
            for (int done = 0; done < destination.Length;)
            {
                int read = RandomAccess.Read(file.SafeFileHandle, destination[done..], offset + start + done);
                done += read > 0
                    ? read
                    : throw new DiagnosticException(Descriptors.InvalidModel, path, $"became shorter while it was read: byte {offset + start + done} is not there any more");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            throw new DiagnosticException(Descriptors.InvalidModel, path, $"the file cannot be read: {e.Message}");
        }
    }
}
