using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Cost;

/// <summary>Numbers that others published or compute, each at its tolerance. A check of a port repeats someone's equations with someone's constants: it shows that ours are the same, not that they are right.</summary>
public sealed class ExternalChecksTests
{
    private const double Factor = 1.35;

    /// <summary>X1: ISAAC's table 1 (Shafiee et al., ISCA 2016): 12 x 24.08 mW of crossbars, a core of 330 mW and 0.372 mm2, a chip of 65.8 W and 85.4 mm2.</summary>
    [Fact]
    public void IsaacsPowerAndAreaAreThoseOfItsTable()
    {
        ChipRollUp chip = ChipRollUp.Of(ChipReader.Read("isaac"));
        ChipPart tiles = Part(chip, "tiles");
        Near(24.08 / 8, tiles.DynamicMw + tiles.StaticMw, 0.005);
        ChipPart[] core = [.. chip.Parts.Where(p => p.Name is not ("tiles" or "off-chip"))];
        Near(330, (96 * (tiles.DynamicMw + tiles.StaticMw)) + core.Sum(p => p.DynamicMw + p.StaticMw), 0.005);
        Near(0.372, (96 * tiles.AreaMm2) + core.Sum(p => p.AreaMm2), 0.005);
        Near(65.8e3, chip.PowerMw, 0.005);
        Near(85.4, chip.AreaMm2, 0.005);
    }

    /// <summary>X2: 478.95 GOPS/mm2 and 0.74 MB/mm2 as published, 627.5 GOPS/W by table 1.</summary>
    [Fact]
    public void IsaacPeaksAtItsPublishedDensity()
    {
        ChipDescription isaac = ChipReader.Read("isaac");
        ChipRollUp chip = ChipRollUp.Of(isaac);
        double? tops = ChipPeak.Of(isaac).Tops;
        Near(41.288, tops, 0.001);
        Near(478.95, tops * 1e3 / chip.AreaMm2, 0.015);
        Near(627.5, tops * 1e6 / chip.PowerMw, 0.01);
        double mebibytes = (double)isaac.TilesPerChip! * isaac.Tile.Rows * isaac.Tile.Columns * isaac.Tile.Cell.Bits!.Value / 8 / (1 << 20);
        Near(0.74, mebibytes / chip.AreaMm2, 0.01);
    }

    /// <summary>X3: an MVM of PUMA's simulator takes 2304 ns, and 19.09 mW for as long.</summary>
    [Fact]
    public void APumaMvmTakes2304NanosecondsAnd44Nanojoules()
    {
        TileDescription tile = ChipReader.Read("puma").Tile;
        Near(2304, MvmTiming.Of(tile, unsignedCodes: false).LatencyNs, 0.001);
        Near(43.97, tile.Energy.MvmNj, 0.001);
        Near(43.97, 19.09e-3 * 2304, 0.001);
    }

