using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class EinsumFormsTests
{
    /// <summary>Equation, shape of the activation, shape of the weights, true = the weights come first.</summary>
    public static TheoryData<string, object[], long[], bool> Apart => new()
    {
        { "ij,jk->ik", [3, 4], [4, 5], false },
        { "ij,kj->ik", [3, 4], [5, 4], false },
        { "ij,jk->ki", [3, 4], [4, 5], false },
        { "ji,jk->ik", [4, 3], [4, 5], false },
        { "ij , jk -> ik", [3, 4], [4, 5], false },
        { "ij,jk", [3, 4], [4, 5], false },
        { "kj,ji", [3, 4], [4, 5], false },
        { "jk,ij->ik", [3, 4], [4, 5], true },
        { "ab,bc->ac", [4, 3], [5, 4], true },
        { "i,ij->j", [4], [4, 5], false },
        { "ij,j->i", [3, 4], [4], false },
        { "i,i->", [4], [4], false },
        { "bsd,de->bse", [2, 3, 4], [4, 5], false },
        { "bsd,ed->bse", ["N", 3, 4], [5, 4], false },
        { "bsd,dnh->bsnh", [2, 3, 4], [4, 2, 5], false },
        { "bsd,dnh->bnsh", [2, 3, 4], [4, 2, 5], false },
        { "bsd,ndh->bsnh", ["N", "S", 4], [2, 4, 5], false },
        { "bsnh,nhd->bsd", [2, 3, 2, 4], [2, 4, 5], false },
        { "bsnh,hnd->bsd", ["N", 3, 2, 4], [4, 2, 5], false },
        { "bnsh,dnh->bsd", [2, 2, 3, 4], [5, 2, 4], false },
        { "...d,de->...e", [2, 3, 4], [4, 5], false },
        { "...d,de->...e", [4], [4, 5], false },
        { "...d,de", [2, 3, 4], [4, 5], false },
        { "...d,de->e...", [2, 3, 4], [4, 5], false },
        { "b...d,de->b...e", [2, 3, 2, 4], [4, 5], false },
        { "bhqd,hdk->bhqk", [2, 3, 2, 4], [3, 4, 5], false },
        { "bhqd,hdk->bqhk", [2, 3, 2, 4], [3, 4, 5], false },
        { "bqhd,hdk->bqhk", [2, 2, 3, 4], [3, 4, 5], false },
        { "bhqd,hkd->bhqk", ["N", 3, 2, 4], [3, 5, 4], false },
        { "hqd,hdk->hqk", [3, 2, 4], [3, 4, 5], false },
        { "bhwc,hkc->bhwk", [2, 3, 2, 4], [3, 5, 4], false },
        { "hdk,bhqd->bhqk", [2, 3, 2, 4], [3, 4, 5], true },
        { "hd,hd->h", [3, 4], [3, 4], false },
        { "bhd,hd->bh", [2, 3, 4], [3, 4], false },
    };

    /// <summary>Sums over one operand only, diagonals, outer and elementwise products, broadcasts.</summary>
    public static TheoryData<string, object[], long[]> Whole => new()
    {
        { "ij,jk->k", [3, 4], [4, 5] },
        { "ij,jk->i", [3, 4], [4, 5] },
        { "ij,jk->", [3, 4], [4, 5] },
        { "ii,ij->j", [4, 4], [4, 5] },
        { "i,j->ij", [3], [4] },
        { "ij,ij->ij", [3, 4], [3, 4] },
        { "bij,...jk->bik", [2, 3, 4], [4, 5] },
    };

    [Theory]
    [MemberData(nameof(Apart))]
    public void AProductIsTakenOut(string equation, object[] x, long[] w, bool weightsFirst) => Expansion.IsOnTiles(Model(equation, x, w, weightsFirst));

    [Theory]
    [MemberData(nameof(Whole))]
    public void WhatIsNoMatrixProductStaysWhole(string equation, object[] x, long[] w) =>
        Assert.Contains(equation, Expansion.StaysWhole(Model(equation, x, w, false)).Detail, StringComparison.Ordinal);

    [Fact]
    public void TwoActivationsStayWhole()
    {
        var model = new TestModel().Input("x", 3, 4).Input("w", 4, 5).Node("Einsum", "x w", "y", ("equation", "ij,jk->ik")).Output("y");
        Assert.Contains("two activations", Expansion.StaysWhole(model).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void ThreeOperandsStayWhole() =>
        Expansion.StaysWhole(new TestModel().Input("x", 3, 4).Weights("w", 4, 5).Weights("v", 5, 2).Node("Einsum", "x w v", "y", ("equation", "ij,jk,kl->il")).Output("y"));

    /// <summary>An extent of one that ONNX would broadcast is no matrix product.</summary>
    [Fact]
    public void AnExtentOfOneIsNotTakenForTheWeights() => Expansion.StaysWhole(Model("ij,jk->ik", [3, 1], [4, 5], false));

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void OpenDimensionsStayOpen(int extent)
    {
        Expansion.IsOnTiles(Model("bsd,ndh->bsnh", ["N", "S", 4], [2, 4, 5], false), symbolic: extent);
        Expansion.IsOnTiles(Model("bhqd,hkd->bhqk", ["N", 3, 2, 4], [3, 5, 4], false), symbolic: extent);
    }

    private static TestModel Model(string equation, object[] x, long[] w, bool weightsFirst) =>
        new TestModel().Input("x", x).Weights("w", w).Node("Einsum", weightsFirst ? "w x" : "x w", "y", ("equation", equation)).Output("y");
}
