using System.Text.Json;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Reports;
using AimcCompiler.Tests.Binary;

namespace AimcCompiler.Tests.Reports;

public sealed class MappingReportTests
{
    private static readonly MappingReport Report = MappingReport.Of(SampleProgram.Tiny());

    [Fact]
    public void CountsTilesAndCells()
    {
        Assert.Equal(7, Report.TilesUsed);
        Assert.Equal(16, Report.TilesTotal);
        // conv: 2 copies x 8 weights x 4 cells; fc: 54 weights x 4 cells.
        Assert.Equal((2 * 8 * 4) + (54 * 4), Report.CellsUsed);
        Assert.Equal(7 * 64, Report.CellsOfUsedTiles);
        Assert.Equal(280 / 448.0, Report.Utilization);
    }

    [Fact]
    public void CountsACopyOfAPackedConvolutionWithoutTheZeroCellsBetweenItsGroups()
    {
        LayerReport conv = Report.Layers[0];

        Assert.Equal(("conv", "Conv", 4, 1, 2), (conv.Name, conv.Op, conv.Rows, conv.Columns, conv.Groups));
        Assert.Equal((2L, 2, 2), (conv.Tiles, conv.Copies, conv.Slices));
        Assert.Equal(64, conv.CellsUsed);
        Assert.Equal(0.5, conv.Utilization);
        Assert.Equal((1, 1), (conv.RowBlocks, conv.ColumnBlocks));
        Assert.Equal(72, conv.Macs);
    }

    [Fact]
    public void CountsTheBlocksOfASplitMatrix()
    {
        LayerReport fc = Report.Layers[1];

        Assert.Equal((18, 3, 5L), (fc.Rows, fc.Columns, fc.Tiles));
        Assert.Equal((3, 2), (fc.RowBlocks, fc.ColumnBlocks));
        Assert.Equal(216 / (5 * 64.0), fc.Utilization);
        Assert.Equal(new InputReport(InputScheme.BitSerial, 4, null, true, 4, null), fc.Input);
    }

    [Fact]
    public void BlocksOfOneLayerOnOneTileTakeTurns() =>
        // 2 rounds x 4 pulses x 100 ns.
        Assert.Equal(800, Report.Layers[1].TimeNs);

    [Fact]
    public void LosslessAdcBitsHoldTheLargestColumnSumAndItsSign() =>
        // 8 rows x pulse 1 x level 3 = 24: 5 bits, and a sign because the pair is subtracted in the array.
        Assert.All(Report.Layers, l => Assert.Equal(6, l.Adc.LosslessBits));

    [Fact]
    public void AnalogCellsHaveNoLosslessBits()
    {
        MappedProgram program = SampleProgram.Tiny() with { Chip = ChipReader.Read("tiny", ["tile.cell.bits=null", "tile.weights.bits=null", "tile.weights.slicing=none", "tile.adc.range=max"]) };

        Assert.Null(new LayerSurvey(program, 0).LosslessAdcBits());
    }

    [Fact]
    public void EverythingOfTheSampleIsAnalog()
    {
        Assert.Equal((126L, 0L), (Report.AnalogMacs, Report.DigitalMacs));
        Assert.Equal(1.0, Report.AnalogMacShare);
        Assert.False(Report.AnalogMacShareIsEstimate);
        Assert.Equal(1.0, Report.AnalogParameterShare);
        Assert.Equal((2, 1, 0, 0), (Report.NodesAnalog, Report.NodesDigital, Report.NodesHost, Report.NodesFolded));
        Assert.Equal((1, 18L), (Report.DigitalPartitions, Report.DigitalOperations));
    }

    [Theory]
    [InlineData(126, 0.5, false)]
    [InlineData(0, 126 / 135.0, true)]
    public void DigitalProductsCountAndUncountedOnesAreEstimatedFromOperations(long macs, double share, bool isEstimate)
    {
        MappedProgram program = SampleProgram.Tiny();
        MappingReport report = MappingReport.Of(program with
        {
            Nodes = [.. program.Nodes, new NodePlacement("dw", "Conv", Home.Digital, FallbackReason.Depthwise, 9, macs, -1)],
        });

        Assert.Equal(share, report.AnalogMacShare!.Value, 12);
        Assert.Equal(isEstimate, report.AnalogMacShareIsEstimate);
        Assert.Equal(9, report.DepthwiseParametersDigital);
    }