    /// <summary>X3b, a port: the sums of PUMA's simulator (src/ima_metrics.py, src/tile_metrics.py) over its constants, for a core of 2 MVM units and a tile of 8 cores.</summary>
    [Fact]
    public void PumasComponentsSumToItsSimulatorsCoreAndTile()
    {
        double scale = 32.0 / 45;
        double wide = Math.Sqrt(8);
        ChipRollUp core = new(
        [
            new("DAC", 22 * 128, 0.00350625, 0.000390625, 1.67e-7),
            new("sample and hold", 4 * 128, 9.7e-6 - 9.7e-7, 9.7e-7, 0.00004 / 8 / 128),
            new("shift and add", 4, 0.045, 0.005, 0.00006),
            new("ADC", 4, 1.8, 0.2, 0.0012),
            new("output register", 6, 0.16, 0.04, 0.00078),
            new("input register", 6, 0.16 + (1.7 / 128), 0.04, 0.00078),
            new("crossbar", 8, (1.37 * 2) - 1.04, 0, 8 * 2.5e-5),
            new("instruction memory", 1, 0.46 * wide, 0.078 * wide, 0.00108 * wide),
            new("data memory", 1, 0.57, 0.33, 0.00392),
            new("vector unit", 1, 2.4 * scale, 0.27 * scale, 0.00567 * scale),
            new("sigmoid", 1, 0.234, 0.026, 0.0003),
            new("control", 1, 0, 0, 0.00145 * 2.25),
        ]);
        Near(0.031059, core.AreaMm2, 0.001);
        Near(36.6695, core.PowerMw - core.StaticMw, 0.001);
        Near(3.1691, core.StaticMw, 0.001);
        ChipRollUp tile = new(
        [
            new("cores", 8, core.PowerMw - core.StaticMw, core.StaticMw, core.AreaMm2),
            new("counters", 1, 0.325 * wide, 0.165 * wide, 0.0041 * wide),
            new("bus", 1, 3, 0.5, 0.090),
            new("controller", 1, 0.475, 0.05, 0.00145),
            new("receive buffer", 1, 8.96, 0.18, 0.0044),
            new("instruction memory", 1, 0.65 * wide, 0.33 * wide, 0.0041 * wide),
            new("eDRAM", 1, 8.6, 0.46, 0.086),
            new("control", 1, 0, 0, 0.00145),
        ]);
        Near(0.454969, tile.AreaMm2, 0.001);
        Near(317.149, tile.PowerMw - tile.StaticMw, 0.001);
        Near(27.943, tile.StaticMw, 0.001);
    }

    /// <summary>X3c: PUMA's node (ASPLOS 2019) takes 62.5 W and 90.6 mm2.</summary>
    [Fact]
    public void PumasNodeHasItsPublishedPowerAndArea()
    {
        ChipRollUp chip = ChipRollUp.Of(ChipReader.Read("puma"));
        Near(62.5e3, chip.PowerMw, 0.005);
        Near(90.6, chip.AreaMm2, 0.005);
    }

    /// <summary>X4: 63.1 TOPS at 9.76 TOPS/W in one phase, 16.1 at 2.48 in four (Le Gallo et al., 2023). Rates are by construction; that both modes take the same power is not.</summary>
    [Fact]
    public void HermesPeaksAtItsPublishedTopsAndEfficiency()
    {
        ChipPeak onePhase = ChipPeak.Of(ChipReader.Read("hermes"));
        ChipPeak fourPhase = ChipPeak.Of(ChipReader.Read("hermes", ["tile.timing.cycle_ns=521.03", "tile.energy.mvm_nj=52.852"]));
        Near(63.1, onePhase.Tops, 0.001);
        Near(9.76, onePhase.TopsPerWatt, 0.001);
        Near(16.1, fourPhase.Tops, 0.001);
        Near(2.48, fourPhase.TopsPerWatt, 0.001);
        Near(1, fourPhase.Watts / onePhase.Watts, 0.005); // nobody tuned the two powers to be equal
    }

    /// <summary>X4b: 8-bit pulse widths at 1 GHz and 6 ns more.</summary>
    [Theory]
    [InlineData(1, 132.94)]
    [InlineData(4, 521.03)]
    public void HermesTakesItsPulseWidths(int phases, double publishedNs)
    {
        double lawNs = MvmLaws.PulseWidthNs(8, 1, 6, phases);
        Near(publishedNs, lawNs, 0.03);
        Near(lawNs, phases * ChipReader.Read("hermes").Tile.Timing.CycleNs!.Value, 0.03);
    }

    /// <summary>X5: the core alone has 1.59 TOPS/mm2 with an MVM of 130 ns, and 12.5 nJ at 10.5 TOPS/W; the 64-core chip takes 7 % more.</summary>
    [Fact]
    public void AHermesCoreHasItsPublishedDensity()
    {
        ChipDescription core = ChipReader.Read("hermes", ["tile.timing.cycle_ns=130", "mesh.rows=1", "mesh.columns=1"]);
        double? tops = ChipPeak.Of(core).Tops;
        Near(1.59, tops / (core.Tile.AreaUm2 * 1e-6), 0.05);
        Near(2 * 256 * 256 / 10.5e3, core.Tile.Energy.MvmNj, 0.08);
    }

