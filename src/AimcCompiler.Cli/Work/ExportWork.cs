using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary>What <c>export</c> was asked for.</summary>
internal sealed record ExportRequest
{
    public required string Program { get; init; }

    /// <summary>.npz or .csv.</summary>
    public required string Output { get; init; }

    /// <summary>The name of one layer; null = all.</summary>
    public string? Layer { get; init; }

    public SimulationOptions Simulation { get; init; } = new();

    /// <summary>Devices that a text file takes at most.</summary>
    public long LargestText { get; init; } = 20_000_000;

    /// <summary>Devices that an .npz takes at most: its columns are put together in memory.</summary>
    public long LargestArrays { get; init; } = 200_000_000;
}

/// <param name="Cells">Devices written.</param>
/// <param name="Layers">Index, name and devices of each layer.</param>
internal sealed record ExportOutcome(long Cells, ImmutableArray<(int Index, string Name, long Cells)> Layers);

/// <summary>Writes the programmed conductance of every device.</summary>
internal static class ExportWork
{
    private const string Header = "layer,copy,tile,row,column,weight_row,weight_column,slice,pair,polarity,target_us,conductance_us\n";

    /// <summary>Characters of a line's numbers at most.</summary>
    private const int LongestNumbers = 256;

    /// <exception cref="DiagnosticException">There is no such layer, the file cannot be written or is too large, or the device does not reach the time.</exception>
    public static ExportOutcome Run(ExportRequest request, CancellationToken cancellation)
    {
        ResultOutput.CheckNotInput(request.Output, request.Program);
        bool isText = Path.GetExtension(request.Output).ToUpperInvariant() switch
        {
            ".CSV" => true,
            ".NPZ" => false,
            var other => throw new DiagnosticException(
                Descriptors.InvalidOption, "--output", $"ends in '{other.ToLowerInvariant()}'; possible are .npz and .csv", "-o cells.npz", "-o cells.csv"),
        };
        using var file = AimcReader.Open(request.Program);
        var program = file.Program;
        int? layer = request.Layer is { } name ? IndexOf(program, request.Program, name) : null;
        ImmutableArray<(int Index, string Name, long Cells)> layers =
        [
            .. program.Layers.Select((l, i) => (Index: i, l.Name, l.SharesTilesOf)).Where(l => layer is null ? l.SharesTilesOf is null : l.Index == layer)
                .Select(l => (l.Index, l.Name, ProgrammedCells.Count(program, l.Index))),
        ];
        long cells = layers.Sum(l => l.Cells);
        if (cells == 0)
        {
            throw new DiagnosticException(Descriptors.CannotWrite, request.Output, $"{request.Program} has nothing on tiles, so there are no cells");
        }

        long most = isText ? request.LargestText : request.LargestArrays;
        if (cells > most)
        {
            string[] levers = isText ? ["-o cells.npz", "--layer NAME"] : ["--layer NAME"];
            throw new DiagnosticException(
                Descriptors.CannotWrite, request.Output, string.Create(CultureInfo.InvariantCulture, $"would have {cells:N0} devices; {(isText ? ".csv" : ".npz")} takes {most:N0}"), levers);
        }

        AtomicFile.CheckWritable(request.Output);
        if (isText)
        {
            AtomicFile.Write(request.Output, stream => WriteText(stream, program, request.Simulation, layer, cancellation));
        }
        else
        {
            NpzWriter.Write(request.Output, Arrays(program, request.Simulation, layer, cells, cancellation));
        }

        return new ExportOutcome(cells, layers);
    }

    private static int IndexOf(MappedProgram program, string file, string name)
    {
        int index = program.Layers.ToList().FindIndex(l => l.Name == name);
        if (index < 0)
        {
            string[] names = [.. program.Layers.Take(10).Select(l => l.Name)];
            throw new DiagnosticException(
                Descriptors.UnknownNode, file, $"the program has no layer '{name}'", names.Length == 0 ? "it has none at all" : $"--layer with one of: {string.Join(", ", names)}");
        }

        return program.Layers[index].SharesTilesOf is not { } owner
            ? index
            : throw new DiagnosticException(
                Descriptors.UnknownNode, file, $"layer '{name}' has no cells of its own: it runs on the tiles of '{program.Layers[owner].Name}'", $"--layer {program.Layers[owner].Name}");
    }