    [Fact]
    public void NodesSayWhereTheyRunAndWhy()
    {
        Assert.Equal(new NodeReport("conv", "Conv", Home.Analog, null, "", 8, 72, "conv"), Report.Nodes[0]);
        Assert.Equal(FallbackReason.NotAnMvm, Report.Nodes[1].Reason);
        Assert.NotEmpty(Report.Nodes[1].Detail);
        Assert.Null(Report.Nodes[1].Layer);
    }

    [Fact]
    public void EstimatesFollowFromTheChipsConstants()
    {
        EstimateReport estimate = Report.Estimate;

        // conv: 9 windows, 2 copies: 5 turns of 3 pulses of 100 ns.
        Assert.Equal(1500e-9, estimate.Bottleneck!.TimeS, 12);
        Assert.Equal("conv", estimate.Bottleneck.Layer);
        Assert.Equal(1 / 1500e-9, estimate.ThroughputPerS!.Value, 3);
        Assert.Equal(2300e-9, estimate.LatencySerialS!.Value, 12);
        Assert.InRange(estimate.LatencyS!.Value, 1500e-9, 2300e-9);
        Assert.Equal(estimate.EnergyJ!.Value * 1e12, estimate.Breakdown.Sum(p => p.EnergyJ ?? 0) * 1e12, 6);
        Assert.Equal(1, estimate.Breakdown.Sum(p => p.Share ?? 0), 9);
        Assert.Equal(["noc", "off_chip", "chip_static"], estimate.NotModelled.AsEnumerable());
    }

    [Fact]
    public void WhatTheChipDoesNotSayIsNullAndNamed()
    {
        string[] unknown = ["tile.timing.cycle_ns=null", "tile.energy.adc_pj=null", "core.buffer_pj_per_bit=null"];
        MappingReport report = MappingReport.Of(SampleProgram.Tiny() with { Chip = ChipReader.Read("tiny", unknown) });

        Assert.Null(report.Estimate.LatencyS);
        Assert.Null(report.Estimate.EnergyJ);
        Assert.Null(report.Estimate.Bottleneck);
        Assert.Null(report.Layers[0].TimeNs);
        Assert.Contains("tiles", report.Estimate.NotModelled);
        Assert.Contains("adc", report.Estimate.NotModelled);
    }

    [Fact]
    public void NoMappingUsesFewerTilesThanItsBound()
    {
        BoundReport tiles = Report.Bounds.Single(b => b.Name == "tiles");

        // One copy: blocks of 8 columns do not stand side by side, and their rows leave no room for another on one tile.
        Assert.Equal((5.0, 7.0), (tiles.Value, tiles.Achieved));
        Assert.Equal(0.4, tiles.Gap!.Value, 12);
        Assert.False(tiles.Binding);
        Assert.All(Report.Bounds, b => Assert.True(b.Gap >= 0));
        Assert.Single(Report.Bounds, b => b.Binding);
    }

    [Fact]
    public void AFullChipIsBoundByItsTiles()
    {
        MappingReport report = MappingReport.Of(SampleProgram.Tiny() with { Chip = ChipReader.Read("tiny", ["mesh.rows=1", "core.tiles=4", "mesh.columns=1"]) });

        Assert.Equal("tiles", report.Bounds.Single(b => b.Binding).Name);
    }

    [Fact]
    public void FindsLayersWithoutRanges()
    {
        MappedProgram program = SampleProgram.Tiny();
        MappingReport report = MappingReport.Of(program with
        {
            Chip = ChipReader.Read("tiny", ["tile.input.dynamic_scale=false", "tile.input.management=constant"]),
        });

        FindingReport finding = Assert.Single(report.Findings, f => f.Id == "AIMC3005");
        Assert.Equal(["fc"], finding.Nodes.AsEnumerable());
        Assert.DoesNotContain(Report.Findings, f => f.Id == "AIMC3005");
    }

    [Fact]
    public void FindsAnAdcThatIsTooCoarse()
    {
        MappingReport report = MappingReport.Of(SampleProgram.Tiny() with { Chip = ChipReader.Read("tiny", ["tile.adc.bits=5"]) });

        Assert.Equal(["conv", "fc"], Assert.Single(report.Findings, f => f.Id == "AIMC3006").Nodes.AsEnumerable());
    }