    /// <summary>X7, a port: zigzag's first macro in silicon (Papistas et al., CICC 2021), 22 nm at 0.8 V, 1024 x 512, ternary weights in two cells: 1050 TOPS/W and 44.44 ns. One ADC a column; an enable line charges half a cell.</summary>
    [Fact]
    public void ZigzagsFirstMacroIsNearItsSilicon()
    {
        ZigzagMacro macro = new(Rows: 1024, Columns: 512, WeightBits: 1, InputBits: 7, PulseBits: 7, AdcBits: 6, SupplyVolts: 0.8);
        const double Cells = 2;
        const double Shrink = 22.0 / 28;
        double arrays = Shrink * Cells * (macro.MultipliersPj + (1.5 * macro.BitLinesPj));
        double fjPerMac = (macro.AdcPj + macro.DacPj + arrays) * 1e3 / (1024 * 512);
        Near(1.6951, fjPerMac, 1e-4);
        Near(2e3 / 1050, fjPerMac, 0.15);
        Near(44.44, macro.CycleNs, 0.02);
    }

    /// <summary>X8, a port: the macro of zigzag's own test.</summary>
    [Fact]
    public void ZigzagsDefaultMacroIsAsItsTestSays()
    {
        ZigzagMacro macro = new(Rows: 128, Columns: 128, WeightBits: 8, InputBits: 8, PulseBits: 2, AdcBits: 8, SupplyVolts: 0.9);
        Assert.Equal(14.07244, macro.CycleNs, 1e-6);
        Near(10.368, macro.DacPj, 1e-4);
        Near(717.910, macro.AdcPj, 1e-4);
        Near(37.159, macro.MultipliersPj, 1e-4);
        Near(37.159, macro.BitLinesPj, 1e-4);
        Near(33.095, macro.AddersPj, 1e-4);
        Near(15.676, macro.AccumulatorsPj, 1e-4);
        Near(851.367, macro.CyclePj, 1e-6);
        Near(9.6222, macro.TopsPerWatt, 1e-5);
    }

    /// <summary>X9, a port: the Accelergy ADC plug-in.</summary>
    [Theory]
    [InlineData(8, 1.2e9, 32, 1.8486, 6313.1)]
    [InlineData(8, 1e9, 32, 1.7137, 5971.6)]
    [InlineData(8, 1e7, 32, 1.7137, 2598.1)]
    [InlineData(8, 1.28e9, 32, 1.9292, 6469.3)]
    [InlineData(6, 1e9, 32, 1.0651, 5179.8)]
    [InlineData(9, 1e9, 32, 4.6971, 8073.8)]
    [InlineData(7, 1e9, 32, 1.3122, 5513.3)]
    [InlineData(8, 1e9, 14, 0.3622, 1650.4)]
    [InlineData(8, 1e9, 65, 6.4945, 17983.1)]
    [InlineData(10, 1e8, 22, 1.6363, 2677.5)]
    public void TheSurveyOfAdcsIsTheRegression(int bits, double samplesPerSecond, double nm, double energyPj, double areaUm2)
    {
        Assert.Equal(energyPj, AdcSurvey.EnergyPj(bits, samplesPerSecond, nm), 0.6e-4);
        Assert.Equal(areaUm2, AdcSurvey.AreaUm2(bits, samplesPerSecond, nm), 0.06);
    }

    /// <summary>X9b: 8 bits, 1.28 GS/s, 32 nm: ISAAC's 1.5625 to 1.667 pJ, Kull et al. (ISSCC 2013) 2.58 pJ.</summary>
    [Theory]
    [InlineData(1.5625)]
    [InlineData(1.667)]
    [InlineData(2.58)]
    public void TheSurveyIsNearPublishedConverters(double publishedPj) =>
        Assert.InRange(AdcSurvey.EnergyPj(8, 1.28e9, 32), publishedPj / Factor, publishedPj * Factor);

