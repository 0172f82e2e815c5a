using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>A layer of few columns on plain tiles, sixteen vectors side by side from the input tensor to the output tensor: the same operations on the same numbers as
/// <see cref="FastEngine"/>, without the columns that fill a register.</summary>
internal sealed class LaneLayer
{
    /// <summary>Above it registers of columns are full enough.</summary>
    private const int MaximumColumns = 24;

    private const int Lanes = LaneMvm.Lanes;

    private readonly MappedLayer _layer;
    private readonly TilePhysics _physics;
    private readonly SimulationOptions _options;
    private readonly ImmutableArray<ProgrammedBlock> _blocks;
    private readonly float? _staticScale;
    private readonly bool _managesBounds;
    private readonly Conversion _conversion;
    private readonly double _weight;
    private readonly float[] _codes;
    private readonly float[] _currents;
    private readonly float[] _normals;
    private readonly double[] _sums;
    private readonly float[] _scales = new float[Lanes];
    private readonly double[] _outputScales = new double[Lanes];
    private readonly ulong[] _samples = new ulong[Lanes];
    private readonly uint[] _ordinals = new uint[Lanes];
    private readonly uint[] _keys = new uint[2 * Lanes];
    private LaneScratch _scratch = new();
    private VectorGatherer? _gatherer;

    /// <param name="layer">One that without an <see cref="Obstacle"/>.</param>
    /// <param name="physics">Its tiles.</param>
    /// <param name="options">Seed and instance.</param>
    /// <param name="blocks">Its programmed blocks.</param>
    /// <param name="staticScale">Input scale; null = each vector has its own.</param>
    /// <param name="managesBounds">A vector that clips is tried again.</param>
    public LaneLayer(MappedLayer layer, TilePhysics physics, SimulationOptions options, ImmutableArray<ProgrammedBlock> blocks, float? staticScale, bool managesBounds)
    {
        (_layer, _physics, _options, _blocks, _staticScale, _managesBounds) = (layer, physics, options, blocks, staticScale, managesBounds);
        float lsb = physics.HasAdc ? physics.Lsbs[0] : 1;
        _conversion = new Conversion(physics.NoiseSigma(lsb), physics.HasAdc, lsb, physics.AdcMin, physics.AdcMax);
        _weight = physics.SliceWeight(0) * physics.LsbOf(0);
        _codes = new float[(layer.Rows + 1) * Lanes];
        _currents = new float[layer.Columns * Lanes];
        _normals = _conversion.Sigma == 0 ? [] : new float[layer.Columns * Lanes];
        _sums = new double[layer.Columns * Lanes];
    }

    /// <summary>Why a layer on fast tiles is not for this; null if it is: few columns, one pulse, one conversion, nothing but output noise on the way.</summary>
    public static string? Obstacle(MappedLayer layer, TilePhysics physics) =>
        layer.Columns > MaximumColumns ? FormattableString.Invariant($"{layer.Columns} columns fill registers")
        : layer.Groups > 1 || layer.Blocks.Any(b => b.Groups > 1 || b.ColumnStart > 0 || b.Columns != layer.Columns) ? "groups or column blocks"
        : layer.Copies > 1 ? "several copies"
        : layer.View is ConvolutionView { Shifts: > 1 } ? "kernels are shifted"
        : layer.KeptRows is not null || layer.KeptColumns is not null ? "rows or columns of zeros are left out"
        : physics.Input is not { Bits: not null, IsMidRise: false, PulseWeights: [1] } || physics.RoundsInputsByDraws || physics.Tile.Input.Management == InputManagement.None ? "inputs are not one pulse of a code"
        : physics.Weights.Slices > 1 || physics.NeedsUnit || (physics.Weights.IsDifferential && !physics.SubtractsInArray) ? "a column has more than one conversion"
        : physics.HasPeriphery || physics.Device.HasReadNoise || physics.Tile.Noise.IrDrop is not null ? "more than output noise disturbs a read"
        : !layer.Centers.IsEmpty ? "columns have centers"
        : null;

