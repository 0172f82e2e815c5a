using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

public sealed class SessionTests
{
    [Fact]
    public void ASessionRunsTheLayer()
    {
        LayerSpec spec = new(Chips.Analog(t => t), 3, 2) { Contents = Cases.Floats(1, 6) };
        using Session session = new(spec.Program(), Cases.Fast);
        float[] x = Cases.Floats(2, 12);
        var outputs = session.Run(Inputs(Tensor.FromFloats(x, 4, 3)));
        Assert.Equal(spec.Run(x, Cases.Fast), Assert.Single(outputs).Floats);
        Assert.Equal([4L, 2], outputs[0].Shape.ToArray());
    }

    [Fact]
    public void ClippedConversionsAreCountedPerLayer()
    {
        LayerSpec spec = new(Chips.Analog(t => t with { Adc = t.Adc with { Bits = 4, Range = AdcRange.Fixed, Bound = 0.5 } }), 1, 3) { Contents = [1, 0.1f, -1] };
        using Session session = new(spec.Program(), Cases.Fast);
        session.Run(Inputs(Tensor.FromFloats([1, 1, 0.1f], 3, 1)));
        Assert.Equal(4, Assert.Single(session.ClippedConversions));
        session.Run(Inputs(Tensor.FromFloats([1], 1, 1)));
        Assert.Equal(6, Assert.Single(session.ClippedConversions));
    }

    [Fact]
    public void AMissingInputIsADiagnostic()
    {
        using Session session = new(Simple().Program(), Cases.Fast);
        AssertDiagnostic(Descriptors.WrongShape, "input 'x'", "is not given", () => session.Run(new Dictionary<string, Tensor>()));
    }

    [Fact]
    public void AWrongShapeOrTypeIsADiagnostic()
    {
        using Session session = new(Simple().Program(), Cases.Fast);
        AssertDiagnostic(Descriptors.WrongShape, "input 'x'", "?x3", () => session.Run(Inputs(Tensor.FromFloats(new float[8], 2, 4))));
        AssertDiagnostic(Descriptors.WrongShape, "input 'x'", "Int64", () => session.Run(Inputs(Tensor.FromInt64(new long[6], 2, 3))));
        AssertDiagnostic(Descriptors.WrongShape, "input 'x'", "2x3x1", () => session.Run(Inputs(Tensor.FromFloats(new float[6], 2, 3, 1))));
    }

    [Fact]
    public void AMissingInputRangeIsADiagnosticWithLevers()
    {
        var chip = Chips.Analog(t => t with { Input = t.Input with { Bits = 8, Management = InputManagement.Constant } });
        using Session session = new((Simple() with { Chip = chip, InputScale = null }).Program(), Cases.Fast);
        AssertDiagnostic(Descriptors.MissingRanges, "layer 'layer' (MatMul)", "--calibrate", () => session.Run(Inputs(Tensor.FromFloats(new float[3], 1, 3))));
    }

    /// <summary>A chip that can scale each vector does so where no static scale is known.</summary>
    [Fact]
    public void ADynamicScaleTakesThePlaceOfAMissingRange()
    {
        var chip = Chips.Analog(t => t with { Input = t.Input with { Bits = 8, Management = InputManagement.Constant, DynamicScale = true } });
        var absMax = Chips.Analog(t => t with { Input = t.Input with { Bits = 8, Management = InputManagement.AbsMax, DynamicScale = true } });
        float[] x = [5, -3, 2];
        Assert.Equal((Simple() with { Chip = absMax }).Run(x, Cases.Fast), (Simple() with { Chip = chip, InputScale = null }).Run(x, Cases.Fast));
    }

