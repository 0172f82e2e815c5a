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
    private const string QuantizedWeights = "weights, their scales and zero points are constant (one, or one a channel), 8 or 16 bits; scale of the input constant; bias constant or none";
    private const string SubModel = "with its neighbors in an ONNX sub-model on ONNX Runtime";

    public static ImmutableArray<OperatorRow> Rows { get; } =
    [
        new("Conv", "", "constant weights", Home.Analog,
            $"{Floating}; 1 to 3 spatial dimensions; pads not negative",
            "a matrix of (channels in / group x kernel) rows and (channels out / group) columns a group; one vector an output pixel; pads, strides, dilations and auto_pad are the view; "
            + "a bias that is computed is added digitally"),
        new("Conv", "", "depthwise", Home.Digital,
            "one input channel a group and more than one group; so with every convolution of this table; --depthwise packed or dense, or --analog NODE, puts it on tiles",
            SubModel),
        new("ConvTranspose", "", "constant weights", Home.Analog,
            $"{Floating}",
            "a matrix of (channels in / group) rows and (channels out / group x kernel) columns a group; one vector an input pixel; what belongs to one output pixel is added digitally, with bias"),
        new("FusedConv", "com.microsoft", "constant weights", Home.Analog,
            $"{Floating}; Relu, Tanh, Sigmoid, LeakyRelu, Clip, HardSigmoid or no activation", "as Conv; the sum with a second tensor and the activation are digital"),
        new("Gemm", "", "constant B", Home.Analog,
            $"{Floating}",
            "a matrix of K rows and N columns; one vector a row of A; alpha, transA and transB go into weights and view, a constant C with one value or one a column into the bias; any other C "
            + "is added digitally"),
        new("Gemm", "", "constant A", Home.Analog, $"{Floating}", "the transposed matrix; one vector a column of B; C is added digitally"),
        new("FusedGemm", "com.microsoft", "one constant operand", Home.Analog,
            $"{Floating}; the activation as of FusedConv", "as Gemm; the activation is digital"),
        new("MatMul", "", "constant right operand", Home.Analog,
            $"{Floating}; the weights are a matrix or a vector",
            "a matrix of K rows and N columns; one vector a row of the activation, over all its leading axes"),
        new("MatMul", "", "constant left operand", Home.Analog,
            $"{Floating}; the weights are a matrix or a vector",
            "the transposed matrix; one vector a column of the activation"),
        new("MatMul", "", "stack of constant matrices", Home.Analog,
            $"{Floating}; the activation meets the stack whole (its own stack is of ones), or has the same stack behind at most one further axis",
            "one wide matrix where one activation meets them all; else a group for each matrix"),
        new("FusedMatMul", "com.microsoft", "one constant operand", Home.Analog,
            $"{Floating}; no transposed batch", "as MatMul; the constant takes scale and transposition"),
        new("Einsum", "", "one constant operand", Home.Analog,
            $"{Floating}; two operands, whose shared labels are summed over or lead; no label twice in a term, no sum over one operand alone; an ellipsis in the activation only",
            "the labels that are summed are rows, those of the constant alone columns; permutations of axes are digital"),
        new("MatMul", "", "two activations", Home.Digital, "", SubModel),
        new("LSTM, GRU, RNN", "", "constant weights", Home.Analog,
            "W, R, B and peepholes are constant and float; the activations are among those that ONNX lists",
            "W of all directions is one matrix and one product before the loop; R is a matrix (GRU without linear_before_reset: two) that every time step reads; gates are digital"),
        new("Attention", "com.microsoft", "constant projection", Home.Analog,
            $"{Floating}", "the projection to queries, keys and values is one matrix; masks, past, softmax and the products of activations stay fused and digital"),
        new("MatMulNBits", "com.microsoft", "constant weights", Home.Analog,
            "weights of 2, 4 or 8 bits, scales and zero points are constant; no order of groups", "as MatMul, with the weights as the operator unpacks them"),
        new("QLinearConv, ConvInteger", "", "constant weights", Home.Analog,
            QuantizedWeights, "as Conv; inputs are dequantized and results quantized digitally; codes are whole multiples of the model's integers where the chip has codes for them all"),
        new("QLinearMatMul, MatMulInteger", "", "one constant operand", Home.Analog, QuantizedWeights, "as MatMul; inputs, results and codes as of QLinearConv"),
        new("QGemm, MatMulIntegerToFloat, DynamicQuantizeMatMul", "com.microsoft", "constant weights", Home.Analog,
            QuantizedWeights, "as Gemm or MatMul; inputs, results and codes as of QLinearConv"),
        new("Conv, Gemm, MatMul", "", "weights behind DequantizeLinear", Home.Analog,
            "the dequantized constant is folded; scales are one, or one a column", "codes as of QLinearConv; so with the input's, which need no calibration: the activation's own scale is taken"),
        new("Conv, Gemm, MatMul", "", "weights of an earlier layer", Home.Analog,
            "equal matrices, bit for bit; --equal-weights copy gives each its own tiles", "the tiles of the earlier layer; read noise is drawn for each use"),
        new("Gather", "", "rows of a constant table", Home.Analog,
            "--analog-embedding; the table is a float matrix, the axis its first", "a one-hot vector drives one row of the table"),
        new("Gather", "", "without --analog-embedding", Home.Digital, "", SubModel),
        new("Conv, Gemm, MatMul", "", "any other form", Home.Digital, "the report names what stands against tiles", SubModel),
        new(string.Join(", ", PartitionGraph.HostOps.Order(StringComparer.Ordinal)), "", "control flow, strings, sequences, chance", Home.Host,
            "also every node that captures outer values or writes texts, sequences or maps",
            SubModel),
        new("every other operator", "any", "", Home.Digital, "ONNX Runtime accepts it; what reads only constants is folded away", SubModel),
    ];
}