    /// <summary>The vectors are another tensor's.</summary>
    private void Begin(VectorGatherer gatherer)
    {
        if (_gatherer is null || !gatherer.InputShape.AsSpan()[1..].SequenceEqual(_gatherer.InputShape.AsSpan()[1..]))
        {
            _scratch = new LaneScratch();
        }

        _gatherer = gatherer;
        _scratch.Images?.Forget();
    }

    /// <summary>Runs up to sixteen vectors; false where they need another way: an input is not finite, the layer has no positive scale, or a conversion clips and is to
    /// be tried again.</summary>
    /// <param name="gatherer">Reads and writes tensors.</param>
    /// <param name="input">The input tensor.</param>
    /// <param name="first">The first vector.</param>
    /// <param name="count">At most 16.</param>
    /// <param name="names">Of the vectors.</param>
    /// <param name="output">The output tensor.</param>
    /// <param name="clipped">Counts conversions.</param>
    public bool TryRun(VectorGatherer gatherer, ReadOnlySpan<float> input, int first, int count, VectorNames names, Span<float> output, ref long clipped)
    {
        if (!ReferenceEquals(gatherer, _gatherer))
        {
            Begin(gatherer);
        }

        var codes = _codes.AsSpan(0, _layer.Rows * Lanes);
        gatherer.GatherLanes(input, first, count, _scratch, _codes);
        bool isFinite = LaneConverters.Scale(codes, _scales);
        if (_staticScale is { } scale)
        {
            Array.Fill(_scales, scale);
        }

        if (!isFinite || _staticScale is <= 0)
        {
            return false;
        }

        LaneConverters.Quantize(codes, _scales, _physics.Input.MinCode, _physics.Input.MaxCode);
        bool isNoisy = _normals.Length > 0;
        if (isNoisy)
        {
            names.Fill(first, _samples.AsSpan(0, count), _ordinals.AsSpan(0, count));
            Draws.EventKeys(_options.Seed, _options.Instance, _samples, _ordinals, 0, _keys);
        }

        Array.Clear(_sums);
        int clips = 0;
        foreach (var block in _blocks)
        {
            var place = block.Block;
            LaneMvm.Multiply(codes[(place.RowStart * Lanes)..], block.Positive[0], place.Rows, _layer.Columns, _currents);
            if (isNoisy)
            {
                CellStream stream = new(_options.Seed, _options.Instance, _layer.NoiseKey, Slice: 0, Pair: 0, Polarity: 0, place.Copy);
                Draws.LaneNormals(stream, DrawPurpose.Output, _keys, place.RowBlock, 0, _layer.Columns, _normals);
            }

            clips += Convert(block.Compensation, count);
            if (clips > 0 && _managesBounds)
            {
                return false;
            }
        }

        clipped += clips;
        double codeScale = _physics.CodeScale;
        for (int i = 0; i < Lanes; i++)
        {
            _outputScales[i] = codeScale * _scales[i];
        }

        LaneConverters.Scale(_sums, _weight, _outputScales, _layer.Scales.AsSpan(), _layer.Bias.AsSpan(), _currents);
        gatherer.ScatterLanes(_currents, first, count, output);
        return true;
    }

    /// <summary>Lanes without a vector are not converted: their noise could clip.</summary>
    private int Convert(double factor, int count)
    {
        if (count == Lanes)
        {
            return ShiftAdd.Convert(in _conversion, _currents, _normals, default, factor, _sums);
        }

        int clips = 0;
        for (int c = 0; c < _layer.Columns; c++)
        {
            int at = c * Lanes;
            clips += ShiftAdd.Convert(
                in _conversion, _currents.AsSpan(at, count), _normals.Length == 0 ? default : _normals.AsSpan(at, count), default, factor, _sums.AsSpan(at, count));
        }

        return clips;
    }
}
