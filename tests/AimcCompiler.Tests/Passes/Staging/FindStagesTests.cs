using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes.Staging;

public sealed class FindStagesTests
{
    private static readonly RowWindow Same = RowWindow.SameRow;

    /// <summary>Models of one operator or a few, with the window by which the last reads its first input.</summary>
    private static readonly Dictionary<string, (TestModel Model, RowWindow Window)> Forms = new()
    {
        ["Conv"] = (Image(7, 6).Weights("w", 4, 3, 3, 3).Node("Conv", "x w", "y", ("pads", new[] { 1, 1, 1, 1 })), new(1, 1, 1, 3)),
        ["Conv with strides"] = (Image(9, 8).Weights("w", 4, 3, 3, 2).Node("Conv", "x w", "y", ("strides", new[] { 2, 3 })), new(1, 2, 2, 3)),
        ["Conv with dilations"] = (Image(9, 8).Weights("w", 4, 3, 3, 2).Node("Conv", "x w", "y", ("dilations", new[] { 3, 1 }), ("pads", new[] { 2, 0, 1, 0 })), new(1, 1, 4, 7)),
        ["Conv SAME_LOWER"] = (Image(8, 7).Weights("w", 4, 3, 4, 3).Node("Conv", "x w", "y", ("auto_pad", "SAME_LOWER"), ("strides", new[] { 3, 3 })), new(1, 3, 2, 4)),
        ["Conv over one axis"] = (new TestModel().Input("x", 1, 3, 9).Weights("w", 5, 3, 3).Node("Conv", "x w", "y", ("strides", new[] { 2 }), ("pads", new[] { 1, 0 })).Output("y"), new(1, 2, 1, 3)),
        ["Conv over three axes"] = (new TestModel().Input("x", 1, 2, 5, 4, 3).Weights("w", 4, 2, 3, 3, 1).Node("Conv", "x w", "y").Output("y"), new(1, 1, 2, 3)),
        ["depthwise Conv"] = (Image(7, 6).Weights("w", 3, 1, 3, 3).Node("Conv", "x w", "y", ("group", 3), ("pads", new[] { 1, 1, 1, 1 })), new(1, 1, 1, 3)),
        ["depthwise Conv SAME_UPPER"] = (Image(8, 6).Weights("w", 3, 1, 4, 3).Node("Conv", "x w", "y", ("group", 3), ("auto_pad", "SAME_UPPER")), new(1, 1, 2, 4)),
        ["ConvTranspose"] = (Image(5, 4).Weights("w", 3, 2, 3, 3).Node("ConvTranspose", "x w", "y", ("strides", new[] { 2, 2 })), default),
        ["MatMul"] = (Sequence().Weights("w", 4, 6).Node("MatMul", "x w", "y"), Same),
        ["MatMul on the left"] = (Sequence().Weights("w", 6, 5).Node("MatMul", "w x", "y"), RowWindow.Whole(5)),
        ["MatMul after Conv"] = (Image(7, 6).Weights("w", 2, 3, 1, 1).Weights("v", 6, 5).Node("Conv", "x w", "c").Node("MatMul", "c v", "y"), RowWindow.Whole(7)),
        ["MatMul before Conv"] = (Image(7, 6).Weights("w", 2, 3, 1, 1).Weights("v", 6, 5).Node("MatMul", "x v", "c").Node("Conv", "c w", "y"), RowWindow.Whole(1)),
        ["Gemm"] = (new TestModel().Input("x", 1, 5).Weights("w", 5, 3).Node("Gemm", "x w", "y").Output("y"), Same),
        ["MaxPool"] = (Image(8, 6).Node("MaxPool", "x", "y", ("kernel_shape", new[] { 3, 2 }), ("strides", new[] { 2, 2 }), ("pads", new[] { 1, 0, 1, 0 })), new(1, 2, 1, 3)),
        ["MaxPool rounded up"] = (Image(8, 6).Node("MaxPool", "x", "y", ("kernel_shape", new[] { 3, 2 }), ("strides", new[] { 2, 2 }), ("ceil_mode", 1)), new(1, 2, 2, 3)),
        ["MaxPool with dilations"] = (Image(9, 6).Node("MaxPool", "x", "y", ("kernel_shape", new[] { 3, 2 }), ("dilations", new[] { 2, 1 })), new(1, 1, 4, 5)),
        ["AveragePool SAME_UPPER"] = (Image(8, 6).Node("AveragePool", "x", "y", ("kernel_shape", new[] { 2, 2 }), ("auto_pad", "SAME_UPPER")), new(1, 1, 1, 2)),
        ["LpPool"] = (Image(8, 6).Node("LpPool", "x", "y", ("kernel_shape", new[] { 2, 2 })), new(1, 1, 1, 2)),
        ["GlobalAveragePool"] = (Image(8, 6).Node("GlobalAveragePool", "x", "y"), RowWindow.Whole(8)),
        ["Relu after Conv"] = (Convolved().Node("Relu", "c", "y"), Same),
        ["LRN"] = (Convolved().Node("LRN", "c", "y", ("size", 3)), Same),
        ["BatchNormalization after Relu"] = (Convolved().Node("Relu", "c", "r").Statistics("n", 4).Node("BatchNormalization", "r ng nb nm nv", "y"), Same),
        ["Concat of channels"] = (Convolved().Node("Relu", "c", "r").Node("Sigmoid", "c", "s").Node("Concat", "r s", "y", ("axis", 1)), Same),
        ["Concat of rows"] = (Convolved().Node("Relu", "c", "r").Node("Sigmoid", "c", "s").Node("Concat", "r s", "y", ("axis", 2)), RowWindow.Whole(7)),
        ["Softmax over channels"] = (Convolved().Node("Softmax", "c", "y", ("axis", 1)), Same),
        ["Softmax over rows"] = (Convolved().Node("Softmax", "c", "y", ("axis", 2)), RowWindow.Whole(7)),
        ["Softmax of a sequence"] = (Sequence().Node("Softmax", "x", "y"), Same),
        ["Softmax of old"] = (new TestModel(11).Input("x", 1, 5, 4).Node("Softmax", "x", "y").Output("y"), RowWindow.Whole(5)),
        ["LayerNormalization"] = (Sequence().Weights("g", 4).Node("LayerNormalization", "x g", "y"), Same),
        ["LayerNormalization over two axes"] = (Sequence().Weights("g", 5, 4).Node("LayerNormalization", "x g", "y", ("axis", 1)), RowWindow.Whole(5)),
        ["mean of a row"] = (Sequence().Node("ReduceMean", "x", "y", ("axes", new[] { -1 })), Same),
        ["mean of all rows"] = (Sequence().Node("ReduceMean", "x", "y", ("axes", new[] { 1 })), RowWindow.Whole(5)),
        ["sum with a gate of one row"] = (Convolved().Node("GlobalAveragePool", "c", "g").Node("Mul", "g c", "y"), RowWindow.Whole(1)),
        ["sum of other rank"] = (Convolved().Weights("v", 7, 6).Input("z", 7, 6).Node("Add", "z c", "y"), RowWindow.Whole(7)),
        ["Flatten"] = (Convolved().Node("Flatten", "c", "y"), RowWindow.Whole(7)),
        ["Transpose"] = (Convolved().Node("Transpose", "c", "y", ("perm", new[] { 0, 2, 3, 1 })), RowWindow.Whole(7)),
        ["product of two activations"] = (Sequence().Input("z", 1, 4, 3).Node("MatMul", "x z", "y"), Same),
        ["Split of channels"] = (Convolved().Ints("s", 1, 3).Node("Split", "c s", "z y", ("axis", 1)), Same),
        ["Split of rows"] = (Convolved().Ints("s", 3, 4).Node("Split", "c s", "z y", ("axis", 2)), RowWindow.Whole(7)),
        ["Pad"] = (Convolved().Ints("p", 0, 0, 2, 1, 0, 0, 1, 0).Node("Pad", "c p", "y"), new(1, 1, -2, 1)),
        ["Pad by reflection"] = (Convolved().Ints("p", 0, 0, 2, 1, 0, 0, 1, 0).Node("Pad", "c p", "y", ("mode", "reflect")), RowWindow.Whole(7)),
        ["DepthToSpace"] = (Convolved().Node("DepthToSpace", "c", "y", ("blocksize", 2)), new(2, 1, 0, 1)),
        ["SpaceToDepth"] = (Image(8, 6).Node("SpaceToDepth", "x", "y", ("blocksize", 2)), new(1, 2, 1, 2)),
        ["Resize to the nearest"] = (Resized(3), new(3, 1, 1, 3)),
        ["Resize, linear"] = (Resized(2, ("mode", "linear")), new(2, 1, 1, 3)),
        ["Resize of corners"] = (Resized(3, ("mode", "linear"), ("coordinate_transformation_mode", "align_corners")), new(3, 1, 1, 3)),
        ["Resize from the left"] = (Resized(3, ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "ceil")), new(3, 1, 1, 3)),
        ["Resize, cubic"] = (Resized(2, ("mode", "cubic")), RowWindow.Whole(7)),
        ["Upsample"] = (new TestModel(9).Input("x", 1, 3, 7, 6).Floats("s", [1, 1, 2, 2], 4).Node("Upsample", "x s", "y").Output("y"), new(2, 1, 0, 1)),
    };

    public static TheoryData<string> Names => [.. Forms.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void ARowDependsOnNoRowOutsideItsWindow(string form)
    {
        var (model, window) = Forms[form];
        var staged = Staged(model);
        Assert.True(WindowCheck.Hold(staged.Graph.Source, staged.Stages!) > 0);
        if (window != default)
        {
            var last = staged.Stages!.Stages[staged.Stages.Values[IndexOf(staged, "y")].Producer];
            Assert.Equal(window, last.Inputs[0].Window == RowWindow.Whole(1) && window == Same ? Same : last.Inputs[0].Window);
        }
    }

    /// <summary>An operator that puts all rows together reduces each by itself first, so that vector units share the work and it is done as rows come; the operations of both steps are those of the operator.</summary>
    [Theory]
    [InlineData("GlobalAveragePool", 8, 6, 48, true)]
    [InlineData("GlobalMaxPool", 8, 6, 48, true)]
    [InlineData("ReduceMean", 8, 6, 48, true)]
    [InlineData("AveragePool", 8, 6, 48, true)]
    [InlineData("GlobalAveragePool", 8, 1, 8, false)]
    [InlineData("GlobalAveragePool", 1, 6, 6, false)]
    public void ReductionsOverRowsWorkInParts(string op, int rows, int width, long operations, bool isInParts)
    {
        var model = Image(rows, width);
        _ = op switch
        {
            "ReduceMean" => model.Node(op, "x", "y", ("axes", new[] { 2, 3 })),
            "AveragePool" => model.Node(op, "x", "y", ("kernel_shape", new[] { rows, width })),
            _ => model.Node(op, "x", "y"),
        };
        // What reads it as an image keeps its rows.
        var stages = Staged(model.Weights("w", 3, 3, 1, 1).Node("Conv", "x w", "c").Output("c")).Stages!;
        int value = Enumerable.Range(0, stages.Values.Length).Single(v => stages.Values[v].Name == "y");
        var last = stages.Stages[stages.Values[value].Producer];
        long work = last.OperationsPerRow * stages.Values[last.Output].Rows;
        if (isInParts)
        {
            var parts = stages.Stages[stages.Values[Assert.Single(last.Inputs).Value].Producer];
            Assert.Equal(RowWindow.Whole(rows), last.Inputs[0].Window);
            Assert.Equal(Same, Assert.Single(parts.Inputs).Window);
            Assert.Equal((rows, 3), (stages.Values[parts.Output].Rows, stages.Values[parts.Output].ElementsPerRow));
            Assert.Equal(last.Unit, parts.Unit);
            work += parts.OperationsPerRow * rows;
        }
        else
        {
            Assert.Equal("x", stages.Values[Assert.Single(last.Inputs).Value].Name);
        }

        Assert.Equal(3 * operations, work);
    }

    [Theory]
    [InlineData("lenet5.onnx", 12)]
    [InlineData("mlp.onnx", 5)]
    [InlineData("resnet.onnx", 20)]
    [InlineData("transformer.onnx", 20)]
    public void OwnModelsReadInsideTheirWindows(string file, int pairs)
    {
        var staged = Staged(OnnxImporter.Import(Path.Combine(SharedFolder.Repository, "onnx-models", file)));
        Assert.Null(staged.NotScheduled);
        Assert.True(WindowCheck.Hold(staged.Graph.Source, staged.Stages!) >= pairs);
    }

    [Fact]
    public void ARecurrenceStepsThroughRows()
    {
        var staged = Staged(OnnxImporter.Import(Path.Combine(SharedFolder.Repository, "onnx-models", "lstm.onnx")));
        var stages = staged.Stages!;
        var product = stages.Stages.First(s => s.Loop is not null && s.Kind == StageKind.Analog);
        Assert.True(product.Matrix!.IsSerial);
        Assert.Equal(stages.Values[product.Output].Rows, product.Matrix.Vectors);
        var carried = Assert.Single(product.Inputs, i => i.IsCarried);
        Assert.Equal(new RowWindow(1, 1, -1, 1), carried.Window);
        Assert.Equal(product.Loop, stages.Stages[stages.Values[carried.Value].Producer].Loop);
        Assert.Contains(stages.Stages, s => s.Loop == product.Loop && s.Inputs.Any(i => !i.IsCarried && i.Window == Same && stages.Values[i.Value].Rows == product.Matrix.Vectors));
    }

    [Fact]
    public void ABackwardRecurrenceWaitsForTheWholeSequence()
    {
        var model = new TestModel().Input("x", 5, "N", 3).Weights("w", 2, 8, 3).Weights("r", 2, 8, 2)
            .Node("LSTM", "x w r", "states", ("hidden_size", 2), ("direction", "bidirectional")).Output("states");
        var stages = Staged(model).Stages!;
        var cells = stages.Stages.Where(s => s.Loop is not null && s.Kind == StageKind.Digital).ToLookup(s => s.Loop);
        Assert.Equal(2, cells.Count);
        Assert.Contains(cells.First(c => c.Key!.EndsWith("forward", StringComparison.Ordinal)), s => s.Inputs.Any(i => i.Window == Same && stages.Values[i.Value].Producer == 0));
        Assert.All(cells.First(c => c.Key!.EndsWith("reverse", StringComparison.Ordinal)), s => Assert.Equal(RowWindow.Whole(5), s.Inputs.First(i => stages.Values[i.Value].Producer == 0).Window));
    }

    [Fact]
    public void RowGroupsAreCutAsTheBlocksAre()
    {
        // 300 rows: 4 bits a weight on tiles of 8 x 8 take two columns; a core has so many tiles.
        var stages = Staged(new TestModel().Input("x", 1, 20).Weights("w", 20, 9).Node("MatMul", "x w", "y").Output("y")).Stages!;
        var matrix = Assert.Single(stages.Stages).Matrix!;
        var split = Assert.Single(Stairs.Split(new TestModel().Input("x", 1, 20).Weights("w", 20, 9).Node("MatMul", "x w", "y").Output("y")).Layers).Weights;
        Assert.Equal(Enumerable.Range(0, split.Blocks.Length), matrix.Groups.SelectMany(g => g.Blocks));
        Assert.All(matrix.Groups, g => Assert.InRange(g.Tiles, 1, Stairs.Tiny.Core.Tiles));
        Assert.All(matrix.Groups, g => Assert.Single(g.Blocks.Select(b => (split.Blocks[b].FirstGroup, split.Blocks[b].RowBlock)).Distinct()));
        Assert.All(matrix.Groups, g => Assert.Equal(g.Blocks.Sum(b => split.Blocks[b].ColumnCount), g.Columns));
        Assert.Equal(20, matrix.Groups.Where(g => split.Blocks[g.Blocks[0]].ColumnStart == 0).Sum(g => g.Inputs));
        Assert.Equal((1, 1, 9), (matrix.Vectors, matrix.VectorsPerRow, matrix.Columns));
    }

    [Fact]
    public void ADenseDepthwiseTileTakesOneRoundForEachOfItsMatrices()
    {
        var model = Image(5, 4).Weights("w", 3, 1, 2, 2).Node("Conv", "x w", "y", ("group", 3));
        CompileOptions options = new() { Depthwise = DepthwisePolicy.Dense };
        var graph = Stairs.Split(model, options: options);
        var matrix = Assert.Single(FindStages.Run(graph, Stairs.Tiny).Stages!.Stages).Matrix!;
        var blocks = Assert.Single(graph.Layers).Weights.Blocks;
        Assert.Equal(blocks.Max(b => b.Bundle) + 1, matrix.Groups.Length);
        Assert.All(matrix.Groups, g => Assert.Equal(g.Blocks.Length, g.Rounds));
        Assert.All(matrix.Groups, g => Assert.Equal(1, g.Tiles));
    }

    [Fact]
    public void LayersOnTheSameTilesCountVectorsOn()
    {
        var model = new TestModel().Input("x", 1, 5, 4).Input("z", 1, 3, 4).Weights("w", 4, 6).Node("MatMul", "x w", "y").Node("MatMul", "z w", "u").Output("y", "u");
        var stages = Staged(model).Stages!.Stages;
        Assert.Equal((0, (int?)null, 5), (stages[0].Matrix!.FirstOrdinal, stages[0].Matrix!.SharesTilesOf, stages[0].Matrix!.Vectors));
        Assert.Equal((5, (int?)0, 3), (stages[1].Matrix!.FirstOrdinal, stages[1].Matrix!.SharesTilesOf, stages[1].Matrix!.Vectors));
    }

    [Fact]
    public void AConvolutionNeedsTheChannelsOfItsRowGroups()
    {
        // 16 channels of 2 x 2: 64 rows on tiles of 8: two channels each.
        // Of a chip that scales each vector by itself every core needs all of it.
        var model = new TestModel().Input("x", 1, 16, 5, 6).Weights("w", 2, 16, 2, 2).Node("Conv", "x w", "y").Output("y");
        Assert.All(Assert.Single(Staged(model).Stages!.Stages).Matrix!.Groups, g => Assert.Equal(16 * 6, g.InputBytesPerRow));
        var staged = FindStages.Run(Stairs.Split(model), ChipReader.Read("tiny", ["tile.input.management=constant", "tile.input.dynamic_scale=false"]));
        var stage = Assert.Single(staged.Stages!.Stages);
        Assert.All(stage.Matrix!.Groups, g => Assert.Equal(6 * (((g.FirstInput + g.Inputs - 1) / 4) - (g.FirstInput / 4) + 1), g.InputBytesPerRow));
        Assert.Equal((4, 5), (staged.Stages.Values[stage.Output].Rows, stage.Matrix.VectorsPerRow));
    }

    [Theory]
    [InlineData("an open sequence", "is open beyond its batch")]
    [InlineData("a batch of four", "the model fixes its batch")]
    [InlineData("as many as the data say", "as many elements as its data say")]
    public void WhatHasNoRowsSaysWhy(string form, string reason)
    {
        var model = form switch
        {
            "an open sequence" => new TestModel().Input("x", "N", "S", 4).Weights("w", 4, 3).Node("MatMul", "x w", "y").Output("y"),
            "a batch of four" => new TestModel().Input("x", 4, 2, 5, 5).Weights("w", 3, 2, 2, 2).Node("Conv", "x w", "y").Output("y"),
            _ => new TestModel().Input("x", 1, 4).Node("NonZero", "x", "y").Output("y"),
        };
        var staged = Staged(model);
        Assert.Null(staged.Stages);
        Assert.Contains(reason, staged.NotScheduled, StringComparison.Ordinal);
    }

    /// <summary>The wire form lets filters have any rank; which rank they must have, ONNX Runtime says later, with the node's name.</summary>
    [Fact]
    public void FiltersWithoutRowsAreNoWindow()
    {
        var model = Image(8, 6).Weights("w", 3).Weights("v", 3, 3, 1, 1).Node("Conv", "x w", "c").Node("Conv", "c v", "y").Output("y");
        var diagnostic = Assert.Throws<DiagnosticException>(() => AimcCompilation.Compile(model.Import(), Stairs.Tiny, new CompileOptions())).Diagnostics[0];
        Assert.NotNull(diagnostic.Where);
    }

    private static StagedGraph Staged(TestModel model) => Staged(model.Import());

    private static StagedGraph Staged(Graph graph)
    {
        CompileOptions options = new();
        DiagnosticBag diagnostics = new();
        var simple = FoldBatchNorm.Run(FoldConstants.Run(graph));
        var expanded = ExpandMvms.Run(Calibrate.InferTypes(ExpandMvms.Run(simple, options), options), options);
        var freed = FreeBatch.Run(Calibrate.Run(expanded, options), options);
        var lowered = LowerToMvm.Run(PartitionGraph.Run(freed, options, diagnostics), Stairs.Tiny, options, diagnostics);
        var split = SplitWeights.Run(SliceBits.Run(Encode.Run(QuantizeWeights.Run(lowered, Stairs.Tiny), Stairs.Tiny)), Stairs.Tiny, options);
        var staged = FindStages.Run(split, Stairs.Tiny);
        if (staged.Stages is { } stages)
        {
            ScheduleVerifier.VerifyStages(stages);
        }

        return staged;
    }

    private static int IndexOf(StagedGraph staged, string value) => staged.Stages!.Values.IndexOf(staged.Stages.Values.Single(v => v.Name == value));

    private static TestModel Image(int height, int width) => new TestModel().Input("x", 1, 3, height, width).Output("y");

    private static TestModel Sequence() => new TestModel().Input("x", 1, 5, 4).Output("y");

    private static TestModel Convolved() => Image(7, 6).Weights("cw", 4, 3, 1, 1).Node("Conv", "x cw", "c");

    private static TestModel Resized(int factor, params (string Name, object Value)[] attributes) =>
        Convolved().Floats("s", [1, 1, factor, 1], 4).Node("Resize", ["c", "_", "s"], ["y"], attributes);
}
