using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class OutputShapesTests
{
    /// <summary>A batch of 1 is opened, one of 2 stays.</summary>
    [Theory]
    [InlineData(1, new[] { 1L, 1L << 32 }, new[] { -1L, 3L })]
    [InlineData(1, new[] { 1L, 2L, 3L }, new[] { -1L, 3L })]
    [InlineData(1, new[] { 4L, 3L }, new[] { -1L, 3L })]
    [InlineData(1, new[] { 1L, 3L }, new[] { -1L, 3L })]
    [InlineData(2, new[] { 1L, 1L << 32 }, new[] { 2L, 3L })]
    [InlineData(2, new[] { 1L, 2L, 3L }, new[] { 2L, 3L })]
    [InlineData(2, new[] { 4L, 3L }, new[] { 2L, 3L })]
    [InlineData(2, new[] { 2L, 3L }, new[] { 2L, 3L })]
    public void AWrongDeclarationOfAnOutputGivesWay(long batch, long[] declared, long[] shape)
    {
        var model = new TestModel().Input("x", batch, 2).Weights("w", 2, 3).Node("MatMul", "x w", "y");
        model.Proto.Graph.Output.Add(TestModel.Port("y", TensorType.Float, [.. declared.Cast<object>()]));
        var program = AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions()).Program;
        Assert.Equal(shape, program.Values[program.Outputs[0]].Shape);
    }

    /// <summary>Nothing is run where all is constant.</summary>
    [Fact]
    public void AConstantOutputHasTheShapeOfItsConstant()
    {
        var model = new TestModel().Input("x", 1).Weights("y", 2, 3);
        model.Proto.Graph.Output.Add(TestModel.Port("y", TensorType.Float, 1L << 40, 3));
        var program = AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions()).Program;
        Assert.Equal(new long[] { 2, 3 }, program.Values[program.Outputs[0]].Shape.ToArray());
    }

    [Fact]
    public void WhatIsOpenStaysOpen()
    {
        var model = new TestModel().Input("x", "N", 2).Weights("w", 2, 3).Node("MatMul", "x w", "y");
        model.Proto.Graph.Output.Add(TestModel.Port("y", TensorType.Float, "N", 99));
        var program = AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions()).Program;
        Assert.Equal(new long[] { -1, 3 }, program.Values[program.Outputs[0]].Shape.ToArray());
    }
}
