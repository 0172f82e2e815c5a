using System.Diagnostics;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Files;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aimc-atomic").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void WritesAFileAndLeavesNothingElse()
    {
        string path = Path.Combine(_folder, "a.bin");
        AtomicFile.Write(path, s => s.Write([1, 2, 3]));
        AtomicFile.Write(path, s => s.Write([4]));
        Assert.Equal([4], File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void KeepsTheOldContentWhenTheWriterFails()
    {
        string path = Path.Combine(_folder, "a.bin");
        File.WriteAllText(path, "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, s =>
        {
            s.Write(new byte[100_000]);
            throw new InvalidOperationException();
        }));
        var refused = Assert.Throws<DiagnosticException>(() => AtomicFile.Write(path, _ => throw new IOException("No space left on device")));
        Assert.Equal("AIMC4003", refused.Diagnostics[0].Descriptor.Id);
        Assert.Contains("No space left", refused.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void RefusesWhatIsNotAFileInAFolder()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        string[] impossible = ["", _folder, _folder + "/", Path.Combine(_folder, "missing", "a"), Path.Combine(file, "a"), "a\0b", Path.Combine(_folder, new string('x', 300))];
        foreach (string path in impossible)
        {
            Assert.Equal("AIMC4003", Assert.Throws<DiagnosticException>(() => AtomicFile.Write(path, s => s.WriteByte(1))).Diagnostics[0].Descriptor.Id);
        }

        foreach (string path in impossible[..^2])
        {
            Assert.Throws<DiagnosticException>(() => AtomicFile.CheckWritable(path));
        }

        Assert.Equal([file], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void RefusesDevicesAndReadOnlyFileSystems()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        foreach (string path in new[] { "/dev/full", "/dev/null", "/proc/aimc.bin", "/sys/aimc.bin" })
        {
            Assert.Throws<DiagnosticException>(() => AtomicFile.Write(path, s => s.WriteByte(1)));
            Assert.Throws<DiagnosticException>(() => AtomicFile.CheckWritable(path));
        }

        string fifo = Path.Combine(_folder, "fifo");
        MakeFifo(fifo);
        Assert.Contains("FIFO", Assert.Throws<DiagnosticException>(() => AtomicFile.Write(fifo, s => s.WriteByte(1))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReportsAFullDiskFromTheWriter()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        string path = Path.Combine(_folder, "a.bin");
        var refused = Assert.Throws<DiagnosticException>(() => AtomicFile.Write(path, _ =>
        {
            using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write);
            full.Write(new byte[100_000]);
        }));
        Assert.Contains("space", refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void ReplacesALinkAndKeepsTheModeOfAFile()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        string elsewhere = Path.Combine(_folder, "elsewhere");
        string link = Path.Combine(_folder, "link");
        File.WriteAllText(elsewhere, "mine");
        File.SetUnixFileMode(elsewhere, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.CreateSymbolicLink(link, elsewhere);
        AtomicFile.Write(link, s => s.WriteByte(1));
        Assert.Equal("mine", File.ReadAllText(elsewhere));
        AtomicFile.Write(elsewhere, s => s.WriteByte(2));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(elsewhere));
    }

    [Fact]
    public void SweepsOnlyOldTemporariesOfDeadProcesses()
    {
        string path = Path.Combine(_folder, "a.bin");
        const int NoProcess = 2_147_000_000;
        string dead = Leave($".a.bin.{NoProcess}.0123456789ab.tmp", days: 2);
        string recent = Leave($".a.bin.{NoProcess}.0123456789ac.tmp", days: 0);
        string alive = Leave($".a.bin.{Environment.ProcessId}.0123456789ad.tmp", days: 2);
        string other = Leave($".b.bin.{NoProcess}.0123456789ae.tmp", days: 2);
        string foreign = Leave(".a.bin.notes.tmp", days: 2);
        AtomicFile.Write(path, s => s.WriteByte(1));
        Assert.False(File.Exists(dead));
        Assert.All([recent, alive, other, foreign, path], file => Assert.True(File.Exists(file)));
    }

    [Fact]
    public void ParallelWritersLeaveOneWholeContent()
    {
        string path = Path.Combine(_folder, "a.bin");
        Parallel.For(0, 40, i => AtomicFile.Write(path, s => s.Write([.. Enumerable.Repeat((byte)i, 10_000)])));
        byte[] content = File.ReadAllBytes(path);
        Assert.Equal(10_000, content.Length);
        Assert.All(content, value => Assert.Equal(content[0], value));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void InputsAreRegularFilesOnly()
    {
        string fifo = Path.Combine(_folder, "fifo");
        string[] wrong = ["", _folder, Path.Combine(_folder, "missing"), "-", "a\0b"];
        if (OperatingSystem.IsLinux())
        {
            MakeFifo(fifo);
            wrong = [.. wrong, fifo, "/dev/zero", "/dev/tty"];
        }

        foreach (string path in wrong)
        {
            Assert.Equal("AIMC5001", Assert.Throws<DiagnosticException>(() => InputFile.Open(path, Descriptors.InvalidData)).Diagnostics[0].Descriptor.Id);
        }

        string file = Path.Combine(_folder, "line\nbreak");
        File.WriteAllText(file, "12345");
        Assert.Equal(5, InputFile.ReadAllBytes(file, 5, Descriptors.InvalidData).Length);
        Assert.Throws<DiagnosticException>(() => InputFile.ReadAllBytes(file, 4, Descriptors.InvalidData));
    }

    private string Leave(string name, int days)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, "x");
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddDays(-days));
        return path;
    }

    private static void MakeFifo(string path)
    {
        using var process = Process.Start("mkfifo", [path]);
        process.WaitForExit();
    }
}
