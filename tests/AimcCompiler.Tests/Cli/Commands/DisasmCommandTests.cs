using System.Text.Json;
using AimcCompiler.Binary;
using AimcCompiler.Cli;
using AimcCompiler.Tests.Binary;

namespace AimcCompiler.Tests.Cli;

public sealed class DisasmCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _program;

    public DisasmCommandTests()
    {
        _program = _folder.File("small.aimc");
        AimcWriter.WriteFile(SampleProgram.Tiny(), _program);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheListingIsTheDisassemblers()
    {
        var (exitCode, output, error) = Disasm();
        Assert.Equal(0, exitCode);
        Assert.Equal(Disassembler.Print(SampleProgram.Tiny()), output);
        Assert.Empty(error);
    }

    [Fact]
    public void OneLayerHasItsValuesBlocksAndInstruction()
    {
        string[] lines = Disasm("--layer", "conv").Output.Split('\n');
        Assert.Equal("v0 'x': Float ?x2x4x4 input", lines[0]);
        Assert.Equal(2, lines.Count(l => l.StartsWith("  block ", StringComparison.Ordinal)));
        Assert.Contains("v1 = mvm l0(v0)", lines);
        Assert.DoesNotContain(lines, l => l.Contains("'fc'", StringComparison.Ordinal));
    }

    [Fact]
    public void JsonNamesValuesLayersAndInstructions()
    {
        JsonElement all = JsonDocument.Parse(Disasm("--format", "json").Output).RootElement;
        Assert.Equal("one_by_one", all.GetProperty("batch").GetString());
        Assert.Equal(["conv", "fc"], all.GetProperty("layers").EnumerateArray().Select(l => l.GetProperty("name").GetString()));
        Assert.Equal(["mvm", "digital", "mvm"], all.GetProperty("instructions").EnumerateArray().Select(i => i.GetProperty("kind").GetString()));
        JsonElement block = all.GetProperty("layers")[1].GetProperty("blocks")[5];
        Assert.Equal((16, 2, 6, 2), (block.GetProperty("row_start").GetInt32(), block.GetProperty("row_count").GetInt32(), block.GetProperty("tile").GetInt32(), block.GetProperty("tile_row").GetInt32()));

        JsonElement one = JsonDocument.Parse(Disasm("--layer", "fc", "--format", "json").Output).RootElement;
        Assert.Equal("fc", Assert.Single(one.GetProperty("instructions").EnumerateArray()).GetProperty("name").GetString());
        Assert.Equal(2, one.GetProperty("values").GetArrayLength());
    }

    [Fact]
    public void AFileGetsTheListing()
    {
        string file = _folder.File("listing.txt");
        var (exitCode, output, _) = Disasm("-o", file);
        Assert.Equal(0, exitCode);
        Assert.Empty(output);
        Assert.Equal(Disassembler.Print(SampleProgram.Tiny()), File.ReadAllText(file));
    }

    [Theory]
    [InlineData("AIMC3001", "--layer", "nope")]
    [InlineData("AIMC4003", "-o", "/no/such/folder/listing")]
    public void WrongRequestsAreDiagnostics(string id, params string[] arguments)
    {
        var (exitCode, output, error) = Disasm(arguments);
        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.Contains(id, error, StringComparison.Ordinal);
    }

    [Fact]
    public void HelpEndsWithExamples() =>
        Assert.Contains("aimc disasm resnet8.aimc --layer conv1", CommandLine.Run(DisasmCommand.Create(), "--help").Output, StringComparison.Ordinal);

    private (int ExitCode, string Output, string Error) Disasm(params string[] arguments) => CommandLine.Run(DisasmCommand.Create(), [_program, .. arguments]);
}
