using System.IO.Compression;
using System.Text;
using AimcCompiler.Cli;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Cli.Data;

public sealed class ArrayFileTests : DataFixture
{
    private static readonly byte[] Floats12 = [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]; // 1, 2

    [Theory]
    [InlineData(TensorType.Float)]
    [InlineData(TensorType.Float16)]
    [InlineData(TensorType.Double)]
    [InlineData(TensorType.Int8)]
    [InlineData(TensorType.Int16)]
    [InlineData(TensorType.Int32)]
    [InlineData(TensorType.Int64)]
    [InlineData(TensorType.UInt8)]
    [InlineData(TensorType.UInt16)]
    [InlineData(TensorType.UInt32)]
    [InlineData(TensorType.UInt64)]
    [InlineData(TensorType.Bool)]
    public void WrittenTensorsReadBackEqual(TensorType type)
    {
        var tensor = new Tensor(type, [2, 3], ElementCast.Cast("test", TensorType.UInt8, new byte[] { 1, 0, 1, 1, 0, 0 }, type));
        string npy = Path.Combine(Folder, "a.npy");
        string npz = Path.Combine(Folder, "a.npz");
        NpyWriter.Write(npy, tensor);
        NpzWriter.Write(npz, [("b", Tensor.FromFloats([9], 1)), ("a", tensor), ("dir/c:0", Tensor.FromFloats([], 0))]);
        foreach (var read in new[] { Read(npy), Read(npz) })
        {
            Assert.Equal(tensor.ToString(), read.ToString());
            Assert.Equal(tensor.Data, read.Data);
        }

        // Equal bytes whenever it is written: no entry carries the time of day.
        byte[] first = File.ReadAllBytes(npz);
        NpzWriter.Write(npz, [("b", Tensor.FromFloats([9], 1)), ("a", tensor), ("dir/c:0", Tensor.FromFloats([], 0))]);
        Assert.Equal(first, File.ReadAllBytes(npz));
        using var archive = System.IO.Compression.ZipFile.OpenRead(npz);
        Assert.All(archive.Entries, e => Assert.Equal(new DateTime(1980, 1, 1), e.LastWriteTime.DateTime));
    }

    [Fact]
    public void WritesTheBytesNumPyWrites()
    {
        string path = Path.Combine(Folder, "a.npy");
        NpyWriter.Write(path, Tensor.FromFloats([1, 2], 2));
        Assert.Equal(Npy("<f4", "(2,)", Floats12), File.ReadAllBytes(path));
        Assert.Equal(128 + 8, new FileInfo(path).Length);
        NpyWriter.Write(path, new Tensor(TensorType.Float, [], new float[] { 3 }));
        Assert.True(Read(path).Shape.IsEmpty);
        NpyWriter.Write(path, Tensor.Zeros(TensorType.BFloat16, [2]));
        Assert.Equal(TensorType.Float, Read(path).Type);
        Assert.Contains("texts", Refused(() => NpyWriter.Write(path, Tensor.Zeros(TensorType.String, [2]))), StringComparison.Ordinal);
        Assert.Contains("twice", Refused(() => NpzWriter.Write(path, [("a", Tensor.FromFloats([1], 1)), ("a", Tensor.FromFloats([1], 1))])), StringComparison.Ordinal);
    }

