using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>LSTM, GRU and RNN on tiles compute what ONNX Runtime's do.</summary>
public sealed class RecurrentFormsTests
{
    private const int Time = 5;
    private const int Features = 4;
    private const int Hidden = 3;

    private static readonly string[] s_operators = ["LSTM", "GRU", "RNN"];

    public static TheoryData<string, string, int, bool, bool> Products
    {
        get
        {
            TheoryData<string, string, int, bool, bool> rows = [];
            foreach (string op in s_operators)
            {
                foreach (string direction in (string[])["forward", "reverse", "bidirectional"])
                {
                    foreach (int batch in (int[])[1, 3])
                    {
                        rows.Add(op, direction, batch, false, false);
                        rows.Add(op, direction, batch, true, false);
                        rows.Add(op, direction, batch, false, true);
                        rows.Add(op, direction, batch, true, true);
                    }
                }
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Products))]
    public void EveryDirectionStateAndLengthIsTheOperators(string op, string direction, int batch, bool hasStates, bool hasLengths)
    {
        var model = Model(op, direction, batch, hasStates: hasStates, hasLengths: hasLengths);
        var program = Expansion.IsOnTiles(model);
        int directions = direction == "bidirectional" ? 2 : 1;
        Assert.Equal(directions, program.Instructions.OfType<LoopInstruction>().Count());
        // One product of the inputs, and one in the loop of each direction, or two where the reset gate comes between.
        Assert.Equal(1 + (directions * (op == "GRU" ? 2 : 1)), program.Layers.Length);
        Assert.All(program.Layers, l => Assert.Equal(op, l.Op));
    }

    [Theory]
    [InlineData("LSTM", "y_a")]
    [InlineData("LSTM", "_ y_h")]
    [InlineData("LSTM", "_ _ y_c")]
    [InlineData("LSTM", "y_a y_h")]
    [InlineData("LSTM", "y_a _ y_c")]
    [InlineData("LSTM", "_ y_h y_c")]
    [InlineData("GRU", "y_a")]
    [InlineData("GRU", "_ y_h")]
    [InlineData("RNN", "y_a")]
    [InlineData("RNN", "_ y_h")]
    public void OutputsCanBeLeftOut(string op, string outputs)
    {
        Expansion.IsOnTiles(Model(op, "forward", 2, outputs: outputs));
        Expansion.IsOnTiles(Model(op, "bidirectional", 2, outputs: outputs, hasLengths: true));
    }

    [Theory]
    [InlineData("LSTM", "forward")]
    [InlineData("LSTM", "bidirectional")]
    public void PeepholesSeeTheCell(string op, string direction)
    {
        Expansion.IsOnTiles(Model(op, direction, 2, hasPeepholes: true, hasStates: true));
        Expansion.IsOnTiles(Model(op, direction, 2, hasPeepholes: true));
    }

    [Theory]
    [InlineData("LSTM")]
    [InlineData("GRU")]
    [InlineData("RNN")]
    public void GatesAreClipped(string op)
    {
        Expansion.IsOnTiles(Model(op, "forward", 2, attributes: [("clip", 0.3f)]));
        Expansion.IsOnTiles(Model(op, "bidirectional", 2, hasStates: true, attributes: [("clip", 0.2f)]));
    }

    [Fact]
    public void TheForgetGateCanBeTheOppositeOfTheInputGate()
    {
        Expansion.IsOnTiles(Model("LSTM", "forward", 2, hasStates: true, attributes: [("input_forget", 1)]));
        Expansion.IsOnTiles(Model("LSTM", "bidirectional", 2, hasStates: true, hasPeepholes: true, attributes: [("input_forget", 1)]));
    }

    [Theory]
    [InlineData("forward", false)]
    [InlineData("reverse", true)]
    [InlineData("bidirectional", true)]
    public void TheResetGateCanComeAfterTheProduct(string direction, bool hasStates)
    {
        var model = Model("GRU", direction, 3, hasStates: hasStates, hasLengths: hasStates, attributes: [("linear_before_reset", 1)]);
        var program = Expansion.IsOnTiles(model);
        Assert.Equal(1 + (direction == "bidirectional" ? 2 : 1), program.Layers.Length);
    }

    public static TheoryData<string, string[], float[], float[]> Activations => new()
    {
        { "RNN", ["Relu"], [], [] },
        { "RNN", ["Sigmoid"], [], [] },
        { "RNN", ["Softsign"], [], [] },
        { "RNN", ["Softplus"], [], [] },
        { "RNN", ["Affine"], [0.5f], [0.1f] },
        { "RNN", ["LeakyRelu"], [0.2f], [] },
        { "RNN", ["ThresholdedRelu"], [0.1f], [] },
        { "RNN", ["ScaledTanh"], [0.7f], [0.6f] },
        { "RNN", ["HardSigmoid"], [0.3f], [0.4f] },
        { "RNN", ["Elu"], [0.5f], [] },
        { "GRU", ["HardSigmoid", "Relu"], [0.3f], [0.4f] },
        { "GRU", ["Sigmoid", "Softsign"], [], [] },
        { "GRU", ["HardSigmoid", "ScaledTanh"], [0.3f, 0.8f], [0.4f, 0.9f] },
        { "LSTM", ["HardSigmoid", "Tanh", "Softsign"], [0.3f], [0.4f] },
        { "LSTM", ["Sigmoid", "LeakyRelu", "ScaledTanh"], [0.2f, 0.8f], [0.9f] },
        { "LSTM", ["sigmoid", "tanh", "relu"], [], [] },
    };

