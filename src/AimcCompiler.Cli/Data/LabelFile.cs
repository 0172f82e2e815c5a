using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Reads class labels: idx, .npy, .npz (entry <c>labels</c>, <c>label</c> or <c>y</c>), or raw bytes.</summary>
/// <remarks>In a raw file each label is one byte; two, little-endian, when the file's name ends in <c>_u16</c>.</remarks>
internal static class LabelFile
{
    public static readonly string[] EntryNames = ["labels", "label", "y"];

    /// <exception cref="DiagnosticException">The file cannot be read, or is not one non-negative whole number a sample.</exception>
    public static int[] Read(string path)
    {
        bool isWide = Path.GetFileNameWithoutExtension(path).EndsWith("_u16", StringComparison.OrdinalIgnoreCase);
        using var source = DataFile.Open(path, EntryNames, new RawFormat(isWide ? TensorType.UInt16 : TensorType.UInt8, [1]));
        if (source.SliceCount != 1 || source.Shape.IsEmpty)
        {
            throw DataLimits.Invalid(
                path,
                $"the labels have shape {Tensor.Format(source.Shape)}, wanted is one number a sample",
                "turn one-hot labels into class numbers: labels.argmax(1)");
        }

        var values = (int[])ElementCast.Cast(path, source.Type, source.Read(0, source.Slices), TensorType.Int32);
        int negative = Array.FindIndex(values, v => v < 0);
        return negative < 0 ? values : throw DataLimits.Invalid(path, $"label {negative} is {values[negative]}, classes start at 0");
    }
}