    [Fact]
    public void AProgramWithoutLayersHasAReport()
    {
        MappedProgram program = SampleProgram.Tiny();
        MappingReport report = MappingReport.Of(program with { Layers = [], Instructions = [], Nodes = [program.Nodes[1]] });

        Assert.Null(report.Utilization);
        Assert.Null(report.AnalogMacShare);
        Assert.Empty(report.Bounds);
        Assert.Contains(report.Findings, f => f.Id == "AIMC3007");
        Assert.NotNull(ReportJson.Write(report));
    }

    [Fact]
    public void JsonHasTheDocumentedFields()
    {
        JsonElement json = JsonDocument.Parse(ReportJson.Write(Report)).RootElement;

        foreach (string field in (string[])["model", "chip", "nodes", "layers", "tiles_used", "tiles_total", "cells_used", "utilisation", "analog_mac_share", "analog_parameter_share", "bounds", "estimate", "schema_version", "model_sha256"])
        {
            Assert.True(json.TryGetProperty(field, out _), field);
        }

        Assert.Equal(["name", "op", "home", "reason", "detail", "parameters", "macs", "layer"], Names(json.GetProperty("nodes")[0]));
        Assert.Equal("analog", json.GetProperty("nodes")[0].GetProperty("home").GetString());
        Assert.Equal("not_an_mvm", json.GetProperty("nodes")[1].GetProperty("reason").GetString());
        Assert.Superset(
            new HashSet<string> { "name", "op", "rows", "columns", "groups", "mvm_per_inference", "tiles", "copies", "slices", "cells_used", "utilisation", "row_blocks", "column_blocks", "input", "adc", "time_ns", "energy_pj" },
            Names(json.GetProperty("layers")[0]).ToHashSet());
        Assert.Equal(["name", "value", "achieved", "gap", "unit", "binding"], Names(json.GetProperty("bounds")[0]));
        Assert.Superset(
            new HashSet<string> { "latency_s", "throughput_per_s", "energy_j", "tops_per_w_macro", "tops_per_w_system", "bottleneck", "breakdown" },
            Names(json.GetProperty("estimate")).ToHashSet());
    }

    [Fact]
    public void JsonOfEqualProgramsIsEqual() => Assert.Equal(ReportJson.Write(Report), ReportJson.Write(MappingReport.Of(SampleProgram.Tiny())));

    [Fact]
    public void ALayerInDetailNamesItsBlocks()
    {
        LayerDetail detail = LayerDetail.Of(SampleProgram.Tiny(), "fc");

        Assert.Equal(6, detail.Blocks.Length);
        Assert.Equal((6, 2, 2, 4), (detail.Blocks[5].Tile, detail.Blocks[5].TileRow, detail.Blocks[5].TileRows, detail.Blocks[5].TileColumns));
        Assert.Equal("fc", detail.Node!.Name);
        Assert.Equal("flat", detail.InputValue);
    }

    [Fact]
    public void ALayerThatIsNotThereIsADiagnosticWithSuggestions()
    {
        var unknown = Assert.Throws<DiagnosticException>(() => LayerDetail.Of(SampleProgram.Tiny(), "conf"));
        var digital = Assert.Throws<DiagnosticException>(() => LayerDetail.Of(SampleProgram.Tiny(), "relu"));

        Assert.Contains("conv", unknown.Diagnostics[0].Levers);
        Assert.Contains("is not on tiles", digital.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ATileKnowsWhatStandsOnIt()
    {
        TileDetail tile = TileDetail.Of(SampleProgram.Tiny(), 6);

        Assert.Equal((0, 1, 2), (tile.Chip, tile.Core, tile.TileOfCore));
        Assert.Equal((4, 8), (tile.RowsUsed, tile.ColumnsUsed));
        Assert.Equal(24, tile.CellsUsed);
        Assert.Empty(TileDetail.Of(SampleProgram.Tiny(), 15).Blocks);
        Assert.Throws<DiagnosticException>(() => TileDetail.Of(SampleProgram.Tiny(), 16));
    }

    private static string[] Names(JsonElement element) => [.. element.EnumerateObject().Select(p => p.Name)];
}
