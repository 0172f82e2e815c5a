using System.Text.Json;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;
using AimcCompiler.Tests.Passes;

namespace AimcCompiler.Tests.Cli;

/// <summary>The table of operators is what the compiler does: every row has an example that is compiled.</summary>
public sealed class OperatorsCommandTests
{
    /// <summary>"operator: form" of a row -> models whose node y is an example: one for each operator of the row.</summary>
    private static readonly Dictionary<string, TestModel[]> Examples = new()
    {
        ["Conv: constant weights"] = [Model(1, 2, 5, 5).Weights("w", 4, 2, 3, 3).Node("Conv", "x w", "y"), Model(1, 2, 5, 5).Input("c", 4).Weights("w", 4, 2, 3, 3).Node("Conv", "x w c", "y")],
        ["Conv: depthwise"] = [Model(1, 2, 5, 5).Weights("w", 2, 1, 3, 3).Node("Conv", "x w", "y", ("group", 2))],
        ["ConvTranspose: constant weights"] = [Model(1, 2, 5, 5).Weights("w", 2, 3, 3, 3).Node("ConvTranspose", "x w", "y", ("strides", new[] { 2, 2 }))],
        ["FusedConv: constant weights"] = [Model(1, 2, 5, 5).Weights("w", 4, 2, 3, 3).Microsoft("FusedConv", "x w", "y", ("activation", "Relu"))],
        ["Gemm: constant B"] =
        [
            Model(3, 4).Weights("w", 5, 4).Weights("b", 5).Node("Gemm", "x w b", "y", ("transB", 1), ("alpha", 0.5f)),
            Model(3, 4).Weights("w", 4, 5).Input("c", 3, 5).Node("Gemm", "x w c", "y"),
        ],
        ["Gemm: constant A"] = [Model(4, 3).Weights("w", 5, 4).Node("Gemm", "w x", "y")],
        ["FusedGemm: one constant operand"] = [Model(3, 4).Weights("w", 4, 5).Microsoft("FusedGemm", "x w", "y", ("activation", "Relu"))],
        ["MatMul: constant right operand"] = [Model(2, 3, 4).Weights("w", 4, 5).Node("MatMul", "x w", "y"), Model(2, 3, 4).Weights("w", 4).Node("MatMul", "x w", "y")],
        ["MatMul: constant left operand"] = [Model(2, 3, 4).Weights("w", 5, 3).Node("MatMul", "w x", "y"), Model(2, 3, 4).Weights("w", 3).Node("MatMul", "w x", "y")],
        ["MatMul: stack of constant matrices"] = [Model(3, 4).Weights("w", 2, 4, 5).Node("MatMul", "x w", "y"), Model(3, 2, 3, 4).Weights("w", 2, 4, 5).Node("MatMul", "x w", "y")],
        ["FusedMatMul: one constant operand"] = [Model(2, 3, 4).Weights("w", 5, 4).Microsoft("FusedMatMul", "x w", "y", ("transB", 1))],
        ["Einsum: one constant operand"] = [Model(2, 3, 4).Weights("w", 4, 2, 5).Node("Einsum", "x w", "y", ("equation", "bsd,dnh->bnsh"))],
        ["MatMul: two activations"] = [Model(4, 4).Node("MatMul", "x x", "y")],
        ["LSTM, GRU, RNN: constant weights"] = [Recurrent("LSTM", 4), Recurrent("GRU", 3), Recurrent("RNN", 1)],
        ["Attention: constant projection"] = [Model(2, 3, 4).Weights("w", 4, 12).Weights("c", 12).Microsoft("Attention", "x w c", "y", ("num_heads", 2))],
        ["MatMulNBits: constant weights"] = [Model(3, 16).Codes("w", TensorType.UInt8, 5, 1, 8).Weights("s", 5).Microsoft("MatMulNBits", "x w s", "y", ("K", 16), ("N", 5), ("bits", 4), ("block_size", 16))],
        ["QLinearConv, ConvInteger: constant weights"] =
        [
            Scaled(1, 2, 5, 5).Codes("w", TensorType.UInt8, 4, 2, 3, 3).Node("QLinearConv", "x xs xz w xs xz ys xz", "y"),
            Scaled(1, 2, 5, 5).Codes("w", TensorType.UInt8, 4, 2, 3, 3).Node("ConvInteger", "x w xz xz", "y"),
        ],
        ["QLinearMatMul, MatMulInteger: one constant operand"] =
        [
            Scaled(3, 4).Codes("w", TensorType.UInt8, 4, 5).Node("QLinearMatMul", "x xs xz w xs xz ys xz", "y"),
            Scaled(3, 4).Codes("w", TensorType.UInt8, 4, 5).Node("MatMulInteger", "x w xz xz", "y"),
        ],
        ["QGEMM, ...: constant weights"] =
        [
            Scaled(3, 4).Codes("w", TensorType.UInt8, 4, 5).Microsoft("QGemm", "x xs xz w xs xz _ ys xz", "y"),
            Scaled(3, 4).Codes("w", TensorType.UInt8, 4, 5).Microsoft("MatMulIntegerToFloat", "x w xs xs xz xz", "y"),
            Model(3, 4).Codes("w", TensorType.UInt8, 4, 5).Quantized("x", 1f / 64, TensorType.UInt8, 128).Microsoft("DynamicQuantizeMatMul", "x w xs xz", "y"),
        ],
        ["Conv, Gemm, MatMul: weights behind DequantizeLinear"] =
        [
            Model(1, 2, 5, 5).Quantized("x", 1f / 64, TensorType.UInt8, 128).Codes("q", TensorType.UInt8, 4, 2, 3, 3).Node("DequantizeLinear", "q xs xz", "w").Node("Conv", "x w", "y"),
            Model(3, 4).Quantized("x", 1f / 64, TensorType.UInt8, 128).Codes("q", TensorType.UInt8, 4, 5).Node("DequantizeLinear", "q xs xz", "w").Node("Gemm", "x w", "y"),
            Model(3, 4).Quantized("x", 1f / 64, TensorType.UInt8, 128).Codes("q", TensorType.UInt8, 4, 5).Node("DequantizeLinear", "q xs xz", "w").Node("MatMul", "x w", "y"),
        ],
        ["Conv, Gemm, MatMul: weights of an earlier layer"] =
        [
            Model(1, 2, 5, 5).Weights("w", 2, 2, 3, 3).Node("Conv", "x w", "h").Node("Conv", "h w", "y"),
            Model(3, 4).Weights("w", 4, 4).Node("Gemm", "x w", "h").Node("Gemm", "h w", "y"),
            Model(3, 4).Weights("w", 4, 4).Node("MatMul", "x w", "h").Node("MatMul", "h w", "y"),
        ],
        ["Gather: rows of a constant table"] = [new TestModel().Input("x", TensorType.Int64, 2, 3).Output("y").Weights("w", 7, 5).Node("Gather", "w x", "y")],
        ["Gather: without --analog-embedding"] = [new TestModel().Input("x", TensorType.Int64, 2, 3).Output("y").Weights("w", 7, 5).Node("Gather", "w x", "y")],
        ["Conv, Gemm, MatMul: any other form"] = [Model(3, 1, 5, 4).Weights("w", 3, 2, 4, 5).Node("MatMul", "x w", "y")],
        ["BERNOULLI, ...: control flow, strings, sequences, chance"] = [Model(2, 3).Node("RandomNormalLike", "x", "y")],
        ["every other operator: "] = [Model(2, 3).Node("Softmax", "x", "y")],
    };

