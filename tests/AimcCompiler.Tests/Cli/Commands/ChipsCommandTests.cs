using System.Text.Json;
using AimcCompiler.Cli;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Cli;

public sealed class ChipsCommandTests
{
    [Fact]
    public void ListsEveryPresetOnALineOfItsOwn()
    {
        string[] lines = CommandLine.Run(ChipsCommand.Create()).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(ChipReader.PresetNames, lines.Select(l => l.Split(' ')[0]));
    }

    [Fact]
    public void TheListIsJsonToo()
    {
        JsonElement chips = JsonDocument.Parse(CommandLine.Run(ChipsCommand.Create(), "--format", "json").Output).RootElement.GetProperty("chips");

        Assert.Equal(ChipReader.PresetNames, chips.EnumerateArray().Select(c => c.GetProperty("name").GetString()));
        Assert.Equal(16, chips.EnumerateArray().Single(c => c.GetProperty("name").GetString() == "tiny").GetProperty("tiles_total").GetInt64());
    }

    [Fact]
    public void ShowsEveryFieldOfAChipWithItsSource()
    {
        var (exitCode, output, _) = CommandLine.Run(ChipsCommand.Create(), "hermes");

        Assert.Equal(0, exitCode);
        Assert.Matches("tile.cell.g_max_us +20.7 +IBM aihwkit hermes.py", output);
        Assert.Matches("noc +null", output);
        Assert.Contains("64 tiles of 256 x 256 cells; a tile holds a matrix of 256 x 256", output, StringComparison.Ordinal);
    }

    [Fact]
    public void SettingsShowAsSetByTheUser()
    {
        var (_, output, _) = CommandLine.Run(ChipsCommand.Create(), "tiny", "--set", "tile.rows=16", "--set", "tile.columns=16");

        Assert.Matches("tile.rows +16 +set by the user", output);
        Assert.Matches("tile.columns +16 +set by the user", output);
    }

    [Fact]
    public void ListsOfNumbersAreShownAndTablesCounted()
    {
        var (_, output, _) = CommandLine.Run(
            ChipsCommand.Create(),
            "hermes",
            "--set",
            "tile.cell.significance=[1,2,4]",
            "--set",
            """tile.cell.device={"name":"pcm_custom","g_reference_us":25,"t0_s":20,"read_time_s":1e-7,"programming_us":[0.25,2],"drift":[[0,0.1,0.04],[25,0.05,0.01]],"read":null}""");
        Assert.Matches("tile.cell.significance +1, 2, 4 +set by the user", output);
        Assert.Matches("tile.cell.device.programming_us +0.25, 2 ", output);
        Assert.Matches("tile.cell.device.drift +2 rows ", output);
    }

    [Fact]
    public void JsonOfAChipIsAChipFile()
    {
        var (_, output, _) = CommandLine.Run(ChipsCommand.Create(), "isaac", "--format", "json");

        ChipDescription chip = ChipReader.Parse(System.Text.Encoding.UTF8.GetBytes(output), "printed");
        Assert.Equal("isaac", chip.Name);
    }

    [Fact]
    public void ConstantsFromMemoryWarnOnStderr()
    {
        var (exitCode, output, error) = CommandLine.Run(ChipsCommand.Create(), "isaac", "--format", "json");

        Assert.Equal(0, exitCode);
        Assert.Equal(ChipReader.Warnings(ChipReader.Read("isaac")).Count, error.Split("warning AIMC").Length - 1);
        Assert.DoesNotContain("warning AIMC", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("AIMC2002", "isac")]
    [InlineData("AIMC2001", "isaac", "--set", "tile.rwos=3")]
    [InlineData("AIMC2001", "isaac", "--set", "tile.rows=-3")]
    [InlineData("AIMC5005", "--set", "tile.rows=3")]
    public void MistakesAreDiagnostics(string id, params string[] arguments)
    {
        var (exitCode, output, error) = CommandLine.Run(ChipsCommand.Create(), arguments);

        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.Contains(id, error, StringComparison.Ordinal);
    }
}
