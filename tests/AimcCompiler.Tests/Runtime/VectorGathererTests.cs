using AimcCompiler.Core;
using AimcCompiler.Kernels;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Windows and axes against naive loops over coordinates.</summary>
public sealed class VectorGathererTests
{
    public static TheoryData<string> Names => [.. Convolutions().Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void ConvolutionsEqualNaiveLoops(string name)
    {
        var (_, view, channels, groups, filters, input) = Convolutions().Single(c => c.Name == name);
        int kernel = view.Kernel.Aggregate(1, (a, b) => a * b);
        int rows = channels * kernel;
        float[] weights = Cases.Floats(1, groups * rows * filters);
        long[] shape = [2, groups * channels, .. input];
        float[] x = Cases.Floats(2, (int)Tensor.CountOf([.. shape]));
        long[] extents = [.. input.Select((extent, a) => view.OutputExtent(a, extent))];
        LayerSpec spec = new(Chips.Analog(t => t), rows, filters)
        {
            Groups = groups,
            Contents = weights,
            View = view,
            InputShape = [.. shape],
            OutputShape = [2, groups * filters, .. extents],
        };
        var y = spec.Executor(Cases.Ideal).Run(Tensor.FromFloats(x, shape), 2, 0);
        Assert.Equal(spec.OutputShape.ToArray(), y.Shape.ToArray());

        int at = 0;
        foreach (long[] o in Positions([2, groups * filters, .. extents]))
        {
            int group = (int)o[1] / filters;
            double sum = 0;
            for (int c = 0; c < channels; c++)
            {
                int tap = 0;
                foreach (long[] k in Positions([.. view.Kernel.Select(e => (long)e)]))
                {
                    long[] i = [.. k.Select((v, a) => (o[a + 2] * view.Strides[a]) + (v * view.Dilations[a]) - view.PadsBegin[a])];
                    if (i.Zip(input).All(p => p.First >= 0 && p.First < p.Second))
                    {
                        long[] coordinates = [o[0], (group * channels) + c, .. i];
                        sum += weights[(((group * rows) + (c * kernel) + tap) * filters) + ((int)o[1] % filters)] * (double)x[Index(coordinates, shape)];
                    }

                    tap++;
                }
            }

            Assert.Equal(sum, y.Floats[at++], 1e-5);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void StripsAreTheSameWhereverTheyAreCut(string name)
    {
        var (_, view, channels, groups, filters, input) = Convolutions().Single(c => c.Name == name);
        int kernel = view.Kernel.Aggregate(1, (a, b) => a * b);
        long[] shape = [3, groups * channels, .. input];
        long[] extents = [.. input.Select((extent, a) => view.OutputExtent(a, extent))];
        LayerSpec spec = new(Chips.Analog(t => t), channels * kernel, filters)
        {
            Groups = groups,
            Contents = new float[groups * channels * kernel * filters],
            View = view,
            InputShape = [.. shape],
            OutputShape = [3, groups * filters, .. extents],
        };
        var gatherer = VectorGatherer.Create(spec.Program().Layers[0], [.. shape]);
        int rows = groups * channels * kernel;
        int columns = groups * filters;
        // Nothing is zero but what lies outside.
        float[] x = [.. Enumerable.Range(1, (int)Tensor.CountOf([.. shape])).Select(i => (float)i)];
        float[] results = [.. Enumerable.Range(1, gatherer.Vectors * columns).Select(i => (float)i)];
        float[] windows = new float[gatherer.Vectors * rows];
        float[] written = new float[results.Length];
        int at = 0;
        int vector = 0;
        foreach (long[] o in Positions([3, .. extents]))
        {
            for (int c = 0; c < groups * channels; c++)
            {
                foreach (long[] k in Positions([.. view.Kernel.Select(e => (long)e)]))
                {
                    long[] i = [.. k.Select((v, a) => (o[a + 1] * view.Strides[a]) + (v * view.Dilations[a]) - view.PadsBegin[a])];
                    windows[at++] = i.Zip(input).All(p => p.First >= 0 && p.First < p.Second) ? x[Index([o[0], c, .. i], shape)] : 0;
                }
            }

            for (int n = 0; n < columns; n++)
            {
                written[Index([o[0], n, .. o[1..]], [3, columns, .. extents])] = results[(vector * columns) + n];
            }

            vector++;
        }

        Assert.Equal(gatherer.Vectors, vector);
        int packed = 0;
        foreach (int strip in (int[])[1, 3, 8, 17, 64, gatherer.Vectors])
        {
            float[] output = new float[results.Length];
            for (int first = 0; first < gatherer.Vectors; first += strip)
            {
                int count = Math.Min(strip, gatherer.Vectors - first);
                float[] gathered = new float[count * rows];
                Array.Fill(gathered, -1);
                gatherer.GatherStrip(x, first, count, gathered);
                Assert.Equal(windows[(first * rows)..((first + count) * rows)], gathered);
                // All columns, in two parts.
                gatherer.ScatterStrip(results.AsSpan(first * columns, count * columns), first, count, 0, columns / 2, output);
                gatherer.ScatterStrip(results.AsSpan(first * columns, count * columns), first, count, columns / 2, columns - (columns / 2), output);
                float[] quads = new float[PackedMvm.Padded(count) * rows];
                Array.Fill(quads, -1);
                if (gatherer.GatherQuads(x, first, count, quads))
                {
                    float[] expected = new float[quads.Length];
                    PackedMvm.PackInputs(gathered, rows, count, rows, expected);
                    Assert.Equal(expected, quads);
                    packed++;
                }
            }

            Assert.Equal(written, output);
        }

        // One vector is always packed.
        Assert.True(packed >= gatherer.Vectors);
    }

    [Theory]
    [InlineData(-1, -1, new long[] { 3 })]
    [InlineData(-1, -1, new long[] { 4, 3 })]
    [InlineData(-1, -1, new long[] { 2, 5, 3 })]
    [InlineData(-2, -2, new long[] { 3, 5 })]
    [InlineData(-2, -2, new long[] { 2, 3, 5 })]
    [InlineData(-2, -1, new long[] { 2, 3, 5 })]
    [InlineData(-1, -2, new long[] { 2, 5, 3 })]
    [InlineData(-2, -2, new long[] { 2, 3, 150 })]
    [InlineData(-1, -2, new long[] { 2, 150, 3 })]
    public void MatrixViewsReadAndWriteAlongTheirAxes(int inputAxis, int outputAxis, long[] shape)
    {
        const int Rows = 3;
        const int Columns = 4;
        float[] weights = Cases.Floats(1, Rows * Columns);
        float[] x = Cases.Floats(2, (int)Tensor.CountOf([.. shape]));
        long[] lead = shape.Length > 2 ? shape[..^2] : [];
        long others = shape.Length == 1 ? 1 : inputAxis == -1 ? shape[^2] : shape[^1];
        long[] output = shape.Length == 1 ? [Columns] : outputAxis == -1 ? [.. lead, others, Columns] : [.. lead, Columns, others];
        LayerSpec spec = new(Chips.Analog(t => t), Rows, Columns)
        {
            Contents = weights,
            View = new MatrixView(inputAxis, outputAxis),
            InputShape = [.. shape],
            OutputShape = [.. output],
        };
        var y = spec.Executor(Cases.Ideal).Run(Tensor.FromFloats(x, shape), 1, 0);
        Assert.Equal(output, y.Shape.ToArray());
        int at = 0;
        foreach (long[] o in Positions(output))
        {
            long n = o[^-outputAxis];
            long other = shape.Length == 1 ? 0 : outputAxis == -1 ? o[^2] : o[^1];
            double sum = 0;
            for (int k = 0; k < Rows; k++)
            {
                long[] i = shape.Length == 1 ? [k] : inputAxis == -1 ? [.. o[..lead.Length], other, k] : [.. o[..lead.Length], k, other];
                sum += weights[(k * Columns) + n] * (double)x[Index(i, shape)];
            }

            Assert.Equal(sum, y.Floats[at++], 1e-5);
        }
    }

    [Theory]
    [InlineData(new long[] { 1, 3, 5 }, "2 spatial axes")]
    [InlineData(new long[] { 1, 4, 5, 5 }, "[batch, 3,")]
    [InlineData(new long[] { 1, 3, 1, 5 }, "at least 2 values")] // smaller than the window
    public void AWrongShapeIsADiagnostic(long[] shape, string takes)
    {
        LayerSpec spec = new(Chips.Analog(t => t), 12, 1)
        {
            Contents = new float[12],
            View = new ConvolutionView([2, 2], [1, 1], [0, 0], [0, 0], [1, 1]),
            InputShape = [-1, 3, -1, -1],
            OutputShape = [-1, 1, -1, -1],
        };
        var executor = spec.Executor(Cases.Ideal);
        var e = Assert.Throws<DiagnosticException>(() => executor.Run(Tensor.FromFloats(new float[Tensor.CountOf([.. shape])], shape), 1, 0));
        Assert.Equal(Descriptors.WrongShape, Assert.Single(e.Diagnostics).Descriptor);
        Assert.Contains(takes, e.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<(string Name, ConvolutionView View, int Channels, int Groups, int Filters, long[] Input)> Convolutions()
    {
        yield return ("1-D", new([3], [1], [0], [0], [1]), 2, 1, 3, [9]);
        yield return ("1-D strided, padded, dilated", new([3], [2], [1], [3], [2]), 2, 1, 3, [11]);
        yield return ("1-D of kernel 1", new([1], [3], [0], [0], [1]), 4, 1, 2, [10]);
        yield return ("2-D", new([3, 2], [1, 1], [0, 0], [0, 0], [1, 1]), 3, 1, 4, [6, 5]);
        yield return ("2-D strided, asymmetric pads", new([3, 3], [2, 1], [0, 2], [1, 0], [1, 1]), 2, 1, 3, [7, 6]);
        yield return ("2-D dilated", new([2, 3], [1, 2], [1, 2], [0, 1], [3, 2]), 2, 1, 3, [8, 9]);
        yield return ("2-D grouped", new([3, 3], [1, 1], [1, 1], [1, 1], [1, 1]), 2, 3, 2, [5, 5]);
        yield return ("2-D depthwise", new([3, 3], [2, 2], [1, 1], [1, 1], [1, 1]), 1, 5, 1, [6, 7]);
        yield return ("2-D pads beyond the kernel", new([2, 2], [1, 1], [3, 0], [0, 3], [1, 1]), 1, 1, 2, [3, 3]);
        yield return ("2-D of many channels", new([3, 3], [1, 1], [1, 1], [1, 1], [1, 1]), 20, 1, 19, [9, 10]);
        yield return ("2-D of kernel 1", new([1, 1], [1, 1], [0, 0], [0, 0], [1, 1]), 19, 1, 9, [5, 7]);
        yield return ("2-D of kernel 1, strided", new([1, 1], [2, 2], [0, 0], [0, 0], [1, 1]), 19, 1, 9, [8, 7]);
        yield return ("2-D of kernel 1, padded", new([1, 1], [1, 1], [1, 0], [0, 1], [1, 1]), 9, 1, 3, [4, 5]);
        yield return ("2-D of a large kernel, strided", new([7, 7], [2, 2], [3, 3], [3, 3], [1, 1]), 3, 1, 8, [18, 20]);
        yield return ("3-D", new([2, 3, 2], [1, 2, 1], [1, 0, 0], [0, 1, 1], [1, 1, 2]), 2, 1, 3, [4, 6, 5]);
        yield return ("3-D grouped", new([2, 2, 2], [2, 1, 1], [0, 1, 0], [1, 0, 1], [2, 1, 1]), 2, 2, 2, [5, 4, 4]);
    }

    private static IEnumerable<long[]> Positions(long[] shape)
    {
        for (long i = 0; i < Tensor.CountOf([.. shape]); i++)
        {
            long[] position = new long[shape.Length];
            long rest = i;
            for (int a = shape.Length - 1; a >= 0; a--)
            {
                (rest, position[a]) = Math.DivRem(rest, shape[a]);
            }

            yield return position;
        }
    }

    private static long Index(long[] position, long[] shape) => position.Zip(shape).Aggregate(0L, (index, p) => (index * p.Second) + p.First);
}
