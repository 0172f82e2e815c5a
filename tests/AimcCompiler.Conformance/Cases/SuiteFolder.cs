using System.Collections.Immutable;
using System.Globalization;
using AimcCompiler.Onnx;

namespace AimcCompiler.Conformance;

/// <summary>One set of a case's inputs and the outputs expected of them, by name.</summary>
internal sealed record ExampleSet(ImmutableArray<(string Name, StoredValue Value)> Inputs, ImmutableArray<(string Name, StoredValue Value)> Outputs);

/// <summary>Cases as ONNX's backend suite stores them: <c>model.onnx</c> beside folders <c>test_data_set_N</c>.</summary>
internal static class SuiteFolder
{
    /// <summary>The case folders below a suite's folder, in order.</summary>
    public static ImmutableArray<string> Cases(string folder) =>
    [
        .. Directory.EnumerateDirectories(folder).Where(d => File.Exists(Path.Combine(d, "model.onnx"))).Order(StringComparer.Ordinal),
    ];

    /// <exception cref="FormatException">A file is damaged.</exception>
    public static ImmutableArray<ExampleSet> Read(string folder)
    {
        var (inputs, outputs) = StoredValues.Ports(File.ReadAllBytes(Path.Combine(folder, "model.onnx")));
        return
        [
            .. Directory.EnumerateDirectories(folder, "test_data_set_*").Order(StringComparer.Ordinal)
                .Select(set => new ExampleSet(Files(set, "input", inputs), Files(set, "output", outputs))),
        ];
    }

    /// <summary>Files belong to the model's ports by position; the model may have more.</summary>
    private static ImmutableArray<(string Name, StoredValue Value)> Files(string set, string kind, ImmutableArray<StoredPort> ports)
    {
        var values = ImmutableArray.CreateBuilder<(string Name, StoredValue Value)>();
        for (int i = 0; i < ports.Length; i++)
        {
            string file = Path.Combine(set, string.Create(CultureInfo.InvariantCulture, $"{kind}_{i}.pb"));
            if (!File.Exists(file))
            {
                break;
            }

            values.Add((ports[i].Name, StoredValues.Parse(File.ReadAllBytes(file), ports[i].Kind)));
        }

        return values.ToImmutable();
    }
}
