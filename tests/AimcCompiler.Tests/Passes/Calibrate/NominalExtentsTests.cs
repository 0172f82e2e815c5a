using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>What open dimensions are taken as, and what a program remembers of it.</summary>
public sealed class NominalExtentsTests
{
    [Fact]
    public void HeightAndWidthOfAnImageAre224()
    {
        var result = Compile(new TestModel().Input("x", "N", 3, "height", "width").Weights("w", 4, 3, 3, 3).Node("Conv", "x w", "y").Output("y"));
        Assert.Equal("for shapes, MVM counts and estimates these were taken: height = 224, width = 224", Warning(result));
        Assert.Equal(222 * 222, result.Program.Layers.Single().VectorsPerInference);
        var input = result.Program.Values[result.Program.Inputs.Single()];
        Assert.Equal([-1L, 3, -1, -1], input.Shape.ToArray());
        Assert.Equal([1L, 3, 224, 224], input.Nominal.ToArray());
    }

    [Fact]
    public void ChannelsLastIsAnImageToo() => Assert.Equal(
        [1L, 224, 224, 3],
        Nominal(new TestModel().Input("x", "N", "h", "w", 3).Weights("k", 3, 2).Node("MatMul", "x k", "y").Output("y")));

    [Fact]
    public void OtherDimensionsAreOneWhereThatRuns() => Assert.Equal(
        [1L, 1, 4], Nominal(new TestModel().Input("x", "N", "length", 4).Weights("w", 4, 3).Node("MatMul", "x w", "y").Output("y")));

