using System.Buffers;
using System.IO.MemoryMappedFiles;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>A file mapped read-only. Unmapped by <see cref="Dispose"/> only: a finalizer could pull the memory from under a span in use.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _start;

    /// <exception cref="DiagnosticException">Not a regular file, or it cannot be read.</exception>
    public MappedFile(string path)
    {
        try
        {
            using FileStream stream = InputFile.Open(path, Descriptors.InvalidProgram);
            Length = stream.Length;
            if (Length == 0)
            {
                return;
            }

            _file = MemoryMappedFile.CreateFromFile(
                stream.SafeFileHandle, null, Length, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _file.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
            _start += _view.PointerOffset;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            Dispose();
            throw new DiagnosticException(Descriptors.InvalidProgram, path, $"the file cannot be read: {e.Message}", "check the file and its permissions");
        }
    }

    public long Length { get; }

    public ReadOnlyMemory<byte> Slice(long offset, int length) => length == 0 ? default(ReadOnlyMemory<byte>) : new Part(this, offset, length).Memory;

    public void Dispose()
    {
        if (_start != null)
        {
            _start = null;
            _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        }

        _view?.Dispose();
        _file?.Dispose();
    }

    private sealed class Part(MappedFile file, long offset, int length) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => new(Start, length);

        public override MemoryHandle Pin(int elementIndex = 0) => new(Start + elementIndex);

        public override void Unpin()
        {
            // Mapped memory does not move.
        }

        protected override void Dispose(bool disposing)
        {
            // The file is the owner.
        }

        private byte* Start
        {
            get
            {
                ObjectDisposedException.ThrowIf(file._start == null, file);
                return file._start + offset;
            }
        }
    }
}
