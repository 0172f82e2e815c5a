using System.Text.Json;
using AimcCompiler.Binary;
using AimcCompiler.Cli;
using AimcCompiler.Tests.Binary;

namespace AimcCompiler.Tests.Cli;

public sealed class InspectCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _program;

    public InspectCommandTests()
    {
        _program = _folder.File("small.aimc");
        AimcWriter.WriteFile(SampleProgram.Tiny(), _program);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TextStandsOnStdoutWithoutEscapeCodes()
    {
        var (exitCode, output, error) = Inspect();

        Assert.Equal(0, exitCode);
        Assert.StartsWith("small.onnx -> tiny: 7 of 16 tiles (43.8 %)", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
        Assert.Empty(error);
    }

    [Fact]
    public void JsonStandsOnStdoutAlone()
    {
        var (exitCode, output, error) = Inspect("--format", "json");

        Assert.Equal(0, exitCode);
        Assert.Equal(7, JsonDocument.Parse(output).RootElement.GetProperty("tiles_used").GetInt32());
        Assert.Empty(error);
    }

    [Theory]
    [InlineData("--layer", "fc")]
    [InlineData("--tile", "6")]
    public void PartsHaveTheirOwnTextAndJson(string option, string value)
    {
        Assert.Contains("16-17", Inspect(option, value).Output, StringComparison.Ordinal);
        Assert.Equal(1, JsonDocument.Parse(Inspect(option, value, "--format", "json").Output).RootElement.GetProperty("schema_version").GetInt32());
    }

    [Theory]
    [InlineData("text")]
    [InlineData("json")]
    [InlineData("dot")]
    public void AFileGetsWhatStdoutWouldGet(string format)
    {
        string file = _folder.File("report");

        var (exitCode, output, _) = Inspect("--format", format, "-o", file);

        Assert.Equal(0, exitCode);
        Assert.Empty(output);
        Assert.Equal(Inspect("--format", format).Output.ReplaceLineEndings("\n"), File.ReadAllText(file));
    }

    [Theory]
    [InlineData("AIMC3001", "--layer", "nope")]
    [InlineData("AIMC5005", "--tile", "16")]
    [InlineData("AIMC5005", "--tile", "-1")]
    [InlineData("AIMC5005", "--tile", "1", "--layer", "fc")]
    [InlineData("AIMC5005", "--format", "dot", "--layer", "fc")]
    [InlineData("AIMC4003", "-o", "/no/such/folder/report")]
    public void WrongRequestsAreDiagnosticsOnStderrAndExitCode1(string id, params string[] arguments)
    {
        var (exitCode, output, error) = Inspect(arguments);

        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.Contains(id, error, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileThatIsNoProgramIsRejected()
    {
        string file = _folder.File("x.aimc");
        File.WriteAllText(file, "hello");

        var (exitCode, _, error) = CommandLine.Run(InspectCommand.Create(), file);

        Assert.Equal(1, exitCode);
        Assert.Contains("AIMC4001", error, StringComparison.Ordinal);
    }

    [Fact]
    public void HelpEndsWithExamples()
    {
        var (exitCode, output, _) = CommandLine.Run(InspectCommand.Create(), "--help");

        Assert.Equal(0, exitCode);
        Assert.Contains("Examples:", output, StringComparison.Ordinal);
        Assert.Contains("aimc inspect resnet8.aimc --layer conv1", output, StringComparison.Ordinal);
    }

    private (int ExitCode, string Output, string Error) Inspect(params string[] arguments) =>
        CommandLine.Run(InspectCommand.Create(), [_program, .. arguments]);
}
