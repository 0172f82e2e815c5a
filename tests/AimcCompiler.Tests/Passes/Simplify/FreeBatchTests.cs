using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>What is opened computes for a batch what it computes for its samples one by one; what may mix samples is left alone.</summary>
public sealed class FreeBatchTests
{
    private const int Batch = 7;

    private static readonly Dictionary<string, TestModel> Positive = new()
    {
        ["a convolution with pools and a flattened product"] = Image().Weights("w", 3, 2, 3, 3).Node("Conv", "x w", "c").Node("MaxPool", "c", "p", ("kernel_shape", new[] { 2, 2 }))
            .Node("Flatten", "p", "f").Weights("v", 3, 5).Weights("b", 5).Node("Gemm", "f v b", "y"),
        ["every pool"] = Image().Node("AveragePool", "x", "a", ("kernel_shape", new[] { 2, 2 })).Node("LpPool", "a", "l", ("kernel_shape", new[] { 2, 2 }))
            .Node("GlobalMaxPool", "x", "g").Node("Mul", "l g", "y"),
        ["a transposed convolution"] = Image().Weights("w", 2, 3, 2, 2).Node("ConvTranspose", "x w", "y"),
        ["elementwise with lower ranks"] = Image().Weights("w", 4, 4).Weights("v", 1, 2, 1, 1).Node("Add", "x w", "a").Node("Mul", "v a", "b").Node("Sub", "b x", "y"),
        ["normalisations"] = Image().Statistics("n", 2).Node("BatchNormalization", "x ng nb nm nv", "b").Node("InstanceNormalization", "b ng nb", "i")
            .Weights("s", 4).Node("LayerNormalization", "i s", "y"),
        ["a Reshape whose first extent is 1"] = Image().Ints("s", 1, 32).Node("Reshape", "x s", "r").Weights("w", 32, 3).Node("MatMul", "r w", "y"),
        ["a Reshape with an open rest"] = Image().Ints("s", 1, -1).Node("Reshape", "x s", "y"),
        ["a Reshape that keeps extents"] = Image().Ints("s", 0, -1, 4).Node("Reshape", "x s", "y"),
        ["a Reshape that opens the first extent"] = Image().Ints("s", -1, 32).Node("Reshape", "x s", "y"),
        ["rows of all samples in one matrix, and back"] = Sequence().Ints("s", 5, 4).Ints("t", 1, 5, 3).Node("Reshape", "x s", "r").Weights("w", 4, 3).Weights("b", 3)
            .Node("Gemm", "r w b", "g").Node("Reshape", "g t", "y"),
        ["rows by an open extent, and back"] = Sequence().Ints("s", -1, 4).Ints("t", -1, 5, 3).Node("Reshape", "x s", "r").Weights("w", 4, 3)
            .Node("MatMul", "r w", "g").Node("Reshape", "g t", "y"),
        ["attention"] = Sequence().Weights("q", 4, 4).Weights("k", 4, 4).Ints("s", 1, 5, 2, 2).Ints("t", 1, 5, 4)
            .Node("MatMul", "x q", "a").Node("MatMul", "x k", "b")
            .Node("Reshape", "a s", "a4").Node("Reshape", "b s", "b4")
            .Node("Transpose", "a4", "ah", ("perm", new[] { 0, 2, 1, 3 })).Node("Transpose", "b4", "bh", ("perm", new[] { 0, 2, 3, 1 }))
            .Node("MatMul", "ah bh", "m").Node("Softmax", "m", "p").Node("MatMul", "p ah", "o")
            .Node("Transpose", "o", "ot", ("perm", new[] { 0, 2, 1, 3 })).Node("Reshape", "ot t", "y"),
        ["an old Softmax over everything behind the batch"] = new TestModel(11, 6).Input("x", 1, 2, 4).Node("Softmax", "x", "y", ("axis", 1)).Output("y"),
        ["a Softmax over another axis"] = Sequence().Node("Softmax", "x", "y", ("axis", 1)),
        ["Concat, Split and Slice on other axes"] = Image().Node("Concat", "x x", "c", ("axis", 1)).Node("Split", ["c"], ["d", "e"], ("axis", 1))
            .Ints("from", 1).Ints("to", 3).Ints("axis", 2).Node("Slice", "d from to axis", "f").Node("Slice", "e from to axis", "g").Node("Mul", "f g", "y"),
        ["reductions over other axes"] = Image().Node("ReduceMean", "x", "m", ("axes", new[] { 2, 3 }), ("keepdims", 0)).Node("ReduceMax", "x", "k", ("axes", new[] { -1, -2 }), ("keepdims", 0))
            .Node("Add", "m k", "y"),
        ["ArgMax over classes"] = Sequence().Node("ArgMax", "x", "y", ("axis", 2), ("keepdims", 0)),
        ["Pad, Resize and DepthToSpace"] = new TestModel().Input("x", 1, 4, 3, 3).Output("y").Ints("p", 0, 0, 1, 1, 0, 0, 1, 1).Node("Pad", "x p", "q")
            .Floats("s", [1, 1, 2, 2], 4).Node("Resize", "q _ s", "r").Node("DepthToSpace", "r", "y", ("blocksize", 2)),
        ["Unsqueeze and Squeeze beside the batch"] = Sequence().Ints("a", 1).Ints("b", -1, 1).Node("Unsqueeze", "x a", "u").Ints("c", 4).Node("Unsqueeze", "u c", "v").Node("Squeeze", "v b", "y"),
        ["a batch that moves to the front again"] = Sequence().Node("Transpose", "x", "t", ("perm", new[] { 1, 0, 2 })).Node("Relu", "t", "r")
            .Node("Transpose", "r", "y", ("perm", new[] { 1, 0, 2 })),
        ["a product of sequence-first rows"] = SequenceFirst(),
        ["a recurrent layer of sequence-first layout"] = Sequence().Node("Transpose", "x", "t", ("perm", new[] { 1, 0, 2 })).Weights("w", 1, 12, 4).Weights("r", 1, 12, 3)
            .Node("LSTM", ["t", "w", "r"], ["s"], ("hidden_size", 3)).Ints("a", 1).Node("Squeeze", "s a", "q").Node("Transpose", "q", "y", ("perm", new[] { 1, 0, 2 })),
        ["an axis in front of any batch"] = new TestModel().Input("x", "N", 5, 4).Output("y").Ints("s", 1, -1, 5, 4).Ints("a", 0).Node("Reshape", "x s", "r").Node("Squeeze", "r a", "y"),
        ["an embedding"] = new TestModel().Input("x", TensorType.Int64, 1, 5).Output("y").Weights("w", 9, 4).Node("Gather", "w x", "y"),
        ["Gather on another axis"] = Sequence().Ints("i", 3, 0).Node("Gather", "x i", "y", ("axis", 1)),
        ["a single token of a sequence"] = Sequence().Constant("i", Tensor.FromInt64([0])).Node("Gather", "x i", "y", ("axis", 1)),
        ["quantised and back"] = Image().Floats("s", [0.1f, 0.2f], 2).Constant("z", new Tensor(TensorType.UInt8, [2], new byte[] { 128, 120 }))
            .Node("QuantizeLinear", "x s z", "q", ("axis", 1)).Node("DequantizeLinear", "q s z", "y", ("axis", 1)),
        ["extents that the model computes"] = new TestModel().Input("x", "N", 5, 4).Output("y").Constant("zero", Tensor.FromInt64([0])).Ints("a", 0).Ints("rest", 20)
            .Node("Shape", "x", "s").Node("Gather", "s zero", "n").Node("Unsqueeze", "n a", "n1").Node("Concat", "n1 rest", "t", ("axis", 0)).Node("Reshape", "x t", "y"),
        ["a token in front of every sample"] = new TestModel().Input("x", "N", 5, 4).Output("y").Weights("cls", 1, 1, 4).Ints("from", 0).Ints("to", 1).Ints("rest", 1, 4)
            .Node("Shape", "x", "s").Node("Slice", "s from to", "n").Node("Concat", "n rest", "t", ("axis", 0)).Node("Expand", "cls t", "e").Node("Concat", "e x", "y", ("axis", 1)),
        ["states of zeros for every sample"] = new TestModel().Input("x", "N", 5, 4).Output("y").Ints("from", 0).Ints("to", 1).Ints("one", 1).Ints("three", 3)
            .Node("Transpose", "x", "t", ("perm", new[] { 1, 0, 2 })).Node("Shape", "x", "s").Node("Slice", "s from to", "n").Node("Concat", "one n three", "h", ("axis", 0))
            .Node("ConstantOfShape", "h", "z").Weights("w", 1, 9, 4).Weights("r", 1, 9, 3)
            .Node("GRU", ["t", "w", "r", "_", "_", "z"], ["q", "last"], ("hidden_size", 3)).Ints("a", 0).Node("Squeeze", "last a", "y"),
        ["a slice that takes all samples"] = Sequence().Ints("from", 0, 1).Ints("to", int.MaxValue, 3).Ints("axes", 0, 1).Node("Slice", "x from to axes", "y"),
        ["a Dropout"] = Sequence().Node("Dropout", "x", "y"),
        ["two inputs"] = new TestModel().Input("x", 1, 4).Input("v", 1, 4).Output("y").Node("Add", "x v", "y"),
    };

