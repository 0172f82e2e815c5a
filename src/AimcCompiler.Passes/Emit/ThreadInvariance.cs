using System.Collections.Frozen;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Operators whose bits do not depend on how ONNX Runtime shares their work among threads: every output element is moved, compared, made by one exactly rounded
/// operation (IEEE 754), or by a pool over its own window. Sums over an axis, products, and functions with another way for the last elements of a range (exp, tanh, erf) are not among
/// them.</summary>
public static class ThreadInvariance
{
    /// <summary>Of ONNX's own domain.</summary>
    public static FrozenSet<string> Operators { get; } = FrozenSet.Create(
        "Abs", "Add", "AveragePool", "Clip", "Concat", "Div", "Flatten", "GlobalAveragePool", "GlobalMaxPool", "Identity", "Max", "MaxPool", "Min", "Mul", "Neg", "Pad", "Relu", "Reshape",
        "Slice", "Split", "Squeeze", "Sub", "Transpose", "Unsqueeze");

    /// <summary>True for a node of such an operator.</summary>
    public static bool Holds(Node node) => Operators.Contains(node.QualifiedOp);
}
