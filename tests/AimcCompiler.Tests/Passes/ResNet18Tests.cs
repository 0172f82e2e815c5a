using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>ResNet-18 at 224 x 224 with drawn weights, from ONNX to tiles: the counts that others published or worked out.</summary>
public sealed class ResNet18Tests
{
    [Theory]
    [InlineData("hermes", 201, 4, 599.7)]
    [InlineData("isaac", 5724, 1, 49.8)]
    [Trait("Category", "Long")]
    public void TakesAsManyTilesAsWorkedOut(string name, int tiles, int chips, double imagesPerSecond)
    {
        var chip = ChipReader.Read(name);
        var program = AimcCompilation.Compile(Network().Import(), chip, new CompileOptions { Chips = null }).Program;
        Assert.Equal(21, program.Layers.Length);
        Assert.Equal(tiles, program.Layers.Sum(l => l.Blocks.Select(b => b.Tile).Distinct().Count()));
        Assert.Equal(chips, program.Chips);
        Assert.Equal(1_814_073_344, program.Layers.Sum(l => (long)l.Rows * l.Columns * l.VectorsPerInference));
        Assert.Equal(11_678_912, program.Layers.Sum(l => (long)l.Weights.Count));
        var cost = NetworkCost.Of(chip, program.Layers.Select(l => LayerWork.Dense(l.Name, l.Rows, l.Columns, l.VectorsPerInference, chip.Tile)));
        Assert.Equal(tiles, cost.Tiles);
        Assert.InRange(cost.InferencesPerSecond!.Value, imagesPerSecond * 0.999, imagesPerSecond * 1.001);
    }

    internal static TestModel Network()
    {
        var model = new TestModel().Input("x", 1, 3, 224, 224);
        int count = 0;
        string at = Convolution("x", 3, 64, 7, 2);
        model.Node("Relu", at, "stem").Node("MaxPool", "stem", "pool", ("kernel_shape", new[] { 3, 3 }), ("strides", new[] { 2, 2 }), ("pads", new[] { 1, 1, 1, 1 }));
        at = "pool";
        int channels = 64;
        for (int stage = 0; stage < 4; stage++)
        {
            int width = 64 << stage;
            for (int block = 0; block < 2; block++)
            {
                int stride = stage > 0 && block == 0 ? 2 : 1;
                string first = Convolution(at, channels, width, 3, stride);
                model.Node("Relu", first, first + "r");
                string second = Convolution(first + "r", width, width, 3, 1);
                string shortcut = stride == 2 ? Convolution(at, channels, width, 1, 2) : at;
                model.Node("Add", $"{second} {shortcut}", second + "a").Node("Relu", second + "a", second + "r");
                at = second + "r";
                channels = width;
            }
        }

        return model.Node("GlobalAveragePool", at, "gap").Node("Flatten", "gap", "flat").Weights("fc", 1000, 512).Weights("fb", 1000)
            .Node("Gemm", "flat fc fb", "y", ("transB", 1)).Output("y");

        string Convolution(string input, int from, int to, int kernel, int stride)
        {
            string c = $"c{count++}";
            int pad = kernel / 2;
            model.Weights(c + "w", to, from, kernel, kernel).Statistics(c, to)
                .Node("Conv", $"{input} {c}w", c, ("strides", new[] { stride, stride }), ("pads", new[] { pad, pad, pad, pad }))
                .Node("BatchNormalization", $"{c} {c}g {c}b {c}m {c}v", c + "n");
            return c + "n";
        }
    }
}