    /// <summary>X10: conversions a MAC by RAELLA's law: ISAAC with 8 bits, 512 rows of centers and offsets, adaptive slices, and speculation that converts 0.4 of them.</summary>
    [Theory]
    [InlineData(4, 8, 128, 1, 0.25)]
    [InlineData(4, 8, 512, 1, 0.0625)]
    [InlineData(3, 8, 512, 1, 0.0469)]
    [InlineData(3, 8, 512, 0.4, 0.018)]
    public void ConversionsFollowTheTitaniumLaw(int slices, int pulses, int rows, double converted, double published) =>
        Near(published, converted * LayerCost.ConversionsPerMac(slices, pulses, rows), 0.05);

    /// <summary>X11: Mythic's M1076 has 80 M weights and 25 TOPS.</summary>
    [Fact]
    public void MythicHoldsItsWeightsAndPeaksAtItsRate()
    {
        ChipDescription chip = ChipReader.Read("mythic");
        Near(80e6, WeightsOf(chip), 0.01);
        Near(25, ChipPeak.Of(chip).Tops, 0.01);
    }

    /// <summary>X12: 34 tiles of 512 x 2048 devices are 35 million, and a frame of five MVMs of 300 ns takes 1.5 us (Ambrogio et al., 2023).</summary>
    [Fact]
    public void AmbrogiosChipHoldsItsDevicesAndDecodesAFrame()
    {
        ChipDescription chip = ChipReader.Read("hermes", ["mesh.rows=2", "mesh.columns=17", "tile.rows=512", "tile.columns=2048", "tile.timing.cycle_ns=300"]);
        Near(35e6, (double)chip.TilesPerChip! * chip.Tile.Rows * chip.Tile.Columns, 0.02);
        var frame = NetworkCost.Of(chip, [LayerWork.Dense("frame", 512, 512, 5, chip.Tile) with { IsSerial = true }]);
        Near(1500, frame.SerialLatencyNs, 1e-9);
    }

    /// <summary>X13, a port: PIMCOMP's MVM of 16 bits takes 4000 ns, and a tile begins the next when it has ended.</summary>
    [Fact]
    public void APimcompMvmTakesFourMicroseconds()
    {
        TileDescription tile = ChipReader.Read("pimcomp").Tile;
        foreach (bool unsignedCodes in (bool[])[false, true])
        {
            MvmTiming timing = MvmTiming.Of(tile, unsignedCodes);
            Assert.Equal((16, 4000.0, 4000.0), (timing.Pulses, timing.LatencyNs, timing.InitiationIntervalNs));
        }

        TileGeometry geometry = new(tile);
        Assert.Equal((128, 128, 1), (geometry.LogicalRows, geometry.LogicalColumns, geometry.Slices));
    }

    /// <summary>X14, a port: a tier of IBM's 3D-CiM simulator, 10 nJ in 100 ns.</summary>
    [Fact]
    public void IbmsTierOf512Takes52TopsPerWatt()
    {
        ChipDescription chip = ChipReader.Read(
            "hermes", ["tile.rows=512", "tile.columns=512", "tile.timing.cycle_ns=100", "tile.energy.mvm_nj=10", "mesh.rows=1", "mesh.columns=1"]);
        ChipPeak peak = ChipPeak.Of(chip);
        Near(0.1, peak.Watts, 0.001);
        Near(52.43, peak.TopsPerWatt, 0.001);
    }

    /// <summary>X15: NeuroSim's wires at 22 nm.</summary>
    [Fact]
    public void WiresAt22NanometersHaveNeuroSimsResistance()
    {
        double ohmPerUm = WireResistance.OhmPerUm(40, 1.9, 4.03e-8);
        Near(13.26, ohmPerUm, 0.001);
        Near(2.12, WireResistance.OhmPerCell(ohmPerUm, 40, 4), 0.001);
        Near(6.36, WireResistance.OhmPerCell(ohmPerUm, 40, 12), 0.001);
        Near(1.06, WireResistance.OhmPerCell(ohmPerUm, 40, 2), 0.001);
        Near(13.26 * 1.0451, WireResistance.OhmPerUm(40, 1.9, 4.03e-8, 310), 0.001);
        Assert.Contains("| 22 | 2.12 / 6.36 | 1.06 |", File.ReadAllText(Path.Combine(SharedFolder.Repository, "docs", "chips.md")), StringComparison.Ordinal);
    }

