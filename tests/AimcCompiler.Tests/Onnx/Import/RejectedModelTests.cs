using AimcCompiler.Core;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Passes;

namespace AimcCompiler.Tests.Onnx;

/// <summary>What ONNX Runtime refuses is told with the node, the reason and a way out.</summary>
public sealed class RejectedModelTests
{
    [Theory]
    [InlineData("onnx.brevitas", "Quant", "operator of Brevitas", "export_onnx_qcdq")]
    [InlineData("qonnx.custom_op.general", "BipolarQuant", "operator of QONNX", "qonnx_to_qcdq")]
    [InlineData("finn.custom_op.general", "MultiThreshold", "operator of FINN", "before FINN streamlines it")]
    [InlineData("my.dom", "Spin", "there is no operator 'Spin' in domain 'my.dom'", "as functions of the model")]
    [InlineData("", "RequantShift", "operator of Quantlib or NEMO", "before it is made integer")]
    [InlineData("", "Spin", "there is no operator 'Spin' in ONNX's own operators (opset 17)", "standard operators")]
    public void AnOperatorThatNobodyHasIsNamedWithItsMaker(string domain, string op, string message, string lever)
    {
        var model = new TestModel().Input("x", 1).Node("Relu", "x", "r").Output("y");
        model.Proto.Graph.Node.Add(new NodeProto { OpType = op, Domain = domain, Name = "odd", Input = { "r" }, Output = { "y" } });
        if (domain.Length > 0)
        {
            model.Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = 1 });
        }

        var found = Refused(model);
        Assert.Equal(("AIMC1002", $"test.onnx: node 'odd' ({(domain.Length > 0 ? $"{domain}." : "")}{op})"), (found.Descriptor.Id, found.Where));
        Assert.Contains(message, found.Message, StringComparison.Ordinal);
        Assert.Contains(lever, Assert.Single(found.Levers.TakeLast(1)), StringComparison.Ordinal);
    }

    [Fact]
    public void IntegersInAFloatOperatorAreADialect()
    {
        var model = new TestModel().Input("x", TensorType.Int8, 1, 2, 4, 4).Constant("w", Tensor.Zeros(TensorType.Int8, [2, 2, 3, 3])).Node("Conv", "x w", "y").Output("y");
        var found = Refused(model);
        Assert.Equal("test.onnx: node 'conv_y' (Conv)", found.Where);
        Assert.Equal("Conv does not take tensor(int8), which its input 'x' has", found.Message);
        Assert.Contains("QuantizeLinear and DequantizeLinear around Conv, or as QLinearConv", Assert.Single(found.Levers), StringComparison.Ordinal);
    }

    [Fact]
    public void ShapesThatDoNotFitAreNamedWithTheirNode()
    {
        var found = Refused(new TestModel().Input("x", 1, 3).Weights("w", 4, 2).Node("MatMul", "x w", "y").Output("y"));
        Assert.Equal("test.onnx: node 'matmul_y' (MatMul)", found.Where);
        Assert.StartsWith("Incompatible dimensions", found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFailureAtRunTimeIsNamedWithItsNodeAndOpenDimensionsAreALever()
    {
        var found = Refused(new TestModel().Input("x", "N", "C", 8, 8).Weights("w", 4, 5, 3, 3).Node("Conv", "x w", "y").Output("y"));
        Assert.Equal("test.onnx: node 'conv_y' (Conv)", found.Where);
        Assert.DoesNotContain("Non-zero status code", found.Message, StringComparison.Ordinal);
        Assert.Contains(found.Levers, l => l.Contains("--dim", StringComparison.Ordinal));
    }

    /// <summary>ONNX Runtime says of this model that pads are too large, and not of which node.</summary>
    [Fact]
    public void ANodeThatOnnxRuntimeDoesNotNameIsFound()
    {
        var found = Refused(new TestModel().Input("x", 1, 1, 8, 8).Node("Relu", "x", "a")
            .Node("MaxPool", "a", "b", ("kernel_shape", new[] { 2, 2 }), ("pads", new[] { 0, 0, 1, 1 }))
            .Node("MaxPool", "b", "c", ("kernel_shape", new[] { 2, 2 }), ("pads", new[] { 5, 0, 0, 0 }))
            .Node("Relu", "c", "y").Output("y"));
        Assert.Equal("test.onnx: node 'maxpool_c' (MaxPool)", found.Where);
        Assert.Contains("Pad should be smaller than kernel", found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADomainThatIsNotImportedIsAnOperatorThatNobodyHas()
    {
        var model = new TestModel().Input("x", 1).Output("y");
        model.Proto.Graph.Node.Add(new NodeProto { OpType = "MultiThreshold", Domain = "finn.custom_op.general", Name = "odd", Input = { "x" }, Output = { "y" } });
        Assert.Equal("there is no operator 'MultiThreshold' in domain 'finn.custom_op.general'; it is an operator of FINN", Refused(model).Message);
    }

    [Fact]
    public void AGemmOfMoreDimensionsWasAMatMul()
    {
        var found = Refused(new TestModel().Input("x", 2, 3, 4).Weights("w", 4, 5).Node("Gemm", "x w", "y").Output("y"));
        Assert.StartsWith("Gemm multiplies matrices, and Input 0 expected to have rank 2", found.Message, StringComparison.Ordinal);
        Assert.Contains("MatMul and Add instead", Assert.Single(found.Levers), StringComparison.Ordinal);
    }

    [Fact]
    public void AnOpsetOfTheFutureIsNamed()
    {
        var found = Refused(new TestModel(opset: 128).Input("x", 1).Node("Relu", "x", "y").Output("y"));
        Assert.Equal("test.onnx: opset import", found.Where);
        Assert.Contains("imports ai.onnx 128; Opset 128 is under development", found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnIrVersionOfTheFutureIsNamed()
    {
        var found = Refused(new TestModel(irVersion: 999).Input("x", 1).Node("Relu", "x", "y").Output("y"));
        Assert.Equal("test.onnx: ir_version", found.Where);
        Assert.Contains("has IR version 999", found.Message, StringComparison.Ordinal);
    }

    private static Diagnostic Refused(TestModel model) =>
        Assert.Single(Assert.Throws<DiagnosticException>(() => Calibrate.Run(model.Import(), new CompileOptions())).Diagnostics);
}
