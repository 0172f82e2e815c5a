using System.Buffers.Binary;
using System.IO.Compression;
using AimcCompiler.Cli;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Cli.Data;

public sealed class ImageFolderTests : DataFixture
{
    [Fact]
    public void SubFoldersAreClassesAndImagesTurnToTheModel()
    {
        Save("set/cat/b.png", Png(2, 1, [9, 8, 7, 6, 5, 4]));
        Save("set/cat/a.png", Png(2, 1, [1, 2, 3, 4, 5, 6]));
        Save("set/dog/a.bmp", Bmp(2, 1, [10, 20, 30, 40, 50, 60]));
        Save("set/dog/readme.txt", [1]);
        using var set = Open("set", [-1, 3, 1, 2]);
        Assert.Equal(3, set.Count);
        Assert.Equal([0, 0, 1], set.Labels!);
        Assert.Equal([1, 4, 2, 5, 3, 6], set.Batch("x", 0, 1).Floats);
        Assert.Equal([10, 40, 20, 50, 30, 60], set.Batch("x", 2, 1).Floats);
        using var last = Open("set", [-1, 1, 2, 3]);
        Assert.Equal([1, 2, 3, 4, 5, 6], last.Batch("x", 0, 1).Floats);
        using var grey = Open("set", [-1, 2]);
        Assert.Equal("Float 3x2", grey.Batch("x", 0, 3).ToString());
    }

    [Fact]
    public void RefusesMixedSizesKindsAndDamage()
    {
        byte[] png = Png(2, 1, [1, 2, 3, 4, 5, 6]);
        Save("one/a.png", png);
        using (var set = Open("one", [-1, 3, 1, 2]))
        {
            Assert.Null(set.Labels);
        }

        Save("size/a.png", png);
        Save("size/b.png", Png(1, 2, [1, 2, 3, 4, 5, 6]));
        Assert.Contains("2x1", Refused(() => Open("size", [-1, 3, 1, 2])), StringComparison.Ordinal);
        Save("mixed/a.png", png);
        Save("mixed/c/a.png", png);
        Assert.Contains("sub-folder", Refused(() => Open("mixed", [-1, 3, 1, 2])), StringComparison.Ordinal);
        Save("kind/a.webp", png);
        Assert.Contains(".png", Refused(() => Open("kind", [-1, 3, 1, 2])), StringComparison.Ordinal);
        Save("text/a.png", [1, 2, 3]);
        Refused(() => Open("text", [-1, 3, 1, 2]));
        Save("huge/a.png", Png(10_000, 10_000, [1]));
        Assert.Contains("10000x10000", Refused(() => Open("huge", [-1, 3, -1, -1])), StringComparison.Ordinal);
        Assert.Contains("takes ?x3x5x5", Refused(() => Open("one", [-1, 3, 5, 5])), StringComparison.Ordinal);
    }

    [Fact]
    public void OnlyDiagnosticsComeOutOfDamagedImages()
    {
        byte[] png = Png(4, 4, Bytes(48));
        byte[] bmp = Bmp(4, 4, Bytes(48));
        var random = new Random(11);
        int refused = 0;
        for (int i = 0; i < 1000; i++)
        {
            byte[] content = (byte[])(i % 2 == 0 ? png : bmp).Clone();
            content[random.Next(content.Length)] ^= (byte)(1 << random.Next(8));
            content = random.Next(4) == 0 ? content[..random.Next(content.Length)] : content;
            string path = Save($"fuzz.{(i % 2 == 0 ? "png" : "bmp")}", content);
            try
            {
                using var images = ImageFolder.Open(path, (_, _) => 3);
                images.Read(0, 1);
            }
            catch (DiagnosticException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 500, 1000);
    }

    private DataSet Open(string folder, long[] shape) => DataSet.Open(new DataRequest
    {
        Paths = [Path.Combine(Folder, folder)],
        Inputs = [new DataInput("x", TensorType.Float, [.. shape])],
    });

    private static byte[] Png(int width, int height, byte[] rgb)
    {
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        header[9] = 2;
        var data = new MemoryStream();
        using (var stream = new ZLibStream(data, CompressionLevel.Optimal, leaveOpen: true))
        {
            foreach (byte[] row in rgb.Chunk(width * 3))
            {
                stream.WriteByte(0);
                stream.Write(row);
            }
        }

        return [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10, .. Chunk("IHDR"u8, header), .. Chunk("IDAT"u8, data.ToArray()), .. Chunk("IEND"u8, [])];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> name, byte[] data)
    {
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
        byte[] body = [.. name, .. data];
        byte[] crc = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(crc, Crc32.Compute(body));
        return [.. length, .. body, .. crc];
    }

    /// <summary>A 24-bit BMP, top row first.</summary>
    private static byte[] Bmp(int width, int height, byte[] rgb)
    {
        int stride = ((width * 3) + 3) / 4 * 4;
        byte[] file = new byte[54 + (stride * height)];
        file[0] = (byte)'B';
        file[1] = (byte)'M';
        BitConverter.TryWriteBytes(file.AsSpan(2), file.Length);
        file[10] = 54;
        file[14] = 40;
        BitConverter.TryWriteBytes(file.AsSpan(18), width);
        BitConverter.TryWriteBytes(file.AsSpan(22), -height);
        file[26] = 1;
        file[28] = 24;
        for (int i = 0; i < width * height; i++)
        {
            int to = 54 + (i / width * stride) + (i % width * 3);
            (file[to], file[to + 1], file[to + 2]) = (rgb[(i * 3) + 2], rgb[(i * 3) + 1], rgb[i * 3]);
        }

        return file;
    }
}
