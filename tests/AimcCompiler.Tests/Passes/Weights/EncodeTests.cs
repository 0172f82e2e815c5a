using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;

namespace AimcCompiler.Tests.Passes;

public sealed class EncodeTests
{
    [Theory]
    [InlineData("tiny", 0)]
    [InlineData("isaac", 1 << 15)]
    [InlineData("hermes", 0)]
    public void GivesTheChipsEncodingAndKeepsTheCodes(string name, int offset)
    {
        var chip = ChipReader.Read(name);
        var quantized = Stairs.Quantized(Stairs.Product(12, 5), chip);
        var encoded = Encode.Run(quantized, chip);
        IrVerifier.Verify(encoded);
        var layer = encoded.Layers.Single().Weights;
        Assert.Same(quantized.Layers.Single().Weights, layer.Quantized);
        Assert.Equal((chip.Tile.Encoding.Sign, offset), (layer.Encoding.Sign, layer.Encoding.Offset));
    }
}
