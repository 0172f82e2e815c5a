using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Layers of few columns run sixteen vectors side by side, with the bits of the stepwise engine.</summary>
public sealed class LaneLayerTests
{
    private static readonly PcmLikeDevice s_pcm = new(1, 1, 1);

    [Theory]
    [InlineData(1, 3)]
    [InlineData(6, 25)]
    [InlineData(16, 70)]
    [InlineData(24, 130)]
    public void EqualsTheStepwiseEngine(int columns, int rows)
    {
        foreach (int vectors in (int[])[1, 15, 16, 17, 45])
        {
            float[] x = Cases.Floats(7, vectors * rows);
            Array.Clear(x, 0, rows);
            AssertEqual(new LayerSpec(Chip(bounds: 3), rows, columns) { Contents = Cases.Floats(4, rows * columns), Bias = [.. Cases.Floats(5, columns)] }, x, vectors);
        }
    }

    /// <summary>A tight converter: vectors that clip take the other way, alone where bounds are managed.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void VectorsThatClipAreTriedAgainOrCounted(bool managesBounds)
    {
        var chip = Chip(bounds: 1.2, managesBounds);
        LayerSpec spec = new(chip, 40, 5) { Contents = Cases.Floats(4, 200) };
        float[] x = Cases.Floats(7, 33 * 40);
        var fast = AssertEqual(spec, x, 33);
        if (!managesBounds)
        {
            Assert.InRange(fast.Clipped, 1, 33 * 5 - 1);
        }
    }

    [Theory]
    [InlineData(1, 1, 0, 0, 1)]
    [InlineData(3, 1, 1, 1, 1)]
    [InlineData(5, 1, 2, 2, 1)]
    [InlineData(3, 2, 1, 0, 1)]
    [InlineData(3, 1, 2, 2, 2)]
    public void ConvolutionsReadTheirWindows(int kernel, int stride, int begin, int end, int dilation)
    {
        const int Channels = 2;
        const int Filters = 3;
        long[] shape = [3, Channels, 11, 19];
        ConvolutionView view = new([kernel, kernel], [stride, stride], [begin, begin], [end, end], [dilation, dilation]);
        int rows = Channels * kernel * kernel;
        LayerSpec spec = new(Chip(bounds: 4), rows, Filters)
        {
            Contents = Cases.Floats(4, rows * Filters),
            View = view,
            InputShape = [-1, Channels, 11, 19],
            OutputShape = [-1, Filters, view.OutputExtent(0, 11), view.OutputExtent(1, 19)],
        };
        var input = Tensor.FromFloats(Cases.Floats(7, (int)Tensor.CountOf([.. shape])), shape);
        var stepwise = spec.Executor(Cases.Stepwise with { TimeS = 3600 }, LayerPath.Tiles);
        var fast = spec.Executor(Cases.Fast with { TimeS = 3600 }, LayerPath.Tiles);
        Assert.True(fast.RunsInLanes);
        Cases.AssertSameBits(stepwise.Run(input, 3, 5).Floats, fast.Run(input, 3, 5).Floats, $"{view}");
    }

    [Theory]
    [InlineData(-2, -2)]
    [InlineData(-2, -1)]
    [InlineData(-1, -2)]
    public void MatricesLieAlongTheirAxes(int inputAxis, int outputAxis)
    {
        long[] shape = inputAxis == -1 ? [2, 21, 7] : [2, 7, 21];
        LayerSpec spec = new(Chip(bounds: 4), 7, 4)
        {
            Contents = Cases.Floats(4, 28),
            View = new MatrixView(inputAxis, outputAxis),
            InputShape = [-1, .. shape[1..]],
            OutputShape = outputAxis == -1 ? [-1, 21, 4] : [-1, 4, 21],
        };
        var input = Tensor.FromFloats(Cases.Floats(7, 2 * 7 * 21), shape);
        var fast = spec.Executor(Cases.Fast, LayerPath.Tiles);
        Assert.True(fast.RunsInLanes);
        Cases.AssertSameBits(spec.Executor(Cases.Stepwise, LayerPath.Tiles).Run(input, 2, 0).Floats, fast.Run(input, 2, 0).Floats, "matrix");
    }

    [Fact]
    public void InputsThatAreNotFiniteTakeTheOtherWay()
    {
        LayerSpec spec = new(Chip(bounds: 4), 7, 4) { Contents = Cases.Floats(4, 28) };
        float[] x = Cases.Floats(7, 20 * 7);
        float[] clean = spec.Run(x, Cases.Fast);
        x[7 * 3] = float.NaN;
        float[] y = spec.Run(x, Cases.Fast);
        Assert.Equal(clean[..12], y[..12]);
        Assert.Equal(clean[16..], y[16..]);
    }

    [Fact]
    public void ManyColumnsOrReadNoiseTakeTheOtherWay()
    {
        Assert.False(new LayerSpec(Chip(bounds: 4), 7, 25) { Contents = Cases.Floats(4, 175) }.Executor(Cases.Fast).RunsInLanes);
        var noisy = Chip(bounds: 4);
        noisy = noisy with { Tile = noisy.Tile with { Noise = noisy.Tile.Noise with { Read = 0.01 } } };
        Assert.False(new LayerSpec(noisy, 7, 4) { Contents = Cases.Floats(4, 28) }.Executor(Cases.Fast).RunsInLanes);
    }

    private static LayerExecutor AssertEqual(LayerSpec spec, float[] x, int vectors)
    {
        var stepwise = spec.Executor(Cases.Stepwise with { TimeS = 3600 }, LayerPath.Tiles);
        var fast = spec.Executor(Cases.Fast with { TimeS = 3600 }, LayerPath.Tiles);
        Assert.True(fast.RunsInLanes);
        Cases.AssertSameBits(stepwise.Run(spec.Batch(x), vectors, 5).Floats, fast.Run(spec.Batch(x), vectors, 5).Floats, $"{vectors} vectors");
        Assert.Equal(stepwise.Clipped, fast.Clipped);
        return fast;
    }

    /// <summary>Rows on several tiles, all of what a lane can do on the way: drift, its compensation, output noise, a fixed ADC range.</summary>
    private static ChipDescription Chip(double bounds, bool managesBounds = false) => Chips.Analog(t => t.With(s_pcm) with
    {
        Rows = 48,
        Columns = 64,
        Input = t.Input with
        {
            Bits = 6,
            Management = InputManagement.AbsMax,
            DynamicScale = true,
            BoundManagement = managesBounds ? new BoundManagement { MaxFactor = 1000, MaxResolution = 0.25 } : null,
        },
        Adc = t.Adc with { Bits = 7, Range = AdcRange.Fixed, Bound = bounds },
        Noise = t.Noise with { Output = 0.05 },
        DriftCompensation = DriftCompensation.Global,
    });
}
