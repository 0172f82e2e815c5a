using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Products of quantized operands: inputs are dequantized, the weights' integers go to tiles as they are (their steps are known), the result is
/// quantized as the operator says.</summary>
internal static class QuantizedForms
{
    /// <summary>x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias.</summary>
    public static bool QLinearConv(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (r.IsConstant(0) || r.ConstantOf(1) is not { Count: 1 } scale || Dequantized(r, 3, 4, 5, axis: 0) is not { } weights || (node.InputOrNull(8) is not null && !r.IsConstant(8)))
        {
            return false;
        }

        List<string> inputs = [Dequantize(r, node.Inputs[0], node.Inputs[1], node.InputOrNull(2)), Add(r, weights)];
        if (r.ConstantOf(8) is { } bias)
        {
            float[] units = bias.ToFloats();
            float[] steps = r.ConstantOf(4)!.ToFloats();
            inputs.Add(r.Constant("bias", Tensor.FromFloats([.. units.Select((b, i) => (float)((double)b * scale.ToFloats()[0] * steps[steps.Length == 1 ? 0 : i]))], units.Length)));
        }

        Quantize(r, r.Mvm("Conv", [.. inputs], node.Attributes), 6, 7);
        return true;
    }

    /// <summary>a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point.</summary>
    public static bool QLinearMatMul(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (r.IsConstant(0) == r.IsConstant(3))
        {
            return false;
        }

        int at = r.IsConstant(3) ? 3 : 0;
        int other = 3 - at;
        // Scales of rows (left) or columns (right) of the constant.
        if (Dequantized(r, at, at + 1, at + 2, axis: at == 3 ? -1 : -2) is not { } weights || r.ConstantOf(other + 1) is not { Count: 1 })
        {
            return false;
        }

        string input = Dequantize(r, node.Inputs[other], node.Inputs[other + 1], node.InputOrNull(other + 2));
        string matrix = Add(r, weights);
        Quantize(r, r.Mvm("MatMul", at == 3 ? [input, matrix] : [matrix, input]), 6, 7);
        return true;
    }

    /// <summary>x, w, x_zero_point, w_zero_point -> int32.</summary>
    public static bool ConvInteger(Rewriting r, CompileOptions options)
    {
        if (r.IsConstant(0) || Integers(r, 1, 3, axis: 0) is not { } weights || !IsScalar(r, 2))
        {
            return false;
        }

        ToInt32(r, r.Mvm("Conv", [WithoutZeroPoint(r, 0, 2), Add(r, weights)], r.Node.Attributes));
        return true;
    }

    /// <summary>A, B, a_zero_point, b_zero_point -> int32.</summary>
    public static bool MatMulInteger(Rewriting r, CompileOptions options)
    {
        int at = r.IsConstant(1) ? 1 : 0;
        if (r.IsConstant(0) == r.IsConstant(1) || Integers(r, at, at + 2, axis: at == 1 ? -1 : -2) is not { } weights || !IsScalar(r, 3 - at))
        {
            return false;
        }

        string input = WithoutZeroPoint(r, 1 - at, 3 - at);
        string matrix = Add(r, weights);
        ToInt32(r, r.Mvm("MatMul", at == 1 ? [input, matrix] : [matrix, input]));
        return true;
    }

    /// <summary>A, B, a_scale, b_scale, a_zero_point, b_zero_point, bias.</summary>
    public static bool MatMulIntegerToFloat(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (r.IsConstant(0) || Dequantized(r, 1, 3, 5, axis: -1) is not { } weights || !IsScalar(r, 4) || !IsScalar(r, 2))
        {
            return false;
        }

        string values = WithoutZeroPoint(r, 0, 4);
        Biased(r, r.Mvm("MatMul", [r.Emit("Mul", [values, node.Inputs[2]]), Add(r, weights)]), 6);
        return true;
    }

    /// <summary>A, B, b_scale, b_zero_point, bias: A is quantized to unsigned bytes by what it holds, as DynamicQuantizeLinear does.</summary>
    public static bool DynamicQuantizeMatMul(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (r.Opset < 11 || r.IsConstant(0) || Dequantized(r, 1, 2, 3, axis: -1) is not { } weights)
        {
            return false;
        }

        string[] quantized = r.EmitMany("DynamicQuantizeLinear", [node.Inputs[0]], 3);
        string input = r.Emit("DequantizeLinear", quantized);
        Biased(r, r.Mvm("MatMul", [input, Add(r, weights)]), 4);
        return true;
    }

