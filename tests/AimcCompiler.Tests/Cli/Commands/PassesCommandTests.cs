using System.Text.Json;
using AimcCompiler.Cli;
using AimcCompiler.Passes;

namespace AimcCompiler.Tests.Cli;

public sealed class PassesCommandTests
{
    [Fact]
    public void ListsThePassesInTheirOrder()
    {
        string[] lines = CommandLine.Run(PassesCommand.Create()).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        JsonElement passes = JsonDocument.Parse(CommandLine.Run(PassesCommand.Create(), "--format", "json").Output).RootElement.GetProperty("passes");

        Assert.Equal(AimcCompilation.Passes.Select(p => p.Name), lines.Select(l => l.Split(' ')[0]));
        Assert.Equal(AimcCompilation.Passes.Select(p => p.Name), passes.EnumerateArray().Select(p => p.GetProperty("name").GetString()));
    }
}
