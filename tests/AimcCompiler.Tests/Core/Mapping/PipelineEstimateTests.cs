using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Mapping;

public sealed class PipelineEstimateTests
{
    private static readonly ChipCapacity s_chip = Graphs.Chip(1, 1, 16, issueNs: null) with { PsPerThousandOperations = null };

    [Fact]
    public void RowsOfAChainFollowEachOther()
    {
        // 100 ns from vector to vector, 120 ns each: row y of the first is done at 100 y + 120, and the second drives it then.
        var estimate = PipelineEstimate.Run(Graphs.Chain([1, 1], [4, 4]), s_chip, [1, 1]);
        Assert.Equal([120_000, 220_000, 320_000, 420_000], estimate.Done[0].ToArray());
        Assert.Equal([120_000, 220_000, 320_000, 420_000], estimate.Begin[1].ToArray());
        Assert.Equal(540_000, estimate.LatencyPs);
    }

    [Fact]
    public void AProductOfAllRowsWaitsForTheLast()
    {
        var estimate = PipelineEstimate.Run(Graphs.Chain([1, 1], [4, 1]), s_chip, [2, 1]);
        Assert.Equal([120_000, 170_000, 220_000, 270_000], estimate.Done[0].ToArray()); // two copies: a row every 50 ns
        Assert.Equal([270_000], estimate.Begin[1].ToArray());
        Assert.Equal(390_000, estimate.LatencyPs);
    }

    [Fact]
    public void VectorsOfARowAreSharedByCopies()
    {
        GraphBuilder builder = new();
        var graph = builder.Build(builder.Analog(builder.Input(2, 8), [1], 2, 5));
        Assert.Equal([520_000, 1_020_000], PipelineEstimate.Run(graph, s_chip, [1]).Done[0].ToArray());
        Assert.Equal([320_000, 570_000], PipelineEstimate.Run(graph, s_chip, [2]).Done[0].ToArray());
    }

    [Fact]
    public void VectorUnitsTakeTime()
    {
        GraphBuilder builder = new();
        var graph = builder.Build(builder.Digital(3, 500, (builder.Input(3, 8), RowWindow.SameRow)));
        var chip = s_chip with { PsPerThousandOperations = 1000 };
        Assert.Equal([500, 1000, 1500], PipelineEstimate.Run(graph, chip, [0]).Done[0].ToArray());
        Assert.Equal([500, 750, 1000], PipelineEstimate.Run(graph, chip, [0], [1, 2]).Done[0].ToArray());
    }

    [Fact]
    public void StagesOfARecurrenceTakeTurns()
    {
        GraphBuilder builder = new();
        int gates = builder.Analog(builder.Input(3, 8), [1], 3, 1, isSerial: true);
        var open = builder.Build(builder.Digital(3, 1000, (gates, RowWindow.SameRow)));

        // The product of a step reads the state that the cell left a step before.
        var product = open.Stages[0] with { Loop = "lstm", Inputs = [.. open.Stages[0].Inputs, new StageInput(2, new RowWindow(1, 1, -1, 1), IsCarried: true)] };
        var graph = open with { Stages = [product, open.Stages[1] with { Loop = "lstm" }] };
        var estimate = PipelineEstimate.Run(graph, s_chip with { PsPerThousandOperations = 10_000 }, [1, 0]);
        Assert.Equal([0, 130_080, 260_160], estimate.Begin[0].ToArray());
        Assert.Equal(390_240, estimate.LatencyPs);
    }
}
