using System.Globalization;
using System.Text;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Reads class labels: idx, .npy, .npz (entry <c>labels</c>, <c>label</c> or <c>y</c>), .txt and .csv with one number a line, or raw bytes.</summary>
/// <remarks>In a raw file each label has as many bytes as the file has for each sample: 1, 2, 4 or 8, little-endian.</remarks>
internal static class LabelFile
{
    public static readonly string[] EntryNames = ["labels", "label", "y"];

    /// <param name="path">The file.</param>
    /// <param name="samples">Samples of the data set; null = not known: then a raw label is one byte, and two where the file's name ends in <c>_u16</c>.</param>
    /// <exception cref="DiagnosticException">The file cannot be read, or is not one non-negative whole number a sample.</exception>
    public static int[] Read(string path, long? samples = null)
    {
        if (Path.GetExtension(path).ToUpperInvariant() is ".TXT" or ".CSV")
        {
            return ReadLines(path);
        }

        using var source = DataFile.Open(path, EntryNames, new RawFormat(TypeOf(path, samples), [1]));
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

    private static TensorType TypeOf(string path, long? samples)
    {
        if (samples is { } count and > 0 && File.Exists(path) && new FileInfo(path).Length is var length && length % count == 0)
        {
            switch (length / count)
            {
                case 1:
                    return TensorType.UInt8;
                case 2:
                    return TensorType.UInt16;
                case 4:
                    return TensorType.Int32;
                case 8:
                    return TensorType.Int64;
            }
        }

        return Path.GetFileNameWithoutExtension(path).EndsWith("_u16", StringComparison.OrdinalIgnoreCase) ? TensorType.UInt16 : TensorType.UInt8;
    }

    /// <summary>One number a line; the first line of a .csv may be a heading, and lines at the end may be empty.</summary>
    private static int[] ReadLines(string path)
    {
        string text = Encoding.UTF8.GetString(InputFile.ReadAllBytes(path, DataLimits.MaxArrayBytes, Descriptors.InvalidData)).TrimStart('\uFEFF');
        string[] lines = text.ReplaceLineEndings("\n").TrimEnd('\n', ' ').Split('\n');
        int first = lines.Length > 1 && Path.GetExtension(path).Equals(".csv", StringComparison.OrdinalIgnoreCase) && lines[0].Any(char.IsLetter) ? 1 : 0;
        int[] labels = new int[lines.Length - first];
        for (int i = 0; i < labels.Length; i++)
        {
            string line = lines[i + first].Trim();
            labels[i] = int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out int label)
                ? label
                : throw DataLimits.Invalid(path, $"line {i + first + 1} is '{Reports.Printable.Of(line)}', wanted is one class number a line");
        }

        return labels;
    }
}
