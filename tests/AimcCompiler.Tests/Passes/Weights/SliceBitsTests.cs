using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Tests.Passes;

public sealed class SliceBitsTests
{
    [Theory]
    [InlineData("tiny", 2)]
    [InlineData("isaac", 8)]
    [InlineData("hermes", 1)]
    public void CutsEveryCodeIntoDigitsThatJoinAgain(string name, int slices)
    {
        var sliced = Stairs.Sliced(Stairs.Product(12, 5), ChipReader.Read(name));
        IrVerifier.Verify(sliced);
        Assert.Equal(slices, sliced.Layers.Single().Weights.Slices);
    }
}
