using AimcCompiler.Core;
using AimcCompiler.Kernels;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>A layer whose kernel stands in its matrix at several shifts computes what it does with one, bit for bit where nothing is lost.</summary>
public sealed class ShiftedKernelsTests
{
    private static readonly (string Name, ConvolutionView View, int Channels, int Groups, int Filters, long[] Input)[] s_layers =
    [
        ("plain", new([3, 3], [1, 1], [0, 0], [0, 0], [1, 1]), 3, 1, 4, [7, 12]),
        ("padded", new([3, 3], [1, 1], [1, 1], [1, 1], [1, 1]), 2, 1, 5, [6, 11]),
        ("one-sided pads", new([2, 3], [1, 1], [0, 2], [1, 0], [1, 1]), 2, 1, 3, [6, 9]),
        ("strided", new([3, 3], [2, 2], [1, 1], [1, 1], [1, 1]), 3, 1, 4, [9, 15]),
        ("stride beyond the kernel", new([1, 1], [2, 3], [0, 0], [0, 0], [1, 1]), 4, 1, 3, [7, 20]),
        ("pointwise", new([1, 1], [1, 1], [0, 0], [0, 0], [1, 1]), 4, 1, 6, [5, 8]),
        ("dilated", new([3, 3], [1, 1], [2, 2], [2, 2], [2, 2]), 2, 1, 3, [8, 10]),
        ("dilated and strided", new([2, 4], [1, 2], [1, 3], [0, 2], [1, 3]), 2, 1, 3, [6, 21]),
        ("dilated beyond the stride", new([1, 2], [1, 2], [0, 0], [0, 0], [1, 5]), 2, 1, 3, [3, 19]),
        ("grouped", new([3, 3], [1, 1], [1, 1], [1, 1], [1, 1]), 2, 3, 2, [5, 9]),
        ("depthwise", new([3, 3], [1, 1], [1, 1], [1, 1], [1, 1]), 1, 5, 1, [6, 8]),
        ("same upper", new([3, 4], [2, 2], [0, 0], [0, 0], [1, 1], AutoPad.SameUpper), 2, 1, 3, [7, 13]),
        ("same lower", new([3, 4], [1, 1], [0, 0], [0, 0], [1, 1], AutoPad.SameLower), 2, 1, 3, [4, 10]),
        ("volume", new([2, 2, 3], [1, 2, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]), 2, 1, 3, [4, 6, 9]),
    ];

    public static TheoryData<string, int> Layers
    {
        get
        {
            TheoryData<string, int> cases = [];
            foreach (var layer in s_layers)
            {
                foreach (int shifts in (int[])[2, 3, 4, 5])
                {
                    if (shifts <= layer.View.OutputExtent(layer.Input.Length - 1, layer.Input[^1]))
                    {
                        cases.Add(layer.Name, shifts);
                    }
                }
            }

            return cases;
        }
    }

