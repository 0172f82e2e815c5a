using System.IO.Compression;
using AimcCompiler.Core;

namespace AimcCompiler.EndToEndTests;

/// <summary>The image sets of ../shared as the inventory says its models take them.</summary>
internal static class Images
{
    private const int IdxHeader = 16;

    /// <summary>10,000 test images as [10000, 1, 28, 28], (v / 255 - 0.1307) / 0.3081.</summary>
    public static Tensor Mnist()
    {
        using var file = new GZipStream(File.OpenRead(Places.Data("mnist-t10k-images-idx3-ubyte.gz")), CompressionMode.Decompress);
        using var content = new MemoryStream();
        file.CopyTo(content);
        byte[] pixels = content.ToArray()[IdxHeader..];
        return Tensor.FromFloats([.. pixels.Select(p => (float)(((p / 255.0) - 0.1307) / 0.3081))], pixels.Length / 784, 1, 28, 28);
    }

    /// <summary>1,000 re-encoded images and then 100 original ones as [1100, 3, 32, 32], 0 to 255.</summary>
    public static Tensor Cifar()
    {
        byte[] pixels = [.. File.ReadAllBytes(Places.Data("cifar10_jpeg1000_nhwc_u8.bin")), .. File.ReadAllBytes(Places.Data("cifar10_eran100_nhwc_u8.bin"))];
        float[] values = new float[pixels.Length];
        for (int i = 0; i < pixels.Length; i++)
        {
            int image = i / 3072;
            int pixel = i % 3072 / 3;
            values[(image * 3072) + (i % 3 * 1024) + pixel] = pixels[i];
        }

        return Tensor.FromFloats(values, pixels.Length / 3072, 3, 32, 32);
    }
}
