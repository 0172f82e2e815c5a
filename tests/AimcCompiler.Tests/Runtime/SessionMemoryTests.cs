using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Values of a run lie in the memory of values that have passed; no result may tell.</summary>
public sealed class SessionMemoryTests
{
    private const int Channels = 8;
    private const int Side = 32;

    [Fact]
    public void OutputsThatWereGivenOutStayAsTheyAre()
    {
        using Session session = new(Program(), new SimulationOptions());
        var first = session.Run(Inputs(1, 2));
        float[][] copies = [.. first.Select(t => t.Floats.ToArray())];
        var second = session.Run(Inputs(2, 2));
        Assert.NotEqual(copies[0], second[0].Floats);
        Assert.Equal(copies, first.Select(t => t.Floats));
        Assert.Equal(copies, session.Run(Inputs(1, 2)).Select(t => t.Floats));
    }

    [Fact]
    public void RunsAtTheSameTimeDoNotMeet()
    {
        using Session session = new(Program(), new SimulationOptions { Threads = 2 });
        float[][] expected = [.. Enumerable.Range(0, 24).Select(i => Fresh(i))];
        float[][] found = new float[expected.Length][];
        Parallel.For(0, expected.Length, i => found[i] = session.Run(Inputs(i, 1 + (i % 3)), i)[0].Floats);
        Assert.Equal(expected, found);

        float[] Fresh(int i)
        {
            using Session alone = new(Program(), new SimulationOptions { Threads = 1 });
            return alone.Run(Inputs(i, 1 + (i % 3)), i)[0].Floats;
        }
    }

    [Fact]
    public void WhatAnObserverSawStaysAsItIs()
    {
        using Session session = new(Program(), new SimulationOptions());
        List<(Tensor Tensor, float[] Copy)> seen = [];
        session.Run(Inputs(1, 2), 0, (_, input, output) => seen.AddRange([(input, input.Floats.ToArray()), (output, output.Floats.ToArray())]));
        session.Run(Inputs(2, 2));
        Assert.NotEmpty(seen);
        Assert.All(seen, s => Assert.Equal(s.Copy, s.Tensor.Floats));
    }

    [Fact]
    public void LayersOnFewerThreadsGiveTheSameBits()
    {
        using Session all = new(Program(), new SimulationOptions { Threads = 4 });
        using Session one = new(Program(), new SimulationOptions { Threads = 4, ThreadsOfALayer = 1 });
        var expected = all.Run(Inputs(3, 2), 5);
        var found = one.Run(Inputs(3, 2), 5);
        Assert.Equal(expected.Select(t => t.Floats), found.Select(t => t.Floats));
        Assert.Equal(all.ClippedConversions.ToArray(), one.ClippedConversions.ToArray());
    }

    /// <summary>Seven values of 2 x 8 x 32 x 32 floats pass between instructions; what a run allocates beside the outputs is less than one of them.</summary>
    [Fact]
    public void ARunAllocatesItsOutputsAndNoOtherValue()
    {
        using Session session = new(Program(), new SimulationOptions { Threads = 1 });
        var inputs = Inputs(1, 2);
        long outputs = 0;
        for (int i = 0; i < 3; i++)
        {
            outputs = session.Run(inputs).Sum(t => t.Count * sizeof(float));
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        const int Runs = 10;
        for (int i = 0; i < Runs; i++)
        {
            session.Run(inputs);
        }

        long allocated = (GC.GetAllocatedBytesForCurrentThread() - before) / Runs;
        Assert.InRange(allocated, outputs, outputs + (2 * Channels * Side * Side * sizeof(float)));
    }

    [Fact]
    public void ArraysComeBackByTheirLength()
    {
        FloatArrays arrays = new();
        float[] seven = arrays.Rent(7);
        Assert.Equal(7, seven.Length);
        arrays.Return(seven);
        Assert.Equal(8, arrays.Rent(8).Length);
        Assert.Same(seven, arrays.Rent(7));
        Assert.NotSame(seven, arrays.Rent(7));
    }

    [Fact]
    public void LengthsThatChangeAllTheTimeAreNotKept()
    {
        FloatArrays arrays = new();
        float[] first = arrays.Rent(1);
        arrays.Return(first);
        for (int length = 2; length < 400; length++)
        {
            arrays.Return(new float[length]);
        }

        Assert.NotSame(first, arrays.Rent(1));
    }

    private static Dictionary<string, Tensor> Inputs(int seed, int batch) =>
        new() { ["x"] = Tensor.FromFloats(Cases.Floats(seed, batch * Channels * Side * Side), batch, Channels, Side, Side) };

    /// <summary>Two residual blocks and a product: layers read what partitions write and the other way round, and some values are read twice.</summary>
    private static MappedProgram Program()
    {
        (string, object)[] same = [("pads", new int[] { 1, 1, 1, 1 })];
        var model = new TestModel().Input("x", "N", Channels, Side, Side).Output("z")
            .Weights("w1", Channels, Channels, 3, 3).Weights("w2", Channels, Channels, 1, 1).Weights("w3", Channels, Channels, 3, 3).Weights("w4", Channels, 5)
            .Node("Conv", ["x", "w1"], ["a"], same)
            .Node("Relu", ["a"], ["b"])
            .Node("Conv", ["b", "w2"], ["c"])
            .Node("Conv", ["b", "w3"], ["d"], same)
            .Node("Add", ["c", "d"], ["e"])
            .Node("Relu", ["e"], ["f"])
            .Node("Conv", ["f", "w1"], ["g"], same)
            .Node("Add", ["g", "b"], ["h"])
            .Node("GlobalAveragePool", ["h"], ["i"])
            .Node("Flatten", ["i"], ["j"])
            .Node("MatMul", ["j", "w4"], ["z"]);
        return AimcCompilation.Compile(model.Import(), ChipReader.Read("aihwkit-default"), new CompileOptions()).Program;
    }
}