    [Fact]
    public void AMissingAdcRangeIsADiagnosticExceptOnTheIdealChip()
    {
        var chip = Chips.Analog(t => t with { Adc = t.Adc with { Bits = 8, Range = AdcRange.Calibrated } });
        var program = (Simple() with { Chip = chip }).Program();
        AssertDiagnostic(Descriptors.MissingRanges, "layer 'layer' (MatMul)", "ADC range", () => new Session(program, Cases.Fast).Dispose());
        using Session ideal = new(program, Cases.Ideal);
        Assert.Single(ideal.Run(Inputs(Tensor.FromFloats(new float[3], 1, 3))));
    }

    /// <summary>Blocks are programmed by several threads; the diagnostic comes out as itself.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void ATimeOutsideADeviceTableIsADiagnostic(int threads)
    {
        TableDevice table = new([new(0, 1, 0, 0, null), new(0, 100, 0, 0, null), new(25, 1, 25, 0, null), new(25, 100, 20, 0, null)]);
        var program = (Simple() with { Chip = Chips.Analog(t => t.With(table) with { Rows = 1 }) }).Program();
        Assert.Equal(3, program.Layers[0].Blocks.Length);
        AssertDiagnostic(
            Descriptors.OutsideTable, "time", "1000", () => new Session(program, new SimulationOptions { TimeS = 1000, Threads = threads }).Dispose());
        new Session(program, new SimulationOptions { TimeS = 100, Threads = threads }).Dispose();
    }

    [Fact]
    public void ARunCanBeCancelled()
    {
        using Session session = new(Simple().Program(), Cases.Fast);
        using CancellationTokenSource source = new();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => session.Run(Inputs(Tensor.FromFloats(new float[3], 1, 3)), cancellation: source.Token));
    }

    /// <summary>No data set has an empty batch, but nothing breaks on one.</summary>
    [Fact]
    public void ABatchOfNothingGivesNothing()
    {
        var output = Simple().Executor(Cases.Fast).Run(Tensor.FromFloats([], 0, 3), 0, 0);
        Assert.Equal([0L, 2], output.Shape.ToArray());
    }

    [Fact]
    public void TheLosslessCollapseHoldsItsCondition()
    {
        LayerSpec coded = new(Chips.Coded(t => t), 6, 2) { Codes = Cases.Codes(1, 12, 7) };
        Assert.Equal(LayerPath.Integer, coded.Executor(Cases.Fast).Path);
        Assert.Equal(LayerPath.Tiles, coded.Executor(Cases.Stepwise).Path);
        foreach (var change in (Func<TileDescription, TileDescription>[])
        [
            t => t.With(new GaussianDevice(0.1, null, NoiseScaling.Independent)),
            t => t.With(new GaussianDevice(null, 0.1, NoiseScaling.Independent)),
            t => t with { Noise = t.Noise with { Output = 0.1 } },
            t => t with { Noise = t.Noise with { Read = 0.1 } },
            t => t with { Adc = t.Adc with { Bits = 3, Range = AdcRange.Granular } },
            t => t with { Adc = t.Adc with { Bits = 8, Range = AdcRange.Max } },
            t => t with { Adc = t.Adc with { Bits = 8, Range = AdcRange.Fixed, Bound = 2 } },
            t => t with { Input = t.Input with { Bits = null, Scheme = InputScheme.MultiLevel }, Adc = t.Adc with { Range = AdcRange.Max } },
        ])
        {
            Assert.Equal(LayerPath.Tiles, (coded with { Chip = Chips.Coded(change) }).Executor(Cases.Fast).Path);
        }
    }

    private static LayerSpec Simple() => new(Chips.Analog(t => t), 3, 2) { Contents = [1, 0, 0, 1, 0.5f, 0.5f] };

    private static Dictionary<string, Tensor> Inputs(Tensor x) => new() { ["x"] = x };

    private static void AssertDiagnostic(DiagnosticDescriptor descriptor, string where, string says, Action action)
    {
        var found = Assert.Single(Assert.Throws<DiagnosticException>(action).Diagnostics);
        Assert.Equal((descriptor, where), (found.Descriptor, found.Where));
        Assert.Contains(says, found.ToString(), StringComparison.Ordinal);
    }
}
