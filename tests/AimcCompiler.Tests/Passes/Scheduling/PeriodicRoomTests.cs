using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Core.Mapping;

namespace AimcCompiler.Tests.Passes.Scheduling;

public sealed class PeriodicRoomTests
{
    private static readonly ChipCapacity s_chip = Graphs.Chip(1, 1, 16, issueNs: null) with { PsPerThousandOperations = null, MemoryPsPerKilobyte = null };

    /// <summary>Room for the rows of a window and those that come while one is driven.</summary>
    [Fact]
    public void AWindowStaysUntilItsRowIsDone()
    {
        GraphBuilder builder = new();
        int first = builder.Analog(builder.Input(16, 8), [1], 16, 4);
        var graph = builder.Build(builder.Analog(first, [1], 16, 4, window: RowWindow.OfKernel(1, 1, 3)));
        var room = PeriodicRoom.Of(graph, Mapping(graph), s_chip)!;
        Assert.InRange(room.Rows(first, 1, 1), 3, 8);
        Assert.InRange(room.Rows(first, 1, 2), 2, 5);
    }

    /// <summary>Of two ways from a value to a sum the shorter has room for what is made while the longer is gone: a chain of layers that each wait for a whole value takes as many intervals as there are of them.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void TheShorterWayWaitsForTheLonger(int layers)
    {
        GraphBuilder builder = new();
        int begin = builder.Analog(builder.Input(16, 8), [1], 16, 4);
        int value = begin;
        for (int i = 0; i < layers; i++)
        {
            value = builder.Analog(value, [1], 16, 4, window: RowWindow.Whole(16));
        }

        int sum = builder.Digital(16, 0, (value, RowWindow.SameRow), (begin, RowWindow.SameRow));
        var graph = builder.Build(sum);
        var room = PeriodicRoom.Of(graph, Mapping(graph), s_chip)!;
        Assert.InRange(room.Rows(begin, graph.Values[sum].Producer, 1), 16 * layers, 16 * (layers + 1));
        Assert.InRange(room.Rows(value, graph.Values[sum].Producer, 1), 1, 8);
    }

    [Fact]
    public void TimesThatAreNotKnownGiveNoRoom()
    {
        GraphBuilder builder = new();
        var graph = builder.Build(builder.Analog(builder.Input(4, 8), [1], 4, 4, intervalNs: null));
        Assert.Null(PeriodicRoom.Of(graph, Mapping(graph) with { Replication = new Replication([1], null, null) }, s_chip));
    }

    private static CoreMapping Mapping(StageGraph graph) =>
        PackCores.Run(graph, ReplicateLayers.Run(graph, s_chip, new CompileOptions()), s_chip, new CompileOptions());
}
