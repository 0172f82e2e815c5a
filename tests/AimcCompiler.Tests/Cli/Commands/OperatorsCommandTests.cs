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
    /// <summary>"operator: form" of a row -> a model whose node y is an example.</summary>
    private static readonly Dictionary<string, TestModel> Examples = new()
    {
        ["Conv: constant weights"] = Model(1, 2, 5, 5).Weights("w", 4, 2, 3, 3).Node("Conv", "x w", "y"),
        ["Conv: depthwise"] = Model(1, 2, 5, 5).Weights("w", 2, 1, 3, 3).Node("Conv", "x w", "y", ("group", 2)),
        ["Gemm: constant B"] = Model(3, 4).Weights("w", 5, 4).Weights("b", 5).Node("Gemm", "x w b", "y", ("transB", 1), ("alpha", 0.5f)),
        ["MatMul: constant right operand"] = Model(2, 3, 4).Weights("w", 4, 5).Node("MatMul", "x w", "y"),
        ["MatMul: constant left operand"] = Model(2, 3, 4).Weights("w", 5, 3).Node("MatMul", "w x", "y"),
        ["MatMul: two activations"] = Model(4, 4).Node("MatMul", "x x", "y"),
        ["Conv, Gemm, MatMul: any other form"] = Model(2, 3, 4).Weights("w", 2, 4, 5).Node("MatMul", "x w", "y"),
        ["BERNOULLI, ...: control flow, strings, sequences, chance"] = Model(2, 3).Node("RandomNormalLike", "x", "y"),
        ["every other operator: "] = Model(2, 3).Node("Softmax", "x", "y"),
    };

    public static TheoryData<string> Rows => [.. OperatorTable.Rows.Select(KeyOf)];

    [Theory]
    [MemberData(nameof(Rows))]
    public void EveryRowIsWhatTheCompilerDoes(string key)
    {
        var row = OperatorTable.Rows.Single(r => KeyOf(r) == key);
        Assert.True(Examples.TryGetValue(key, out var example), $"the row '{key}' has no example");
        var program = AimcCompilation.Compile(example!.Import(), ChipReader.Read("float"), new CompileOptions()).Program;
        var node = Assert.Single(program.Nodes, n => n.Name.EndsWith("_y", StringComparison.Ordinal));
        Assert.Equal(row.Home, node.Home);
        Assert.True(row.Operator.StartsWith("every", StringComparison.Ordinal) || row.Operator.Split(", ").Contains(node.Op), $"{node.Op} is not {row.Operator}");
        if (row.Home == Home.Analog)
        {
            Meaning.IsKeptOnTheFloatChip(example);
        }
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

    private static TestModel Model(params object[] dims) => new TestModel().Input("x", dims).Output("y");
}
