using System.Collections.Immutable;
using System.Globalization;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>The tensors of one <c>test_data_set_N</c> folder, in the order of their file numbers.</summary>
internal sealed record TestSet(string Folder, ImmutableArray<(string Name, Tensor Tensor)> Inputs, ImmutableArray<(string Name, Tensor Tensor)> Outputs);

/// <summary>Reads ONNX test-set folders: <c>input_0.pb, ..., output_0.pb, ...</c>, each one TensorProto.</summary>
/// <param name="decode">Gives the name and value of a serialised TensorProto.</param>
internal sealed class TestSetReader(Func<byte[], (string Name, Tensor Tensor)> decode)
{
    /// <summary>True for a folder with input_0.pb, or with such folders named test_data_set_N.</summary>
    public static bool IsTestSet(string folder) => Directory.Exists(folder) && !Sets(folder).IsEmpty;

    /// <exception cref="DiagnosticException">There is no test set, a file is missing in the numbering, or a file is damaged.</exception>
    public ImmutableArray<TestSet> Read(string folder)
    {
        var sets = DataLimits.Guarded(folder, () => Sets(folder));
        return sets.IsEmpty
            ? throw DataLimits.Invalid(folder, "there is no input_0.pb, nor a folder test_data_set_0 with one")
            : [.. sets.Select(set => new TestSet(set, ReadNumbered(set, "input"), ReadNumbered(set, "output")))];
    }

    private static ImmutableArray<string> Sets(string folder)
    {
        const string Prefix = "test_data_set_";
        if (File.Exists(Path.Combine(folder, "input_0.pb")))
        {
            return [folder];
        }

        return [.. Directory.EnumerateDirectories(folder, $"{Prefix}*")
            .Where(set => File.Exists(Path.Combine(set, "input_0.pb")))
            .Select(set => (Path: set, Number: Number(Path.GetFileName(set)[Prefix.Length..])))
            .Where(set => set.Number >= 0)
            .OrderBy(set => set.Number)
            .Select(set => set.Path)];
    }

    private ImmutableArray<(string Name, Tensor Tensor)> ReadNumbered(string folder, string kind)
    {
        int count = DataLimits.Guarded(folder, () => Directory.EnumerateFiles(folder, $"{kind}_*.pb")
            .Count(file => Number(Path.GetFileNameWithoutExtension(file)[(kind.Length + 1)..]) >= 0));
        var tensors = ImmutableArray.CreateBuilder<(string Name, Tensor Tensor)>();
        for (int i = 0; i < count; i++)
        {
            string file = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{kind}_{i}.pb"));
            byte[] content = InputFile.ReadAllBytes(file, DataLimits.MaxArrayBytes, Descriptors.InvalidData);
            tensors.Add(DataLimits.Guarded(file, () => decode(content)));
        }

        return tensors.ToImmutable();
    }

    private static int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1;
}