    /// <summary>A, a_scale, a_zero_point, B, b_scale, b_zero_point, C, y_scale, y_zero_point; without y_scale the result is floating-point.</summary>
    public static bool QGemm(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        bool isTransposed = node.Int("transB", 0) != 0;
        if (r.IsConstant(0) || r.ConstantOf(1) is not { Count: 1 } scale || Dequantized(r, 3, 4, 5, axis: isTransposed ? 0 : -1) is not { } weights
            || (node.InputOrNull(6) is not null && !r.IsConstant(6)))
        {
            return false;
        }

        List<string> inputs = [Dequantize(r, node.Inputs[0], node.Inputs[1], node.InputOrNull(2)), Add(r, weights)];
        var attributes = node.Attributes;
        if (r.ConstantOf(6) is { } units)
        {
            float[] steps = r.ConstantOf(4)!.ToFloats();
            float factor = node.Float("alpha", 1) * scale.ToFloats()[0];
            long columns = units.Shape is [.., var last] ? last : 1;
            float[] values = [.. units.ToFloats().Select((c, i) => (float)((double)c * factor * steps[steps.Length == 1 ? 0 : (int)(i % columns)]))];
            inputs.Add(r.Constant("bias", new Tensor(TensorType.Float, units.Shape, values)));
            attributes = attributes.SetItem("beta", new FloatAttribute(1));
        }

        string product = r.Mvm("Gemm", inputs.Count == 2 ? ProductForms.GemmInputs(r, inputs[0], inputs[1]) : [.. inputs], attributes, node.InputOrNull(7) is null ? node.Outputs[0] : null);
        if (node.InputOrNull(7) is not null)
        {
            Quantize(r, product, 7, 8);
        }

        return true;
    }

    /// <summary>A, B [N, blocks, bytes], scales, zero points, ...: weights of 2, 4 or 8 bits with a scale for every block of rows.</summary>
    public static bool MatMulNBits(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        int rows = checked((int)node.Int("K", 0));
        int columns = checked((int)node.Int("N", 0));
        int bits = checked((int)node.Int("bits", 4));
        int size = checked((int)node.Int("block_size", 0));
        if (r.IsConstant(0) || bits is not (2 or 4 or 8) || size < 1 || rows < 1 || columns < 1
            || r.ConstantOf(1) is not { Data: byte[] packed } || r.ConstantOf(2) is not { } scales || !Tensor.IsFloating(scales.Type) || node.InputOrNull(4) is not null)
        {
            return false;
        }

        int blocks = (rows + size - 1) / size;
        int bytes = size * bits / 8;
        int perByte = 8 / bits;
        int mask = (1 << bits) - 1;
        int zeroBytes = (blocks + perByte - 1) / perByte;
        float[] factors = scales.ToFloats();
        var zeros = r.ConstantOf(3);
        if ((long)packed.Length != (long)columns * blocks * bytes || factors.Length != columns * blocks
            || (node.InputOrNull(3) is not null && zeros is null) || (zeros?.Data is byte[] z && z.Length != columns * zeroBytes) || (zeros is { Data: not byte[] } && zeros.Count != factors.Length))
        {
            return false;
        }

        float[]? floatZeros = zeros is { Data: not byte[] } ? zeros.ToFloats() : null;
        float[] values = new float[rows * columns];
        for (int n = 0; n < columns; n++)
        {
            for (int k = 0; k < rows; k++)
            {
                int block = k / size;
                int within = k % size;
                int code = (packed[(((n * blocks) + block) * bytes) + (within / perByte)] >> (within % perByte * bits)) & mask;
                float zero = floatZeros is not null ? floatZeros[(n * blocks) + block]
                    : zeros?.Data is byte[] packedZeros ? (packedZeros[(n * zeroBytes) + (block / perByte)] >> (block % perByte * bits)) & mask
                    : 1 << (bits - 1);
                values[(k * columns) + n] = (code - zero) * factors[(n * blocks) + block];
            }
        }

        Biased(r, r.Mvm("MatMul", [node.Inputs[0], r.Constant("weights", Rewriting.Floating(scales.Type, values, rows, columns))]), 5);
        return true;
    }

    private static void Biased(Rewriting r, string product, int bias)
    {
        if (r.Node.InputOrNull(bias) is { } name)
        {
            r.Emit("Add", [product, name], null, r.Node.Outputs[0]);
        }
        else
        {
            r.Result(product);
        }
    }