    private static readonly Dictionary<string, TestModel> Negative = new()
    {
        ["a Softmax over the batch"] = Sequence().Node("Softmax", "x", "y", ("axis", 0)),
        ["an old Softmax over everything"] = new TestModel(11, 6).Input("x", 1, 2, 4).Node("Softmax", "x", "y", ("axis", 0)).Output("y"),
        ["a mean over the batch"] = Image().Node("ReduceMean", "x", "y", ("axes", new[] { 0, 2 })),
        // ONNX Runtime takes the low half of the axis, -1.
        ["a Squeeze of an axis that nothing has"] = new TestModel(11, 6).Input("x", 1, 5, 1).Output("y").Node("Squeeze", "x", "s", ("axes", new[] { (long)uint.MaxValue })).Node("Unsqueeze", "s", "y", ("axes", new[] { 2 })),
        ["a mean over everything"] = Image().Node("ReduceMean", "x", "y"),
        ["a constant that is longer on the batch axis"] = Sequence().Weights("w", 3, 5, 4).Node("Add", "x w", "y"),
        ["Concat along the batch"] = Sequence().Node("Concat", "x x", "y", ("axis", 0)),
        ["Concat with a constant"] = Sequence().Weights("w", 1, 2, 4).Node("Concat", "x w", "y", ("axis", 1)),
        ["Gather along the batch"] = Sequence().Ints("i", 0, 0).Node("Gather", "x i", "y"),
        ["Slice along the batch"] = Sequence().Ints("from", 0).Ints("to", 1).Node("Slice", "x from to", "y"),
        ["Squeeze of the batch"] = Sequence().Ints("a", 0).Node("Squeeze", "x a", "y"),
        ["Squeeze of whatever is 1"] = Sequence().Node("Squeeze", "x", "y"),
        ["padding along the batch"] = Sequence().Ints("p", 0, 0, 0, 1, 0, 0).Node("Pad", "x p", "y"),
        ["Flatten over the batch"] = Sequence().Node("Flatten", "x", "y", ("axis", 0)),
        ["a product with its own transpose over the batch"] = new TestModel().Input("x", 1, 4).Output("y").Node("Transpose", "x", "t").Node("MatMul", "t x", "y"),
        ["a batch behind the sequence at the end"] = Sequence().Node("Transpose", "x", "y", ("perm", new[] { 1, 0, 2 })),
        ["a Reshape of sequence-first rows"] = Sequence().Ints("s", 5, 4).Node("Transpose", "x", "t", ("perm", new[] { 1, 0, 2 })).Node("Reshape", "t s", "y"),
        ["a product of sequence-first rows of any number, whose reads cannot be told apart"] = new TestModel().Input("x", 1, "T", 4).Output("y").Weights("w", 4, 3)
            .Node("Transpose", "x", "t", ("perm", new[] { 1, 0, 2 })).Node("MatMul", "t w", "m").Node("Transpose", "m", "y", ("perm", new[] { 1, 0, 2 })),
        ["a recurrent layer over the batch"] = Sequence().Weights("w", 1, 12, 4).Weights("r", 1, 12, 3).Node("LSTM", ["x", "w", "r"], ["s"], ("hidden_size", 3))
            .Ints("a", 1).Node("Squeeze", "s a", "y"),
        ["one scale for the whole batch"] = Sequence().Node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]).Node("DequantizeLinear", "q s z", "y"),
        ["places of the largest counted through the batch"] = Image().Node("MaxPool", ["x"], ["p", "i"], ("kernel_shape", new[] { 2, 2 })).Node("Cast", "i", "y", ("to", 1)),
        ["chance"] = Sequence().Node("RandomNormal", "", "r", ("shape", new[] { 1, 5, 4 })).Node("Add", "x r", "y"),
        ["a Dropout that trains"] = Sequence().Constant("p", Tensor.FromFloats([0.5f])).Constant("t", new Tensor(TensorType.Bool, [], new[] { true })).Node("Dropout", "x p t", "y"),
        ["an output that no input reaches"] = new TestModel().Input("x", 1, 4).Weights("w", 1, 3).Node("Relu", "x", "y").Node("Relu", "w", "z").Output("y", "z"),
        ["a fixed batch of 2"] = new TestModel().Input("x", 2, 4).Output("y").Node("Relu", "x", "y"),
        ["a state that has no batch in front"] = new TestModel().Input("x", 1, 4).Input("h", 2, 1, 4).Output("y").Ints("a", 0).Node("ReduceSum", "h a", "s", ("keepdims", 0)).Node("Add", "x s", "y"),
        ["a condition over all samples"] = Sequence().Node("NonZero", "x", "n").Node("Cast", "n", "y", ("to", 1)),
    };

    public static TheoryData<string> Opened => [.. Positive.Keys];

    public static TheoryData<string> LeftAlone => [.. Negative.Keys];

    [Theory]
    [MemberData(nameof(Opened))]
    public void ABatchComputesWhatItsSamplesDo(string name)
    {
        var (before, after) = Run(Positive[name]);
        Assert.True(after.Header.SamplesAreIndependent);
        Assert.All(after.Header.Inputs, i => Assert.Equal(-1, i.Shape[0]));
        var samples = Enumerable.Range(0, Batch).Select(i => Inputs(before, i)).ToList();
        var together = Meaning.Evaluate(after, Joined(samples));
        var alone = samples.Select(s => Meaning.Evaluate(before, s)).ToList();
        Meaning.Equal([.. together.Select((_, o) => SampleBatch.Join([.. alone.Select(a => a[o])]))], together, Meaning.ReorderedSum);
        Meaning.Equal(Meaning.Evaluate(before, samples[0]), Meaning.Evaluate(after, samples[0]), 0);
    }

    [Theory]
    [MemberData(nameof(LeftAlone))]
    public void WhatMayMixSamplesIsLeftAlone(string name)
    {
        var calibrated = Calibrate.Run(FoldConstants.Run(Negative[name].Import()), new CompileOptions());
        Assert.Same(calibrated, FreeBatch.Run(calibrated, new CompileOptions()));
    }

    /// <summary>A batch of seven gives the bits of seven batches of one: on tiles without loss, and with noise, whose events are named by sample.</summary>
    [Theory]
    [InlineData("float", false)]
    [InlineData("aihwkit-default", true)]
    [InlineData("aihwkit-default", false)]
    public void SevenSamplesTogetherGiveTheBitsOfSevenAlone(string chip, bool ideal)
    {
        var model = Image().Weights("w", 3, 2, 3, 3).Node("Conv", "x w", "c").Node("Relu", "c", "r").Ints("s", 1, 12).Node("Reshape", "r s", "f").Weights("v", 12, 5)
            .Node("MatMul", "f v", "m").Node("Relu", "m", "y");
        var graph = model.Import();
        var program = AimcCompilation.Compile(graph, ChipReader.Read(chip), new CompileOptions()).Program;
        Assert.Equal(BatchMode.Free, program.Batch);
        Assert.Equal(2, program.Layers.Length);
        var samples = Enumerable.Range(0, Batch).Select(i => Inputs(graph, i)).ToList();
        using Session session = new(program, new SimulationOptions { Ideal = ideal, Threads = 2 });
        var together = session.Run(Joined(samples), firstSample: 40)[0];
        float[] alone = [.. samples.SelectMany((s, i) => session.Run(s, firstSample: 40 + i)[0].Floats)];
        Assert.Equal(alone, together.Floats);
        if (chip != "float" && !ideal)
        {
            // The same sample as another one of the data set is read with other noise.
            Assert.NotEqual(session.Run(samples[0], firstSample: 40)[0].Floats, session.Run(samples[0], firstSample: 41)[0].Floats);
        }
    }

    /// <summary>Reads are named by sample and time step, wherever the batch stands.</summary>
    [Fact]
    public void SequenceFirstRowsTogetherGiveTheBitsOfThoseAlone()
    {
        var graph = SequenceFirst().Import();
        var program = AimcCompilation.Compile(graph, ChipReader.Read("aihwkit-default"), new CompileOptions()).Program;
        Assert.Equal(BatchMode.Free, program.Batch);
        Assert.Equal(1, Assert.Single(program.Layers).SampleAxis);
        var samples = Enumerable.Range(0, Batch).Select(i => Inputs(graph, i)).ToList();
        using Session session = new(program, new SimulationOptions { Threads = 2 });
        var together = session.Run(Joined(samples), firstSample: 40)[0];
        Assert.Equal([.. samples.SelectMany((s, i) => session.Run(s, firstSample: 40 + i)[0].Floats)], together.Floats);
    }

    /// <summary>The models that come with the project and, where they are here, those beside it.</summary>
    [Theory]
    [MemberData(nameof(OwnModels))]
    public void OwnModelsAreFree(string file) => Assert.True(IsFreeAndEqual(Path.Combine(SharedFolder.Repository, "onnx-models", file)));

    [SharedTheory]
    [Trait("Category", "Long")]
    [MemberData(nameof(SharedModels))]
    public void SharedModelsThatAreOpenedGiveTheSameTogether(string file, bool isFree) =>
        Assert.Equal(isFree, IsFreeAndEqual(Path.Combine(SharedFolder.Folder, "models", "onnx", file)));

    public static TheoryData<string> OwnModels => ["mlp.onnx", "lenet5.onnx", "resnet.onnx"];

    public static TheoryData<string, bool> SharedModels => new()
    {
        { "mnist-8.onnx", true },
        { "mnist-7.onnx", true },
        { "wonnx-opt-mnist.onnx", true },
        { "onnx-mlir-mnist.onnx", true },
        { "mlperf-tiny-resnet8.onnx", true },
        { "mlperf-tiny-mobilenet_v1.onnx", true },
        { "mlperf-tiny-deepautoencoder.onnx", true },
        { "mlperf-tiny-alibaba-kws.onnx", true },
        { "match-cifar10_resnet8_fp16.onnx", true },
        { "emx-micro_kws_m_static_fp32.onnx", true },
        { "emx-micro_kws_m_static_qdq.onnx", true },
        { "emx-micro_kws_m_static_qoperator.onnx", true },
        { "emx-mixed_ops_dynamic_batch.onnx", true },
        { "ultraface-RFB-320-ort.onnx", true },
        { "ultraface-version-RFB-320.onnx", true },
        { "ultraface-version-RFB-320_simplified.onnx", true },
        { "yunet_n_320_320.onnx", true },
        { "yunet_n_dynamic.onnx", true },
        { "super_resolution-pytorch.onnx", true },
        { "espcn-nn_resize-float.onnx", true },
        { "SqueezeNet_fp16.onnx", true },
        { "style-candy.onnx", true },
        { "winml-cifar-classifier.onnx", true },
        { "factorio-mnist.onnx", true },
        { "factorio-mnist-quant.onnx", false },
        { "dnsmos-model_v8.onnx", true },
        { "dnsmos-sig_bak_ovr.onnx", true },
        { "dtln-1.onnx", true },
        { "gtcrn_simple.onnx", false },
        { "tract-keras-example.onnx", true },
        { "ppocrv4-det.onnx", true },
        { "magika-standard_v3_3.onnx", false },
        { "deeploy-CCT_2_32_32_128_Opset20.onnx", true },
        { "genai-tiny-random-gpt2-fp32.onnx", false },
        { "genai-whisper-dummy-decoder.onnx", false },
        { "dory-dronet-int.onnx", true },
        { "dory-dscnn-int.onnx", true },
        { "light_bvlc_alexnet.onnx", true },
        { "light_inception_v1.onnx", true },
        { "light_resnet50.onnx", true },
        { "light_squeezenet.onnx", true },
        { "light_vgg19.onnx", true },
        { "tract-xgboost-tree.onnx", true },
        { "espdl-nonstreaming.onnx", true },
        { "migraphx-qlinearconv-perchannel.onnx", true },
    };

    private static bool IsFreeAndEqual(string path)
    {
        var (before, after) = Run(OnnxImporter.Import(path));
        if (!after.Header.SamplesAreIndependent)
        {
            return false;
        }

        var samples = Enumerable.Range(0, 3).Select(i => Inputs(before, i)).ToList();
        var together = Meaning.Evaluate(after, Joined(samples));
        for (int i = 0; i < samples.Count; i++)
        {
            var alone = Meaning.Evaluate(before, samples[i]);
            for (int o = 0; o < alone.Count; o++)
            {
                var part = SampleBatch.Slice(together[o], i * (together[o].Shape[0] / samples.Count), together[o].Shape[0] / samples.Count);
                Assert.Equal<long>(alone[o].Shape, part.Shape);
                float[] expected = alone[o].ToFloats();
                float[] actual = part.ToFloats();
                double largest = Math.Max(1e-6, expected.Where(float.IsFinite).Select(v => Math.Abs((double)v)).DefaultIfEmpty().Max());
                Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, 1e-4 * largest));
            }
        }

        return true;
    }

    private static (Graph Before, Graph After) Run(TestModel model) => Run(model.Import());

    private static (Graph Before, Graph After) Run(Graph model)
    {
        var calibrated = Calibrate.Run(FoldConstants.Run(model), new CompileOptions());
        AimcCompilation.Verify(calibrated);
        var freed = FreeBatch.Run(calibrated, new CompileOptions());
        AimcCompilation.Verify(freed);
        return (calibrated.Graph, freed.Graph);
    }

    private static Dictionary<string, Tensor> Inputs(Graph graph, int sample) => graph.Header.Inputs.ToDictionary(
        p => p.Name,
        p =>
        {
            ImmutableArray<long> shape = [.. p.Shape.Select(d => d < 0 ? 1 : d)];
            var floats = TestModel.Random(1000 + sample, [.. shape]);
            return p.Type switch
            {
                TensorType.Float => floats,
                TensorType.Float16 => new Tensor(p.Type, shape, Array.ConvertAll(floats.Floats, v => (Half)v)),
                TensorType.Int64 => new Tensor(p.Type, shape, Array.ConvertAll(floats.Floats, v => (long)(4 + (4 * v)))),
                TensorType.Int32 => new Tensor(p.Type, shape, Array.ConvertAll(floats.Floats, v => (int)(4 + (4 * v)))),
                TensorType.UInt8 => new Tensor(p.Type, shape, Array.ConvertAll(floats.Floats, v => (byte)(128 + (100 * v)))),
                _ => Tensor.Zeros(p.Type, shape),
            };
        },
        StringComparer.Ordinal);

    private static Dictionary<string, Tensor> Joined(List<Dictionary<string, Tensor>> samples) =>
        samples[0].Keys.ToDictionary(name => name, name => SampleBatch.Join([.. samples.Select(s => s[name])]), StringComparer.Ordinal);

    private static TestModel Image() => new TestModel().Input("x", 1, 2, 4, 4).Output("y");

    private static TestModel SequenceFirst() => Sequence().Weights("w", 4, 3).Node("Transpose", "x", "t", ("perm", new[] { 1, 0, 2 }))
        .Node("MatMul", "t w", "m").Node("Transpose", "m", "y", ("perm", new[] { 1, 0, 2 }));

    private static TestModel Sequence() => new TestModel().Input("x", 1, 5, 4).Output("y");
}