    [Theory]
    [MemberData(nameof(Activations))]
    public void OtherActivations(string op, string[] names, float[] alphas, float[] betas)
    {
        List<(string, object)> attributes = [("activations", names)];
        if (alphas.Length > 0)
        {
            attributes.Add(("activation_alpha", alphas));
        }

        if (betas.Length > 0)
        {
            attributes.Add(("activation_beta", betas));
        }

        Expansion.IsOnTiles(Model(op, "forward", 2, attributes: [.. attributes]));
    }

    [Fact]
    public void EachDirectionHasItsActivations() =>
        Expansion.IsOnTiles(Model("GRU", "bidirectional", 2, attributes: [("activations", (string[])["Sigmoid", "Tanh", "HardSigmoid", "LeakyRelu"]), ("activation_alpha", new[] { 0.3f, 0.1f }), ("activation_beta", new[] { 0.45f })]));

    [Theory]
    [InlineData("LSTM")]
    [InlineData("GRU")]
    [InlineData("RNN")]
    public void BiasesCanBeLeftOut(string op) => Expansion.IsOnTiles(Model(op, "bidirectional", 2, hasBias: false, hasStates: true));

    [Theory]
    [InlineData(7)]
    [InlineData(13)]
    [InlineData(14)]
    [InlineData(22)]
    public void EveryVersionOfTheOperator(long opset)
    {
        foreach (string op in s_operators)
        {
            Expansion.IsOnTiles(Model(op, "bidirectional", 2, opset: opset, hasStates: true, hasLengths: true));
        }
    }

    [Theory]
    [InlineData("LSTM")]
    [InlineData("GRU")]
    [InlineData("RNN")]
    public void TimeAndBatchCanBeOpen(string op)
    {
        var model = Model(op, "bidirectional", "N", time: "T");
        Expansion.IsOnTiles(model, symbolic: 1);
        Expansion.IsOnTiles(model, symbolic: 4);
    }

    [Fact]
    public void InitialStatesCanBeInputs()
    {
        foreach (string op in s_operators)
        {
            Expansion.IsOnTiles(Model(op, "bidirectional", 3, hasStates: true, givesStates: true));
        }
    }

    /// <summary>Lengths are an input here, and the longest sequence is shorter than the time axis.</summary>
    [Fact]
    public void LengthsCanBeAnInput()
    {
        foreach (string op in s_operators)
        {
            var model = Model(op, "bidirectional", 3, hasLengths: true, givesLengths: true);
            var inputs = Expansion.Inputs(model.Import());
            inputs["lengths"] = new Tensor(TensorType.Int32, [3], new[] { 1, 4, 2 });
            Expansion.IsOnTiles(model, inputs: inputs);
        }
    }

    /// <summary>ONNX Runtime has no kernel for the batch-major layout; the reference is the time-major operator between transpositions.</summary>
    [Theory]
    [InlineData("LSTM", "forward")]
    [InlineData("LSTM", "bidirectional")]
    [InlineData("GRU", "reverse")]
    [InlineData("GRU", "bidirectional")]
    [InlineData("RNN", "bidirectional")]
    public void BatchMajorLayout(string op, string direction)
    {
        var model = BatchMajor(op, direction, isReference: false);
        Expansion.IsOnTiles(model, reference: BatchMajor(op, direction, isReference: true));
    }

    public static TheoryData<string> WholeNames => [.. Whole.Keys];

    private static readonly Dictionary<string, TestModel> Whole = new()
    {
        ["computed weights"] = new TestModel().Input("x", Time, 2, Features).Input("w", 1, 4 * Hidden, Features).Weights("r", 1, 4 * Hidden, Hidden)
            .Node("LSTM", "x w r", "y", ("hidden_size", Hidden)).Output("y"),
        ["computed recurrent weights"] = new TestModel().Input("x", Time, 2, Features).Weights("w", 1, 3 * Hidden, Features).Input("r", 1, 3 * Hidden, Hidden)
            .Node("GRU", "x w r", "y", ("hidden_size", Hidden)).Output("y"),
        ["computed biases"] = new TestModel().Input("x", Time, 2, Features).Weights("w", 1, Hidden, Features).Weights("r", 1, Hidden, Hidden).Input("b", 1, 2 * Hidden)
            .Node("RNN", "x w r b", "y", ("hidden_size", Hidden)).Output("y"),
        ["a constant sequence"] = new TestModel().Weights("x", Time, 2, Features).Weights("w", 1, 4 * Hidden, Features).Weights("r", 1, 4 * Hidden, Hidden).Input("z", 1, 2, Hidden)
            .Node("LSTM", "x w r _ _ z", "y", ("hidden_size", Hidden)).Output("y"),
    };

