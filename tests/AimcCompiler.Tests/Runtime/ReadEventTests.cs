using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Draws are named by what they are for: no thread, batch, order, tile or position changes a result; another seed, instance or sample
/// does.</summary>
public sealed class ReadEventTests
{
    private const int Rows = 30;
    private const int Samples = 150; // more than two strips

    private static readonly float[] s_input = Cases.Floats(1, Samples * Rows);

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void ThreadsDoNotMatter(int threads) =>
        Cases.AssertSameBits(Noisy().Run(s_input, Cases.Fast), Noisy().Run(s_input, Cases.Fast with { Threads = threads }), $"{threads} threads");

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    public void BatchesDoNotMatter(int size)
    {
        float[] whole = Noisy().Run(s_input, Cases.Fast);
        var executor = Noisy().Executor(Cases.Fast);
        for (int last = Samples; last > 0; last -= size)
        {
            int first = Math.Max(0, last - size); // from the end, so that order is tried too
            float[] part = executor.Run(Noisy().Batch(s_input[(first * Rows)..(last * Rows)]), last - first, first).Floats;
            Cases.AssertSameBits(whole[(first * 5)..(last * 5)], part, $"samples {first} to {last}");
        }
    }

    [Fact]
    public void AConvolutionsPixelsAreOrdinalsOfTheirSample()
    {
        var chip = Noisy().Chip;
        LayerSpec spec = new(chip, 18, 3)
        {
            Codes = Cases.Codes(2, 54, 7),
            View = new ConvolutionView([3, 3], [1, 1], [1, 1], [1, 1], [1, 1]),
            InputShape = [-1, 2, 6, 6],
            OutputShape = [-1, 3, 6, 6],
        };
        float[] x = Cases.Floats(3, 5 * 72);
        float[] whole = spec.Executor(Cases.Fast with { Threads = 3 }).Run(Tensor.FromFloats(x, 5, 2, 6, 6), 5, 40).Floats;
        for (int i = 0; i < 5; i++)
        {
            float[] alone = spec.Executor(Cases.Stepwise).Run(Tensor.FromFloats(x[(i * 72)..((i + 1) * 72)], 1, 2, 6, 6), 1, 40 + i).Floats;
            Cases.AssertSameBits(alone, whole[(i * 108)..((i + 1) * 108)], $"sample {i}");
        }
    }

    [Fact]
    public void AnotherSampleOrdinalSeedOrInstanceHasOtherNoise()
    {
        float[] same = [.. Enumerable.Repeat(s_input[..Rows], 2).SelectMany(v => v)];
        float[] output = Noisy().Run(same, Cases.Fast);
        Assert.NotEqual(output[..5], output[5..]);
        Assert.NotEqual(output, Noisy().Run(same, Cases.Fast with { Seed = 2 }));
        Assert.NotEqual(output, Noisy().Run(same, Cases.Fast with { Instance = 1 }));
        Assert.NotEqual(output, Noisy().Run(same, Cases.Fast, firstSample: 2));
        Assert.Equal(output, Noisy().Run(same, Cases.Fast));

        // Two vectors of one sample: ordinals.
        LayerSpec sequence = Noisy() with { InputShape = [-1, -1, Rows], OutputShape = [-1, -1, 5] };
        float[] ordinals = sequence.Executor(Cases.Fast).Run(Tensor.FromFloats(same, 1, 2, Rows), 1, 0).Floats;
        Assert.Equal(output[..5], ordinals[..5]);
        Assert.NotEqual(ordinals[..5], ordinals[5..]);
        Assert.NotEqual(output[5..], ordinals[5..]);
    }

    /// <summary>Programming and 1/f noise are held: without event-keyed noise, equal inputs give equal outputs at one time, others at another.</summary>
    [Fact]
    public void WhatADeviceHoldsIsTheSameForEveryRead()
    {
        LayerSpec spec = new(Chips.Analog(t => t.With(new PcmLikeDevice(1, 1, 1))), Rows, 5) { Contents = Cases.Floats(4, Rows * 5) };
        float[] same = [.. Enumerable.Repeat(s_input[..Rows], 3).SelectMany(v => v)];
        float[] output = spec.Run(same, Cases.Fast with { TimeS = 3600 });
        Assert.Equal(output[..5], output[5..10]);
        Assert.Equal(output[..5], output[10..]);
        Assert.NotEqual(output, spec.Run(same, Cases.Fast with { TimeS = 7200 }));
    }

    [Fact]
    public void PlacementKeepsTheDraws()
    {
        float[] here = Noisy().Run(s_input, Cases.Fast);
        Cases.AssertSameBits(here, (Noisy() with { FirstTile = 11 }).Run(s_input, Cases.Fast), "other tiles");
        Cases.AssertSameBits(here, (Noisy() with { TileOffset = 3 }).Run(s_input, Cases.Fast), "moved on the tile");
    }