    /// <summary>X16: tiles, products and weights of ResNet-18 are in <see cref="NetworkCostTests"/>; here those of ResNet-20.</summary>
    [Fact]
    public void ResNet20HasItsMacsAndWeights()
    {
        (long Rows, long Columns, long Mvms)[] shapes =
        [
            (27, 16, 1024), .. Times(6, (144, 16, 1024)), (144, 32, 256), .. Times(5, (288, 32, 256)), (288, 64, 64), .. Times(5, (576, 64, 64)), (64, 10, 1),
        ];
        Assert.Equal(268_336, shapes.Sum(s => s.Rows * s.Columns));
        Assert.Equal(40_551_040, shapes.Sum(s => s.Rows * s.Columns * s.Mvms));

        static IEnumerable<(long, long, long)> Times(int count, (long, long, long) shape) => Enumerable.Repeat(shape, count);
    }

    /// <summary>Ratios of Stillmaker and Baas's fits at 0.8 V and their areas, as worked out by hand.</summary>
    [Theory]
    [InlineData(45, 32, 0.6593)]
    [InlineData(45, 14, 0.1388)]
    [InlineData(45, 7, 0.0943)]
    [InlineData(130, 32, 0.2149)]
    [InlineData(65, 32, 0.5314)]
    [InlineData(32, 14, 0.2106)]
    public void LogicShrinksInEnergy(int from, int to, double ratio) => Near(ratio, NodeScaling.Energy(from, to), 0.001);

    [Fact]
    public void LogicShrinksInArea()
    {
        Near(0.38, NodeScaling.Area(32, 14), 0.03);
        Assert.Throws<ArgumentOutOfRangeException>(() => NodeScaling.Area(130, 32));
        Assert.Throws<ArgumentOutOfRangeException>(() => NodeScaling.Energy(28, 14));
    }

    /// <summary>NeuRRAM: 6-bit inputs and 8-bit outputs at 0.4177 TOPS of 48 cores (CimLoop's tests) are 7.53 us.</summary>
    [Fact]
    public void NeuRramTakesItsStepsOfIntegrationAndConversion()
    {
        Near(48 * 256 * 128 * 2 / 0.4177e3, MvmLaws.NeuRramNs(6, 8), 0.05);
        Near(MvmLaws.NeuRramNs(6, 8), MvmTiming.Of(ChipReader.Read("neurram").Tile, unsignedCodes: false).LatencyNs, 0.05);
        Near(270 + (300 * 9), MvmLaws.NeuRramNs(1, 8), 1e-9);
    }

    /// <summary>HERMES counts 0.3 ns a code.</summary>
    [Fact]
    public void AnOscillatorCountsThroughItsCodes() => Near(76.8, MvmLaws.RampNs(8, 0.3), 1e-9);

    [Fact]
    public void WhatIsNotKnownLeavesTheSumUnknown()
    {
        ChipRollUp chip = ChipRollUp.Of(ChipReader.Read("hermes"));
        Assert.Null(chip.PowerMw);
        Assert.Null(chip.AreaMm2);
        Assert.Null(ChipRollUp.Of(ChipReader.Read("float")).AreaMm2);
        Near(12.4, ChipRollUp.Of(ChipReader.Read("tiny")).StaticMw, 1e-9); // 4 cores of 0.5, 4 routers of 0.1, 10 off chip
    }

    private static double WeightsOf(ChipDescription chip)
    {
        TileGeometry geometry = new(chip.Tile);
        return (double)chip.TilesPerChip! * geometry.LogicalRows * geometry.LogicalColumns;
    }

    private static ChipPart Part(ChipRollUp chip, string name) => chip.Parts.Single(p => p.Name == name);

    private static void Near(double expected, double? actual, double tolerance) => Assert.InRange(actual!.Value, expected * (1 - tolerance), expected * (1 + tolerance));
}
