using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

/// <summary>Every non-ideality can be switched off alone, whatever else the chip has, and what is left is a chip.</summary>
public sealed class NonidealitiesTests
{
    private const string Table =
        """tile.cell.device={"name":"table","rows":[[0,1,0.1,0.2,0.05],[0,86400,0.05,0.3,0.05],[25,1,25.5,0.9,0.3],[25,86400,18.4,1.5,0.3]]}""";

    /// <summary>A chip, settings, and what it has.</summary>
    public static TheoryData<string, string[], string[]> Chips { get; } = new()
    {
        { "float", [], [] },
        { "tiny", [], ["weight quantization", "input quantization", "output quantization"] },
        { "tiny", ["tile.weights.slicing=none", "tile.cell.bits=3", "tile.adc.bits=null", "tile.input.scheme=pwm", "tile.input.sign=sign_magnitude"], ["weight quantization", "input quantization"] },
        { "isaac", [], ["output quantization"] },
        { "isaac", ["tile.weights.bits=8", "tile.input.bits=8"], ["weight quantization", "input quantization", "output quantization"] },
        { "hermes", [], ["programming error", "drift", "accumulated read noise", "input quantization", "output quantization"] },
        { "aihwkit-default", [], ["programming error", "drift", "accumulated read noise", "input quantization", "output noise", "output quantization"] },
        { "aihwkit-default", ["tile.cell.device.drift_scale=null", "tile.noise.read=0.01", "tile.adc.bits=null", "tile.input.bound_management=null", "tile.input.bits=null"], ["programming error", "accumulated read noise", "instantaneous read noise", "output noise"] },
        { "aihwkit-hwa", [], ["programming error", "drift", "accumulated read noise", "IR drop", "weight noise", "input quantization", "output noise", "output quantization"] },
        { "neurram", [], ["programming error", "input quantization", "output quantization"] },
        { "sonos", [], ["weight quantization", "programming error", "drift", "instantaneous read noise", "input quantization", "output quantization"] },
        { "float", ["""tile.cell.variation={"device":0.01,"chip":null}""", "tile.input.noise=0.01", """tile.cell.iv={"kind":"cubic","cubic_per_v2":0.25}"""], ["device variation", "input noise", "I-V curve"] },
        { "float", ["""tile.cell.device={"name":"gaussian","programming_sigma":0.02,"read_sigma":0.01,"scaling":"independent","distribution":"normal"}"""], ["programming error", "instantaneous read noise"] },
        { "aihwkit-default", [Table, "tile.weights.bits=8", "tile.cell.bits=7"], ["weight quantization", "programming error", "drift", "instantaneous read noise", "input quantization", "output noise", "output quantization"] },
    };

    /// <summary>What draws makes instances differ, rounding too: one instance must not stand for all.</summary>
    [Theory]
    [InlineData("isaac", false)]
    [InlineData("isaac", true, "tile.adc.rounding=stochastic")]
    [InlineData("diana", true, "tile.input.rounding=stochastic")]
    [InlineData("neurram", true)]
    public void AChipIsRandomWhereItDraws(string name, bool isRandom, params string[] settings) =>
        Assert.Equal(isRandom, Nonidealities.AreRandom(ChipReader.Read(name, settings)));

    [Theory]
    [MemberData(nameof(Chips))]
    public void AChipHasWhatItsFieldsSay(string name, string[] settings, string[] expected) =>
        Assert.Equal(expected.Order(), Names(Nonidealities.Of(ChipReader.Read(name, settings))).Order());

    [Theory]
    [MemberData(nameof(Chips))]
    public void OneThatIsSwitchedOffIsOffAndTheOthersStayOn(string name, string[] settings, string[] expected)
    {
        var chip = ChipReader.Read(name, settings);
        foreach (var one in Nonidealities.Of(chip))
        {
            var without = one.SwitchOff(chip);
            Assert.Equal(expected.Where(n => n != one.Name).Order(), Names(Nonidealities.Of(without)).Order());
            Reread(without);
            Reread(Nonidealities.SwitchOff(chip, Nonidealities.Of(chip).Where(n => n != one)));
        }

        Assert.Empty(Nonidealities.Of(Nonidealities.SwitchOff(chip, Nonidealities.All)));
    }

    [Theory]
    [MemberData(nameof(Chips))]
    public void TheOrderOfSwitchesDoesNotMatter(string name, string[] settings, string[] expected)
    {
        var chip = ChipReader.Read(name, settings);
        var all = Nonidealities.Of(chip);
        Assert.Equal(expected.Length, all.Length);
        Assert.Equal(ChipReader.Write(Nonidealities.SwitchOff(chip, all)), ChipReader.Write(Nonidealities.SwitchOff(chip, all.Reverse())));
    }

    /// <summary>It counts levels and steps: there have to be some. Those of slices and pulses can be more; a weight in one cell cannot have finer ones.</summary>
    [Fact]
    public void AGranularAdcKeepsTheLevelsOfItsCells()
    {
        var chip = ChipReader.Read("tiny", ["tile.weights.slicing=none", "tile.cell.bits=3"]);
        Assert.Equal(["input quantization", "output quantization"], Names(Nonidealities.Of(chip)));
        var withoutAdc = Nonidealities.All.Single(n => n.Name == "output quantization").SwitchOff(chip);
        Assert.Contains("weight quantization", Names(Nonidealities.Of(withoutAdc)));
    }

    [Fact]
    public void EveryFieldIsOneOfAChip() =>
        Assert.All(Nonidealities.All.SelectMany(n => n.Fields), f => Assert.True(ChipShape.IsField(f, out string unknown, out _), $"{f}: {unknown}"));

    [Fact]
    public void NamesDiffer() => Assert.Equal(Nonidealities.All.Length, Names(Nonidealities.All).Distinct().Count());

    /// <summary>The spread and the mean error of the first time are of programming, the rest is drift; variances are of independent causes.</summary>
    [Fact]
    public void ATableIsTakenApartByItsFirstTime()
    {
        var chip = ChipReader.Read("aihwkit-default", [Table]);
        Assert.Equal(
            [(0, 1, 0, 0), (0, 86400, 0, Math.Sqrt(0.05)), (25, 1, 25, 0), (25, 86400, 17.9, 1.2)],
            Rows("programming error").Select(r => (r.TargetUs, r.TimeS, Math.Round(r.MeanUs, 9), Math.Round(r.SigmaUs, 9) is var s && s > 0.2 && s < 0.3 ? Math.Sqrt(0.05) : s)));
        Assert.Equal(Math.Sqrt(0.05), Rows("programming error")[1].SigmaUs, 12);
        Assert.Equal([(0.1, 0.2), (0.1, 0.2), (25.5, 0.9), (25.5, 0.9)], Rows("drift").Select(r => (r.MeanUs, r.SigmaUs)));
        Assert.All(Rows("instantaneous read noise"), r => Assert.Null(r.ReadSigmaUs));

        IReadOnlyList<DeviceTableRow> Rows(string off) => ((TableDevice)Nonidealities.All.Single(n => n.Name == off).SwitchOff(chip).Tile.Cell.Device).Rows;
    }

    private static string[] Names(IEnumerable<Nonideality> all) => [.. all.Select(n => n.Name)];

    /// <summary>What is left is a chip file, without warnings of effects that cannot take effect.</summary>
    private static void Reread(ChipDescription chip)
    {
        var read = ChipReader.Parse(System.Text.Encoding.UTF8.GetBytes(ChipReader.Write(chip)), chip.Name);
        Assert.Equal(ChipReader.Write(chip), ChipReader.Write(read));
    }
}
