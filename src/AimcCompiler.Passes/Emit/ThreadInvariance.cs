using System.Collections.Frozen;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Operators whose bits do not depend on how ONNX Runtime shares their work among threads: every output element is moved, compared, or made by one exactly rounded
/// operation (IEEE 754), or by a pool over its own window. Sums over an axis, products, and functions with another way for the last elements of a range (exp, tanh, erf) are not among
/// them.</summary>
internal static class ThreadInvariance
{
    private static readonly FrozenSet<string> s_operators = FrozenSet.Create(
        "Abs", "Add", "And", "AveragePool", "Cast", "Ceil", "Clip", "Concat", "Div", "Equal", "Expand", "Flatten", "Floor", "Gather", "GlobalAveragePool", "GlobalMaxPool", "Greater",
        "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max", "MaxPool", "Min", "Mul", "Neg", "Not", "Or", "Pad", "Relu", "Reshape", "Round", "Shape", "Slice", "Split", "Squeeze",
        "Sub", "Transpose", "Unsqueeze", "Where", "Xor");

    /// <summary>True for an operator of that kind; <c>ThreadInvarianceTests</c> runs each on one thread and on several.</summary>
    public static bool Holds(Node node) => s_operators.Contains(node.QualifiedOp);
}
