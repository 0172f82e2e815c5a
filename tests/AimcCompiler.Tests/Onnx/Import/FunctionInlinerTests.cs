using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Tests.Passes;

namespace AimcCompiler.Tests.Onnx;

/// <summary>Model-local functions: what ONNX Runtime makes of them, the graph makes too, with their nodes in sight.</summary>
public sealed class FunctionInlinerTests
{
    [Fact]
    public void ACallBecomesTheNodesOfItsFunction()
    {
        var model = Model().Node("Relu", "x", "h").Output("y");
        model.Proto.Functions.Add(Function("Twice", ["a"], ["b"], TestModel.NodeOf("Add", ["a", "a"], ["s"]), TestModel.NodeOf("Neg", ["s"], ["b"])));
        model.Proto.Graph.Node.Add(Call("Twice", "h", "y"));
        var graph = SameAsOnnxRuntime(model);
        Assert.Equal(["relu_h Relu", "twice_y/add_s Add", "twice_y/neg_b Neg"], graph.Nodes.Select(n => $"{n.Name} {n.OpType}"));
        Assert.Equal(graph.Nodes.Select(n => (n.Id, n.Name)), graph.Header.OriginalNodes.Select(o => (o.Id, o.Name)));
        Assert.Equal(["x", "h", "h", "twice_y/s"], graph.Nodes.SelectMany(n => n.Inputs));
        Assert.Empty(graph.Header.Functions);
    }

    [Fact]
    public void WeightsInsideAFunctionReachTheTiles()
    {
        var model = Model().Weights("w", 3, 4).Node("Relu", "x", "h").Output("y");
        model.Proto.Functions.Add(Function(
            "Dense",
            ["a", "k"],
            ["b"],
            TestModel.NodeOf("MatMul", ["a", "k"], ["m"]),
            TestModel.NodeOf("Constant", [], ["w2"], ("value", TestModel.Random(9, 4, 2))),
            TestModel.NodeOf("MatMul", ["m", "w2"], ["b"])));
        model.Proto.Graph.Node.Add(Call("Dense", "h w", "y"));
        var result = Meaning.IsKeptOnTheFloatChip(model);
        Assert.Equal(["dense_y/matmul_m", "dense_y/matmul_b"], result.Program.Layers.Select(l => l.Name));
        Assert.Equal(12, result.Program.Nodes.Single(n => n.Name == "dense_y/matmul_m").Parameters);
    }

    [Fact]
    public void TwoCallsAndNestedCallsKeepTheirValuesApart()
    {
        var model = Model().Output("y");
        model.Proto.Functions.Add(Function("Outer", ["a"], ["b"], Call("Inner", "a", "t"), Call("Inner", "t", "b")));
        model.Proto.Functions.Add(Function("Inner", ["a"], ["b"], TestModel.NodeOf("Sin", ["a"], ["t"]), TestModel.NodeOf("Add", ["t", "a"], ["b"])));
        model.Proto.Graph.Node.Add(Call("Outer", "x", "p"));
        model.Proto.Graph.Node.Add(Call("Outer", "p", "y"));
        var graph = SameAsOnnxRuntime(model);
        Assert.Equal(8, graph.Nodes.Length);
        Assert.Equal("outer_p/inner_t/sin_t", graph.Nodes[0].Name);
        Assert.Equal(8, graph.Nodes.SelectMany(n => n.Writes).Distinct().Count());
    }

    [Fact]
    public void ANameThatIsTakenGetsANumber()
    {
        var model = Model().Node("Neg", "x", "twice_y/s").Output("y", "twice_y/s");
        model.Proto.Functions.Add(Function("Twice", ["a"], ["b"], TestModel.NodeOf("Add", ["a", "a"], ["s"]), TestModel.NodeOf("Neg", ["s"], ["b"])));
        model.Proto.Graph.Node.Add(Call("Twice", "x", "y"));
        Assert.Contains("twice_y/s#1", SameAsOnnxRuntime(model).Nodes.SelectMany(n => n.Writes));
    }

