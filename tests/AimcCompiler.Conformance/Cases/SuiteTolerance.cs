using System.Globalization;
using AimcCompiler.Core;
using AimcCompiler.Onnx;

namespace AimcCompiler.Conformance;

/// <summary>ONNX's own rule for its backend suite (onnx/backend/test/runner): types and shapes are equal, numbers are within
/// atol + rtol x |expected|, everything else is equal. No case of the suite has tolerances of its own.</summary>
internal static class SuiteTolerance
{
    public const double Relative = 1e-3;
    public const double Absolute = 1e-7;

    /// <summary>Null where the values agree, else how they differ.</summary>
    public static string? Difference(StoredValue expected, StoredValue actual)
    {
        switch (expected, actual)
        {
            case (StoredTensor e, StoredTensor a):
                return Difference(e.Tensor, a.Tensor);
            case (StoredSequence e, StoredSequence a):
                return e.Elements.Length != a.Elements.Length
                    ? Text($"has {a.Elements.Length} elements, expected {e.Elements.Length}")
                    : e.Elements.Select((element, i) => Difference(element, a.Elements[i]) is { } d ? Text($"element {i} {d}") : null).FirstOrDefault(d => d is not null);
            case (StoredMap e, StoredMap a):
                return Difference(e.Keys, a.Keys) is { } keys ? $"keys: {keys}" : Difference(e.Values, a.Values) is { } values ? $"values: {values}" : null;
            case (StoredNothing, StoredNothing):
                return null;
            default:
                return $"is {actual}, expected {expected}";
        }
    }

    private static string? Difference(Tensor expected, Tensor actual)
    {
        if (expected.Type != actual.Type || !expected.Shape.SequenceEqual(actual.Shape))
        {
            return $"is {actual}, expected {expected}";
        }

        for (long i = 0; i < expected.Count; i++)
        {
            object? e = expected.Data.GetValue(i);
            object? a = actual.Data.GetValue(i);
            bool agree = e is string or bool ? Equals(e, a) : IsClose(Number(expected.Type, e!), Number(actual.Type, a!));
            if (!agree)
            {
                return Text($"is {a} at element {i}, expected {e}");
            }
        }

        return null;
    }

    private static bool IsClose(double expected, double actual) =>
        expected.Equals(actual) || Math.Abs(actual - expected) <= Absolute + (Relative * Math.Abs(expected));

    private static double Number(TensorType type, object value) => value switch
    {
        Half half => (double)half,
        ushort bits when type == TensorType.BFloat16 => BitConverter.UInt32BitsToSingle((uint)bits << 16),
        _ => Convert.ToDouble(value, CultureInfo.InvariantCulture),
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
