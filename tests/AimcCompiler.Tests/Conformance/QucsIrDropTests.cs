using System.Text.Json;
using AimcCompiler.Kernels;
using AimcCompiler.Tests.Kernels.Wires;

namespace AimcCompiler.Tests.Conformance;

/// <summary>Passive crossbars that the circuit simulator Qucs solved (../shared/conformance/qucs_irdrop.json): every output, voltage and current.</summary>
public sealed class QucsIrDropTests
{
    private const double Tolerance = 1e-10;

    [SharedFact]
    public void EveryCrossbarIsTheCircuitSimulators()
    {
        // Open devices are written Infinity, which JSON does not know.
        string text = File.ReadAllText(Path.Combine(SharedFolder.Folder, "conformance", "qucs_irdrop.json"));
        using var file = JsonDocument.Parse(text.Replace("Infinity", "null", StringComparison.Ordinal));
        int cases = 0;
        foreach (var found in file.RootElement.GetProperty("cases").EnumerateArray())
        {
            string name = found.GetProperty("name").GetString()!;
            double[] resistances = Matrix(found, "resistances");
            double[] x = Matrix(found, "applied_voltages");
            int columns = resistances.Length / x.Length;
            double word = found.GetProperty("r_word_line").GetDouble();
            double bit = found.GetProperty("r_bit_line").GetDouble();
            CrossbarWires wires = new() { Rows = x.Length, Columns = columns, Driver = word, WordLine = word, BitLine = bit, Sense = bit };
            double[] cells = [.. resistances.Select(r => 1 / r)];
            AssertEqual(found, "i_output", WireCases.Product(WireCases.Effective(wires, cells), x), name);
            CrossbarRelaxation relaxation = new(wires, cells);
            double[] y = new double[columns];
            relaxation.Solve(x, y);
            AssertEqual(found, "i_output", y, name);
            double[] words = relaxation.WordVoltages();
            double[] bits = relaxation.BitVoltages();
            AssertEqual(found, "v_word_line", words, name);
            AssertEqual(found, "v_bit_line", bits, name);
            double[] devices = [.. cells.Select((g, i) => g * (words[i] - bits[i]))];
            AssertEqual(found, "i_device", devices, name);
            AssertEqual(found, "i_word_line", [.. devices.Select((_, i) => devices.Where((_, k) => k / columns == i / columns && k >= i).Sum())], name);
            AssertEqual(found, "i_bit_line", [.. devices.Select((_, i) => devices.Where((_, k) => k % columns == i % columns && k <= i).Sum())], name);
            cases++;
        }

        Assert.Equal(17, cases);
    }

    private static void AssertEqual(JsonElement found, string field, double[] actual, string name)
    {
        double[] expected = Matrix(found, field);
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= Tolerance, $"{name}, {field}[{i}]: {actual[i]:R}, should be {expected[i]:R}");
        }
    }

    /// <summary>null is an open device.</summary>
    private static double[] Matrix(JsonElement found, string field) =>
    [
        .. found.GetProperty(field).EnumerateArray().SelectMany(row => row.EnumerateArray())
            .Select(v => v.ValueKind == JsonValueKind.Number ? v.GetDouble() : double.PositiveInfinity),
    ];
}
