using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Runtime;

/// <summary>What holds of every device.</summary>
public sealed class DeviceModelTests
{
    private static readonly CellStream s_stream = new(1, 0, 3, 0, 0, 0, 0);

    public static TheoryData<string> Names => [.. DeviceCase.All.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void TheCellIsValid(string name)
    {
        var device = DeviceCase.Named(name);
        var chip = Chips.Analog(t => t with { Cell = device.Cell });
        if (device.Cell.Device is MramDevice)
        {
            chip = Chips.Coded(t => t with { Cell = device.Cell with { Bits = 1 } });
        }

        Assert.Empty(ChipValidator.Validate(chip, "chip").Diagnostics.Select(d => d.Message));
        Assert.Equal(ChipReader.Write(chip), ChipReader.Write(ChipReader.Parse(System.Text.Encoding.UTF8.GetBytes(ChipReader.Write(chip)), "again")));
    }

    /// <summary>So the widest lanes have the bits of one lane: a cut leaves other remainders to them.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void ARowDoesNotDependOnHowItIsCut(string name)
    {
        var device = DeviceCase.Named(name);
        var model = device.Model();
        float[] targets = [.. Enumerable.Range(0, 700).Select(i => device.Targets[i % device.Targets.Length])];
        foreach (double? time in device.Times)
        {
            float[] whole = new float[targets.Length];
            model.Conductances(targets, time, in s_stream, 7, 3, whole);
            float[] sigmas = new float[targets.Length];
            if (model.HasReadNoise)
            {
                model.ReadSigmas(targets, whole, time, sigmas);
            }

            for (int first = 0; first < targets.Length;)
            {
                int count = Math.Min(1 + (first % 37), targets.Length - first);
                float[] part = new float[count];
                model.Conductances(targets.AsSpan(first, count), time, in s_stream, 7, 3 + first, part);
                Assert.Equal(whole[first..(first + count)], part);
                float[] partSigmas = new float[count];
                if (model.HasReadNoise)
                {
                    model.ReadSigmas(targets.AsSpan(first, count), part, time, partSigmas);
                    Assert.Equal(sigmas[first..(first + count)], partSigmas);
                }

                first += count;
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheTwoHalvesMakeTheWhole(string name)
    {
        var device = DeviceCase.Named(name);
        var model = device.Model();
        float[] targets = [.. Enumerable.Range(0, 700).Select(i => device.Targets[i % device.Targets.Length])];
        float[] draws = new float[targets.Length];
        model.PulseDraws(in s_stream, 0, 7, 3, draws);
        foreach (double? time in device.Times)
        {
            float[] whole = new float[targets.Length];
            model.Conductances(targets, time, in s_stream, 7, 3, whole);
            float[] halves = new float[targets.Length];
            model.Programmed(targets, draws, halves);
            if (time is { } later)
            {
                model.Later(targets, halves, draws, later, in s_stream, 7, 3, halves);
            }

            Assert.Equal(whole, halves);
        }
    }

    /// <summary>Across neighbours, rows, layers, slices, pairs, polarities, copies, instances, seeds and pulses.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void DrawsOfDifferentDevicesAreIndependent(string name)
    {
        var device = DeviceCase.Named(name);
        var model = device.Model();
        float target = device.Targets[^1];
        foreach (double? time in (double?[])[device.Times[0], device.Times[^1]])
        {
            float[] base0 = Values(s_stream, 0, 0, time);
            CellStream[] others =
            [
                s_stream with { Layer = 4 }, s_stream with { Slice = 1 }, s_stream with { Pair = 1 }, s_stream with { Polarity = 1 }, s_stream with { Copy = 1 },
                s_stream with { Instance = 1 }, s_stream with { Seed = 2 }, s_stream with { IsUnitColumn = true },
            ];
            foreach (var other in others)
            {
                AssertIndependent(base0, Values(other, 0, 0, time), $"{name} at {time}: {other}");
            }

            AssertIndependent(base0, Values(s_stream, 1000, 0, time), $"{name} at {time}: other rows");
            AssertIndependent(base0, Values(s_stream, 0, 1, time), $"{name} at {time}: neighbours");
        }

        float[] first = new float[1000];
        float[] second = new float[1000];
        model.PulseDraws(in s_stream, 0, 0, 0, first);
        model.PulseDraws(in s_stream, 1, 0, 0, second);
        AssertIndependent(first, second, $"{name}: pulses");

        float[] Values(CellStream stream, int firstRow, int firstColumn, double? time)
        {
            float[] targets = new float[1000];
            Array.Fill(targets, target);
            float[] values = new float[100 * 1000];
            for (int row = 0; row < 100; row++)
            {
                model.Conductances(targets, time, in stream, firstRow + row, firstColumn, values.AsSpan(row * 1000, 1000));
            }

            return values;
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void ADeviceIsTheSameAtEveryAsking(string name)
    {
        var device = DeviceCase.Named(name);
        foreach (double? time in device.Times)
        {
            float[] once = new float[100];
            float[] again = new float[100];
            float[] targets = [.. Enumerable.Repeat(device.Targets[^1], 100)];
            device.Model().Conductances(targets, time, in s_stream, 7, 3, once);
            device.Model().Conductances(targets, time, in s_stream, 7, 3, again);
            Assert.Equal(once, again);
            Assert.True(once.Distinct().Count() > 1, $"{name} at {time} has no errors");
        }
    }

    private static void AssertIndependent(float[] left, float[] right, string what)
    {
        var a = Sample.Of(left);
        var b = Sample.Of(right);
        double correlation = left.Zip(right, (l, r) => (l - a.Mean) * (r - b.Mean)).Average() / (a.Deviation * b.Deviation);
        Assert.True(Math.Abs(correlation) <= 4.5 / Math.Sqrt(left.Length), $"{what}: correlation {correlation:G3}");
    }
}
