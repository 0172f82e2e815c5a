using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Binary;

namespace AimcCompiler.Tests.Core.Cost;

public sealed class ProgrammingCostTests
{
    private const string OneShot = """tile.cell.programming={"method":"one_shot","tolerance_us":null,"tolerance_fraction":null,"max_pulses":null,"pulse_ns":200,"pulse_pj":3}""";
    private const string Verify = """tile.cell.programming={"method":"write_verify","tolerance_us":0.001,"tolerance_fraction":null,"max_pulses":5,"pulse_ns":200,"pulse_pj":3}""";
    private const string Noisy = """tile.cell.device={"name":"gaussian","programming_sigma":0.05,"read_sigma":null,"scaling":"independent","distribution":"normal"}""";

    /// <summary>What a session counts when it writes the same cells, with pairs and with a unit column.</summary>
    [Theory]
    [InlineData]
    [InlineData("tile.encoding.sign=offset_unit_column", "tile.encoding.unit_column=true", "tile.weights.slicing=unsigned")]
    [InlineData("tile.encoding.pair_axis=cell")]
    public void OneShotTakesWhatASessionCounts(params string[] settings)
    {
        MappedProgram program = SampleProgram.Tiny() with { Chip = ChipReader.Read("tiny", [OneShot, Noisy, .. settings]) };
        using Session session = new(program, new SimulationOptions());
        ProgrammingReport counted = session.Programming!;
        ProgrammingCost cost = CostOf(program);
        Assert.Equal((counted.Devices, counted.Pulses), (cost.Devices, cost.Pulses));
        Assert.Equal(counted.TimeS!.Value, cost.TimeS!.Value, 1e-12);
        Assert.Equal(counted.EnergyUj!.Value * 1e-6, cost.EnergyJ!.Value, 1e-15);
    }

    [Fact]
    public void WriteVerifyTakesNoMore()
    {
        MappedProgram program = SampleProgram.Tiny() with { Chip = ChipReader.Read("tiny", [Verify, Noisy]) };
        using Session session = new(program, new SimulationOptions());
        ProgrammingCost cost = CostOf(program);
        Assert.Equal(5 * cost.Devices, cost.Pulses);
        Assert.InRange(session.Programming!.Pulses, cost.Devices + 1, cost.Pulses); // half of the devices at zero are there at once
        EstimateReport estimate = MappingReport.Of(program).Estimate;
        Assert.Equal((cost.TimeS, cost.EnergyJ), (estimate.ProgrammingTimeS, estimate.ProgrammingEnergyJ));
    }

    /// <summary>100 x 10 weights of 4 bits are 500 bytes: 78 ns at 6.4 GB/s.</summary>
    [Fact]
    public void CodesComeFromOffChipMemory() =>
        Assert.Equal(500 / 6.4e9, ProgrammingCost.Of(ChipReader.Read("tiny", [OneShot]), [(0, 100, 10)])!.LoadS!.Value, 1e-15);

    [Fact]
    public void WithoutAnAccountThereIsNoCost()
    {
        Assert.Null(ProgrammingCost.Of(ChipReader.Read("tiny"), [(0, 8, 2)]));
        Assert.Null(MappingReport.Of(SampleProgram.Tiny()).Estimate.ProgrammingTimeS);
    }

    private static ProgrammingCost CostOf(MappedProgram program) =>
        ProgrammingCost.Of(program.Chip, [.. program.Layers.SelectMany(l => l.Blocks).Select(b => (b.Tile, b.Rows, b.Columns))])!;
}
