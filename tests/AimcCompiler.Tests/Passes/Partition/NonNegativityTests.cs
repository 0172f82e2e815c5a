using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class NonNegativityTests
{
    private static readonly Dictionary<string, TestModel> Proven = new()
    {
        ["Relu"] = Model().Node("Relu", "x", "y"),
        ["Softmax"] = Model().Node("Softmax", "x", "y"),
        ["Clip from 0"] = Model().Floats("zero", [0]).Node("Clip", "x zero", "y"),
        ["Clip from 0 to 6"] = Model().Floats("zero", [0]).Floats("six", [6]).Node("Clip", "x zero six", "y"),
        ["Clip of old"] = new TestModel(10).Input("x", 2, 3, 4).Node("Clip", "x", "y", ("min", 0f), ("max", 6f)),
        ["a pool of Relu"] = Model().Node("Relu", "x", "h").Node("MaxPool", "h", "y", ("kernel_shape", new[] { 2 })),
        ["a sum of two"] = Model().Node("Relu", "x", "a").Node("Sigmoid", "x", "b").Node("Add", "a b", "y"),
        ["a product with a constant"] = Model().Floats("k", [0.5f]).Node("Relu", "x", "a").Node("Mul", "a k", "y"),
        ["a reshape"] = Model().Ints("s", -1).Node("Abs", "x", "a").Node("Reshape", "a s", "y"),
        ["a cast of a mask"] = Model().Floats("k", [0.5f]).Node("Greater", "x k", "m").Node("Cast", "m", "y", ("to", 1)),
        ["a cast between floats"] = Model().Node("Relu", "x", "a").Node("Cast", "a", "h", ("to", 10)).Node("Cast", "h", "y", ("to", 1)),
        ["a one-hot vector"] = Model().Ints("d", 5).Floats("v", [0, 1], 2).Node("Cast", "x", "i", ("to", 7)).Node("OneHot", "i d v", "y"),
        ["ThresholdedRelu"] = Model().Node("ThresholdedRelu", "x", "y", ("alpha", 0.5f)),
    };

    private static readonly Dictionary<string, TestModel> NotProven = new()
    {
        ["the input"] = Model().Node("Identity", "x", "y"),
        ["LeakyRelu"] = Model().Node("LeakyRelu", "x", "y"),
        ["Tanh"] = Model().Node("Tanh", "x", "y"),
        ["Clip from -1"] = Model().Floats("one", [-1]).Node("Clip", "x one", "y"),
        ["Clip without a minimum"] = Model().Floats("six", [6]).Node("Clip", "x _ six", "y"),
        ["Clip whose maximum is negative"] = Model().Floats("zero", [0]).Floats("less", [-2]).Node("Clip", "x zero less", "y"),
        ["Clip whose maximum is an activation"] = Model().Floats("zero", [0]).Node("ReduceMin", "x", "m", ("keepdims", 0)).Node("Clip", "x zero m", "y"),
        ["a sum with a negative constant"] = Model().Floats("k", [-0.5f]).Node("Relu", "x", "a").Node("Add", "a k", "y"),
        ["a sum with the input"] = Model().Node("Relu", "x", "a").Node("Add", "a x", "y"),
        ["a difference"] = Model().Node("Relu", "x", "a").Node("Abs", "x", "b").Node("Sub", "a b", "y"),
        ["a cast of negative integers"] = Model().Node("Cast", "x", "i", ("to", 7)).Node("Cast", "i", "y", ("to", 1)),
        ["a cast that wraps around"] = Model().Floats("k", [200]).Node("Relu", "x", "a").Node("Add", "a k", "b")
            .Node("Cast", "b", "i", ("to", 3)).Node("Cast", "i", "y", ("to", 1)),
        ["a gather of the input"] = Model().Ints("i", 0).Node("Gather", "x i", "y"),
        ["a one-hot vector of negative zeros and ones"] = Model().Ints("d", 5).Floats("v", [-1, 1], 2).Node("Cast", "x", "i", ("to", 7)).Node("OneHot", "i d v", "y"),
        ["ThresholdedRelu below zero"] = Model().Node("ThresholdedRelu", "x", "y", ("alpha", -0.5f)),
        ["a normalisation"] = new TestModel().Input("x", 1, 2, 4, 4).Statistics("s", 2).Node("Relu", "x", "a").Norm("a", "y"),
    };

    public static TheoryData<string> Yes => [.. Proven.Keys];

    public static TheoryData<string> No => [.. NotProven.Keys];

    [Theory]
    [MemberData(nameof(Yes))]
    public void Proves(string name) => Assert.Contains("y", NonNegativity.Prove(Calibrate.Run(Proven[name].Output("y").Import(), new CompileOptions()).Graph));

    [Theory]
    [MemberData(nameof(No))]
    public void DoesNotProve(string name) =>
        Assert.DoesNotContain("y", NonNegativity.Prove(Calibrate.Run(NotProven[name].Output("y").Import(), new CompileOptions()).Graph));

    /// <summary>Soundness: whatever is proven is true of what ONNX Runtime computes, on random graphs and inputs.</summary>
    [Fact]
    public void WhatIsProvenIsNeverNegative()
    {
        int proven = 0;
        for (int seed = 0; seed < 30; seed++)
        {
            var model = RandomModel(new Random(seed));
            var graph = Calibrate.Run(model.Import(), new CompileOptions()).Graph;
            string[] values = [.. graph.Nodes.SelectMany(n => n.Writes)];
            string[] claimed = [.. NonNegativity.Prove(graph).Where(v => values.Contains(v) && Tensor.IsFloating(graph.Facts[v].Type))];
            proven += claimed.Length;
            using DigitalSession session = new(ModelWriter.Extract(graph, graph.Nodes, ["x"], claimed), new DigitalOptions(Optimize: false));
            foreach (float scale in (float[])[1, 300])
            {
                float[] input = Array.ConvertAll(TestModel.Random(seed, 24).Floats, v => v * scale);
                var results = session.Run(new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats(input, 2, 3, 4) }, claimed);
                foreach (var (name, tensor) in claimed.Zip(results))
                {
                    Assert.False(Array.Exists(tensor.ToFloats(), v => v < 0), $"seed {seed}: {name} of {graph.ProducerOf(name)!.OpType} is negative");
                }
            }
        }

        Assert.True(proven > 200, $"only {proven} proofs");
    }

    private static TestModel RandomModel(Random random)
    {
        var model = Model().Floats("c0", [-0.5f]).Floats("c1", [0]).Floats("c2", [0.75f]).Weights("c3", 2, 3, 4);
        List<string> values = ["x"];
        string[] plain =
        [
            "Relu", "Sigmoid", "Abs", "Neg", "Exp", "Sqrt", "Tanh", "HardSigmoid", "Softplus", "Softmax", "Identity", "LeakyRelu", "Elu", "Sin", "HardSwish",
            "ThresholdedRelu", "Ceil", "Floor",
        ];
        string[] binary = ["Add", "Mul", "Sub", "Max", "Min", "Div", "Sum", "Mean"];
        for (int i = 0; i < 40; i++)
        {
            string y = $"v{i}";
            string a = values[random.Next(values.Count)];
            string b = random.Next(3) == 0 ? $"c{random.Next(4)}" : values[random.Next(values.Count)];
            switch (random.Next(8))
            {
                case < 3:
                    model.Node(plain[random.Next(plain.Length)], a, y);
                    break;
                case < 5:
                    model.Node(binary[random.Next(binary.Length)], random.Next(2) == 0 ? $"{a} {b}" : $"{b} {a}", y);
                    break;
                case 5:
                    string bounds = (random.Next(2) == 0 ? "_" : $"c{random.Next(3)}") + (random.Next(2) == 0 ? "" : $" c{random.Next(3)}");
                    model.Node("Clip", $"{a} {bounds}", y);
                    break;
                case 6:
                    model.Node("Cast", a, y + "i", ("to", new[] { 2, 3, 6, 7, 9, 10 }[random.Next(6)])).Node("Cast", y + "i", y, ("to", 1));
                    break;
                default:
                    model.Node("ThresholdedRelu", a, y, ("alpha", (float)((2 * random.NextDouble()) - 1)));
                    break;
            }

            // c-values broadcast to one element stay what they are; everything else has the input's shape.
            values.Add(y);
        }

        return model.Output(values[^1]);
    }

    private static TestModel Model() => new TestModel().Input("x", 2, 3, 4);
}
