using AimcCompiler.Binary;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Cli;

/// <summary>The options that decide what is mapped how arrive in the program.</summary>
public sealed class CompileCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null, true)]
    [InlineData("share", true)]
    [InlineData("copy", false)]
    public void EqualWeightsShareTheirTilesUnlessCopied(string? choice, bool shares)
    {
        var model = new TestModel().Input("x", 1, 6).Weights("w", 6, 6).Node("MatMul", "x w", "h").Node("MatMul", "h w", "y").Output("y");
        var program = Compile(model, choice is null ? [] : ["--equal-weights", choice], out _);
        Assert.Equal(shares ? 0 : null, program.Layers[1].SharesTilesOf);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TablesAreOnTilesWhereTheUserWantsThem(bool analog)
    {
        var model = new TestModel().Input("x", TensorType.Int64, 1, 3).Weights("w", 7, 5).Node("Gather", "w x", "h").Weights("v", 5, 4).Node("MatMul", "h v", "y").Output("y");
        var program = Compile(model, analog ? ["--analog-embedding"] : [], out string error);
        Assert.Equal(analog ? ["Gather", "MatMul"] : ["MatMul"], program.Layers.Select(l => l.Op));
        Assert.Equal(analog, error.Contains(Descriptors.EmbeddingOnTiles.Id, StringComparison.Ordinal));
    }

    private MappedProgram Compile(TestModel model, string[] options, out string error)
    {
        string file = _folder.File("model.onnx");
        string program = _folder.File("model.aimc");
        File.WriteAllBytes(file, model.ToArray());
        var (exitCode, _, messages) = CommandLine.Run(CompileCommand.Create(), [file, "--chip", "float", "-o", program, .. options]);
        Assert.True(exitCode == 0, messages);
        error = messages;
        return AimcReader.Read(program);
    }
}
