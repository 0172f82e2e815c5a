using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class PartitionGraphTests
{
    private static readonly Dictionary<string, (TestModel Model, Home Home, FallbackReason Reason, string Detail)> Nodes = new()
    {
        ["a convolution"] = (Image().Weights("w", 4, 3, 3, 3).Node("Conv", "x w", "y"), Home.Analog, FallbackReason.None, ""),
        ["a product"] = (Rows().Weights("w", 5, 4).Weights("c", 4).Node("Gemm", "x w c", "y"), Home.Analog, FallbackReason.None, ""),
        ["a product with one bias for all"] = (Rows().Weights("w", 5, 4).Weights("c", 1).Node("Gemm", "x w c", "y"), Home.Analog, FallbackReason.None, ""),
        ["weights on the left"] = (Rows().Weights("w", 7, 4).Node("MatMul", "w x", "y"), Home.Analog, FallbackReason.None, ""),
        ["a bias that does not count"] = (Rows().Input("c", 4).Weights("w", 5, 4).Node("Gemm", "x w c", "y", ("beta", 0f)), Home.Analog, FallbackReason.None, ""),
        ["an elementwise operator"] = (Rows().Node("Relu", "x", "y"), Home.Digital, FallbackReason.NotAnMvm, ""),
        ["two activations"] = (Rows().Input("z", 5, 2).Node("MatMul", "x z", "y"), Home.Digital, FallbackReason.DynamicWeights, "multiplies two activations; tiles hold constants"),
        ["dynamic filters"] = (Image().Input("w", 4, 3, 3, 3).Node("Conv", "x w", "y"), Home.Digital, FallbackReason.DynamicWeights, "multiplies two activations; tiles hold constants"),
        ["a depthwise convolution"] = (Image().Weights("w", 3, 1, 3, 3).Node("Conv", "x w", "y", ("group", 3)), Home.Digital, FallbackReason.Depthwise, ""),
        ["a depthwise convolution with a multiplier"] = (Image().Weights("w", 6, 1, 3, 3).Node("Conv", "x w", "y", ("group", 3)), Home.Digital, FallbackReason.Depthwise, ""),
        ["a grouped convolution"] = (new TestModel().Input("x", 1, 4, 5, 5).Weights("w", 2, 2, 3, 3).Node("Conv", "x w", "y", ("group", 2)), Home.Analog, FallbackReason.None, ""),
        ["a bias that is an activation"] = (Image().Input("c", 4).Weights("w", 4, 3, 3, 3).Node("Conv", "x w c", "y"), Home.Digital, FallbackReason.UnsupportedForm, "has a bias that is not constant"),
        ["a bias for each row"] = (Rows().Weights("w", 5, 4).Weights("c", 4, 1).Node("Gemm", "x w c", "y"), Home.Digital, FallbackReason.UnsupportedForm, "has a bias of shape 4x1, not one value a column"),
        ["a matrix of biases"] = (Rows().Weights("w", 5, 4).Weights("c", 4, 4).Node("Gemm", "x w c", "y"), Home.Digital, FallbackReason.UnsupportedForm, "has a bias of shape 4x4, not one value a column"),
        ["a stack of matrices"] = (Rows().Weights("w", 2, 5, 4).Node("MatMul", "x w", "y"), Home.Digital, FallbackReason.UnsupportedForm, "has weights Float 2x5x4"),
        ["a constant on Gemm's left"] = (Rows().Weights("w", 3, 4).Node("Gemm", "w x", "y"), Home.Digital, FallbackReason.UnsupportedForm, "has its constant on the left"),
        ["integers"] = (new TestModel().Input("x", TensorType.Int32, 1, 2).Constant("w", new Tensor(TensorType.Int32, [2, 2], new[] { 1, 2, 3, 4 }))
            .Node("MatMul", "x w", "y"), Home.Digital, FallbackReason.UnsupportedForm, "has weights Int32 2x2"),
        ["chance"] = (new TestModel().Node("RandomNormal", "", "y", ("shape", new[] { 2, 2 })), Home.Host, FallbackReason.HostOnly, ""),
        ["strings"] = (new TestModel().Input("x", TensorType.String, 2).Node("Identity", "x", "y"), Home.Host, FallbackReason.HostOnly, ""),
        ["two constants"] = (new TestModel().Weights("a", 2, 3).Weights("b", 3, 4).Node("MatMul", "a b", "y"), Home.Digital, FallbackReason.UnsupportedForm, "multiplies two constants"),
        ["a convolution of a constant"] = (new TestModel().Weights("a", 1, 3, 5, 5).Weights("b", 4, 3, 3, 3).Node("Conv", "a b", "y"), Home.Digital, FallbackReason.UnsupportedForm, "multiplies two constants"),
    };

    public static TheoryData<string> Names => [.. Nodes.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void GivesEveryNodeItsHomeAndReason(string name)
    {
        var (model, home, reason, detail) = Nodes[name];
        Assert.Equal(new NodeHome(home, reason, detail).ToString(), Stairs.Partitioned(model.Output("y")).Homes.Values.Single().ToString());
    }

    [Fact]
    public void ABranchRunsOnTheHost()
    {
        GraphProto body = new() { Name = "body" };
        body.Node.Add(TestModel.NodeOf("Relu", ["x"], ["b"]));
        body.Output.Add(new ValueInfoProto { Name = "b" });
        var model = Rows().Input("c", TensorType.Bool).Node("If", "c", "y", ("then_branch", body), ("else_branch", body.Clone())).Output("y");
        Assert.Equal(Home.Host, Stairs.Partitioned(model).Homes.Values.Single().Home);
    }

    [Fact]
    public void DigitalByRequest()
    {
        var home = Stairs.Partitioned(Product(), new CompileOptions { Digital = ["matmul_y"] }).Homes.Values.Single();
        Assert.Equal((Home.Digital, FallbackReason.ByRequest), (home.Home, home.Reason));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AnOperatorThatWouldBeTakenApartIsDigitalByRequest(bool isRequested)
    {
        // Peepholes that are computed are a form that no cell of ours has.
        var known = Stairs.Lstm().Output("states");
        var other = Stairs.Lstm().Input("p", 1, 6).Node("LSTM", ["x", "w", "r", "b", "", "", "", "p"], ["peeped"], ("hidden_size", 2)).Output("states", "peeped");
        CompileOptions options = new() { Digital = isRequested ? ["lstm_states", "lstm_peeped"] : ["lstm_peeped"] };
        Assert.Equal(isRequested ? FallbackReason.ByRequest : FallbackReason.UnsupportedForm, Stairs.Partitioned(known, new CompileOptions { Digital = isRequested ? ["lstm_states"] : [] }).Homes.Values.Single().Reason);
        Assert.Equal(FallbackReason.UnsupportedForm, Stairs.Partitioned(other, options).Homes.MaxBy(h => h.Key.Value).Value.Reason);
    }

    [Fact]
    public void WhatIsInATimeLoopIsNamedByItsOperator()
    {
        DiagnosticBag bag = new();
        CompileOptions options = new() { Digital = ["lstm_states/forward", "lstm_states/Add"] };
        var apart = ExpandMvms.Run(Stairs.Lstm().Output("states").Import(), new CompileOptions());
        PartitionGraph.Run(Calibrate.Run(apart, options), options, bag);
        Assert.Equal(["there is no node 'lstm_states/Add' after folding", "there is no node 'lstm_states/forward' after folding"], bag.Diagnostics.Select(d => d.Message).Order());
        Assert.All(bag.Diagnostics, d => Assert.Equal("one of: lstm_states", d.Levers.Single()));
    }

    [Fact]
    public void ADepthwiseConvolutionByRequestOrByPolicy()
    {
        var model = Image().Weights("w", 3, 1, 3, 3).Node("Conv", "x w", "y", ("group", 3)).Output("y");
        foreach (var options in (CompileOptions[])[new() { Analog = ["conv_y"] }, new() { Depthwise = DepthwisePolicy.Packed }, new() { Depthwise = DepthwisePolicy.Dense }])
        {
            Assert.Equal(Home.Analog, Stairs.Partitioned(model, options).Homes.Values.Single().Home);
        }
    }

    [Fact]
    public void WhatMustBeAnalogAndCannotIsAnError()
    {
        DiagnosticBag bag = new();
        Stairs.Partitioned(Rows().Node("Relu", "x", "y").Output("y"), new CompileOptions { Analog = ["relu_y"] }, bag);
        Assert.Equal(
            "test.onnx: node 'relu_y' (Relu): error AIMC3002: not a matrix-vector product", Assert.Single(bag.Diagnostics).ToString());
    }

    [Fact]
    public void AnUnknownNameIsAnErrorThatNamesWhatIsNear()
    {
        DiagnosticBag bag = new();
        Stairs.Partitioned(Product(), new CompileOptions { Digital = ["matmul"], Analog = ["nothing"] }, bag);
        Assert.Equal(
            ["there is no node 'nothing' after folding", "there is no node 'matmul' after folding"], bag.Diagnostics.Select(d => d.Message));
        Assert.Equal("one of: matmul_y", bag.Diagnostics[1].Levers.Single());
        Assert.All(bag.Diagnostics, d => Assert.Equal("AIMC3001", d.Descriptor.Id));
    }

    [Fact]
    public void EveryReasonHasASentence() => Assert.All(Enum.GetValues<FallbackReason>(), r => Assert.Equal(r == FallbackReason.None, FallbackReasons.Explain(r).Length == 0));

    private static TestModel Image() => new TestModel().Input("x", 1, 3, 5, 5);

    private static TestModel Rows() => new TestModel().Input("x", 4, 5);

    private static TestModel Product() => Rows().Weights("w", 5, 4).Node("MatMul", "x w", "y").Output("y");
}