    [Fact]
    public void WritesMoreThanOneChunk()
    {
        string path = Path.Combine(Folder, "a.npy");
        int[] values = [.. Enumerable.Range(0, 600_001)];
        NpyWriter.Write(path, new Tensor(TensorType.Int32, [values.Length], values));
        Assert.Equal(values, Read(path).Data);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void ReadsEveryVersionByteOrderAndElementOrder(byte version)
    {
        Assert.Equal([1f, 2f], Read(Save("a.npy", Npy("<f4", "(2,)", Floats12, version: version))).Floats);
        Assert.Equal(
            new short[] { 1, 515 },
            Read(Save("a.npy", Npy(">i2", "(2,)", [0, 1, 2, 3], version: version))).Data);
        Assert.Equal(
            new byte[] { 0, 2, 4, 1, 3, 5 },
            Read(Save("a.npy", Npy("|u1", "(2, 3)", Bytes(6), fortran: true, version: version))).Data);
        Assert.Equal(new bool[] { true, false }, Read(Save("a.npy", Npy("|b1", "(2,)", [7, 0], version: version))).Data);
    }

    [Fact]
    public void ReadsSlices()
    {
        using var rows = DataFile.Open(Save("a.npy", Npy("|u1", "(4, 3)", Bytes(12))), [], null);
        Assert.Equal(new byte[] { 3, 4, 5, 6, 7, 8 }, rows.Read(1, 2));
        using var columns = DataFile.Open(Save("b.npy", Npy("|u1", "(4, 3)", Bytes(12), fortran: true)), [], null);
        Assert.Equal(new byte[] { 1, 5, 9 }, columns.Read(1, 1));
    }

    [Theory]
    [InlineData("|O", "(1,)", "object arrays are never loaded")]
    [InlineData("|V16", "(1,)", "element type")]
    [InlineData("<U4", "(1,)", "element type")]
    [InlineData("<f16", "(1,)", "element type")]
    [InlineData("|f4", "(1,)", "element type")]
    [InlineData("", "(1,)", "element type")]
    [InlineData("<f4", "(65536, 65536)", "needs 17179869184 bytes")]
    [InlineData("<f4", "(9223372036854775807,)", "more elements")]
    [InlineData("<f4", "(9223372036854775808,)", "whole number")]
    [InlineData("<f4", "(18446744073709551616,)", "whole number")]
    [InlineData("<f4", "(4294967296, 4294967296)", "more elements")]
    [InlineData("<f4", "(0, 9223372036854775807)", "more elements")]
    [InlineData("<f4", "(-1,)", "whole number")]
    [InlineData("<f4", "(True,)", "whole number")]
    [InlineData("<f4", "(1L,)", "whole number|comma")]
    [InlineData("<f4", "(1_000,)", "comma")]
    [InlineData("<f4", "(3)", "not a tuple")]
    [InlineData("<f4", "(3,,)", "whole number")]
    [InlineData("<f4", "(3 3)", "comma")]
    [InlineData("<f4", "(((((3,", "whole number")]
    [InlineData("<f4", "(1,", "whole number")]
    [InlineData("<f4", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)", "more than 32")]
    [InlineData("<f4", "(2,), 'shape': (2,)", "twice")]
    [InlineData("<f4", "(2,), 'extra': 1", "unknown")]
    [InlineData("<f4", "__import__('os')", "is missing")]
    public void RefusesHostileHeaders(string descr, string shape, string message)
    {
        string refused = Refused(() => Read(Save("a.npy", Npy(descr, shape, new byte[80]))));
        Assert.Contains(message.Split('|'), part => refused.Contains(part, StringComparison.Ordinal));
        Assert.Contains("a.npy", refused, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False}")]
    [InlineData("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,)}")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\0\0")]
    [InlineData("{'descr': '<f4', 'fortran_order': False 'shape': (2,)}")]
    [InlineData("{'descr': '<f4")]
    [InlineData("{'déscr': '<f4', 'fortran_order': False, 'shape': (2,)}")]
    [InlineData("{'de\\'scr': '<f4'}")]
    public void RefusesMalformedHeaders(string header) => Refused(() => Read(Save("a.npy", NpyText(header, Floats12))));

    [Fact]
    public void RefusesDeepNestingLongHeadersAndWrongLengths()
    {
        Refused(() => Read(Save("a.npy", NpyText(new string('(', 60_000), []))));
        Refused(() => Read(Save("a.npy", [0x93, .. "NUMPY"u8, 2, 0, 0xFF, 0xFF, 0xFF, 0xFF])));
        Refused(() => Read(Save("a.npy", [0x93, .. "NUMPY"u8, 9, 0, 0, 0])));
        Refused(() => Read(Save("a.npy", [])));
        Refused(() => Read(Save("a.npy", [0x93, .. "NUMPY"u8])));
        Assert.Contains("remove what follows", Refused(() => Read(Save("a.npy", Npy("<f4", "(1,)", Floats12)))), StringComparison.Ordinal);
        Assert.Contains("cut off", Refused(() => Read(Save("a.npy", Npy("<f4", "(3,)", Floats12)))), StringComparison.Ordinal);
    }

    [Fact]
    public void ReadsArchivesAndNamesWhatIsMissing()
    {
        byte[] array = Npy("<f4", "(2,)", Floats12);
        Assert.Equal([1f, 2f], Read(Save("a.npz", Zip(CompressionLevel.Optimal, ("a.npy", array), ("b.npy", array)))).Floats);
        Assert.Equal([1f, 2f], Read(Save("b.npz", Zip(CompressionLevel.NoCompression, ("other.npy", array)))).Floats);
        Assert.Contains("b, c", Refused(() => Read(Save("c.npz", Zip(CompressionLevel.Optimal, ("b.npy", array), ("c.npy", array))))), StringComparison.Ordinal);
        Assert.Contains("no arrays", Refused(() => Read(Save("d.npz", Zip(CompressionLevel.Optimal)))), StringComparison.Ordinal);
    }

    [Fact]
    public void RefusesHostileArchives()
    {
        byte[] array = Npy("<f4", "(2,)", Floats12);
        byte[] stored = Zip(CompressionLevel.NoCompression, ("a.npy", array));
        byte[] flipped = (byte[])stored.Clone();
        flipped[stored.AsSpan().IndexOf("NUMPY"u8) + array.Length - 4] ^= 1;
        Assert.Contains("CRC-32", Refused(() => Read(Save("a.npz", flipped))), StringComparison.Ordinal);
        Assert.Contains("twice", Refused(() => Read(Save("a.npz", Zip(CompressionLevel.Optimal, ("a.npy", array), ("a.npy", array))))), StringComparison.Ordinal);
        Assert.Contains("not a .npy", Refused(() => Read(Save("a.npz", Zip(CompressionLevel.Optimal, ("a.npy", array), ("b.zip", stored))))), StringComparison.Ordinal);
        Refused(() => Read(Save("a.npz", [.. "PK\u0003\u0004"u8, 1, 2, 3])));

        foreach (byte method in new byte[] { 99, 14 })
        {
            byte[] odd = (byte[])stored.Clone();
            odd[8] = method;
            odd[stored.AsSpan().IndexOf((ReadOnlySpan<byte>)[(byte)'P', (byte)'K', 1, 2]) + 10] = method;
            Refused(() => Read(Save("a.npz", odd)));
        }

        foreach (uint declared in new uint[] { 10, 0xFFFF_FFF0, 400_000_000 })
        {
            byte[] lying = Zip(CompressionLevel.Optimal, ("a.npy", array));
            int directory = lying.AsSpan().IndexOf((ReadOnlySpan<byte>)[(byte)'P', (byte)'K', 1, 2]);
            BitConverter.TryWriteBytes(lying.AsSpan(directory + 24), declared);
            Refused(() => Read(Save("a.npz", lying)));
        }

        byte[] encrypted = (byte[])stored.Clone();
        encrypted[6] |= 1;
        encrypted[stored.AsSpan().IndexOf((ReadOnlySpan<byte>)[(byte)'P', (byte)'K', 1, 2]) + 8] |= 1;
        Assert.Contains("encrypted", Refused(() => Read(Save("a.npz", encrypted))), StringComparison.Ordinal);
        Assert.Contains(
            "at most 10000",
            Refused(() => Read(Save("a.npz", Zip(CompressionLevel.NoCompression, [.. Enumerable.Range(0, 10_001).Select(i => ($"{i}.npy", Array.Empty<byte>()))])))),
            StringComparison.Ordinal);
    }

    [Fact]
    public void RefusesBombs()
    {
        byte[] zeros = new byte[300 << 20];
        Assert.Contains("allowed", Refused(() => Read(Save("a.npz", Zip(CompressionLevel.Optimal, ("a.npy", zeros))))), StringComparison.Ordinal);
        Assert.Contains("gunzip", Refused(() => Read(Save("a-idx3-ubyte.gz", Gzip(zeros)))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("t10k-images-idx3-ubyte")]
    [InlineData("t10k-images.idx3-ubyte")]
    [InlineData("t10k-images.idx3-ubyte.gz")]
    [InlineData("t10k-images-idx3-ubyte.gz")]
    [InlineData("whatever")]
    public void ReadsIdx(string name)
    {
        byte[] content = Idx(8, [2, 2, 3], Bytes(12));
        var read = Read(Save(name, name.EndsWith("gz", StringComparison.Ordinal) ? Gzip(content) : content));
        Assert.Equal("UInt8 2x2x3", read.ToString());
        Assert.Equal(Bytes(12), read.Data);
    }

    [Fact]
    public void ReadsIdxElementTypes()
    {
        Assert.Equal(new short[] { 258 }, Read(Save("a-idx1", Idx(0x0B, [1], [1, 2]))).Data);
        Assert.Equal(new int[] { 258 }, Read(Save("a-idx1", Idx(0x0C, [1], [0, 0, 1, 2]))).Data);
        Assert.Equal([1f], Read(Save("a-idx1", Idx(0x0D, [1], [0x3F, 0x80, 0, 0]))).Floats);
        Assert.Equal(new double[] { 1 }, Read(Save("a-idx1", Idx(0x0E, [1], [0x3F, 0xF0, 0, 0, 0, 0, 0, 0]))).Data);
        Assert.Equal(new sbyte[] { -1 }, Read(Save("a-idx1", Idx(9, [1], [255]))).Data);
    }

    [Fact]
    public void RefusesHostileIdx()
    {
        byte[] good = Idx(8, [2, 3], Bytes(6));
        byte[][] bad =
        [
            [], [0, 0], [0, 1, 8, 1, 0, 0, 0, 0], Idx(7, [1], [1]), Idx(8, [], [1]), [0, 0, 8, 255, .. new byte[2000]], Idx(8, [-1, -1], Bytes(6)),
            Idx(8, [-1, -1, -1, -1], []), good[..^1], [.. good, 0], good[..10],
        ];
        foreach (byte[] content in bad)
        {
            Refused(() => Read(Save("a-idx2-ubyte", content)));
        }

        byte[] gzip = Gzip(good);
        Refused(() => Read(Save("a-idx2-ubyte.gz", [.. gzip, 1, 2, 3])));
        Refused(() => Read(Save("a-idx2-ubyte.gz", gzip[..^1])));
        Refused(() => Read(Save("a-idx2-ubyte.gz", gzip[..^9])));
        Refused(() => Read(Save("a-idx2-ubyte.gz", [0x1F, 0x8B])));
    }

    [Fact]
    public void ReadsRawFiles()
    {
        string path = Save("a.bin", Bytes(24));
        Assert.Equal("UInt8 2x4x3", Read(path, raw: RawFormat.Parse("4x3", "uint8")).ToString());
        Assert.Equal("Float 2x3", Read(path, raw: RawFormat.Parse("2x3", "float32")).ToString());
        Assert.Contains("multiple", Refused(() => Read(path, raw: RawFormat.Parse("5", "uint8"))), StringComparison.Ordinal);
        Assert.Contains("--dtype", Refused(() => Read(path)), StringComparison.Ordinal);
        Refused(() => RawFormat.Parse("5x0", "uint8"));
        Refused(() => RawFormat.Parse("", "uint8"));
        Refused(() => RawFormat.Parse("5", "complex64"));
        Refused(() => Read(path, raw: RawFormat.Parse("9223372036854775807x9223372036854775807", "f8")));
    }

    [Fact]
    public void OnlyDiagnosticsComeOutOfDamagedFiles()
    {
        byte[] npy = Npy("<f4", "(2, 3)", Bytes(24));
        (string Name, byte[] Content)[] seeds =
        [
            ("a.npy", npy),
            ("b.npy", Npy(">f8", "(2, 3)", Bytes(48), fortran: true, version: 2)),
            ("a.npz", Zip(CompressionLevel.Optimal, ("a.npy", npy), ("b.npy", npy))),
            ("b.npz", Zip(CompressionLevel.NoCompression, ("a.npy", npy))),
            ("a-idx2-ubyte", Idx(8, [2, 3], Bytes(6))),
            ("a-idx2-ubyte.gz", Gzip(Idx(8, [200, 3], Bytes(600)))),
        ];
        var random = new Random(7);
        long before = GC.GetTotalAllocatedBytes();
        int refused = 0;
        for (int i = 0; i < 6000; i++)
        {
            var (name, content) = seeds[i % seeds.Length];
            string path = Save(name, Mutate(random, content));
            try
            {
                Read(path);
            }
            catch (DiagnosticException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1000, 6000);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 6000L * (2 << 20));
    }

    [Fact]
    public void NamesTheByteOfAWrongHeader()
    {
        string refused = Refused(() => Read(Save("a.npy", Npy("<c8", "(1,)", new byte[8]))));
        Assert.Contains("header, byte", refused, StringComparison.Ordinal);
        Assert.Contains("float32", refused, StringComparison.Ordinal);
        Assert.DoesNotContain(Encoding.UTF8.GetString([0xEF, 0xBF, 0xBD]), refused, StringComparison.Ordinal);
    }

    private static byte[] Mutate(Random random, byte[] content)
    {
        var bytes = content.ToList();
        for (int k = random.Next(1, 4); k > 0 && bytes.Count > 0; k--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = new byte[] { 0, 1, 0x7F, 0x80, 0xFF }[random.Next(5)];
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at));
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 9), bytes.Count - at)));
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }

        return [.. bytes];
    }
}