    private static void WriteText(Stream stream, MappedProgram program, SimulationOptions options, int? layer, CancellationToken cancellation)
    {
        byte[] buffer = new byte[1 << 16];
        int used = 0;
        byte[][] names = [.. program.Layers.Select(l => Encoding.UTF8.GetBytes(Field(l.Name)))];
        stream.Write(Encoding.UTF8.GetBytes(Header));
        ProgrammedCells.Visit(program, options, layer, Write, cancellation);
        stream.Write(buffer.AsSpan(0, used));

        void Write(in CellRun run)
        {
            byte[] name = names[run.Layer];
            if (buffer.Length < name.Length + LongestNumbers)
            {
                stream.Write(buffer.AsSpan(0, used));
                (buffer, used) = (new byte[2 * (name.Length + LongestNumbers)], 0);
            }

            for (int i = 0; i < run.TargetUs.Length; i++)
            {
                if (buffer.Length - used < name.Length + LongestNumbers)
                {
                    stream.Write(buffer.AsSpan(0, used));
                    used = 0;
                }

                name.CopyTo(buffer, used);
                used += name.Length;
                Whole(run.Copy);
                Whole(run.Tile);
                Whole(run.Row);
                Whole(run.FirstColumn + (i * run.ColumnStride));
                Whole(run.WeightRow);
                Whole(run.FirstWeightColumn < 0 ? -1 : run.FirstWeightColumn + i);
                Whole(run.Slice);
                Whole(run.Pair);
                Whole(run.Polarity);
                Real(run.TargetUs[i]);
                Real(run.ConductanceUs[i]);
                buffer[used++] = (byte)'\n';
            }
        }

        void Whole(int value)
        {
            buffer[used++] = (byte)',';
            _ = value.TryFormat(buffer.AsSpan(used), out int written, default, CultureInfo.InvariantCulture);
            used += written;
        }

        void Real(float value)
        {
            buffer[used++] = (byte)',';
            _ = value.TryFormat(buffer.AsSpan(used), out int written, "R", CultureInfo.InvariantCulture);
            used += written;
        }
    }

    /// <summary>A text as a field of a CSV file (RFC 4180).</summary>
    private static string Field(string text) =>
        text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;

    private static IEnumerable<(string Name, Tensor Tensor)> Arrays(MappedProgram program, SimulationOptions options, int? layer, long cells, CancellationToken cancellation)
    {
        string[] names = ["layer", "copy", "tile", "row", "column", "weight_row", "weight_column"];
        string[] smallNames = ["slice", "pair", "polarity"];
        int[][] whole = [.. names.Select(_ => new int[cells])];
        byte[][] small = [.. smallNames.Select(_ => new byte[cells])];
        float[] target = new float[cells];
        float[] conductance = new float[cells];
        int at = 0;
        ProgrammedCells.Visit(program, options, layer, Add, cancellation);
        byte[] layerNames = JsonSerializer.SerializeToUtf8Bytes(program.Layers.Select(l => l.Name));
        return
        [
            .. names.Zip(whole, (name, values) => (name, new Tensor(TensorType.Int32, [cells], values))),
            .. smallNames.Zip(small, (name, values) => (name, new Tensor(TensorType.UInt8, [cells], values))),
            ("target_us", new Tensor(TensorType.Float, [cells], target)),
            ("conductance_us", new Tensor(TensorType.Float, [cells], conductance)),
            ("layer_names", new Tensor(TensorType.UInt8, [layerNames.Length], layerNames)),
        ];

        void Add(in CellRun run)
        {
            int count = run.TargetUs.Length;
            int[] values = [run.Layer, run.Copy, run.Tile, run.Row, 0, run.WeightRow, 0];
            for (int c = 0; c < names.Length; c++)
            {
                whole[c].AsSpan(at, count).Fill(values[c]);
            }

            for (int i = 0; i < count; i++)
            {
                whole[4][at + i] = run.FirstColumn + (i * run.ColumnStride);
                whole[6][at + i] = run.FirstWeightColumn < 0 ? -1 : run.FirstWeightColumn + i;
            }

            small[0].AsSpan(at, count).Fill((byte)run.Slice);
            small[1].AsSpan(at, count).Fill((byte)run.Pair);
            small[2].AsSpan(at, count).Fill((byte)run.Polarity);
            run.TargetUs.CopyTo(target.AsSpan(at));
            run.ConductanceUs.CopyTo(conductance.AsSpan(at));
            at += count;
        }
    }
}