    /// <summary>Weights times their scale, and the steps.</summary>
    private sealed record RealWeights(Tensor Tensor, ImmutableArray<float> Steps);

    private static string Add(Rewriting r, RealWeights weights) => r.Constant("weights", weights.Tensor, weights.Steps);

    private static RealWeights? Integers(Rewriting r, int weights, int zeroPoint, int axis) => Scaled(r, weights, null, zeroPoint, axis);

    private static RealWeights? Dequantized(Rewriting r, int weights, int scale, int zeroPoint, int axis) =>
        r.ConstantOf(scale) is { } scales && Tensor.IsFloating(scales.Type) ? Scaled(r, weights, scales.ToFloats(), zeroPoint, axis) : null;

    /// <summary>(q - zero point) x scale, one of each or one along the axis.</summary>
    private static RealWeights? Scaled(Rewriting r, int weights, float[]? scales, int zeroPoint, int axis)
    {
        if (r.ConstantOf(weights) is not { } tensor || tensor.Type is not (TensorType.Int8 or TensorType.UInt8 or TensorType.Int16 or TensorType.UInt16) || tensor.Shape.IsEmpty
            || (r.Node.InputOrNull(zeroPoint) is not null && !r.IsConstant(zeroPoint)))
        {
            return null;
        }

        float[] zeros = r.ConstantOf(zeroPoint)?.ToFloats() ?? [0];
        scales ??= [1];
        int at = axis < 0 ? tensor.Shape.Length + axis : axis;
        if (at < 0 || !Fits(zeros) || !Fits(scales) || !Array.TrueForAll(scales, s => float.IsFinite(s) && s > 0))
        {
            return null;
        }

        long inner = 1;
        for (int a = at + 1; a < tensor.Shape.Length; a++)
        {
            inner *= tensor.Shape[a];
        }

        float[] values = (float[])tensor.ToFloats().Clone();
        for (long i = 0; i < values.Length; i++)
        {
            long channel = i / inner % tensor.Shape[at];
            values[i] = (values[i] - zeros[zeros.Length == 1 ? 0 : channel]) * scales[scales.Length == 1 ? 0 : channel];
        }

        return new RealWeights(new Tensor(TensorType.Float, tensor.Shape, values), [.. scales]);

        bool Fits(float[] list) => list.Length == 1 || list.Length == tensor.Shape[at];
    }

    private static string Dequantize(Rewriting r, string value, string scale, string? zeroPoint) =>
        r.Emit("DequantizeLinear", zeroPoint is null ? [value, scale] : [value, scale, zeroPoint]);

    private static void Quantize(Rewriting r, string value, int scale, int zeroPoint) =>
        r.Emit("QuantizeLinear", r.Node.InputOrNull(zeroPoint) is { } zero ? [value, r.Node.Inputs[scale], zero] : [value, r.Node.Inputs[scale]], null, r.Node.Outputs[0]);

    /// <summary>An input that is left out, or one number: then subtracting it from any tensor is what the operator means.</summary>
    private static bool IsScalar(Rewriting r, int input) =>
        r.Node.InputOrNull(input) is not { } name
        || (r.ConstantOf(input) is { } constant ? constant.Count == 1
            : r.Graph.ProducerOf(name) is { OpType: "DynamicQuantizeLinear" }
                || (r.FactsOf(name) is { HasRank: true } facts && facts.Declared.All(d => d == 1))
                || r.Graph.Header.Inputs.Any(p => p.Name == name && !p.Shape.IsDefault && p.Shape.All(d => d == 1)));

    private static string WithoutZeroPoint(Rewriting r, int input, int zeroPoint)
    {
        string value = r.Cast(r.Node.Inputs[input], TensorType.Float);
        return r.Node.InputOrNull(zeroPoint) is { } zero ? r.Emit("Sub", [value, r.Cast(zero, TensorType.Float)]) : value;
    }

    /// <summary>The nearest integers: the product was a sum of integers.</summary>
    private static void ToInt32(Rewriting r, string product)
    {
        string rounded = r.Opset >= 11
            ? r.Emit("Round", [product])
            : r.Emit("Floor", [r.Emit("Add", [product, r.Constant("half", Tensor.FromFloats([0.5f]))])]);
        r.Cast(rounded, TensorType.Int32, r.Node.Outputs[0]);
    }
}
