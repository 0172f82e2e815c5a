using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Reports;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class EmitProgramTests
{
    [Fact]
    public void InstructionsAlternateInTheOrderOfTheData()
    {
        var program = Meaning.IsKeptOnTheFloatChip(new TestModel().Input("x", 1, 4).Weights("w", 4, 4).Weights("v", 4, 3)
            .Node("Relu", "x", "a").Node("MatMul", "a w", "b").Node("Tanh", "b", "c").Node("MatMul", "c v", "d").Node("Softmax", "d", "y").Output("y")).Program;
        Assert.Equal("D0 M0 D1 M1 D2", Order(program));
        Assert.Equal(["matmul_b", "matmul_d"], program.Layers.Select(l => l.Name));
        Assert.Equal([0, 1], program.Nodes.Where(n => n.Home == Home.Analog).Select(n => n.Layer));
    }

    [Fact]
    public void ADigitalNetworkIsOnePartition()
    {
        var result = Meaning.IsKeptOnTheFloatChip(new TestModel().Input("x", 1, 4).Node("Relu", "x", "a").Node("Tanh", "a", "y").Output("y"));
        Assert.Equal("D0", Order(result.Program));
        Assert.Equal("AIMC3007", Assert.Single(result.Warnings).Descriptor.Id);
    }

    [Fact]
    public void ANetworkOfProductsHasNoPartition()
    {
        var program = Meaning.IsKeptOnTheFloatChip(new TestModel().Input("x", 1, 4).Weights("w", 4, 4).Weights("v", 4, 3)
            .Node("MatMul", "x w", "a").Node("MatMul", "a v", "y").Output("y")).Program;
        Assert.Equal("M0 M1", Order(program));
    }

    [Fact]
    public void SeveralInputsAndOutputsKeepTheirOrder()
    {
        var program = Meaning.IsKeptOnTheFloatChip(new TestModel().Input("x", 1, 4).Input("z", 1, 3).Weights("w", 4, 3)
            .Node("MatMul", "x w", "a").Node("Add", "a z", "b").Node("Relu", "b", "c").Output("c", "a", "b")).Program;
        Assert.Equal(["x", "z"], program.Inputs.Select(i => program.Values[i].Name));
        Assert.Equal(["c", "a", "b"], program.Outputs.Select(o => program.Values[o].Name));
    }

    [Fact]
    public void AnInputMayBeAnOutput() => Meaning.IsKeptOnTheFloatChip(
        new TestModel().Input("x", 1, 4).Weights("w", 4, 3).Node("MatMul", "x w", "y").Output("y", "x"));

    [Fact]
    public void AConstantMayBeAnOutputBesideDigitalWork() => Meaning.IsKeptOnTheFloatChip(
        new TestModel().Input("x", 1, 4).Weights("k", 2, 2).Node("Relu", "x", "y").Output("k", "y"));

    [Fact]
    public void AConstantMayBeAnOutputBesideProductsOnly() => Meaning.IsKeptOnTheFloatChip(
        new TestModel().Input("x", 1, 4).Weights("k", 2, 2).Weights("w", 4, 3).Node("MatMul", "x w", "y").Output("k", "y"));

    [Fact]
    public void AComputedConstantMayBeTheOnlyOutput() => Meaning.IsKeptOnTheFloatChip(
        new TestModel().Input("x", 1, 4).Weights("k", 2, 2).Node("Relu", "k", "y").Output("y"));

    [Fact]
    public void BranchesThatMeetAgain() => Meaning.IsKeptOnTheFloatChip(
        new TestModel().Input("x", 1, 3, 6, 6).Weights("w", 3, 3, 3, 3).Weights("v", 3, 3, 1, 1).Statistics("s", 3)
            .Node("Conv", "x w", "a", ("pads", new[] { 1, 1, 1, 1 })).Norm("a", "b").Node("Relu", "b", "c")
            .Node("Conv", "c v", "d").Node("Add", "d c", "e").Node("Conv", "x v", "f").Node("Concat", "e f", "g", ("axis", 1))
            .Node("GlobalAveragePool", "g", "h").Node("Flatten", "h", "y").Output("y"));

    [Fact]
    public void AConstantThatCannotBeFoldedIsMultipliedDigitally() => Meaning.IsKeptOnTheFloatChip(
        new TestModel().Input("x", 1, 2).Weights("w", 2, 3).Ints("s", 3000, 3000).Node("ConstantOfShape", "s", "l")
            .Node("ReduceMax", "l", "m", ("keepdims", 1)).Node("Add", "x m", "h").Weights("a", 1, 2).Node("MatMul", "a w", "k").Node("MatMul", "h w", "g")
            .Node("Add", "g k", "y").Output("y"));

    [Fact]
    public void AnOperatorThatIsInPartOnTilesCountsAllItsWork()
    {
        var whole = Meaning.IsKeptOnTheFloatChip(Stairs.Lstm().Output("states")).Program.Nodes.Single();
        Assert.Equal((Home.Analog, 5 * ((3 * 8) + (2 * 8)), (3 * 8) + (2 * 8) + 16), (whole.Home, (int)whole.Macs, (int)whole.Parameters));
        var half = Meaning.IsKeptOnTheFloatChip(Stairs.Lstm().Output("states"), new CompileOptions { Digital = ["lstm_states/matmul"] }).Program;
        Assert.Equal(whole with { Detail = "its product 'lstm_states/matmul' was asked to be digital" }, half.Nodes.Single());
        var report = MappingReport.Of(half);
        Assert.Equal((5L * 2 * 8, 5L * 3 * 8), (report.AnalogMacs, report.DigitalMacs));
        Assert.Contains(report.Findings, f => f.Message == "1 node is on tiles in part, its product 'lstm_states/matmul' was asked to be digital");
    }

    [Fact]
    public void AnOperatorThatGivesItsTilesBackCountsTheModelsParameters()
    {
        // The operator that reads gates holds a matrix that selects them, which is no parameter of the model.
        CompileOptions options = new() { Fallback = FallbackPolicy.Digital };
        var node = AimcCompilation.Compile(Stairs.Lstm().Output("states").Import(), ChipReader.Read("tiny", ["mesh.rows=1", "mesh.columns=1", "core.tiles=1"]), options).Program.Nodes.Single();
        Assert.Equal((FallbackReason.DoesNotFit, 5 * ((3 * 8) + (2 * 8)), (3 * 8) + (2 * 8) + 16), (node.Reason, (int)node.Macs, (int)node.Parameters));
    }

    [Fact]
    public void EveryNodeOfTheModelIsListedWithItsHome()
    {
        var program = Meaning.IsKeptOnTheFloatChip(new TestModel().Input("x", 1, 3, 6, 6).Weights("w", 4, 3, 3, 3).Weights("k", 4).Statistics("s", 4)
            .Node("Neg", "k", "nk").Node("Conv", "x w nk", "a").Norm("a", "b").Node("Relu", "b", "y").Output("y")).Program;
        Assert.Equal(
            [("Neg", Home.Digital, FallbackReason.Folded), ("Conv", Home.Analog, FallbackReason.None), ("BatchNormalization", Home.Digital, FallbackReason.Folded), ("Relu", Home.Digital, FallbackReason.NotAnMvm)],
            program.Nodes.Select(n => (n.Op, n.Home, n.Reason)));
        Assert.Equal(108 + 4 + 16, program.ModelParameters);
    }

    [Fact]
    public void TheLeastBitsThatHoldTheCodesAreStored()
    {
        var eight = AimcCompilation.Compile(Stairs.Product(4, 2).Import(), Stairs.Tiny, new CompileOptions()).Program;
        var sixteen = AimcCompilation.Compile(Stairs.Product(4, 2).Import(), ChipReader.Read("isaac"), new CompileOptions()).Program;
        Assert.Equal((8, 16), (eight.Layers[0].Weights.Bytes.Length, sixteen.Layers[0].Weights.Bytes.Length));
    }

    private static string Order(MappedProgram program) => string.Join(' ', program.Instructions.Select(i => i switch
    {
        MvmInstruction m => $"M{m.Layer}",
        DigitalInstruction d => $"D{d.Partition}",
        _ => "?",
    }));
}
