using System.Runtime.InteropServices;
using System.Text.Json;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf;

namespace AimcCompiler.Tests.Cli;

public sealed class DumpCommandTests : IDisposable
{
    private const int Channels = 64;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void PrintsTheImportedGraph()
    {
        var (exitCode, output, _) = Dump(Write(ConvolutionModel()));

        Assert.Equal(0, exitCode);
        Assert.StartsWith("graph(%x: Float 1x64x6x6)", output, StringComparison.Ordinal);
        Assert.Contains("= Conv(%x, %w, #b[64])", output, StringComparison.Ordinal);
        Assert.EndsWith("return %y\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void PrintsTheGraphAsJson()
    {
        JsonElement json = JsonDocument.Parse(Dump(Write(ConvolutionModel()), "--format", "json").Output).RootElement;

        Assert.Equal(["ConstantOfShape", "Conv", "BatchNormalization"], json.GetProperty("nodes").EnumerateArray().Select(n => n.GetProperty("op").GetString()));
        Assert.Equal("x", json.GetProperty("inputs")[0].GetProperty("name").GetString());
    }

    [Fact]
    public void ReseedingNeedsAFile()
    {
        var (exitCode, _, error) = Dump(Write(ConvolutionModel()), "--reseed", "1");

        Assert.Equal(1, exitCode);
        Assert.Contains("-o FILE.onnx", error, StringComparison.Ordinal);
    }

    [Fact]
    public void WeightsOfConstantNodesBecomeInitializersAndTheModelRuns()
    {
        ModelProto reseeded = Reseed(ConvolutionModel(), 7);

        Assert.Equal(["Conv", "BatchNormalization"], reseeded.Graph.Node.Select(n => n.OpType));
        Assert.DoesNotContain(reseeded.Graph.Initializer, i => i.Name == "w_shape");
        Assert.Equal([64L, 64, 3, 3], reseeded.Graph.Initializer.Single(i => i.Name == "w").Dims);
        Tensor y = Run(reseeded);
        Assert.Equal([1L, 64, 4, 4], y.Shape.AsEnumerable());
        Assert.True(y.ToFloats().Distinct().Count() > 100);
    }

    [Fact]
    public void MvmWeightsHaveHeVariance()
    {
        float[] w = Values(Reseed(ConvolutionModel(), 7), "w");
        double variance = w.Average(v => (double)v * v);

        // n = 36,864: the sample variance of a normal has a relative standard deviation of sqrt(2 / n) = 0.74 %; five of them.
        Assert.Equal(2.0 / (Channels * 9), variance, 2.0 / (Channels * 9) * 0.037);
        Assert.InRange(w.Average(), -0.0016, 0.0016);
    }

    [Fact]
    public void GammasAndVariancesLieAroundOneTheOthersAroundZero()
    {
        ModelProto model = Reseed(ConvolutionModel(), 7);

        foreach (string name in (string[])["gamma", "var"])
        {
            Assert.All(Values(model, name), v => Assert.InRange(v, 0.5f, 1.5f));
            Assert.InRange(Values(model, name).Average(), 0.8, 1.2);
        }

        foreach (string name in (string[])["b", "beta", "mean"])
        {
            Assert.All(Values(model, name), v => Assert.InRange(v, -0.7f, 0.7f));
            Assert.True(Values(model, name).Distinct().Count() > 60);
        }
    }

    [Fact]
    public void DrawsDependOnSeedAndNameAlone()
    {
        ModelProto first = Reseed(ConvolutionModel(), 7);
        ModelProto again = Reseed(first, 7);
        ModelProto other = Reseed(ConvolutionModel(), 8);

        Assert.Equal(Values(first, "w"), Values(again, "w"));
        Assert.Equal(first.ToByteArray(), Reseed(ConvolutionModel(), 7).ToByteArray());
        Assert.NotEqual(Values(first, "w"), Values(other, "w"));
        Assert.NotEqual(Values(first, "gamma"), Values(first, "var"));
        Assert.NotEqual(Values(first, "b"), Values(first, "beta"));
    }

    [Fact]
    public void WhatIsNoWeightStaysAsItWas()
    {
        ModelProto model = ConvolutionModel();
        byte[] metadata = [0x72, 6, 0x0a, 1, (byte)'k', 0x12, 1, (byte)'v']; // a field that our subset of onnx.proto does not have
        model.MergeFrom(metadata);
        model.Graph.Initializer.Add(Floats("constant", [3], [1, 2, 3]));
        model.Graph.Initializer.Add(new TensorProto { Name = "quantised", DataType = (int)TensorType.Int8, Dims = { 2 }, RawData = ByteString.CopyFrom(1, 2) });

        ModelProto reseeded = Reseed(model, 7);

        Assert.True(reseeded.ToByteArray().AsSpan().IndexOf(metadata) >= 0);
        Assert.Equal([1f, 2, 3], Values(reseeded, "constant"));
        Assert.Equal(model.Graph.Initializer.Single(i => i.Name == "quantised"), reseeded.Graph.Initializer.Single(i => i.Name == "quantised"));
        Assert.Equal(model.Graph.Node.Skip(1), reseeded.Graph.Node);
    }

    [Fact]
    public void WeightsBehindAChainOfConstantNodesAreFound()
    {
        var model = Model(
            [1, 4],
            [
                new NodeProto { OpType = "Constant", Output = { "s" }, Attribute = { TensorAttribute("value", Int64s("", [2], [8, 4])) } },
                new NodeProto { OpType = "ConstantOfShape", Input = { "s" }, Output = { "c" } },
                new NodeProto { OpType = "Transpose", Input = { "c" }, Output = { "w" } },
                new NodeProto { OpType = "MatMul", Input = { "x", "w" }, Output = { "y" } },
            ],
            []);

        ModelProto reseeded = Reseed(model, 1);

        Assert.Equal("MatMul", Assert.Single(reseeded.Graph.Node).OpType);
        Assert.Equal([4L, 8], Assert.Single(reseeded.Graph.Initializer).Dims);
        Assert.Equal([1L, 8], Run(reseeded).Shape.AsEnumerable());
    }

    [Fact]
    public void HalfPrecisionStaysHalf()
    {
        TensorProto w = new() { Name = "w", DataType = (int)TensorType.Float16, Dims = { 4, 8 }, RawData = ByteString.CopyFrom(new byte[64]) };
        var model = Model([1, 4], [new NodeProto { OpType = "MatMul", Input = { "x", "w" }, Output = { "y" } }], [w], TensorType.Float16);

        TensorProto drawn = Reseed(model, 1).Graph.Initializer[0];

        Assert.Equal(64, drawn.RawData.Length);
        Half[] values = MemoryMarshal.Cast<byte, Half>(drawn.RawData.Span).ToArray();
        Assert.InRange(values.Average(v => (double)v * (double)v), 0.1, 1.5);
    }

    [Fact]
    public void AModelWithoutWeightsIsRejected()
    {
        var model = Model([1, 4], [new NodeProto { OpType = "Relu", Input = { "x" }, Output = { "y" } }], []);

        var (exitCode, _, error) = Dump(Write(model), "--reseed", "1", "-o", _folder.File("out.onnx"));

        Assert.Equal(1, exitCode);
        Assert.Contains("no floating-point weights", error, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.File("out.onnx")));
    }

    [Fact]
    public void AFileThatIsNoModelIsRejected()
    {
        string file = _folder.File("x.onnx");
        File.WriteAllText(file, "hello");

        Assert.Equal(1, Dump(file, "--reseed", "1", "-o", _folder.File("out.onnx")).ExitCode);
        Assert.Equal(1, Dump(file).ExitCode);
    }

    /// <summary>A convolution whose weights come from ConstantOfShape, as in ONNX's own "light" models, and a BatchNormalization.</summary>
    private static ModelProto ConvolutionModel()
    {
        float[] constant = new float[Channels];
        Array.Fill(constant, 0.02f);
        return Model(
            [1, Channels, 6, 6],
            [
                new NodeProto { OpType = "ConstantOfShape", Input = { "w_shape" }, Output = { "w" }, Attribute = { TensorAttribute("value", Floats("", [1], [0.02f])) } },
                new NodeProto { OpType = "Conv", Input = { "x", "w", "b" }, Output = { "c" } },
                new NodeProto { OpType = "BatchNormalization", Input = { "c", "gamma", "beta", "mean", "var" }, Output = { "y" } },
            ],
            [
                Int64s("w_shape", [4], [Channels, Channels, 3, 3]),
                Floats("b", [Channels], constant),
                Floats("gamma", [Channels], constant),
                Floats("beta", [Channels], constant),
                Floats("mean", [Channels], constant),
                Floats("var", [Channels], constant),
            ]);
    }

    private static ModelProto Model(long[] input, NodeProto[] nodes, TensorProto[] initializers, TensorType type = TensorType.Float)
    {
        var shape = new TensorShapeProto();
        shape.Dim.AddRange(input.Select(d => new TensorShapeProto.Types.Dimension { DimValue = d }));
        var graph = new GraphProto { Name = "g" };
        graph.Node.AddRange(nodes);
        graph.Initializer.AddRange(initializers);
        graph.Input.Add(new ValueInfoProto { Name = "x", Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape } } });
        graph.Output.Add(new ValueInfoProto { Name = "y", Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type } } });
        var model = new ModelProto { IrVersion = 8, Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 15 });
        return model;
    }

    private static AttributeProto TensorAttribute(string name, TensorProto value) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.Tensor, T = value };

    private static TensorProto Floats(string name, long[] shape, float[] values)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)TensorType.Float, RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan())) };
        tensor.Dims.AddRange(shape);
        return tensor;
    }

    private static TensorProto Int64s(string name, long[] shape, long[] values)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)TensorType.Int64, RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan())) };
        tensor.Dims.AddRange(shape);
        return tensor;
    }

    private static float[] Values(ModelProto model, string name) =>
        MemoryMarshal.Cast<byte, float>(model.Graph.Initializer.Single(i => i.Name == name).RawData.Span).ToArray();

    private static Tensor Run(ModelProto model)
    {
        using var session = new DigitalSession(model.ToByteArray());
        var input = session.Inputs[0];
        float[] x = [.. Enumerable.Range(0, (int)Tensor.CountOf([.. input.Shape])).Select(i => MathF.Sin(i))];
        return session.Run(new Dictionary<string, Tensor> { ["x"] = new(TensorType.Float, [.. input.Shape], x) })[0];
    }

    private ModelProto Reseed(ModelProto model, long seed)
    {
        string file = _folder.File("reseeded.onnx");
        var (exitCode, _, error) = Dump(Write(model), "--reseed", $"{seed}", "-o", file);
        Assert.True(exitCode == 0, error);
        return ModelProto.Parser.ParseFrom(File.ReadAllBytes(file));
    }

    private string Write(ModelProto model)
    {
        string file = _folder.File("model.onnx");
        File.WriteAllBytes(file, model.ToByteArray());
        return file;
    }

    private static (int ExitCode, string Output, string Error) Dump(params string[] arguments) => CommandLine.Run(DumpCommand.Create(), arguments);
}