    /// <summary>Columns cut elsewhere: devices and output noise are those of the same weights.</summary>
    [Fact]
    public void ColumnSplitsKeepTheDraws()
    {
        LayerSpec narrow = Noisy() with { Chip = Noisy().Chip with { Tile = Noisy().Chip.Tile with { Columns = 8 } } };
        Assert.True(narrow.Program().Layers[0].Blocks.Length > Noisy().Program().Layers[0].Blocks.Length);
        Cases.AssertSameBits(Noisy().Run(s_input, Cases.Fast), narrow.Run(s_input, Cases.Fast), "narrow tiles");
    }

    /// <summary>Packed and dense groups share the diagonal's devices: without input to the others' rows, programming errors agree.</summary>
    [Fact]
    public void PackingKeepsTheDevices()
    {
        var chip = Chips.Coded(t => t.With(new GaussianDevice(0.05, null, NoiseScaling.Independent)));
        LayerSpec spec = new(chip, 6, 2) { Codes = Cases.Codes(3, 36, 7) };
        float[] x = new float[18];
        Cases.Floats(3, 6).CopyTo(x, 6);
        float[] packed = spec.Grouped(3, DepthwisePolicy.Packed).Run(x, Cases.Fast);
        float[] dense = spec.Grouped(3, DepthwisePolicy.Dense).Run(x, Cases.Fast);
        Assert.Equal(dense[2..4], packed[2..4]);
        Assert.Equal([0f, 0f], dense[..2]);
        Assert.NotEqual([0f, 0f], packed[..2]); // the zero cells between the groups have their errors
    }

    /// <summary>Vector i goes to copy i mod 2, which has devices of its own.</summary>
    [Theory]
    [InlineData(EngineKind.Stepwise)]
    [InlineData(EngineKind.Fast)]
    public void CopiesTakeVectorsInTurn(EngineKind engine)
    {
        var options = Cases.Fast with { Engine = engine };
        LayerSpec quiet = new(Chips.Coded(t => t), Rows, 5) { Codes = Cases.Codes(2, Rows * 5, 7), InputShape = [-1, -1, Rows], OutputShape = [-1, -1, 5] };
        float[] x = s_input[..(6 * Rows)];
        Cases.AssertSameBits(
            Run(quiet), Run(quiet with { Copies = 2 }), "noiseless copies");

        LayerSpec noisy = quiet with { Chip = Chips.Coded(t => t.With(new GaussianDevice(0.05, null, NoiseScaling.Independent))) };
        float[] one = Run(noisy);
        float[] two = Run(noisy with { Copies = 2 });
        for (int ordinal = 0; ordinal < 3; ordinal++)
        {
            Assert.Equal(ordinal % 2 == 0, one.AsSpan(ordinal * 5, 5).SequenceEqual(two.AsSpan(ordinal * 5, 5)));
        }

        float[] Run(LayerSpec spec) => spec.Executor(options, LayerPath.Tiles).Run(Tensor.FromFloats(x, 2, 3, Rows), 2, 0).Floats;
    }

    [Fact]
    public void CopiesManageTheirBounds()
    {
        LayerSpec spec = new(
            Chips.Analog(t => t with
            {
                Input = t.Input with { Bits = 7, Management = InputManagement.AbsMax, DynamicScale = true, BoundManagement = new BoundManagement { MaxFactor = 1000, MaxResolution = 0.25 } },
                Adc = t.Adc with { Bits = 9, Range = AdcRange.Fixed, Bound = 1 },
            }),
            Rows,
            5)
        {
            Contents = Cases.Floats(2, Rows * 5),
            InputShape = [-1, -1, Rows],
            OutputShape = [-1, -1, 5],
        };
        float[] x = s_input[..(6 * Rows)];
        Cases.AssertSameBits(
            spec.Executor(Cases.Fast).Run(Tensor.FromFloats(x, 2, 3, Rows), 2, 0).Floats,
            (spec with { Copies = 3 }).Executor(Cases.Fast).Run(Tensor.FromFloats(x, 2, 3, Rows), 2, 0).Floats,
            "copies");
    }

    private static LayerSpec Noisy() => new(
        Chips.Coded(t => t.With(new GaussianDevice(0.02, 0.02, NoiseScaling.Independent)) with
        {
            Rows = 24,
            Columns = 24,
            Noise = t.Noise with { Output = 0.1 },
            Adc = t.Adc with { Bits = 8, Range = AdcRange.Max },
        }),
        Rows,
        5)
    {
        Codes = Cases.Codes(2, Rows * 5, 7),
    };
}