    /// <summary>By hand: outputs 4 x0 - 7 x1, 4 x1 - 7 x2, ...; of five the last pair has one.</summary>
    [Fact]
    public void TwoOutputsComeFromOneVector()
    {
        LayerSpec spec = new(Chips.Coded(t => t), 2, 1)
        {
            Codes = [4, -7],
            View = new ConvolutionView([1, 2], [1, 1], [0, 0], [0, 0], [1, 1]) { Shifts = 2 },
            Bias = [1],
            InputShape = [1, 1, 1, 6],
            OutputShape = [1, 1, 1, 5],
        };
        var layer = spec.Program().Layers[0];
        Assert.Equal((3, 2), (layer.Rows, layer.Columns));
        Assert.Equal([4, 0, -7, 4, 0, -7], Enumerable.Range(0, 6).Select(layer.Code));
        Assert.Equal([1f, 1f], layer.Bias.AsEnumerable());
        Assert.Equal(2, layer.ModelWeights);
        float[] x = [1, 0, 2 / 7f, -1, 3 / 7f, 1];
        var gatherer = VectorGatherer.Create(layer, [1, 1, 1, 6]);
        Assert.Equal(3, gatherer.Vectors);
        float[] vectors = new float[9];
        gatherer.GatherStrip(x, 0, 3, vectors);
        Assert.Equal([1, 0, 2 / 7f, 2 / 7f, -1, 3 / 7f, 3 / 7f, 1, 0], vectors);
        // Codes 7, 0, 2, -7, 3, 7 of 7; weights over 7.
        float[] expected = [.. new[] { 28, -14, 8 + 49, -28 - 21, 12 - 49 }.Select(s => (float)((s / 49.0) + 1))];
        foreach (var options in new[] { Cases.Ideal, Cases.Fast, Cases.Stepwise })
        {
            var y = spec.Executor(options).Run(Tensor.FromFloats(x, 1, 1, 1, 6), 1, 0).Floats;
            Assert.Equal(expected.Length, y.Length);
            Assert.All(expected.Zip(y), p => Assert.Equal(p.First, p.Second, 1e-6f));
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void CodedWeightsHaveTheBitsOfOneShift(string name, int shifts)
    {
        foreach (var encoding in (SignEncoding[])[SignEncoding.DifferentialOneSided, SignEncoding.OffsetDigital, SignEncoding.OffsetUnitColumn, SignEncoding.CenterOffset])
        {
            var chip = Chips.Coded(t => t with
            {
                Rows = 24,
                Columns = 48,
                Encoding = t.Encoding with { Sign = encoding, UnitColumn = encoding == SignEncoding.OffsetUnitColumn },
                Weights = t.Weights with { Slicing = encoding is SignEncoding.OffsetDigital or SignEncoding.OffsetUnitColumn ? Slicing.Unsigned : t.Weights.Slicing },
                Input = t.Input with { Management = InputManagement.Constant, DynamicScale = false },
            });
            Assert.True(Chips.IsValid(chip), $"{encoding}");
            foreach (var zeros in Enum.GetValues<ZeroPolicy>())
            {
                var (once, spec, x) = Specs(name, shifts, chip, coded: true, zeros);
                foreach (var (options, path) in ((SimulationOptions, LayerPath?)[])[(Cases.Ideal, null), (Cases.Fast, LayerPath.Tiles), (Cases.Stepwise, LayerPath.Tiles), (Cases.Fast with { Threads = 3 }, LayerPath.Tiles)])
                {
                    var expected = once.Executor(Cases.Ideal).Run(x, 2, 0);
                    var actual = spec.Executor(options, path).Run(x, 2, 0);
                    Assert.Equal(expected.Shape.ToArray(), actual.Shape.ToArray());
                    Cases.AssertSameBits(expected.Floats, actual.Floats, $"{encoding}, {zeros}, {options.Engine} {path}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void AnalogContentsHaveTheBitsOfOneShiftOnTheIdealChip(string name, int shifts)
    {
        foreach (var zeros in Enum.GetValues<ZeroPolicy>())
        {
            var (once, spec, x) = Specs(name, shifts, Chips.Analog(t => t), coded: false, zeros);
            Cases.AssertSameBits(once.Executor(Cases.Ideal).Run(x, 2, 0).Floats, spec.Executor(Cases.Ideal).Run(x, 2, 0).Floats, $"{zeros}");
        }
    }

    /// <summary>Strips of any length, column parts, and packed quads hold what one vector after the other does.</summary>
    [Theory]
    [MemberData(nameof(Layers))]
    public void StripsAreTheSameWhereverTheyAreCut(string name, int shifts)
    {
        var (_, spec, x) = Specs(name, shifts, Chips.Coded(t => t), coded: true, ZeroPolicy.Program);
        var layer = spec.Program().Layers[0];
        var gatherer = VectorGatherer.Create(layer, x.Shape);
        (int rows, int columns, int vectors) = (layer.Groups * layer.Rows, layer.Groups * layer.Columns, gatherer.Vectors);
        float[] input = [.. Enumerable.Range(1, x.Floats.Length).Select(i => (float)i)];
        float[] results = [.. Enumerable.Range(1, vectors * columns).Select(i => (float)i)];
        float[] gathered = new float[vectors * rows];
        float[] written = new float[Tensor.CountOf(gatherer.OutputShape)];
        for (int v = 0; v < vectors; v++)
        {
            gatherer.GatherStrip(input, v, 1, gathered.AsSpan(v * rows));
            gatherer.ScatterStrip(results.AsSpan(v * columns), v, 1, 0, columns, written);
        }

        Assert.DoesNotContain(0f, written);
        foreach (int strip in (int[])[3, 8, 17, vectors])
        {
            float[] output = new float[written.Length];
            for (int first = 0; first < vectors; first += strip)
            {
                int count = Math.Min(strip, vectors - first);
                float[] some = new float[count * rows];
                gatherer.GatherStrip(input, first, count, some);
                Assert.Equal(gathered[(first * rows)..((first + count) * rows)], some);
                gatherer.ScatterStrip(results.AsSpan(first * columns, count * columns), first, count, 0, columns / 2, output);
                gatherer.ScatterStrip(results.AsSpan(first * columns, count * columns), first, count, columns / 2, columns - (columns / 2), output);
                float[] quads = new float[PackedMvm.Padded(count) * rows];
                if (gatherer.GatherQuads(input, first, count, quads))
                {
                    float[] expected = new float[quads.Length];
                    PackedMvm.PackInputs(some, rows, count, rows, expected);
                    Assert.Equal(expected, quads);
                }
            }

            Assert.Equal(written, output);
        }
    }

    /// <summary>Devices are drawn by their places in the shifted matrix: other draws, and where zeros have none, the same mean and spread.</summary>
    [Fact]
    public void ProgrammingErrorsSpreadOutputsAsWithOneShift()
    {
        var noisy = Chips.Analog(t => t with { Cell = t.Cell with { Device = new GaussianDevice(0.05, null, NoiseScaling.Proportional) } });
        var (once, spec, x) = Specs("plain", 4, noisy, coded: false, ZeroPolicy.Skip);
        var (before, after) = (Moments(once, x), Moments(spec, x));
        Assert.NotEqual(before.Deviation, after.Deviation);
        Assert.InRange(after.Mean, before.Mean - (0.1 * before.Deviation), before.Mean + (0.1 * before.Deviation));
        Assert.InRange(after.Deviation, before.Deviation * 0.93, before.Deviation * 1.07);
    }

    private static (double Mean, double Deviation) Moments(LayerSpec spec, Tensor x)
    {
        float[] exact = spec.Executor(Cases.Ideal).Run(x, 2, 0).Floats;
        double[] errors = [.. Enumerable.Range(0, 40).SelectMany(i => spec.Executor(Cases.Fast with { Instance = i }).Run(x, 2, 0).Floats.Zip(exact).Select(p => (double)p.First - p.Second))];
        double mean = errors.Average();
        return (mean, Math.Sqrt(errors.Average(e => (e - mean) * (e - mean))));
    }

    private static (LayerSpec Once, LayerSpec Shifted, Tensor Input) Specs(string name, int shifts, ChipDescription chip, bool coded, ZeroPolicy zeros)
    {
        var (_, view, channels, groups, filters, input) = s_layers.Single(l => l.Name == name);
        int rows = channels * view.Kernel.Aggregate(1, (a, b) => a * b);
        int count = groups * rows * filters;
        LayerSpec once = new(chip, rows, filters)
        {
            Groups = groups,
            // One row and one column of zeros, where there are others.
            Codes = coded ? [.. Cases.Codes(1, count, 7).Select((c, i) => (rows > 1 && i / filters % rows == rows / 2) || (filters > 2 && i % filters == 1) ? 0 : c)] : null,
            Contents = coded ? null : Cases.Floats(1, count),
            View = view,
            Bias = [.. Cases.Floats(4, groups * filters)],
            InputShape = [2, groups * channels, .. input],
            OutputShape = [2, groups * filters, .. input.Select((extent, a) => view.OutputExtent(a, extent))],
            Packing = name == "depthwise" ? DepthwisePolicy.Packed : DepthwisePolicy.Digital,
            Zeros = zeros,
        };
        return (once, once with { View = view with { Shifts = shifts } }, Tensor.FromFloats(Cases.Floats(2, (int)Tensor.CountOf(once.InputShape)), [.. once.InputShape]));
    }
}
