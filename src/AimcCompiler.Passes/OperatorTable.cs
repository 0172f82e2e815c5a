using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <param name="Operator">ONNX operator.</param>
/// <param name="Domain">Empty for ONNX's own.</param>
/// <param name="Form">Which use of the operator the row is about; empty = every other.</param>
/// <param name="Home">Where it runs.</param>
/// <param name="Condition">What must hold.</param>
/// <param name="Mapping">How it runs there.</param>
public sealed record OperatorRow(string Operator, string Domain, string Form, Home Home, string Condition, string Mapping);

/// <summary>Which operator runs where, and when: what <see cref="PartitionGraph"/> decides, for people. <c>aimc operators</c> and docs/operators.md
/// print it; a test compiles an example of every row.</summary>
public static class OperatorTable
{
    private const string Floating = "weights are constant, floating-point and not empty; activations are float, float16 or double, of known shape";
    private const string SubModel = "with its neighbors in an ONNX sub-model on ONNX Runtime";

    public static ImmutableArray<OperatorRow> Rows { get; } =
    [
        new("Conv", "", "constant weights", Home.Analog,
            $"{Floating}; bias constant or none; 1 to 3 spatial dimensions; pads not negative; no auto_pad with strides over an extent that follows the input",
            "a matrix of (channels in / group x kernel) rows and (channels out / group) columns a group; one vector an output pixel; pads, strides and dilations are the view"),
        new("Conv", "", "depthwise", Home.Digital,
            "one input channel a group and more than one group; --depthwise packed or dense, or --analog NODE, puts it on tiles",
            SubModel),
        new("Gemm", "", "constant B", Home.Analog,
            $"{Floating}; C constant with one value, or one a column, or none, or beta 0",
            "a matrix of K rows and N columns; one vector a row of A; alpha, beta, transA and transB go into weights, bias and view"),
        new("MatMul", "", "constant right operand", Home.Analog,
            $"{Floating}; the weights are a matrix",
            "a matrix of K rows and N columns; one vector a row of the activation, over all its leading axes"),
        new("MatMul", "", "constant left operand", Home.Analog,
            $"{Floating}; the weights are a matrix, the activation has at least two axes",
            "the transposed matrix; one vector a column of the activation"),
        new("MatMul", "", "two activations", Home.Digital, "", SubModel),
        new("Conv, Gemm, MatMul", "", "any other form", Home.Digital, "the report names what stands against tiles", SubModel),
        new(string.Join(", ", PartitionGraph.HostOps.Order(StringComparer.Ordinal)), "", "control flow, strings, sequences, chance", Home.Host,
            "also every node that captures outer values or writes texts, sequences or maps",
            SubModel),
        new("every other operator", "any", "", Home.Digital, "ONNX Runtime accepts it; what reads only constants is folded away", SubModel),
    ];
}