    [Theory]
    [MemberData(nameof(WholeNames))]
    public void WhatHoldsNoProductStaysWhole(string name) => Expansion.StaysWhole(Whole[name]);

    private static TestModel BatchMajor(string op, string direction, bool isReference)
    {
        int directions = direction == "bidirectional" ? 2 : 1;
        int gates = Gates(op) * Hidden;
        var model = new TestModel().Input("x", 2, Time, Features).Weights("w", directions, gates, Features).Weights("r", directions, gates, Hidden).Weights("b", directions, 2 * gates)
            .Input("h0", 2, directions, Hidden);
        bool hasCell = op == "LSTM";
        if (hasCell)
        {
            model.Input("c0", 2, directions, Hidden);
        }

        if (!isReference)
        {
            return model.Node(op, hasCell ? "x w r b _ h0 c0" : "x w r b _ h0", hasCell ? "y_a y_h y_c" : "y_a y_h", ("hidden_size", Hidden), ("direction", direction), ("layout", 1))
                .Output(hasCell ? ["y_a", "y_h", "y_c"] : ["y_a", "y_h"]);
        }

        (string, object) swap = ("perm", new[] { 1, 0, 2 });
        model.Node("Transpose", "x", "xt", swap).Node("Transpose", "h0", "ht", swap);
        if (hasCell)
        {
            model.Node("Transpose", "c0", "ct", swap);
        }

        model.Node(op, hasCell ? "xt w r b _ ht ct" : "xt w r b _ ht", hasCell ? "ya yh yc" : "ya yh", ("hidden_size", Hidden), ("direction", direction))
            .Node("Transpose", "ya", "y_a", ("perm", new[] { 2, 0, 1, 3 })).Node("Transpose", "yh", "y_h", swap);
        if (hasCell)
        {
            model.Node("Transpose", "yc", "y_c", swap);
        }

        return model.Output(hasCell ? ["y_a", "y_h", "y_c"] : ["y_a", "y_h"]);
    }

    private static int Gates(string op) => op switch
    {
        "LSTM" => 4,
        "GRU" => 3,
        _ => 1,
    };

    internal static TestModel Model(
        string op,
        string direction,
        object batch,
        object? time = null,
        string? outputs = null,
        long opset = 17,
        bool hasBias = true,
        bool hasStates = false,
        bool givesStates = false,
        bool hasLengths = false,
        bool givesLengths = false,
        bool hasPeepholes = false,
        params (string Name, object Value)[] attributes)
    {
        int directions = direction == "bidirectional" ? 2 : 1;
        int gates = Gates(op) * Hidden;
        bool hasCell = op == "LSTM";
        outputs ??= hasCell ? "y_a y_h y_c" : "y_a y_h";
        var model = new TestModel(opset).Input("x", time ?? Time, batch, Features).Weights("w", directions, gates, Features).Weights("r", directions, gates, Hidden);
        List<string> inputs = ["x", "w", "r"];
        inputs.Add(hasBias ? "b" : "_");
        if (hasBias)
        {
            model.Weights("b", directions, 2 * gates);
        }

        inputs.Add(hasLengths ? "lengths" : "_");
        if (givesLengths)
        {
            model.Input("lengths", TensorType.Int32, batch);
        }
        else if (hasLengths)
        {
            model.Constant("lengths", new Tensor(TensorType.Int32, [(int)batch], Enumerable.Range(0, (int)batch).Select(i => Time - (2 * i)).ToArray()));
        }

        foreach (string state in hasStates ? hasCell ? (string[])["h0", "c0"] : ["h0"] : [])
        {
            inputs.Add(state);
            if (givesStates)
            {
                model.Input(state, directions, batch, Hidden);
            }
            else
            {
                model.Weights(state, directions, (int)batch, Hidden);
            }
        }

        if (hasPeepholes)
        {
            while (inputs.Count < 7)
            {
                inputs.Add("_");
            }

            inputs.Add("p");
            model.Weights("p", directions, 3 * Hidden);
        }

        while (inputs[^1] == "_")
        {
            inputs.RemoveAt(inputs.Count - 1);
        }

        string[] written = outputs.Split(' ');
        return model.Node(op, [.. inputs], [.. written.Select(o => o == "_" ? "" : o)], [("hidden_size", Hidden), ("direction", direction), .. attributes])
            .Output([.. written.Where(o => o != "_")]);
    }
}
