using System.Text.Json;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.EndToEndTests;

/// <summary>The comparisons that hold programs to ONNX Runtime notice a program that is wrong in one place.</summary>
public sealed class MutationTests : IDisposable
{
    private const double IsaacBound = 1e-3;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SharedFact]
    public void Two_row_blocks_swapped_on_float_are_noticed()
    {
        string model = Places.Model("mlperf-tiny-resnet8");
        MappedProgram program = Compile(model, "float");
        Assert.True(IsEqual(program, model));
        int mutated = 0;
        for (int i = 0; i < program.Layers.Length; i++)
        {
            MappedLayer layer = program.Layers[i];
            if (layer.Blocks.Where(b => b.ColumnStart == 0 && b.Copy == 0).ToList() is not [var first, var second, ..])
            {
                continue;
            }

            float[] contents = layer.Weights.Float32.ToArray();
            int count = Math.Min(first.RowCount, second.RowCount) * layer.Columns;
            float[] kept = contents[(first.RowStart * layer.Columns)..][..count];
            Array.Copy(contents, second.RowStart * layer.Columns, contents, first.RowStart * layer.Columns, count);
            kept.CopyTo(contents, second.RowStart * layer.Columns);
            Assert.False(IsEqual(With(program, i, WeightSection.Of(contents)), model), layer.Name);
            mutated++;
        }

        Assert.True(mutated >= 2);
    }

    [SharedFact]
    public void One_sign_flipped_on_float_is_noticed()
    {
        string model = Places.Model("mlperf-tiny-resnet8");
        MappedProgram program = Compile(model, "float");

        // A weight of the last layers shows only where its input is not zero.
        Tensor images = Images.Cifar();
        string[] inputs = [.. Enumerable.Range(0, 5).Select(i => Arrays.WriteNpy(_folder.File($"{i}.npy"), images, i, 1))];
        Assert.All(inputs, input => Assert.True(IsEqual(program, model, "--input", input)));
        Assert.All(Enumerable.Range(0, program.Layers.Length), i =>
        {
            float[] contents = program.Layers[i].Weights.Float32.ToArray();
            int largest = Array.IndexOf(contents, contents.MaxBy(Math.Abs));
            contents[largest] = -contents[largest];
            MappedProgram mutated = With(program, i, WeightSection.Of(contents));
            Assert.False(inputs.All(input => IsEqual(mutated, model, "--input", input)), program.Layers[i].Name);
        });
    }

    [SharedFact]
    public void A_dropped_bit_slice_on_isaac_is_noticed()
    {
        const int SliceBits = 2;
        string model = Places.Model("mnist-8");
        Tensor images = Images.Mnist();
        string calibration = Arrays.WriteNpy(_folder.File("calibration.npy"), images, 0, 100);
        string input = Arrays.WriteNpy(_folder.File("input.npy"), images, 100, 1);
        MappedProgram program = Compile(model, "isaac", "--calibrate", calibration);
        int offset = 1 << (program.Chip.Tile.Weights.Bits!.Value - 1);
        Assert.InRange(Error(program, model, input), 0, IsaacBound);

        // A slice of weight 4^s at the low end is below the bound that the accuracy of isaac is held to.
        foreach (int slice in new[] { 4, 5, 6, 7 })
        {
            MappedProgram mutated = program;
            for (int i = 0; i < program.Layers.Length; i++)
            {
                short[] codes = program.Layers[i].Weights.Int16.ToArray();
                for (int k = 0; k < codes.Length; k++)
                {
                    int stored = (codes[k] + offset) & ~(((1 << SliceBits) - 1) << (slice * SliceBits));
                    codes[k] = (short)Math.Max(stored - offset, 1 - offset);
                }

                mutated = With(mutated, i, WeightSection.Of(codes));
            }

            Assert.True(Error(mutated, model, input) > IsaacBound, $"slice {slice}");
        }
    }

    private static MappedProgram With(MappedProgram program, int layer, WeightSection weights) =>
        program with { Layers = program.Layers.SetItem(layer, program.Layers[layer] with { Weights = weights }) };

    private MappedProgram Compile(string model, string chip, params string[] options)
    {
        string file = _folder.File("program.aimc");
        AimcTool.Succeed(["compile", model, "--chip", chip, "-o", file, .. options]);
        return AimcReader.Read(File.ReadAllBytes(file), file);
    }

    private bool IsEqual(MappedProgram program, string model, params string[] options)
    {
        JsonElement run = Run(program, model, options);
        return run.GetProperty("outputs").EnumerateArray().Concat(run.GetProperty("layers").EnumerateArray()).All(v => v.GetProperty("equal").GetBoolean());
    }

    private double Error(MappedProgram program, string model, string input) =>
        Run(program, model, "--input", input).GetProperty("outputs").EnumerateArray().Max(o => o.GetProperty("relative_error").GetDouble());

    private JsonElement Run(MappedProgram program, string model, params string[] options)
    {
        string file = _folder.File("mutated.aimc");
        AimcWriter.WriteFile(program, file);
        return AimcTool.Json(["run", file, "--compare", model, "--per-layer", .. options]);
    }
}
