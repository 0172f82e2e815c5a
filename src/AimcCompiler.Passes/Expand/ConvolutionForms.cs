using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Convolutions in other forms than lower-to-mvm knows.</summary>
internal static class ConvolutionForms
{
    /// <summary>A bias that is computed is added after the product.</summary>
    public static bool DynamicBias(Rewriting r, CompileOptions options)
    {
        if (r.Node.InputOrNull(2) is not { } bias || r.IsConstant(2) || r.ConstantOf(1) is not { } weights || r.IsConstant(0) || weights.Shape.Length < 3)
        {
            return false;
        }

        string product = r.Mvm("Conv", [r.Node.Inputs[0], r.Node.Inputs[1]], r.Node.Attributes);
        r.Emit("Add", [product, r.Reshape(bias, [1, -1, .. Enumerable.Repeat(1L, weights.Shape.Length - 2)])], null, r.Node.Outputs[0]);
        return true;
    }

    /// <summary>A transposed convolution: every input pixel goes through a matrix of channels x (filters, kernel positions), as a 1x1 convolution, and what
    /// belongs to the same output pixel is added digitally. The overlap-add is a transposed convolution of one group a filter whose weights are 0 and 1,
    /// so that pads, strides, dilations and output shape keep the meaning that ONNX gives them.</summary>
    public static bool Transposed(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (r.ConstantOf(1) is not { } weights || r.IsConstant(0) || !LowerToMvm.IsRealType(weights.Type) || weights.Shape.Length < 3 || weights.Count == 0)
        {
            return false;
        }

        int groups = checked((int)node.Int("group", 1));
        int channels = checked((int)weights.Shape[0]);
        int filters = checked((int)weights.Shape[1]);
        long[] kernel = [.. weights.Shape.Skip(2)];
        int positions = checked((int)kernel.Aggregate(1L, (a, b) => a * b));
        long ones = (long)groups * filters * positions * positions;
        if (groups < 1 || channels % groups != 0 || ones > Math.Max(1 << 22, weights.Count))
        {
            return false;
        }

        // [channels, filters of a group, kernel] -> [groups x filters x kernel, channels of a group, 1...]
        float[] from = weights.ToFloats();
        float[] to = new float[from.Length];
        int perGroup = channels / groups;
        for (int c = 0; c < channels; c++)
        {
            int group = c / perGroup;
            for (int f = 0; f < filters * positions; f++)
            {
                to[(((group * filters * positions) + f) * perGroup) + (c % perGroup)] = from[(c * filters * positions) + f];
            }
        }

        long outputs = (long)groups * filters * positions;
        var steps = r.Graph.Steps.GetValueOrDefault(node.Inputs[1]);
        long[] unit = [.. Enumerable.Repeat(1L, kernel.Length)];
        string products = r.Mvm(
            "Conv",
            [node.Inputs[0], r.Constant("weights", Rewriting.Floating(weights.Type, to, [outputs, perGroup, .. unit]), steps)],
            Rewriting.Of(("kernel_shape", unit), ("group", groups)));
        float[] overlap = new float[ones];
        for (long i = 0; i < outputs; i++)
        {
            overlap[(i * positions) + (i % positions)] = 1;
        }

        string[] inputs = [products, r.Constant("overlap", Rewriting.Floating(weights.Type, overlap, [outputs, 1, .. kernel]))];
        r.Emit(
            "ConvTranspose",
            node.InputOrNull(2) is { } bias ? [.. inputs, bias] : inputs,
            node.Attributes.SetItem("group", new IntAttribute((long)groups * filters)),
            node.Outputs[0]);
        return true;
    }

    /// <summary>Conv, then the sum with another tensor if there is one, then the activation.</summary>
    public static bool Fused(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (!r.IsConstant(1) || r.IsConstant(0) || !Activations.IsKnown(node.String("activation", "")))
        {
            return false;
        }

        string[] inputs = node.InputOrNull(2) is { } bias ? [node.Inputs[0], node.Inputs[1], bias] : [node.Inputs[0], node.Inputs[1]];
        string result = r.Mvm("Conv", inputs, node.Attributes.RemoveRange(["activation", "activation_params"]));
        if (node.InputOrNull(3) is { } sum)
        {
            result = r.Emit("Add", [result, sum]);
        }

        Activations.Apply(r, node.String("activation", ""), node.Floats("activation_params"), result, node.Outputs[0]);
        return true;
    }
}

/// <summary>The activations that ONNX Runtime's fused operators name.</summary>
internal static class Activations
{
    public static bool IsKnown(string name) => name is "" or "Relu" or "Tanh" or "Sigmoid" or "LeakyRelu" or "Clip" or "HardSigmoid";

    public static void Apply(Rewriting r, string name, ImmutableArray<float> parameters, string value, string output)
    {
        switch (name)
        {
            case "":
                r.Emit("Identity", [value], null, output);
                break;
            case "LeakyRelu":
                r.Emit("LeakyRelu", [value], Rewriting.Of(("alpha", parameters is [var slope, ..] ? slope : 0.01f)), output);
                break;
            case "HardSigmoid":
                r.Emit("HardSigmoid", [value], parameters is [var alpha, var beta, ..] ? Rewriting.Of(("alpha", alpha), ("beta", beta)) : null, output);
                break;
            case "Clip":
                float low = parameters is [var min, ..] ? min : float.MinValue;
                float high = parameters is [_, var max, ..] ? max : float.MaxValue;
                if (r.Opset < 11)
                {
                    r.Emit("Clip", [value], Rewriting.Of(("min", low), ("max", high)), output);
                }
                else
                {
                    r.Emit("Clip", [value, r.Constant("min", Tensor.FromFloats([low])), r.Constant("max", Tensor.FromFloats([high]))], null, output);
                }

                break;
            default:
                r.Emit(name, [value], null, output);
                break;
        }
    }
}
