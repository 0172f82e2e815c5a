using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

public sealed class PhiloxTests
{
    /// <summary>kat_vectors of Random123 1.14, philox4x32 with 10 rounds: counter, key, result.</summary>
    [Theory]
    [InlineData(0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8)]
    [InlineData(
        0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd)]
    [InlineData(
        0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1)]
    public void EqualsThePublishedVectors(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint w0, uint w1, uint w2, uint w3) =>
        Assert.Equal((w0, w1, w2, w3), Philox.Generate(((ulong)k1 << 32) | k0, c0, c1, c2, c3));

    [Fact]
    public void BlocksEqualSingleDrawsAtEveryWidth()
    {
        if (Lanes16.IsSupported)
        {
            BlocksEqualSingleDraws<Lanes16>();
        }

        if (Lanes8.IsSupported)
        {
            BlocksEqualSingleDraws<Lanes8>();
        }

        BlocksEqualSingleDraws<Lanes1>();
    }

    private static void BlocksEqualSingleDraws<TLanes>()
        where TLanes : struct, ILanes<TLanes>
    {
        const ulong Key = 0xFEDCBA98_76543210;
        uint[] words = new uint[64];
        foreach (uint c0 in (uint[])[0, 16, 0xFFFFFFF0])
        {
            Philox.Block<TLanes>(Key, c0, 0xFFFFFFFF, 0x80000001, 7, words);
            for (uint i = 0; i < 16; i++)
            {
                Assert.Equal(
                    Philox.Generate(Key, c0 + i, 0xFFFFFFFF, 0x80000001, 7), (words[i], words[16 + i], words[32 + i], words[48 + i]));
            }
        }
    }
}
