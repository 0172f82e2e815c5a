using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes.Staging;

/// <summary>Windows against brute force: one row of one input is changed, ONNX Runtime says which rows of the output change, and each of them must have the row in its window.</summary>
internal static class WindowCheck
{
    /// <returns>How many pairs of an input and an output were looked at.</returns>
    public static int Hold(Graph graph, StageGraph stages)
    {
        int pairs = 0;
        foreach (var stage in stages.Stages.Where(s => s.Loop is null))
        {
            var output = stages.Values[stage.Output];
            if (graph.ProducerOf(output.Name) is not { } node || node.OpType == TimeLoop.OpType)
            {
                continue;
            }

            string[] reads = [.. node.Reads.Where(r => !graph.Constants.ContainsKey(r)).Distinct()];
            Dictionary<string, Tensor> inputs = reads.ToDictionary(r => r, r => Random(graph.Facts[r], r.Length));
            using DigitalSession session = new(ModelWriter.Extract(graph, [node], reads, [output.Name]), new DigitalOptions(Optimize: false));
            var before = session.Run(inputs, [output.Name])[0];
            foreach (var input in stage.Inputs.Select(i => Behind(stages, i, graph)).Where(i => inputs[stages.Values[i.Value].Name].Type == TensorType.Float))
            {
                var value = stages.Values[input.Value];
                for (int row = 0; row < value.Rows; row++)
                {
                    Dictionary<string, Tensor> changed = new(inputs) { [value.Name] = WithRow(inputs[value.Name], value.Rows, row) };
                    var after = session.Run(changed, [output.Name])[0];
                    foreach (int other in RowsThatDiffer(before, after, output.Rows))
                    {
                        Assert.True(
                            input.Window.First(other, value.Rows) <= row && row <= input.Window.Last(other, value.Rows),
                            $"{node.OpType} '{node.Name}': row {other} of {output.Rows} of {output.Name} {Tensor.Format(before.Shape)} changes with row {row} of {value.Rows} of {value.Name} {Tensor.Format(inputs[value.Name].Shape)}, {input.Window}");
                    }
                }

                pairs++;
            }
        }

        return pairs;
    }

    /// <summary>What parts of a reduction are made of, row by row.</summary>
    private static StageInput Behind(StageGraph stages, StageInput input, Graph graph)
    {
        if (graph.Facts.ContainsKey(stages.Values[input.Value].Name))
        {
            return input;
        }

        var made = Assert.Single(stages.Stages[stages.Values[input.Value].Producer].Inputs);
        Assert.Equal(RowWindow.SameRow, made.Window);
        Assert.Equal(stages.Values[made.Value].Rows, stages.Values[input.Value].Rows);
        return input with { Value = made.Value };
    }

    private static Tensor Random(ValueFacts facts, int seed)
    {
        var floats = TestModel.Random(seed, [.. facts.Shape]);
        return facts.Type switch
        {
            TensorType.Float => floats,
            TensorType.Int64 => new Tensor(facts.Type, facts.Shape, Array.ConvertAll(floats.Floats, v => (long)(1.5f + v))),
            TensorType.Bool => new Tensor(facts.Type, facts.Shape, Array.ConvertAll(floats.Floats, v => v > 0)),
            _ => Tensor.Zeros(facts.Type, facts.Shape),
        };
    }

    private static Tensor WithRow(Tensor tensor, int rows, int row)
    {
        float[] values = [.. tensor.Floats];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] += RowOf(tensor, rows, i) == row ? 0.37f + (i % 7) : 0;
        }

        return Tensor.FromFloats(values, [.. tensor.Shape]);
    }

    private static HashSet<int> RowsThatDiffer(Tensor before, Tensor after, int rows)
    {
        float[] left = before.Type == TensorType.Bool ? Array.ConvertAll((bool[])before.Data, b => b ? 1f : 0) : before.ToFloats();
        float[] right = after.Type == TensorType.Bool ? Array.ConvertAll((bool[])after.Data, b => b ? 1f : 0) : after.ToFloats();
        return [.. Enumerable.Range(0, left.Length).Where(i => !IsEqual(left[i], right[i])).Select(i => RowOf(before, rows, i))];
    }

    /// <summary>ONNX Runtime adds in an order that follows where a tensor lies in memory.</summary>
    private static bool IsEqual(float one, float other) => one.Equals(other) || Math.Abs(one - other) <= 1e-5f * Math.Max(1, Math.Abs(one));

    /// <summary>The shapes of the cases leave no doubt which axis a number of rows means.</summary>
    private static int RowOf(Tensor tensor, int rows, int index)
    {
        if (rows == 1)
        {
            return 0;
        }

        if (tensor.Count / tensor.Shape[^1] == rows)
        {
            return (int)(index / tensor.Shape[^1]);
        }

        Assert.Equal(rows, tensor.Shape[2]);
        long behind = tensor.Shape.Skip(3).Aggregate(1L, (a, b) => a * b);
        return (int)(index / behind % tensor.Shape[2]);
    }
}
