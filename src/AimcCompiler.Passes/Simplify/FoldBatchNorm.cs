using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Folds an inference-mode BatchNormalization into the convolution, transposed convolution or matrix product before it: W' = gamma / sqrt(var + eps) W,
/// b' = beta + gamma / sqrt(var + eps) (b - mu) per output channel (hardware.md 4.9).
/// <code>
/// before:  %c = Conv(%x, #w)                       after:  %y = Conv(%x, #w', #b')
///          %y = BatchNormalization(%c, #g, #b, #m, #v)
/// </code></summary>
public static class FoldBatchNorm
{
    public static Graph Run(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var constants = graph.Constants.ToBuilder();
        Dictionary<NodeId, Node> changed = [];
        HashSet<NodeId> removed = [];
        foreach (var norm in graph.Nodes.Where(n => n.Is("BatchNormalization") && n.Int("training_mode", 0) == 0 && n.Writes.Count() == 1 && n.Inputs.Length == 5))
        {
            if (graph.ProducerOf(norm.Inputs[0]) is not { } producer
                || changed.ContainsKey(producer.Id)
                || graph.ConsumersOf(norm.Inputs[0]).Count != 1
                || graph.IsOutput(norm.Inputs[0])
                || !norm.Inputs.Skip(1).All(constants.ContainsKey)
                || Fold(graph, producer, norm, constants) is not { } folded)
            {
                continue;
            }

            changed.Add(producer.Id, folded);
            removed.Add(norm.Id);
        }

        if (changed.Count == 0)
        {
            return graph;
        }

        Node[] nodes = [.. graph.Nodes.Where(n => !removed.Contains(n.Id)).Select(n => changed.GetValueOrDefault(n.Id, n))];
        var used = nodes.SelectMany(n => n.Reads).Concat(graph.Header.Outputs.Select(o => o.Name)).ToHashSet(StringComparer.Ordinal);
        constants.RemoveRange([.. constants.Keys.Where(k => !used.Contains(k))]);
        return graph.With([.. nodes], constants.ToImmutable());
    }

    private static Node? Fold(Graph graph, Node producer, Node norm, ImmutableDictionary<string, Tensor>.Builder constants)
    {
        // The axis of the weights along which output channels lie, and how many weights share a channel index behind it.
        bool isTransposed = producer.Is("ConvTranspose");
        bool isConvolution = producer.Is("Conv") || isTransposed;
        bool isGemm = producer.Is("Gemm") && producer.Int("transA", 0) == 0 && producer.Float("alpha", 1) == 1 && producer.Float("beta", 1) == 1;
        if ((!isConvolution && !isGemm)
            || producer.Inputs.Length < 2
            || !graph.Constants.TryGetValue(producer.Inputs[1], out var weights)
            || weights.Type != TensorType.Float
            || weights.Shape.Length < 2)
        {
            return null;
        }

        bool channelsFirst = isConvolution || producer.Int("transB", 0) != 0;
        long groups = isTransposed ? producer.Int("group", 1) : 1;
        if (groups < 1 || weights.Shape[0] % groups != 0)
        {
            return null;
        }

        long channels = isTransposed ? weights.Shape[1] * groups : channelsFirst ? weights.Shape[0] : weights.Shape[1];
        float[][] statistics = [.. norm.Inputs.Skip(1).Select(i => constants[i].ToFloats())];
        if (statistics.Any(s => s.Length != channels))
        {
            return null;
        }

        float[]? bias = null;
        if (producer.InputOrNull(2) is { } biasName)
        {
            if (!graph.Constants.TryGetValue(biasName, out var tensor) || tensor.Type != TensorType.Float || tensor.Count != channels || tensor.Shape is not [.., var last] || last != channels)
            {
                return null;
            }

            bias = tensor.Floats;
        }

        float epsilon = norm.Float("epsilon", 1e-5f);
        double[] factors = new double[channels];
        float[] newBias = new float[channels];
        for (int c = 0; c < channels; c++)
        {
            factors[c] = statistics[0][c] / Math.Sqrt((double)statistics[3][c] + epsilon);
            newBias[c] = (float)(statistics[1][c] + (factors[c] * ((bias?[c] ?? 0.0) - statistics[2][c])));
        }

        float[] elements = weights.Floats;
        float[] scaled = new float[elements.Length];
        long inner = isTransposed ? weights.Count / Math.Max(weights.Shape[0] * weights.Shape[1], 1) : channelsFirst ? weights.Count / Math.Max(channels, 1) : 1;
        for (long i = 0; i < scaled.Length; i += inner)
        {
            // Of a transposed convolution, the filters of a group lie behind each of the group's input channels.
            long channel = isTransposed
                ? (i / (inner * weights.Shape[1]) / (weights.Shape[0] / groups) * weights.Shape[1]) + (i / inner % weights.Shape[1])
                : i / inner % channels;
            double factor = factors[channel];
            for (long j = i; j < i + inner; j++)
            {
                scaled[j] = (float)(elements[j] * factor);
            }
        }

        if (!Array.TrueForAll(scaled, float.IsFinite) || !Array.TrueForAll(newBias, float.IsFinite))
        {
            return null;
        }

        string weightName = Unused($"{norm.Outputs[0]}::weights");
        string newBiasName = Unused($"{norm.Outputs[0]}::bias");
        constants[weightName] = new Tensor(TensorType.Float, weights.Shape, scaled);
        constants[newBiasName] = Tensor.FromFloats(newBias, channels);
        return producer with { Inputs = [producer.Inputs[0], weightName, newBiasName], Outputs = norm.Outputs };

        string Unused(string name)
        {
            while (constants.ContainsKey(name) || graph.ProducerOf(name) is not null || graph.Header.Inputs.Any(i => i.Name == name))
            {
                name += "'";
            }

            return name;
        }
    }
}
