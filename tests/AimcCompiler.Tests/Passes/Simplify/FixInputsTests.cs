using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class FixInputsTests
{
    [Theory]
    [InlineData(TensorType.Int64, "-16000")]
    [InlineData(TensorType.Int32, "-5")]
    [InlineData(TensorType.UInt8, "255")]
    [InlineData(TensorType.Float, "-0.5")]
    [InlineData(TensorType.Double, "1e300")]
    [InlineData(TensorType.Float16, "0.5")]
    [InlineData(TensorType.Bool, "true")]
    [InlineData(TensorType.String, "")]
    public void AnInputOfOneElementBecomesAConstant(TensorType type, string text)
    {
        var graph = FixInputs.Run(new TestModel().Input("x", 2).Input("n", type, "N", 1).Node("Identity", "n", "m").Node("Relu", "x", "y").Output("y", "m").Import(), Fix("n", text), new DiagnosticBag());
        Assert.Equal("x", Assert.Single(graph.Header.Inputs).Name);
        Assert.Equal((type, "1x1", 1L), (graph.Constants["n"].Type, Tensor.Format(graph.Constants["n"].Shape), graph.Constants["n"].Count));
        Assert.Equal(graph.Constants["n"].Data, graph.Header.Fixed.Single().ToTensor()!.Data);
    }

    [Theory]
    [InlineData("z", "1", "has no input named 'z' to fix")]
    [InlineData("x", "1", "has shape 2; only an input of one element can be fixed")]
    [InlineData("n", "16k", "takes one Int64, which '16k' is not")]
    [InlineData("n", "1.5", "takes one Int64, which '1.5' is not")]
    [InlineData("n", "9223372036854775808", "takes one Int64, which '9223372036854775808' is not")]
    [InlineData("n", "", "takes one Int64, which '' is not")]
    public void WhatCannotBeFixedIsSaid(string name, string text, string message)
    {
        DiagnosticBag diagnostics = new();
        FixInputs.Run(new TestModel().Input("x", 2).Input("n", TensorType.Int64).Node("Identity", "n", "m").Node("Relu", "x", "y").Output("y", "m").Import(), Fix(name, text), diagnostics);
        var found = Assert.Single(diagnostics.Diagnostics);
        Assert.Equal(("AIMC1007", message), (found.Descriptor.Id, found.Message));
    }

    private static CompileOptions Fix(string name, string text) => new() { Fixed = ImmutableDictionary<string, string>.Empty.Add(name, text) };
}