    public static TheoryData<string> Rows => [.. OperatorTable.Rows.Select(KeyOf)];

    [Theory]
    [MemberData(nameof(Rows))]
    public void EveryRowIsWhatTheCompilerDoes(string key)
    {
        var row = OperatorTable.Rows.Single(r => KeyOf(r) == key);
        Assert.True(Examples.TryGetValue(key, out var examples), $"the row '{key}' has no example");
        CompileOptions options = new() { AnalogEmbedding = row.Condition.StartsWith("--analog-embedding", StringComparison.Ordinal) };
        HashSet<string> shown = [];
        foreach (var example in examples)
        {
            var program = AimcCompilation.Compile(example.Import(), ChipReader.Read("float"), options).Program;
            var node = Assert.Single(program.Nodes, n => n.Name.EndsWith("_y", StringComparison.Ordinal));
            Assert.Equal(row.Home, node.Home);
            string op = row.Domain.Length > 0 && node.Op.StartsWith(row.Domain, StringComparison.Ordinal) ? node.Op[(row.Domain.Length + 1)..] : node.Op;
            Assert.True(row.Operator.StartsWith("every", StringComparison.Ordinal) || row.Operator.Split(", ").Contains(op), $"{op} is not {row.Operator}");
            shown.Add(op);
            if (row.Home == Home.Analog)
            {
                Expansion.IsOnTiles(example, options);
            }

            if (row.Form == "weights of an earlier layer")
            {
                Assert.Equal(0, program.Layers[1].SharesTilesOf);
            }
        }

        Assert.True(row.Home != Home.Analog || row.Operator.Split(", ").All(shown.Contains), $"{row.Operator}: examples of {string.Join(", ", shown)} only");
    }

    [Fact]
    public void TheDocumentIsWhatTheCommandPrints()
    {
        string path = Path.Combine(SharedFolder.Repository, "docs", "operators.md");
        string printed = CommandLine.Run(OperatorsCommand.Create(), "--format", "markdown").Output.ReplaceLineEndings("\n");
        if (Environment.GetEnvironmentVariable("AIMC_BLESS") == "1")
        {
            File.WriteAllText(path, printed);
        }

        Assert.Equal(File.Exists(path) ? File.ReadAllText(path) : "", printed);
    }

    [Fact]
    public void TextAndJsonHoldEveryRow()
    {
        string text = CommandLine.Run(OperatorsCommand.Create()).Output;
        JsonElement rows = JsonDocument.Parse(CommandLine.Run(OperatorsCommand.Create(), "--format", "json").Output).RootElement.GetProperty("operators");
        Assert.Equal(OperatorTable.Rows.Select(r => r.Operator), rows.EnumerateArray().Select(r => r.GetProperty("operator").GetString()));
        Assert.All(OperatorTable.Rows, r => Assert.Contains(r.Mapping, text, StringComparison.Ordinal));
    }

    /// <summary>A long list of operators is named by its first.</summary>
    private static string KeyOf(OperatorRow row) =>
        row.Operator.Length > 40 ? $"{row.Operator.Split(',')[0].ToUpperInvariant()}, ...: {row.Form}" : $"{row.Operator}: {row.Form}";

    private static TestModel Recurrent(string op, int gates) =>
        new TestModel().Input("x", 3, 2, 4).Output("y").Weights("w", 1, gates * 3, 4).Weights("r", 1, gates * 3, 3).Node(op, "x w r", "y", ("hidden_size", 3));

    /// <summary>Bytes; steps are powers of two, so that results are equal bit for bit.</summary>
    private static TestModel Scaled(params object[] dims) =>
        new TestModel().Input("x", TensorType.UInt8, dims).Output("y").Quantized("x", 1f / 64, TensorType.UInt8, 128).Floats("ys", [1f / 16]);

    private static TestModel Model(params object[] dims) => new TestModel().Input("x", dims).Output("y");
}
