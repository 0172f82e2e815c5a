using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Few vectors on many columns: threads divide the columns, with the bits of one thread.</summary>
public sealed class ColumnPartsTests
{
    [Theory]
    [InlineData("analog")]
    [InlineData("coded")]
    [InlineData("offset")]
    public void BitsAreThoseOfOneThread(string kind)
    {
        const int Rows = 70;
        const int Columns = 83;
        foreach (var view in (InputView[])[new MatrixView(-1, -1), new MatrixView(-2, -1), new ConvolutionView([1, 1], [1, 1], [0, 0], [0, 0], [1, 1])])
        {
            foreach (int vectors in (int[])[13, 40, 100])
            {
                long[] shape = view is ConvolutionView ? [1, Rows, 1, vectors] : view == new MatrixView(-1, -1) ? [1, vectors, Rows] : [1, Rows, vectors];
                var spec = Spec(kind, Rows, Columns) with
                {
                    View = view,
                    Bias = [.. Cases.Floats(5, Columns)],
                    InputShape = [-1, .. shape[1..]],
                    OutputShape = view is ConvolutionView ? [-1, Columns, 1, vectors] : [-1, vectors, Columns],
                };
                var input = Tensor.FromFloats(Cases.Floats(7, vectors * Rows), shape);
                var one = spec.Executor(Cases.Fast with { TimeS = 3600 }, LayerPath.Tiles).Run(input, 1, 3);
                foreach (int threads in (int[])[2, 3, 16])
                {
                    var several = spec.Executor(Cases.Fast with { TimeS = 3600, Threads = threads }, LayerPath.Tiles).Run(input, 1, 3);
                    Cases.AssertSameBits(one.Floats, several.Floats, $"{kind}, {view}, {vectors} vectors, {threads} threads");
                }
            }
        }
    }

    private static LayerSpec Spec(string kind, int rows, int columns)
    {
        if (kind == "analog")
        {
            var analog = Chips.Analog(t => t with
            {
                Rows = 32,
                Columns = 24,
                Cell = t.Cell with { Device = new PcmLikeDevice(1, 1, 1) },
                Input = t.Input with { Bits = 8, Management = InputManagement.AbsMax, DynamicScale = true },
                Adc = t.Adc with { Bits = 8, Range = AdcRange.Max },
                Noise = t.Noise with { Output = 0.05 },
            });
            return new LayerSpec(analog, rows, columns) { Contents = Cases.Floats(4, rows * columns) };
        }

        var coded = Chips.Coded(t => t with
        {
            Rows = 32,
            Columns = 32,
            Adc = t.Adc with { Bits = 5, Range = AdcRange.Max },
            Noise = t.Noise with { Output = 0.05 },
            Encoding = kind == "offset" ? t.Encoding with { Sign = SignEncoding.OffsetDigital } : t.Encoding,
            Weights = kind == "offset" ? t.Weights with { Slicing = Slicing.Unsigned } : t.Weights,
        });
        return new LayerSpec(coded, rows, columns) { Codes = Cases.Codes(4, rows * columns, 7) };
    }
}
