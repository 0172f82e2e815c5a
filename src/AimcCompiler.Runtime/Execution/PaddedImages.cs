namespace AimcCompiler.Runtime;

/// <summary>The images of a batch that a thread reads now, each with its borders of zeros: windows lie in them without a question.</summary>
/// <param name="channels">Planes of an image.</param>
/// <param name="extents">Three extents of a plane.</param>
/// <param name="begin">Zeros before each.</param>
/// <param name="end">Zeros after each, as far as windows reach.</param>
internal sealed class PaddedImages(int channels, int[] extents, int[] begin, int[] end)
{
    /// <summary>Room for a register beyond the last element.</summary>
    private const int Slack = 16;

    private readonly int _height = begin[1] + extents[1] + end[1];
    private readonly float[][] _images = [[], []];
    private readonly int[] _held = [-1, -1];

    /// <summary>From line to line.</summary>
    public int Width { get; } = begin[2] + extents[2] + end[2];

    /// <summary>From plane to plane of a volume.</summary>
    public int Plane => _height * Width;

    /// <summary>From channel to channel.</summary>
    public int Channel => (begin[0] + extents[0] + end[0]) * Plane;

    /// <summary>Other images may lie where the held ones did.</summary>
    public void Forget() => Array.Fill(_held, -1);

    /// <summary>One image; it and the one read before it stay.</summary>
    public float[] Read(ReadOnlySpan<float> input, int image)
    {
        int slot = image % 2;
        if (_held[slot] == image)
        {
            return _images[slot];
        }

        if (_images[slot].Length == 0)
        {
            _images[slot] = new float[(channels * Channel) + Slack];
        }

        float[] padded = _images[slot];
        int size = extents[0] * extents[1] * extents[2];
        for (int c = 0; c < channels; c++)
        {
            for (int z = 0; z < extents[0]; z++)
            {
                for (int y = 0; y < extents[1]; y++)
                {
                    int from = (((image * channels) + c) * size) + (((z * extents[1]) + y) * extents[2]);
                    int to = (c * Channel) + ((begin[0] + z) * Plane) + ((begin[1] + y) * Width) + begin[2];
                    input.Slice(from, extents[2]).CopyTo(padded.AsSpan(to));
                }
            }
        }

        _held[slot] = image;
        return padded;
    }
}
