using System.Buffers.Binary;
using System.Collections.Immutable;
using AimcCompiler.Core;
using StbImageSharp;

namespace AimcCompiler.Cli;

/// <summary>A folder of equally large images as an array samples x height x width x channels of uint8, in ordinal order of the names.</summary>
/// <remarks>With sub-folders each sub-folder is a class, numbered in ordinal order of the names.</remarks>
internal sealed class ImageFolder : ArraySource
{
    private const long MaxFileBytes = 256L << 20;
    private static readonly string[] Readable = [".png", ".jpg", ".jpeg", ".bmp"];
    private static readonly string[] Unreadable = [".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".avif", ".heic", ".jp2", ".jxl", ".tga", ".psd"];

    private readonly ImmutableArray<string> _files;

    private ImageFolder(string where, ImmutableArray<string> files, ImmutableArray<long> shape, int[]? labels)
        : base(where, TensorType.UInt8, shape)
    {
        _files = files;
        Labels = labels;
    }

    /// <summary>The class of each image, or null when there are no sub-folders.</summary>
    public int[]? Labels { get; }

    public static bool IsImage(string path) => Readable.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>Opens a folder, or one image as a folder of one.</summary>
    /// <param name="path">A folder, or an image file.</param>
    /// <param name="channelsOf">1, 3 or 4 channels for images of a height and width.</param>
    /// <exception cref="DiagnosticException">There are no images, one is damaged, or they differ in size.</exception>
    public static ImageFolder Open(string path, Func<int, int, int> channelsOf)
    {
        var (files, labels) = Directory.Exists(path) ? DataLimits.Guarded(path, () => List(path)) : ([path], null);
        if (files.IsEmpty)
        {
            throw DataLimits.Invalid(path, "the folder holds no images", $"put {string.Join(", ", Readable)} files there");
        }

        var (height, width) = Measure(files[0]);
        foreach (string file in files)
        {
            var size = Measure(file);
            if (size != (height, width))
            {
                throw DataLimits.Invalid(
                    file,
                    $"the image is {size.Height}x{size.Width} (height x width), {Path.GetFileName(files[0])} is {height}x{width}",
                    "bring all images to one size");
            }
        }

        return new ImageFolder(path, files, [files.Length, height, width, channelsOf(height, width)], labels);
    }

    public override Array Read(long first, long count)
    {
        byte[] result = new byte[Elements(count)];
        int size = (int)SliceCount;
        for (int i = 0; i < count; i++)
        {
            Decode(_files[(int)first + i]).CopyTo(result.AsSpan(i * size, size));
        }

        return result;
    }

    public override void Dispose()
    {
    }

    private static (ImmutableArray<string> Files, int[]? Labels) List(string folder)
    {
        var direct = Images(folder);
        string[] classes = [.. Directory.EnumerateDirectories(folder).Where(d => Path.GetFileName(d)[0] != '.').Order(StringComparer.Ordinal)];
        var perClass = classes.Select(Images).ToList();
        if (perClass.TrueForAll(files => files.IsEmpty))
        {
            return (direct, null);
        }

        return direct.IsEmpty
            ? ([.. perClass.SelectMany(files => files)], [.. perClass.SelectMany((files, label) => Enumerable.Repeat(label, files.Length))])
            : throw DataLimits.Invalid(folder, $"{direct.Length} images stand beside sub-folders of images", "move them into a sub-folder, one a class");
    }

    private static ImmutableArray<string> Images(string folder)
    {
        var files = ImmutableArray.CreateBuilder<string>();
        foreach (string file in Directory.EnumerateFiles(folder))
        {
            if (Path.GetFileName(file)[0] == '.')
            {
                continue;
            }

            if (Unreadable.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase))
            {
                throw DataLimits.Invalid(file, $"images of this kind are not read, only {string.Join(", ", Readable)}", "convert it to .png");
            }

            if (IsImage(file))
            {
                files.Add(file);
            }
        }

        files.Sort(StringComparer.Ordinal);
        return files.ToImmutable();
    }

    private static (int Height, int Width) Measure(string file)
    {
        using var stream = InputFile.Open(file, Descriptors.InvalidData);
        var found = DataLimits.Guarded(file, () => ImageInfo.FromStream(stream))
            ?? throw DataLimits.Invalid(file, "this is not a PNG, JPEG or BMP image");
        long height = Math.Abs((long)found.Height); // negative in a BMP whose top row comes first
        return found.Width > 0 && height > 0 && height * found.Width <= DataLimits.MaxPixels
            ? ((int)height, found.Width)
            : throw DataLimits.Invalid(file, $"the image declares {height}x{found.Width} pixels, allowed are 1 to {DataLimits.MaxPixels}", "make it smaller");
    }

    private byte[] Decode(string file)
    {
        byte[] content = InputFile.ReadAllBytes(file, MaxFileBytes, Descriptors.InvalidData);
        CheckPng(file, content);
        var components = (ColorComponents)(int)Shape[3]; // 1 grey, 3 red green blue, 4 with alpha
        var image = DataLimits.Guarded(file, () => ImageResult.FromMemory(content, components));
        return image.Data is { } data && data.LongLength == SliceCount && Math.Abs((long)image.Height) == Shape[1]
            ? data
            : throw DataLimits.Invalid(file, $"the image decodes to {image.Height}x{image.Width}, expected {Shape[1]}x{Shape[2]}");
    }

    /// <summary>Checks the chunk lengths and CRCs of a PNG; the decoder does not look at the CRCs.</summary>
    private static void CheckPng(string file, ReadOnlySpan<byte> content)
    {
        if (!content.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]))
        {
            return;
        }

        int position = 8;
        while (position < content.Length)
        {
            long length = content.Length - position >= 12 ? BinaryPrimitives.ReadUInt32BigEndian(content[position..]) : long.MaxValue;
            if (length > content.Length - position - 12)
            {
                throw DataLimits.Invalid(file, $"the chunk at byte {position} reaches beyond the file's {content.Length} bytes", "copy or make the file again");
            }

            var chunk = content.Slice(position + 4, 4 + (int)length);
            if (Crc32.Compute(chunk) != BinaryPrimitives.ReadUInt32BigEndian(content[(position + 8 + (int)length)..]))
            {
                throw DataLimits.Invalid(file, $"the chunk at byte {position} is damaged: its CRC-32 differs", "copy or make the file again");
            }

            position += 12 + (int)length;
            if (chunk.StartsWith("IEND"u8))
            {
                return;
            }
        }

        throw DataLimits.Invalid(file, "the image does not end: there is no IEND chunk", "copy or make the file again");
    }
}
