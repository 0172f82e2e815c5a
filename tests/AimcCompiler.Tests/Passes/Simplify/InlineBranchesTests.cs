using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class InlineBranchesTests
{
    [Theory]
    [InlineData(true, "if_y/matmul_t")]
    [InlineData(false, "if_y/relu_t")]
    public void AKnownConditionLeavesOneBranch(bool condition, string node)
    {
        var before = Model().Constant("c", Flag(condition)).Node("If", "c", "y", ("then_branch", MatMul()), ("else_branch", Branch("t", TestModel.NodeOf("Relu", ["x"], ["t"])))).Import();
        var after = InlineBranches.Run(before);
        Meaning.IsKept(before, after, 0);
        Assert.Equal(node, Assert.Single(after.Nodes).Name);
        Assert.Contains(after.Header.OriginalNodes, o => o.Name == node && o.Id == after.Nodes[0].Id);
        Assert.Equal(before.Header.Parameters + (condition ? 9 : 0), after.Header.Parameters);
    }

    [Fact]
    public void WeightsInABranchReachTheTiles()
    {
        var model = Model().Constant("k", Tensor.FromInt64([7])).Constant("c7", Tensor.FromInt64([7])).Node("Equal", "k c7", "c")
            .Node("If", "c", "y", ("then_branch", MatMul()), ("else_branch", Branch("t", TestModel.NodeOf("Relu", ["x"], ["t"]))));
        var result = Meaning.IsKeptOnTheFloatChip(model);
        Assert.Equal("if_y/matmul_t", Assert.Single(result.Program.Layers).Name);
        Assert.Equal(FallbackReason.Folded, result.Program.Nodes.Single(n => n.Op == "If").Reason);
        Assert.Equal(9, result.Program.ModelParameters);
    }

    [Fact]
    public void BranchesInBranchesGoTheSameWay()
    {
        var inner = TestModel.NodeOf("If", ["d"], ["i"], ("then_branch", MatMul()), ("else_branch", Branch("t", TestModel.NodeOf("Relu", ["outer"], ["t"]))));
        var outer = Branch("r", TestModel.NodeOf("Not", ["c"], ["d"]), TestModel.NodeOf("Neg", ["x"], ["outer"]), inner, TestModel.NodeOf("Add", ["i", "outer"], ["r"]));
        var before = Model().Constant("c", Flag(true)).Node("If", "c", "y", ("then_branch", outer), ("else_branch", MatMul())).Import();
        var after = InlineBranches.Run(before);
        Meaning.IsKept(before, after, 0);
        Assert.Equal(["Neg", "Relu", "Add"], after.Nodes.Select(n => n.OpType));
        Assert.Equal("if_y/if_i/relu_t", after.Nodes[1].Name);
    }

    [Fact]
    public void ConstantsAreHandedOn()
    {
        GraphProto branch = Branch("t", TestModel.NodeOf("Neg", ["x"], ["t"]), TestModel.NodeOf("Constant", [], ["k"], ("value", Tensor.FromFloats([1, 2, 3], 3))));
        branch.Initializer.Add(ModelWriter.Write("i", Tensor.FromFloats([4, 5], 2)));
        branch.Output.Add(((string[])["k", "i"]).Select(n => new ValueInfoProto { Name = n }));
        var model = new TestModel().Input("x", 2, 3).Constant("c", Flag(false))
            .Node("If", "c", "y k i", ("then_branch", branch), ("else_branch", branch.Clone())).Output("y", "k", "i");
        var before = model.Import();
        var after = InlineBranches.Run(before);
        Meaning.IsKept(before, after, 0);
        Assert.DoesNotContain(after.Nodes, n => n.Is("If"));
        Assert.True(after.Constants.ContainsKey("k") && after.Constants.ContainsKey("i"));
    }

    [Fact]
    public void OuterValuesAndDoubleOutputsAreHandedOn()
    {
        // ONNX Runtime itself refuses both.
        GraphProto branch = Branch("x", TestModel.NodeOf("Neg", ["x"], ["t"]));
        branch.Output.Add(((string[])["t", "t"]).Select(n => new ValueInfoProto { Name = n }));
        var after = InlineBranches.Run(new TestModel().Input("x", 1, 2).Constant("c", Flag(true))
            .Node("If", "c", "p q r", ("then_branch", branch), ("else_branch", branch.Clone())).Output("p", "q", "r").Import());
        var results = Meaning.Evaluate(after, new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats([1, -2], 1, 2) });
        Assert.Equal([[1f, -2], [-1f, 2], [-1f, 2]], results.Select(t => t.Floats));
    }

    [Fact]
    public void EqualNamesInTwoBranchesStayApart()
    {
        GraphProto Local() => Branch("t", TestModel.NodeOf("Neg", ["x"], ["h"]), TestModel.NodeOf("Exp", ["h"], ["t"]));
        var before = new TestModel().Input("x", 2, 3).Constant("c", Flag(true)).Node("Abs", "x", "g")
            .Node("If", "c", "p", ("then_branch", Local()), ("else_branch", Local()))
            .Node("If", "c", "q", ("then_branch", Local()), ("else_branch", Local()))
            .Node("Sum", "p q g", "y").Output("y").Import();
        var after = InlineBranches.Run(before);
        Meaning.IsKept(before, after, 0);
        Assert.Equal(6, after.Nodes.Length);
    }

    [Fact]
    public void ASparseInitializerOfABranchIsRead()
    {
        var branch = Branch("t", TestModel.NodeOf("Add", ["x", "s"], ["t"]));
        SparseTensorProto sparse = new() { Values = ModelWriter.Write("s", Tensor.FromFloats([5, 6], 2)), Indices = ModelWriter.Write("", Tensor.FromInt64([1, 2], 2)) };
        sparse.Dims.Add(3);
        branch.SparseInitializer.Add(sparse);
        var after = InlineBranches.Run(Model().Constant("c", Flag(true)).Node("If", "c", "y", ("then_branch", branch), ("else_branch", MatMul())).Import());
        Assert.Equal([0f, 5, 6], after.Constants[after.Nodes.Single().Inputs[1]].Floats);
    }

    [Fact]
    public void AConditionOnAShapeThatIsDeclaredIsKnown()
    {
        var before = Shaped(new TestModel().Input("x", 2, 3));
        var after = InlineBranches.Run(before);
        Meaning.IsKept(before, after, 0);
        Assert.Equal(["Relu", "Neg"], after.Nodes.Where(n => !n.Is("Identity")).Select(n => n.OpType));
    }

    [Fact]
    public void AnExtentThatIsDeclaredIsKnownBesideOneThatIsNot() =>
        Assert.DoesNotContain(InlineBranches.Run(Shaped(new TestModel().Input("x", "N", 3))).Nodes, n => n.Is("If"));

    [Fact]
    public void AConditionOnAnOpenExtentStays()
    {
        var before = Shaped(new TestModel().Input("x", 2, "N"));
        Assert.Same(before, InlineBranches.Run(before));
    }

    [Fact]
    public void ARankIsKnownWhereExtentsAreNot()
    {
        var before = new TestModel().Input("x", "N", "M").Constant("two", Tensor.FromInt64([2])).Node("Relu", "x", "h").Node("Shape", "h", "s").Node("Size", "s", "r")
            .Node("Equal", "r two", "c").Node("If", "c", "y", ("then_branch", Branch("t", TestModel.NodeOf("Neg", ["h"], ["t"]))), ("else_branch", Branch("t", TestModel.NodeOf("Exp", ["h"], ["t"]))))
            .Output("y").Import();
        Assert.Contains(InlineBranches.Run(before).Nodes, n => n.Is("Neg"));
    }

    [Fact]
    public void AConditionThatIsAnInputStays()
    {
        var before = Model().Input("c", TensorType.Bool, 1).Node("If", "c", "y", ("then_branch", MatMul()), ("else_branch", MatMul())).Import();
        Assert.Same(before, InlineBranches.Run(before));
    }

    [Fact]
    public void ABranchWithoutTheOutputsIsNamed()
    {
        var before = Model().Constant("c", Flag(true)).Node("If", "c", "y", ("then_branch", new GraphProto()), ("else_branch", MatMul())).Import();
        var found = Assert.Single(Assert.Throws<DiagnosticException>(() => InlineBranches.Run(before)).Diagnostics);
        Assert.Equal(("AIMC1004", "has a then_branch of 0 outputs for 1"), (found.Descriptor.Id, found.Message));
    }

    [Theory]
    [InlineData("n", "7", 1)]
    [InlineData("n", "8", 0)]
    public void AFixedInputDecides(string name, string value, int layers)
    {
        var model = new TestModel().Input("x", 2, 3).Input("n", TensorType.Int64).Constant("seven", Tensor.FromInt64([7])).Node("Equal", "n seven", "c")
            .Node("If", "c", "y", ("then_branch", MatMul()), ("else_branch", Branch("t", TestModel.NodeOf("Relu", ["x"], ["t"])))).Output("y");
        var result = AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions { Fixed = ImmutableDictionary<string, string>.Empty.Add(name, value) });
        Assert.Equal(layers, result.Program.Layers.Length);
        Assert.Equal(["x"], result.Program.Inputs.Select(i => result.Program.Values[i].Name));
        Assert.Equal(value, Assert.Single(result.Program.Fixed).Text);
    }

    private static GraphProto MatMul()
    {
        var graph = Branch("t", TestModel.NodeOf("MatMul", ["x", "w"], ["t"]));
        graph.Initializer.Add(ModelWriter.Write("w", TestModel.Random(5, 3, 3)));
        return graph;
    }

    private static GraphProto Branch(string output, params NodeProto[] nodes)
    {
        GraphProto graph = new() { Name = "branch" };
        graph.Node.Add(nodes);
        graph.Output.Add(new ValueInfoProto { Name = output });
        return graph;
    }

    /// <summary>If the last extent is 3: Neg, else Exp.</summary>
    private static Graph Shaped(TestModel model) => model.Node("Relu", "x", "h").Node("Shape", "h", "s").Ints("last", -1).Ints("three", 3)
        .Node("Gather", "s last", "e").Node("Equal", "e three", "c")
        .Node("If", "c", "y", ("then_branch", Branch("t", TestModel.NodeOf("Neg", ["h"], ["t"]))), ("else_branch", Branch("t", TestModel.NodeOf("Exp", ["h"], ["t"]))))
        .Output("y").Import();

    private static TestModel Model() => new TestModel().Input("x", 2, 3).Output("y");

    private static Tensor Flag(bool value) => new(TensorType.Bool, [], new[] { value });
}
