using AimcCompiler.Core;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class AttentionFormsTests
{
    private const int Batch = 2;
    private const int Length = 4;
    private const int Width = 6;
    private const int Heads = 2;

    private static readonly Dictionary<string, TestModel> Apart = new()
    {
        ["Attention"] = Model("x w c"),
        ["Attention that looks back only"] = Model("x w c", ("unidirectional", 1)),
        ["Attention with a scale"] = Model("x w c", ("scale", 0.3f)),
        ["Attention with key lengths"] = Model("x w c m").Constant("m", new Tensor(TensorType.Int32, [Batch], new[] { 2, 4 })),
        ["Attention with a mask"] = Model("x w c m").Constant("m", new Tensor(TensorType.Int32, [Batch, Length], new[] { 1, 1, 0, 0, 1, 1, 1, 0 })),
        ["Attention with a bias of its scores"] = Model("x w c _ _ z").Input("z", Batch, Heads, Length, Length),
        ["Attention of other values' width"] = new TestModel().Input("x", Batch, Length, Width).Weights("w", Width, 4 + 4 + 6).Weights("c", 14)
            .Microsoft("Attention", "x w c", "y", ("num_heads", Heads), ("qkv_hidden_sizes", new[] { 4, 4, 6 })).Output("y"),
        ["Attention with a past"] = new TestModel().Input("x", Batch, Length, Width).Input("z", 2, Batch, Heads, 3, Width / Heads).Weights("w", Width, 3 * Width).Weights("c", 3 * Width)
            .Microsoft("Attention", "x w c _ z", "y present", ("num_heads", Heads)).Output("y", "present"),
        ["Attention with a past that looks back only"] = new TestModel().Input("x", Batch, Length, Width).Input("z", 2, Batch, Heads, 3, Width / Heads).Weights("w", Width, 3 * Width)
            .Weights("c", 3 * Width).Microsoft("Attention", "x w c _ z", "y present", ("num_heads", Heads), ("unidirectional", 1)).Output("y", "present"),
        ["Attention with a computed bias"] = new TestModel().Input("x", Batch, Length, Width).Input("c", 3 * Width).Weights("w", Width, 3 * Width)
            .Microsoft("Attention", "x w c", "y", ("num_heads", Heads)).Output("y"),
    };

    public static TheoryData<string> ApartNames => [.. Apart.Keys];

    [Theory]
    [MemberData(nameof(ApartNames))]
    public void TheProjectionIsTakenOut(string name)
    {
        var layer = Assert.Single(Expansion.IsOnTiles(Apart[name]).Layers);
        Assert.Equal(("com.microsoft.Attention", Width, (long)Batch * Length), (layer.Op, layer.Rows, layer.VectorsPerInference * (layer.VectorsPerInference == Length ? Batch : 1)));
    }

    [Fact]
    public void AComputedProjectionStaysWhole() => Expansion.StaysWhole(
        new TestModel().Input("x", Batch, Length, Width).Input("w", Width, 3 * Width).Weights("c", 3 * Width).Microsoft("Attention", "x w c", "y", ("num_heads", Heads)).Output("y"));

    private static TestModel Model(string inputs, params (string Name, object Value)[] attributes) =>
        new TestModel().Input("x", Batch, Length, Width).Weights("w", Width, 3 * Width).Weights("c", 3 * Width)
            .Microsoft("Attention", inputs, "y", [("num_heads", Heads), .. attributes]).Output("y");
}
