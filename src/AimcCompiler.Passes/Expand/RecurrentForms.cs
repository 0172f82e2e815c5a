using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>LSTM, GRU and RNN: the products of the inputs of all time steps and directions are one product before the recurrence.</summary>
internal static class RecurrentForms
{
    /// <summary>X W' becomes a product of its own, with every bias that may be added there. The operator stays, reading the products (its W selects the columns of each
    /// direction); its R is the one matrix that lower-to-mvm puts into the time loop. Batch-major layouts become time-major ones.</summary>
    public static bool InputProduct(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (r.IsConstant(0) || r.ConstantOf(1) is not { Type: TensorType.Float, Shape.Length: 3 } w || r.ConstantOf(2) is not { Type: TensorType.Float, Shape.Length: 3 } recurrent
            || (node.InputOrNull(3) is not null && !r.IsConstant(3)) || (node.InputOrNull(7) is not null && !r.IsConstant(7))
            || !RecurrentCell.IsKnown(node) || w.Count == 0 || recurrent.Count == 0)
        {
            return false;
        }

        int directions = (int)w.Shape[0];
        int gates = (int)w.Shape[1];
        int features = (int)w.Shape[2];
        int hidden = (int)recurrent.Shape[2];
        int perState = node.OpType switch { "LSTM" => 4, "GRU" => 3, _ => 1 };
        if (gates != perState * hidden || recurrent.Shape[0] != directions || recurrent.Shape[1] != gates || directions != RecurrentCell.Directions(node)
            || (r.ConstantOf(3) is { } given && given.Count != 2L * directions * gates))
        {
            // ONNX Runtime says so when it runs.
            return false;
        }

        int width = directions * gates;
        float[] from = w.ToFloats();
        float[] matrix = new float[features * width];
        float[] selection = new float[width * width];
        for (int j = 0; j < width; j++)
        {
            for (int i = 0; i < features; i++)
            {
                matrix[(i * width) + j] = from[(j * features) + i];
            }

            selection[(j * width) + j] = 1;
        }

        bool isBatchMajor = node.Int("layout", 0) == 1;
        long[] swap = [1, 0, 2];
        string x = isBatchMajor ? r.Transpose(node.Inputs[0], swap) : node.Inputs[0];
        string product = r.Mvm(1, "MatMul", [x, r.Constant("weights", Rewriting.Floating(TensorType.Float, matrix, features, width))]);
        string? kept = null;
        if (r.ConstantOf(3) is { } biases)
        {
            // GRU's candidate bias of the recurrent product stays inside the reset gate's reach when it is applied after the product.
            float[] b = biases.ToFloats();
            float[] added = new float[width];
            float[] rest = new float[b.Length];
            bool keeps = node.OpType == "GRU" && node.Int("linear_before_reset", 0) != 0;
            for (int j = 0; j < width; j++)
            {
                int first = (j / gates * 2 * gates) + (j % gates);
                bool isCandidate = keeps && j % gates >= 2 * hidden;
                added[j] = isCandidate ? b[first] : b[first] + b[first + gates];
                rest[first + gates] = isCandidate ? b[first + gates] : 0;
            }

            product = r.Emit("Add", [product, r.Constant("bias", Tensor.FromFloats(added, width))]);
            kept = keeps ? r.Constant("recurrent_bias", new Tensor(TensorType.Float, biases.Shape, rest)) : null;
        }

        string State(int input) => node.InputOrNull(input) is not { } state ? "" : isBatchMajor ? r.Transpose(state, swap) : state;
        string[] inputs =
        [
            product, r.Constant("selection", Rewriting.Floating(TensorType.Float, selection, directions, gates, width)), node.Inputs[2], kept ?? "", node.InputOrNull(4) ?? "", State(5),
            .. node.OpType == "LSTM" ? (string[])[State(6), node.InputOrNull(7) ?? ""] : [],
        ];
        int last = Array.FindLastIndex(inputs, i => i.Length > 0);
        // The hidden states are what R multiplies: calibration reads them in the first output, wanted or not.
        string[] wanted = node.Outputs.IsEmpty ? [""] : [.. node.Outputs];
        string[] outputs = [.. wanted.Select((name, o) => name.Length == 0 ? o == 0 ? r.Fresh("states") : "" : isBatchMajor ? r.Fresh("time_major") : name)];
        r.Keep(node with
        {
            Inputs = [.. inputs.Take(last + 1)],
            Outputs = [.. outputs],
            Attributes = node.Attributes.Remove("layout"),
            Payload = default,
            ReadsGates = true,
        });
        for (int o = 0; isBatchMajor && o < wanted.Length; o++)
        {
            // Y: [time, directions, batch, hidden] -> [batch, time, directions, hidden]; states: [directions, batch, hidden] -> [batch, directions, hidden].
            if (wanted[o].Length > 0)
            {
                r.Transpose(outputs[o], o == 0 ? [2, 0, 1, 3] : swap, wanted[o]);
            }
        }

        return true;
    }
}