    [Fact]
    public void AttributesComeFromTheCallOrFromTheDefault()
    {
        var model = Model().Output("y", "z", "q");
        var leaky = TestModel.NodeOf("LeakyRelu", ["a"], ["b"]);
        leaky.Attribute.Add(new AttributeProto { Name = "alpha", RefAttrName = "slope", Type = AttributeProto.Types.AttributeType.Float });
        var given = Function("Given", ["a"], ["b"], leaky.Clone());
        given.Attribute.Add("slope");
        var otherwise = Function("Otherwise", ["a"], ["b"], leaky);
        otherwise.AttributeProto.Add(TestModel.AttributeOf("slope", 0.5f));
        model.Proto.Functions.Add([given, otherwise]);
        model.Proto.Graph.Node.Add([Call("Given", "x", "y", ("slope", 0.25f)), Call("Otherwise", "x", "z"), Call("Given", "x", "q")]);
        var graph = SameAsOnnxRuntime(model);
        Assert.Equal([0.25f, 0.5f, 0.01f], graph.Nodes.Select(n => n.Float("alpha", 0.01f)));
    }

    [Fact]
    public void AnInputThatTheCallLeavesOutIsLeftOutInside()
    {
        var model = Model().Constant("high", Tensor.FromFloats([0.5f])).Output("y");
        model.Proto.Functions.Add(Function("Bounded", ["a", "low", "top"], ["b"], TestModel.NodeOf("Clip", ["a", "low", "top"], ["b"])));
        model.Proto.Graph.Node.Add(Call("Bounded", "x _ high", "y"));
        Assert.Equal(["x", "", "high"], SameAsOnnxRuntime(model).Nodes.Single().Inputs.ToArray());
    }