    [Fact]
    public void ALengthGrowsUntilTheModelRuns()
    {
        var model = new TestModel().Input("x", "N", "length").Weights("w", 256, 3).Node("MatMul", "x w", "y").Output("y");
        Assert.Equal([1L, 256], Nominal(model));
        Assert.Contains("length = 256", Warning(Compile(model)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, true)]
    [InlineData(2048, false)] // 128 MiB go in, and as much again comes out of Identity: too much for a guess
    public void AGuessThatTakesMuchMemoryIsNotTried(int width, bool isTried)
    {
        var model = new TestModel().Input("x", "N", "length", width).Node("Identity", "x", "i").Ints("shape", 16384, width).Node("Reshape", "i shape", "r")
            .Weights("w", width, 3).Node("MatMul", "r w", "y").Output("y");
        var program = Compile(model).Program;
        Assert.Equal(isTried ? [1L, 16384, width] : [], program.Values[program.Inputs.Single()].Nominal.ToArray());
    }

    [Fact]
    public void OneLengthMayGrowWhileAnotherStays()
    {
        // Reflection reaches over the edge of anything shorter than 65.
        var model = new TestModel().Input("x", "N", "").Input("state", 2, "", 3).Ints("pads", 0, 64, 0, 0)
            .Node("Pad", "x pads", "p", ("mode", "reflect")).Node("Reshape", "state unit", "s").Ints("unit", 2, 1, 3).Node("ReduceSum", "s", "r")
            .Node("Add", "p r", "y").Output("y");
        var values = Compile(model).Program;
        Assert.Equal(["x.1 = 128", "state.1 = 1"], Warning(Compile(model)).Split(": ")[1].Split(", "));
        Assert.Equal([1L, 128], values.Values[values.Inputs[0]].Nominal.ToArray());
    }

    [Fact]
    public void DimensionsOfOneNameHaveOneExtent()
    {
        var model = new TestModel().Input("x", "N", "length").Input("m", 1, "length").Weights("w", 64, 3).Node("Mul", "x m", "h").Node("MatMul", "h w", "y").Output("y");
        var program = Compile(model).Program;
        Assert.All(program.Inputs, i => Assert.Equal(64, program.Values[i].Nominal[1]));
    }

    [Fact]
    public void AFirstDimensionThatCountsNoSamplesGrowsLast() => Assert.Equal(
        [16L, 3], Nominal(new TestModel().Input("x", "T", 3).Ints("s", 4, 4, 3).Node("Reshape", "x s", "h").Weights("w", 3, 2).Node("MatMul", "h w", "y").Output("y")));

    [Fact]
    public void WhereNothingRunsTheDimensionsAreNamed()
    {
        var model = new TestModel().Input("x", "N", "frames", "bins").Weights("w", 33, 3).Node("MatMul", "x w", "y").Output("y");
        var found = Assert.Single(Assert.Throws<DiagnosticException>(() => Compile(model)).Diagnostics);
        Assert.Equal("AIMC1003", found.Descriptor.Id);
        Assert.StartsWith("does not run with any of the extents tried for frames, bins", found.Message, StringComparison.Ordinal);
        Assert.Equal("--dim frames=N --dim bins=N", Assert.Single(found.Levers));
        Assert.Equal([1L, 1, 33], Compile(model, Dim("bins", 33)).Program.Values[0].Nominal.ToArray());
    }

    [Fact]
    public void ADimensionWithoutANameIsCalledByItsPlace()
    {
        var model = new TestModel().Input("x", "N", "").Weights("w", 33, 3).Node("MatMul", "x w", "y").Output("y");
        Assert.Equal([-1L, 33], Compile(model, Dim("x.1", 33)).Program.Values[0].Shape.ToArray());
        var found = Assert.Single(Assert.Throws<DiagnosticException>(() => Compile(model, Dim("x.2", 33))).Diagnostics);
        Assert.Equal(("AIMC1003", "--dim with one of: N, x.1"), (found.Descriptor.Id, Assert.Single(found.Levers)));
    }

    [Fact]
    public void TheFirstCalibrationSampleHasTheLikeliestExtents()
    {
        var model = new TestModel().Input("x", "N", "length", 4).Weights("w", 4, 3).Node("MatMul", "x w", "y").Output("y");
        var result = Compile(model, new CompileOptions { Calibration = new OneSample(TestModel.Random(1, 1, 7, 4)) });
        Assert.Equal(7, result.Program.Layers.Single().VectorsPerInference);
    }

    [Fact]
    public void WhatIsInferredHoldsForEveryInput()
    {
        // The kernel hides nothing of the channels; height and width follow the input.
        var model = new TestModel().Input("x", "N", 3, "h", "w").Weights("k", 4, 3, 3, 3).Node("Conv", "x k", "c").Node("Relu", "c", "y").Output("y");
        var graph = Calibrate.Run(model.Import(), new CompileOptions()).Graph;
        Assert.Equal([-1L, 4, -1, -1], graph.Facts["c"].Declared.ToArray());
    }

    [Fact]
    public void AnIndexThatMustNotBeZeroIsOne() => Assert.Single(Compile(new TestModel().Input("n", TensorType.Int64, 1).Weights("w", 4, 3)
        .Node("ConstantOfShape", "n", "l").Ints("s", 1, 1).Node("Reshape", "l s", "h").Ints("r", 1, 4).Node("Expand", "h r", "e").Node("MatMul", "e w", "y").Output("y")).Program.Layers);

    private static CompileOptions Dim(string name, long extent) => new() { Dimensions = ImmutableDictionary<string, long>.Empty.Add(name, extent) };

    private static long[] Nominal(TestModel model)
    {
        var program = Compile(model).Program;
        using Session session = new(program, new SimulationOptions { Threads = 1 });
        var input = program.Values[program.Inputs.Single()];
        session.Run(new Dictionary<string, Tensor> { [input.Name] = Tensor.Zeros(input.Type, input.Nominal) });
        return [.. input.Nominal];
    }

    private static CompilationResult Compile(TestModel model, CompileOptions? options = null) =>
        AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), options ?? new CompileOptions());

    private static string Warning(CompilationResult result) => Assert.Single(result.Warnings, w => w.Descriptor.Id == "AIMC1006").Message;

    private sealed class OneSample(Tensor sample) : ICalibrationData
    {
        public int Count => 1;

        public IReadOnlyDictionary<string, Tensor> Sample(int index) => new Dictionary<string, Tensor> { ["x"] = sample };
    }

    /// <summary>Nobody but the model's maker knows what axes, extents and indices to give; without products there is nothing that a run would tell.</summary>
    [Fact]
    public void AModelWithoutProductsThatNoNominalInputRunsIsTypedByInference()
    {
        var model = new TestModel().Input("x", 2, 6).Input("s", TensorType.Int64, 2).Node("Unsqueeze", "x s", "y").Output("y");
        var result = AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions());
        Assert.Contains(result.Warnings, w => w.Descriptor == Descriptors.NotProfiled);
        using Session session = new(result.Program, new SimulationOptions());
        var x = Tensor.FromFloats([.. Enumerable.Range(0, 12).Select(i => (float)i)], 2, 6);
        Assert.Equal(new long[] { 1, 2, 6, 1 }, session.Run(new Dictionary<string, Tensor> { ["x"] = x, ["s"] = Tensor.FromInt64([0, 3], 2) }).Single().Shape.ToArray());
    }

    [Fact]
    public void AValueThatNoArrayHoldsIsRefused()
    {
        var model = new TestModel().Input("x", 1, 3, 8192, 8192).Weights("w", 64, 3, 15, 15).Node("Conv", "x w", "y").Output("y");
        var found = Assert.Throws<DiagnosticException>(() => AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions())).Diagnostics.Single();
        Assert.Equal((Descriptors.TooLargeValues, "test.onnx: node 'conv_y' (Conv)"), (found.Descriptor, found.Where));
    }

    /// <summary>A sum of a trillion products is a minute of a run whose only result are shapes that are known without it.</summary>
    [Fact]
    public void AModelThatTakesLongIsTypedByInference()
    {
        var model = new TestModel().Input("x", 1, 3, 8192, 8192).Weights("w", 16, 3, 15, 15).Node("Conv", "x w", "y").Output("y");
        var program = AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions()).Program;
        Assert.Equal(8178L * 8178, Assert.Single(program.Layers).VectorsPerInference);
    }
}
