using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>What <c>inspect</c> says of how a layer is simulated is what the executor does.</summary>
public sealed class LayerMethodTests
{
    [Fact]
    public void ALosslessLayerIsOneProduct()
    {
        var method = Of(new LayerSpec(Chips.Coded(t => t), 20, 3) { Codes = Cases.Codes(1, 60, 7) }, out var executor);
        Assert.Equal("product", method.Path);
        Assert.Equal(LayerPath.Integer, executor.Path);
    }

    [Fact]
    public void ACoarseAdcLeavesLevels()
    {
        var chip = Chips.Coded(t => t with { Adc = t.Adc with { Bits = 4, Range = AdcRange.Max } });
        var method = Of(new LayerSpec(chip, 20, 40) { Codes = Cases.Codes(1, 800, 7) }, out var executor);
        Assert.Equal("levels", method.Path);
        Assert.Contains("a code of the ADC is not a unit of column sums", method.Why, StringComparison.Ordinal);
        Assert.Equal(LayerPath.Tiles, executor.Path);
        Assert.False(executor.RunsInLanes);
    }

    [Theory]
    [InlineData(5, "lanes", "5 columns")]
    [InlineData(40, "packed", "cells have no levels; 40 columns fill registers")]
    public void AnalogCellsRunInLanesOrPacked(int columns, string path, string why)
    {
        var chip = Chips.Analog(t => t with
        {
            Input = t.Input with { Bits = 6, Management = InputManagement.AbsMax, DynamicScale = true },
            Adc = t.Adc with { Bits = 8, Range = AdcRange.Fixed, Bound = 4 },
        });
        var method = Of(new LayerSpec(chip, 20, columns) { Contents = Cases.Floats(1, 20 * columns) }, out var executor);
        Assert.Equal(path, method.Path);
        Assert.Contains(why, method.Why, StringComparison.Ordinal);
        Assert.Equal(path == "lanes", executor.RunsInLanes);
    }

    private static LayerMethod Of(LayerSpec spec, out LayerExecutor executor)
    {
        var program = spec.Program();
        executor = LayerSpec.Executor(program, Cases.Fast);
        var method = LayerMethod.Of(program, 0);
        Assert.Equal([method], LayerMethod.OfAll(program).ToArray());
        return method;
    }
}
