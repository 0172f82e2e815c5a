using AimcCompiler.Digital;
using AimcCompiler.Onnx;

namespace AimcCompiler.Conformance;

/// <summary>Stored values to and from those of ONNX Runtime.</summary>
internal static class StoredDigital
{
    /// <exception cref="NotSupportedException">ONNX Runtime's values are made here only from tensors and sequences of them.</exception>
    public static DigitalValue Of(StoredValue value) => value switch
    {
        StoredTensor tensor => new DigitalValue(tensor.Tensor),
        StoredSequence sequence => DigitalValue.FromSequence(sequence.Elements.Select(
            e => e is StoredTensor tensor ? tensor.Tensor : throw new NotSupportedException($"an input is a sequence of {e}"))),
        _ => throw new NotSupportedException($"an input is {value}"),
    };

    /// <summary>Copies the value and disposes of it.</summary>
    public static StoredValue Take(DigitalValue value)
    {
        using (value)
        {
            switch (value.Kind)
            {
                case DigitalKind.Tensor:
                    return new StoredTensor(value.ToTensor());
                case DigitalKind.Sequence:
                    return new StoredSequence([.. value.Elements().Select(Take)]);
                case DigitalKind.Map:
                    var parts = value.Elements();
                    return new StoredMap(Take(parts[0]), Take(parts[1]));
                default:
                    return new StoredNothing();
            }
        }
    }
}
