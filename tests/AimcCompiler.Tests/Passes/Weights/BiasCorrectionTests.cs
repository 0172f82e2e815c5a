using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;

namespace AimcCompiler.Tests.Passes.Weights;

public sealed class BiasCorrectionTests
{
    private static readonly WeightsDescription FourBits = new() { Bits = 4, Slicing = Slicing.SignedDigits, Scale = WeightScale.Column };

    [Fact]
    public void RoundingDoesNotShiftTheMeanOfAnOutput()
    {
        var layer = Layer([0.31f, -1f, 0.77f, 0.4f, 1f, -0.13f], means: [2f, -1f, 5f], bias: [0.5f, -0.25f]);
        var quantized = QuantizeWeights.Quantize(layer.Weights, FourBits);
        var corrected = QuantizeWeights.CorrectedBias(layer, quantized, FourBits);
        for (int n = 0; n < 2; n++)
        {
            double wanted = layer.Bias[n];
            double got = corrected[n];
            for (int k = 0; k < 3; k++)
            {
                wanted += layer.InputMeans[k] * layer.Weights.At((k * 2) + n);
                got += layer.InputMeans[k] * quantized.ScaleOf(0, n) * quantized.Codes![(k * 2) + n] / 7.0;
            }

            Assert.Equal(wanted, got, 1e-6);
            Assert.NotEqual(layer.Bias[n], corrected[n]);
        }
    }

    [Fact]
    public void WithoutMeansTheBiasStays()
    {
        var layer = Layer([0.31f, -1f, 0.77f, 0.4f, 1f, -0.13f], means: [], bias: [0.5f, -0.25f]);
        Assert.Equal(layer.Bias.ToArray(), QuantizeWeights.CorrectedBias(layer, QuantizeWeights.Quantize(layer.Weights, FourBits), FourBits).ToArray());
    }

    [Fact]
    public void AnalogWeightsAreNotRoundedAndNeedNoCorrection()
    {
        var analog = FourBits with { Bits = null, Slicing = Slicing.None };
        var layer = Layer([0.31f, -1f, 0.77f, 0.4f, 1f, -0.13f], means: [2f, -1f, 5f], bias: []);
        Assert.Empty(QuantizeWeights.CorrectedBias(layer, QuantizeWeights.Quantize(layer.Weights, analog), analog));
    }

    [Theory]
    [InlineData(1, new[] { 2.5, 6.5 })]
    [InlineData(-1, new[] { 4.0, 5.0 })]
    public void MeansAreTakenAlongTheChannelAxis(int axis, double[] wanted)
    {
        ChannelMeans means = new(axis);
        means.Add([1, 2, 5, 6], [1, 2, 2]);
        means.Add([3, 4, 7, 8], [1, 2, 2]);
        Assert.Equal(wanted, Enumerable.Range(0, means.Channels).Select(c => means[c]));
    }

    private static AnalogLayer<FloatMatrix> Layer(float[] weights, ImmutableArray<float> means, ImmutableArray<float> bias) => new()
    {
        Id = new LayerId(0),
        Node = new NodeId(0),
        Origin = new NodeId(0),
        Name = "fc",
        Op = "MatMul",
        Input = "x",
        Output = "y",
        View = new MatrixView(-1, -1),
        Weights = new FloatMatrix(1, 3, 2, weights),
        Bias = bias,
        InputIsNonNegative = false,
        InputScale = null,
        VectorsPerInference = 1,
        Macs = 6,
        InputMeans = means,
    };
}
