using System.Text;
using System.Text.Json;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

public sealed class PresetTests
{
    public static TheoryData<string> Presets => [.. ChipReader.PresetNames];

    [Fact]
    public void ThePresetsAreThose() =>
        Assert.Equal(
            ["aihwkit-default", "aihwkit-hwa", "diana", "float", "hermes", "isaac", "mythic", "mythic-unverified", "neurram", "pimcomp", "puma", "raella", "sonos", "tiny"], ChipReader.PresetNames);

    [Theory]
    [MemberData(nameof(Presets))]
    public void EveryPresetLoadsUnderItsName(string name) => Assert.Equal(name, ChipReader.Read(name).Name);

    [Theory]
    [MemberData(nameof(Presets))]
    public void EveryPresetRoundTripsExactly(string name)
    {
        ChipDescription chip = ChipReader.Read(name);
        string json = ChipReader.Write(chip);
        ChipDescription again = ChipReader.Parse(Encoding.UTF8.GetBytes(json), "again");
        Assert.Equal(json, ChipReader.Write(again));
        Assert.Equal(chip.Tile, again.Tile);
        Assert.Equal(chip with { Sources = again.Sources }, again);
    }

    [Theory]
    [MemberData(nameof(Presets))]
    public void EveryNumberOfAPresetHasASource(string name)
    {
        using var preset = JsonDocument.Parse(ChipReader.ReadPreset(name));
        ChipDescription chip = ChipReader.Read(name);
        string[] unsourced = [.. Numbers(preset.RootElement, "").Where(path => path != "schema" && !chip.Sources.ContainsKey(path))];
        Assert.Empty(unsourced);
    }

    [Theory]
    [MemberData(nameof(Presets))]
    public void NoPresetHasANonIdealityWithoutEffect(string name) =>
        Assert.DoesNotContain(ChipReader.Warnings(ChipReader.Read(name)), w => w.Descriptor == Descriptors.WithoutEffect);

    [Fact]
    public void ConstantsFromMemoryWarnWithTheirField() =>
        Assert.Equal(
            ["isaac: $.tile.energy.static_mw", "isaac: $.tile.timing.stages"],
            ChipReader.Warnings(ChipReader.Read("isaac")).Where(w => w.Descriptor == Descriptors.ConstantFromMemory).Select(w => w.Where));

    [Theory]
    [InlineData("tiny", 16L)]
    [InlineData("isaac", 168L * 96)]
    [InlineData("hermes", 64L)]
    [InlineData("pimcomp", 9216L)]
    [InlineData("float", null)]
    [InlineData("aihwkit-default", null)]
    public void AChipHasItsTiles(string name, long? tiles) => Assert.Equal(tiles, ChipReader.Read(name).TilesPerChip);

    private static IEnumerable<string> Numbers(JsonElement element, string path) => element.ValueKind switch
    {
        JsonValueKind.Number => [path],
        JsonValueKind.Object => element.EnumerateObject()
            .Where(p => p.Name != "sources")
            .SelectMany(p => Numbers(p.Value, path.Length == 0 ? p.Name : $"{path}.{p.Name}")),
        _ => [],
    };
}
