using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>What a chip has no tiles for is digital, and what an operator was taken apart into goes with it or stays: the program computes the same.</summary>
public sealed class UnplacedTests
{
    private const int Features = 20;
    private const int Hidden = 16;

    public static TheoryData<string, int> Chips
    {
        get
        {
            TheoryData<string, int> rows = [];
            foreach (string name in Models.Keys)
            {
                foreach (int tiles in (int[])[1, 2, 3, 4, 6, 9])
                {
                    rows.Add(name, tiles);
                }
            }

            return rows;
        }
    }

    private static readonly Dictionary<string, TestModel> Models = new()
    {
        ["LSTM"] = Recurrent("LSTM", 4),
        ["GRU"] = Recurrent("GRU", 3),
        ["ConvTranspose"] = new TestModel().Input("x", 1, 20, 4, 4).Weights("w", 20, 16, 2, 2).Weights("v", 16, 16, 3, 3).Node("ConvTranspose", "x w", "h").Node("Conv", "h v", "y").Output("y"),
        ["a matrix that is used twice"] = new TestModel().Input("x", 1, 40).Weights("w", 40, 40).Node("MatMul", "x w", "h").Node("Relu", "h", "r").Node("MatMul", "r w", "y").Output("y"),
    };

    [Theory]
    [MemberData(nameof(Chips))]
    public void AChipWithFewTilesComputesTheSame(string name, int tiles)
    {
        var chip = Chip(tiles);
        var graph = Models[name].Import();
        var program = AimcCompilation.Compile(graph, chip, new CompileOptions { Fallback = FallbackPolicy.Digital }).Program;
        Assert.InRange(program.Layers.SelectMany(l => l.Blocks).Select(b => b.Tile).Distinct().Count(), 0, tiles);
        if (program.Layers.IsEmpty)
        {
            Assert.Contains(program.Nodes, n => n.Reason == FallbackReason.DoesNotFit);
        }

        var inputs = Expansion.Inputs(graph);
        using Session session = new(program, new SimulationOptions { Threads = 1 });
        Meaning.Equal(Meaning.Evaluate(graph, inputs), session.Run(inputs), Meaning.ReorderedSum);
    }

    /// <summary>Shared tiles count once: a chip that has room for one of two equal matrices holds both layers.</summary>
    [Fact]
    public void SharedTilesNeedNoRoomOfTheirOwn()
    {
        var chip = Chip(4);
        var graph = Models["a matrix that is used twice"].Import();
        Assert.Equal(2, AimcCompilation.Compile(graph, chip, new CompileOptions()).Program.Layers.Length);
        Assert.Throws<DiagnosticException>(() => AimcCompilation.Compile(graph, chip, new CompileOptions { SharesWeights = false }));
    }

    private static ChipDescription Chip(int tiles) =>
        ChipReader.Read("float", ["tile.rows=32", "tile.columns=32", $"core.tiles={tiles}"]) with { Mesh = new MeshDescription { Rows = 1, Columns = 1 } };

    private static TestModel Recurrent(string op, int gates) => new TestModel().Input("x", 5, 2, Features)
        .Weights("w", 2, gates * Hidden, Features).Weights("r", 2, gates * Hidden, Hidden).Weights("b", 2, 2 * gates * Hidden).Weights("v", Hidden, 8)
        .Node(op, "x w r b", "s", ("hidden_size", Hidden), ("direction", "bidirectional")).Node("MatMul", "s v", "y").Output("y");
}
