using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.Json;
using AimcCompiler.Binary;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Cli;

public sealed class ExportCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _file;
    private readonly MappedProgram _program;

    public ExportCommandTests()
    {
        _file = _folder.File("layer.aimc");
        var chip = ChipReader.Read("tiny", ["tile.cell.device=pcm_like", "tile.adc.bits=null"]) with { Mesh = null };
        _program = new LayerSpec(chip, 20, 3) { Codes = Cases.Codes(1, 60, 7) }.Program();
        _program = _program with { Layers = [_program.Layers[0] with { Name = "fc, \"1\"" }], Nodes = [_program.Nodes[0] with { Name = "fc, \"1\"" }] };
        AimcWriter.WriteFile(_program, _file);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void EveryDeviceHasItsPlaceItsWeightAndItsConductance()
    {
        string csv = _folder.File("cells.csv");
        var (exitCode, output, error) = Export("--time", "1d", "-o", csv);
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("240 devices of 1 layers", output, StringComparison.Ordinal);
        string[] lines = File.ReadAllLines(csv);
        Assert.Equal("layer,copy,tile,row,column,weight_row,weight_column,slice,pair,polarity,target_us,conductance_us", lines[0]);
        Assert.Equal(241, lines.Length);
        Assert.All(lines[1..], line => Assert.StartsWith("\"fc, \"\"1\"\"\",0,", line, StringComparison.Ordinal));
        float[][] cells = [.. lines[1..].Select(l => l["\"fc, \"\"1\"\"\",".Length..].Split(',').Select(v => float.Parse(v, CultureInfo.InvariantCulture)).ToArray())];

        // One device for each place, every weight once for each of two slices and two polarities.
        Assert.Equal(240, cells.Select(c => (c[1], c[2], c[3])).Distinct().Count());
        Assert.Equal(60, cells.GroupBy(c => (c[4], c[5])).Count(g => g.Select(c => (c[6], c[8])).Distinct().Count() == 4));
        Assert.All(cells, c => Assert.InRange(c[2], 0, 7));
        Assert.All(cells, c => Assert.InRange(c[3], 0, 7));

        // A column of a tile of 8: weight 0 at 0 to 3 as slice 0 +, slice 0 -, slice 1 +, slice 1 -.
        float[] cell = cells.Single(c => (c[4], c[5], c[6], c[8]) == (0, 0, 1, 1));
        Assert.Equal(3, cell[3]);
        foreach (float[] c in cells)
        {
            int code = (int)_program.Layers[0].Weights.Code((int)((c[4] * 3) + c[5]));
            int digit = (Math.Abs(code) >> (2 * (int)c[6])) & 3;
            Assert.Equal(25 / 3f * (code < 0 == (c[8] == 1) ? digit : 0), c[9], 1e-5f);
        }

        Assert.NotEqual(cells.Select(c => c[9]), cells.Select(c => c[10]));
    }

    /// <summary>The cells that a session computes with: the product of all one-hot vectors gives them back.</summary>
    [Fact]
    public void TheConductancesAreThoseOfARun()
    {
        string npz = _folder.File("cells.npz");
        Assert.Equal(0, Export("--time", "1y", "--seed", "5", "--instance", "2", "-o", npz).ExitCode);
        var arrays = Arrays(npz);
        float[] g = arrays["conductance_us"];
        double[] weights = new double[60];
        for (int i = 0; i < g.Length; i++)
        {
            double sign = arrays["polarity"][i] == 0 ? 1 : -1;
            weights[(int)((arrays["weight_row"][i] * 3) + arrays["weight_column"][i])] += sign * Math.Pow(4, arrays["slice"][i]) * g[i] / 25 * 3 / 7;
        }

        float[] oneHot = new float[400];
        for (int r = 0; r < 20; r++)
        {
            oneHot[r * 21] = 1;
        }

        using Session session = new(_program, new SimulationOptions { Seed = 5, Instance = 2, TimeS = 31536000, Threads = 1 });
        float[] y = session.Run(new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats(oneHot, 20, 20) })[0].Floats;
        Cases.AssertClose(weights, y, 1e-5, "weights");
    }

    [Fact]
    public void BothFormsSayTheSame()
    {
        string csv = _folder.File("cells.csv");
        string npz = _folder.File("cells.npz");
        Export("--time", "1h", "-o", csv);
        Export("--time", "1h", "-o", npz);
        var arrays = Arrays(npz);
        string[] names = ["copy", "tile", "row", "column", "weight_row", "weight_column", "slice", "pair", "polarity", "target_us", "conductance_us"];
        string[] lines = File.ReadAllLines(csv)[1..];
        for (int i = 0; i < lines.Length; i++)
        {
            Assert.EndsWith("," + string.Join(',', names.Select(n => arrays[n][i].ToString("R", CultureInfo.InvariantCulture))), lines[i], StringComparison.Ordinal);
        }

        byte[] bytes = [.. arrays["layer_names"].Select(v => (byte)v)];
        Assert.Equal(["fc, \"1\""], JsonSerializer.Deserialize<string[]>(bytes)!);
        Assert.All(arrays["layer"], l => Assert.Equal(0, l));
    }

    [Fact]
    public void JsonSaysWhatWasWritten()
    {
        string npz = _folder.File("cells.npz");
        var json = JsonDocument.Parse(Export("--format", "json", "--layer", "fc, \"1\"", "-o", npz).Output).RootElement;
        Assert.Equal((240, npz), (json.GetProperty("cells").GetInt64(), json.GetProperty("file").GetString()));
        Assert.Equal(240, Assert.Single(json.GetProperty("layers").EnumerateArray()).GetProperty("cells").GetInt64());
        Assert.Equal(JsonValueKind.Null, json.GetProperty("time_s").ValueKind);
    }

    [Theory]
    [InlineData("AIMC5005", "possible are .npz and .csv", "-o", "cells.txt")]
    [InlineData("AIMC3001", "has no layer 'conv9'", "--layer", "conv9", "-o", "cells.csv")]
    [InlineData("AIMC5005", "is negative", "--instance", "-1", "-o", "cells.csv")]
    [InlineData("AIMC4003", "there is no folder", "-o", "nowhere/cells.npz")]
    [InlineData("AIMC5005", "--time", "--time", "soon", "-o", "cells.csv")]
    public void WhatCannotBeIsRefused(string id, string message, params string[] arguments)
    {
        string[] placed = [.. arguments.Select(a => a.Contains("cells.", StringComparison.Ordinal) ? _folder.File(a) : a)];
        var (exitCode, output, error) = Export(placed);
        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains(id, error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.False(File.Exists(placed[^1]));
    }

    [Fact]
    public void AProgramIsNotOverwritten()
    {
        string program = _folder.File("other.npz");
        File.Copy(_file, program);
        Assert.Contains("is itself an input", CommandLine.Run(ExportCommand.Create(), program, "-o", program).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsTooLargeIsRefusedBeforeItIsProgrammed()
    {
        string csv = _folder.File("cells.csv");
        ExportRequest request = new() { Program = _file, Output = csv, LargestText = 239 };
        var refusal = Assert.Throws<DiagnosticException>(() => ExportWork.Run(request, default)).Diagnostics[0];
        Assert.Equal(("would have 240 devices; .csv takes 239", "-o cells.npz"), (refusal.Message, refusal.Levers[0]));
        Assert.False(File.Exists(csv));
        Assert.Equal(240, ExportWork.Run(request with { LargestText = 240 }, default).Cells);
    }

    /// <summary>Unit columns stand beside the array, several pairs in one cell.</summary>
    [Fact]
    public void UnitColumnsAreThereToo()
    {
        var chip = ChipReader.Read("isaac", ["tile.cell.device=pcm_like"]) with { Mesh = null };
        var program = new LayerSpec(chip, 10, 2) { Codes = Cases.Codes(1, 20, 32767) }.Program();
        List<(int Column, int WeightColumn, float Target)> units = [];
        ProgrammedCells.Visit(program, Cases.Fast, null, (in CellRun run) =>
        {
            if (run.FirstWeightColumn < 0)
            {
                units.Add((run.FirstColumn, run.FirstWeightColumn, run.TargetUs[0]));
            }
        });
        Assert.Equal(10, units.Count);
        Assert.All(units, u => Assert.Equal((128, -1), (u.Column, u.WeightColumn)));
        Assert.Equal((10 * 2 * 8) + 10, ProgrammedCells.Count(program, null));
    }

    [Fact]
    public void RunReportsWhatProgrammingTook()
    {
        string file = _folder.File("verified.aimc");
        var cell = _program.Chip.Tile.Cell with
        {
            Programming = new ProgrammingDescription { Method = ProgrammingMethod.WriteVerify, ToleranceUs = 0.5, ToleranceFraction = null, MaxPulses = 5, PulseNs = 100, PulsePj = 2 },
        };
        AimcWriter.WriteFile(_program with { Chip = _program.Chip with { Tile = _program.Chip.Tile with { Cell = cell } } }, file);
        var json = JsonDocument.Parse(CommandLine.Run(RunCommand.Create(), file, "--format", "json").Output).RootElement.GetProperty("programming");
        Assert.Equal(240, json.GetProperty("devices").GetInt64());
        long pulses = json.GetProperty("pulses").GetInt64();
        Assert.InRange(pulses, 300, 900);
        Assert.Equal(pulses * 2e-6, json.GetProperty("energy_uj").GetDouble(), 1e-9);
        Assert.InRange(json.GetProperty("residual_rms_us").GetDouble(), 0.1, 1);
        Assert.Contains("programming: 240 devices", CommandLine.Run(RunCommand.Create(), file).Output, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, JsonDocument.Parse(CommandLine.Run(RunCommand.Create(), _file, "--format", "json").Output).RootElement.GetProperty("programming").ValueKind);
    }

    /// <summary>The arrays of an .npz of stored entries as floats.</summary>
    private static Dictionary<string, float[]> Arrays(string npz)
    {
        using var archive = ZipFile.OpenRead(npz);
        return archive.Entries.ToDictionary(e => e.Name[..^4], e =>
        {
            using var stream = e.Open();
            using MemoryStream bytes = new();
            stream.CopyTo(bytes);
            byte[] all = bytes.ToArray();
            int start = 10 + BitConverter.ToUInt16(all, 8);
            string header = System.Text.Encoding.ASCII.GetString(all, 0, start);
            return header.Contains("<i4", StringComparison.Ordinal) ? [.. MemoryMarshal.Cast<byte, int>(all.AsSpan(start)).ToArray().Select(v => (float)v)]
                : header.Contains("<f4", StringComparison.Ordinal) ? MemoryMarshal.Cast<byte, float>(all.AsSpan(start)).ToArray()
                : all[start..].Select(v => (float)v).ToArray();
        });
    }

    private (int ExitCode, string Output, string Error) Export(params string[] arguments) => CommandLine.Run(ExportCommand.Create(), [_file, .. arguments]);
}