    [Fact]
    public void AnInputThatIsAnOutputIsHandedOn()
    {
        var model = new TestModel().Input("x", 1, 2).Output("y", "z");
        model.Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "my", Version = 1 });
        model.Proto.Functions.Add(Function("Both", ["a"], ["a", "b"], TestModel.NodeOf("Neg", ["a"], ["b"])));
        model.Proto.Graph.Node.Add(Call("Both", "x", "y z"));
        var graph = model.Import();
        Assert.Equal(["Neg", "Identity"], graph.Nodes.Select(n => n.OpType));
        Assert.Equal([[1f, -2], [-1f, 2]], Meaning.Evaluate(graph, new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats([1, -2], 1, 2) }).Select(t => t.Floats));
    }

    [Fact]
    public void WhatASubgraphInsideCapturesIsRenamedToo()
    {
        GraphProto Branch(string op)
        {
            GraphProto graph = new() { Name = op };
            graph.Node.Add(TestModel.NodeOf(op, ["s", "a"], ["t"]));
            graph.Node.Add(TestModel.NodeOf("Neg", ["t"], ["r"]));
            graph.Output.Add(new ValueInfoProto { Name = "r" });
            return graph;
        }

        // "t" and "r" are values of the model as well: what a branch defines must not hide them.
        var model = Model().Input("c", TensorType.Bool, 1).Node("Abs", "x", "t").Node("Exp", "t", "r").Output("y", "r");
        model.Proto.Functions.Add(Function(
            "Choose",
            ["a", "c"],
            ["b"],
            TestModel.NodeOf("Sin", ["a"], ["s"]),
            TestModel.NodeOf("If", ["c"], ["b"], ("then_branch", Branch("Add")), ("else_branch", Branch("Sub")))));
        model.Proto.Graph.Node.Add(Call("Choose", "r c", "y"));
        var graph = SameAsOnnxRuntime(model);
        Assert.Equal(["choose_y/s", "r"], graph.Nodes.Single(n => n.Is("If")).Captured.ToArray());
    }

    [Fact]
    public void ACallInsideABranchIsExpandedThere()
    {
        GraphProto Branch(string input)
        {
            GraphProto graph = new() { Name = input };
            graph.Node.Add(Call("Twice", input, "r"));
            graph.Output.Add(new ValueInfoProto { Name = "r" });
            return graph;
        }

        var model = Model().Input("c", TensorType.Bool, 1).Node("Neg", "x", "n").Node("If", "c", "y", ("then_branch", Branch("x")), ("else_branch", Branch("n"))).Output("y");
        model.Proto.Functions.Add(Function("Twice", ["a"], ["b"], TestModel.NodeOf("Add", ["a", "a"], ["b"])));
        Assert.Empty(SameAsOnnxRuntime(model).Header.Functions);
    }

    [Fact]
    public void AFunctionForOtherOperatorSetsStaysACall()
    {
        var model = Model().Output("y");
        var function = Function("Old", ["a"], ["b"], Call("New", "a", "t"), TestModel.NodeOf("Neg", ["t"], ["b"]));
        function.OpsetImport[0].Version = 16;
        model.Proto.Functions.Add(function);
        model.Proto.Functions.Add(Function("New", ["a"], ["b"], TestModel.NodeOf("Abs", ["a"], ["b"])));
        model.Proto.Functions.Add(Function("Unused", ["a"], ["b"], TestModel.NodeOf("Abs", ["a"], ["b"])));
        model.Proto.Graph.Node.Add(Call("Old", "x", "h"));
        model.Proto.Graph.Node.Add(Call("New", "h", "y"));
        var graph = SameAsOnnxRuntime(model);
        Assert.Equal(["my.Old", "Abs"], graph.Nodes.Select(n => n.QualifiedOp));
        Assert.Equal(2, graph.Header.Functions.Length);
    }

    [Fact]
    public void AnOperatorSetThatOnlyTheFunctionImportsJoinsTheModel()
    {
        var model = Model().Output("y");
        var gelu = TestModel.NodeOf("Gelu", ["a"], ["b"]);
        gelu.Domain = "com.microsoft";
        var function = Function("Soft", ["a"], ["b"], gelu);
        function.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        model.Proto.Functions.Add(function);
        model.Proto.Graph.Node.Add(Call("Soft", "x", "y"));
        var graph = SameAsOnnxRuntime(model);
        Assert.Equal(1, graph.Header.Opsets["com.microsoft"]);
        Assert.Equal("com.microsoft.Gelu", graph.Nodes.Single().QualifiedOp);
    }

    [Fact]
    public void OverloadsAreFunctionsOfTheirOwn()
    {
        var model = new TestModel(irVersion: 10).Input("x", 2, 3).Output("y", "z");
        model.Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "my", Version = 1 });
        foreach (string op in (string[])["Neg", "Abs"])
        {
            var function = Function("F", ["a"], ["b"], TestModel.NodeOf(op, ["a"], ["b"]));
            function.Overload = op;
            model.Proto.Functions.Add(function);
            var call = Call("F", "x", op == "Neg" ? "y" : "z");
            call.Overload = op;
            model.Proto.Graph.Node.Add(call);
        }

        Assert.Equal(["Neg", "Abs"], SameAsOnnxRuntime(model).Nodes.Select(n => n.OpType));
    }

    /// <summary>Imports a model; the graph computes what ONNX Runtime makes of the model as it is, for both values of a condition.</summary>
    private static Graph SameAsOnnxRuntime(TestModel model)
    {
        var graph = model.Import();
        string[] outputs = [.. graph.Header.Outputs.Select(o => o.Name)];
        using DigitalSession session = new(model.ToArray(), new DigitalOptions(Optimize: false));
        foreach (bool condition in (bool[])[true, false])
        {
            var inputs = graph.Header.Inputs.ToDictionary(
                p => p.Name, p => p.Type == TensorType.Bool ? new Tensor(p.Type, [1], new[] { condition }) : TestModel.Random(7, [.. p.Shape]), StringComparer.Ordinal);
            Meaning.Equal(session.Run(inputs, outputs), Meaning.Evaluate(graph, inputs), 0);
        }

        return graph;
    }

    private static TestModel Model()
    {
        var model = new TestModel().Input("x", 2, 3);
        model.Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "my", Version = 1 });
        return model;
    }

    private static FunctionProto Function(string name, string[] inputs, string[] outputs, params NodeProto[] nodes)
    {
        var function = OnnxImporterTests.Function(name, nodes);
        function.Input.Clear();
        function.Input.Add(inputs);
        function.Output.Clear();
        function.Output.Add(outputs);
        return function;
    }

    private static NodeProto Call(string function, string inputs, string outputs, params (string Name, object Value)[] attributes)
    {
        var node = TestModel.NodeOf(function, inputs.Split(' '), outputs.Split(' '), attributes);
        node.Domain = "my";
        return node;
    }
}
