using System.Text.Json;
using AimcCompiler.Core;
using AimcCompiler.Tests.Kernels.Wires;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Conformance;

/// <summary>CrossSim's wires (../shared/conformance/crosssim.json) on tiles of ours. With a separate source line it is ours to its float32 weights. Where the input feeds
/// the cells, it puts the driver's resistance into every segment of input 0's line and into no other line: rebuilt so, its numbers are the voltage law's; ours has
/// the driver before each line.</summary>
public sealed class CrossSimIrDropTests
{
    private const int Inputs = 8;
    private const int Outputs = 6;
    private const double Tolerance = 1e-6;

    /// <summary>In siemens over g_max, 100 uS.</summary>
    private const double PerOhm = 1e-4;

    [SharedFact]
    public void ASeparateSourceLine()
    {
        var (weights, x, y) = Read("ir_sepsource");
        var chip = Chip(Wires() with { Topology = IrDropTopology.SourceLine, WordLineOhm = null, SourceLineOhm = 20, DriverOhm = null, SenseOhm = null });
        chip = chip with
        {
            Tile = chip.Tile with { Input = chip.Tile.Input with { Bits = 3, Scheme = InputScheme.BitSerial, Sign = InputSign.Unsigned, PulseBits = 1, Management = InputManagement.None } },
        };
        Assert.True(Chips.IsValid(chip));
        LayerSpec spec = new(chip, Inputs, Outputs) { Weights = weights };
        Cases.AssertClose(y, spec.Run(x, Cases.Stepwise), Tolerance, "stepwise");
        Cases.AssertClose(y, spec.Run(x, Cases.Fast), Tolerance, "fast");
    }

    [SharedTheory]
    [InlineData("ir_noninterleaved_input", false, 0.0291)]
    [InlineData("ir_interleaved_input", true, 0.0291)]
    public void InputsThatFeedTheCells(string name, bool interleaved, double difference)
    {
        var (weights, x, y) = Read(name);
        double[] theirs = [.. x.Chunk(Inputs).SelectMany(v => Circuit(weights, v, interleaved, driverOfInput0: true))];
        double[] ours = [.. x.Chunk(Inputs).SelectMany(v => Circuit(weights, v, interleaved, driverOfInput0: false))];
        Cases.AssertClose(y, [.. theirs.Select(v => (float)v)], Tolerance, "their circuit");
        LayerSpec spec = new(Chip(Wires() with { Interleaved = interleaved }), Inputs, Outputs) { Weights = weights };
        Cases.AssertClose(ours, spec.Run(x, Cases.Stepwise), Tolerance, "our circuit, stepwise");
        Cases.AssertClose(ours, spec.Run(x, Cases.Fast), Tolerance, "our circuit, fast");
        Assert.Equal(difference, ours.Zip(y, (a, b) => Math.Abs(a - b)).Max(), 1e-4);
    }

    private static IrDropDescription Wires() => new()
    {
        Model = IrDropModel.Nodal,
        Topology = IrDropTopology.RowDriven,
        Interleaved = false,
        WordLineOhm = 20,
        SourceLineOhm = null,
        BitLineOhm = 10,
        DriverOhm = 50,
        SenseOhm = 30,
        Scale = null,
        GRatio = null,
    };

    private static ChipDescription Chip(IrDropDescription wires) => Chips.Analog(t => t with
    {
        Rows = Inputs,
        Columns = Outputs,
        Cell = t.Cell with { GMinUs = 1, GMaxUs = 100 },
        Weights = t.Weights with { Scale = WeightScale.Matrix },
        Noise = t.Noise with { IrDrop = wires },
    });

    /// <summary>The differences of column currents by the voltage law of every device.</summary>
    private static double[] Circuit(float[] weights, float[] x, bool interleaved, bool driverOfInput0)
    {
        const double GMin = 0.01;
        double largest = weights.Max(Math.Abs);
        int devices = 2 * Inputs * Outputs;
        double[] g = new double[devices];
        double[] drive = new double[devices];
        for (int i = 0; i < devices; i++)
        {
            double u = weights[i / 2] / largest * (i % 2 == 0 ? 1 : -1);
            g[i] = GMin + ((1 - GMin) * Math.Max(u, 0));
            drive[i] = x[i / 2 / Outputs] * (interleaved && i % 2 == 1 ? -1 : 1);
        }

        double[,] a = new double[devices, devices];
        for (int i = 0; i < devices; i++)
        {
            a[i, i] = 1;
            for (int k = 0; k < devices; k++)
            {
                var (row, column, half) = (i / 2 / Outputs, i / 2 % Outputs, i % 2);
                var (otherRow, otherColumn, otherHalf) = (k / 2 / Outputs, k / 2 % Outputs, k % 2);
                double shared = 0;
                if (row == otherRow && half == otherHalf)
                {
                    int segments = Math.Min(column, otherColumn) + 1;
                    shared += (20 * segments) + (driverOfInput0 ? (row == 0 ? 50 * segments : 0) : 50);
                }

                if (column == otherColumn && (half == otherHalf || interleaved))
                {
                    shared += (10 * (Inputs - Math.Max(row, otherRow))) + 30;
                }

                a[i, k] += g[i] * shared * PerOhm;
            }
        }

        double[] current = WireCases.SolveDense(a, [.. g.Zip(drive, (p, q) => p * q)]);
        double[] y = new double[Outputs];
        for (int i = 0; i < devices; i++)
        {
            y[i / 2 % Outputs] += current[i] * (interleaved || i % 2 == 0 ? 1 : -1) * largest / (1 - GMin);
        }

        return y;
    }

    private static (float[] Weights, float[] X, double[] Y) Read(string name)
    {
        using var file = Shared.OpenConformance("crosssim.json");
        var root = file.RootElement;
        var found = root.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        return ([.. Transposed(root.GetProperty("weights")).Select(v => (float)v)], [.. Transposed(root.GetProperty("inputs_for_ir_cases")).Select(v => (float)v)], Transposed(found.GetProperty("y")));
    }

    private static double[] Transposed(JsonElement matrix) =>
        [.. Enumerable.Range(0, matrix[0].GetArrayLength()).SelectMany(c => Enumerable.Range(0, matrix.GetArrayLength()).Select(r => matrix[r][c].GetDouble()))];
}
