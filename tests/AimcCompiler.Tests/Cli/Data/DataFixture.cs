using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using AimcCompiler.Cli;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Cli.Data;

/// <summary>A temporary folder, and data files built byte by byte.</summary>
public abstract class DataFixture : IDisposable
{
    protected string Folder { get; } = Directory.CreateTempSubdirectory("aimc-data").FullName;

    public void Dispose()
    {
        Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    protected string Save(string name, byte[] content)
    {
        string path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    /// <summary>A .npy as NumPy writes it: version 1.0, padded to 64 bytes.</summary>
    internal static byte[] Npy(string descr, string shape, byte[] data, bool fortran = false, byte version = 1)
    {
        string text = $"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}";
        int prefix = version == 1 ? 10 : 12;
        return NpyText(text.PadRight(((prefix + text.Length + 64) / 64 * 64) - prefix - 1) + "\n", data, version);
    }

    internal static byte[] NpyText(string header, byte[] data, byte version = 1)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        byte[] length = new byte[version == 1 ? 2 : 4];
        if (version == 1)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)text.Length);
        }
        else
        {
            BinaryPrimitives.WriteInt32LittleEndian(length, text.Length);
        }

        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. text, .. data];
    }

    internal static byte[] Idx(byte type, int[] dimensions, byte[] data)
    {
        var bytes = new List<byte> { 0, 0, type, (byte)dimensions.Length };
        foreach (int dimension in dimensions)
        {
            byte[] value = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(value, dimension);
            bytes.AddRange(value);
        }

        return [.. bytes, .. data];
    }

    internal static byte[] Gzip(byte[] content)
    {
        var result = new MemoryStream();
        using (var stream = new GZipStream(result, CompressionLevel.Optimal))
        {
            stream.Write(content);
        }

        return result.ToArray();
    }

    internal static byte[] Zip(CompressionLevel level, params (string Name, byte[] Content)[] entries)
    {
        var result = new MemoryStream();
        using (var archive = new ZipArchive(result, ZipArchiveMode.Create))
        {
            foreach (var (name, content) in entries)
            {
                using var stream = archive.CreateEntry(name, level).Open();
                stream.Write(content);
            }
        }

        return result.ToArray();
    }

    internal static byte[] Bytes(int count) => [.. Enumerable.Range(0, count).Select(i => (byte)i)];

    internal static Tensor Read(string path, string entry = "a", RawFormat? raw = null)
    {
        using var source = DataFile.Open(path, [entry], raw);
        return source.ReadAll();
    }

    internal static string Refused(Action read) => Assert.Throws<DiagnosticException>(read).Message;
}
