using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf;
using AttributeType = AimcCompiler.Onnx.Proto.AttributeProto.Types.AttributeType;

namespace AimcCompiler.Tests.Onnx;

/// <summary>Builds small ONNX models node by node.</summary>
internal sealed class TestModel
{
    private int _seed = 1;

    public TestModel(long opset = 17, long irVersion = 8)
    {
        Proto = new ModelProto { IrVersion = irVersion, Graph = new GraphProto { Name = "test" } };
        Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = opset });
    }

    public ModelProto Proto { get; }

    /// <param name="name">The input.</param>
    /// <param name="dims">Numbers, or names of symbolic dimensions.</param>
    public TestModel Input(string name, params object[] dims) => Input(name, TensorType.Float, dims);

    public TestModel Input(string name, TensorType type, params object[] dims)
    {
        Proto.Graph.Input.Add(Port(name, type, dims));
        return this;
    }

    public TestModel Output(params string[] names)
    {
        foreach (string name in names)
        {
            Proto.Graph.Output.Add(new ValueInfoProto { Name = name });
        }

        return this;
    }

    public TestModel Constant(string name, Tensor tensor)
    {
        Proto.Graph.Initializer.Add(ModelWriter.Write(name, tensor));
        return this;
    }

    public TestModel Floats(string name, float[] values, params long[] shape) => Constant(name, Tensor.FromFloats(values, shape));

    public TestModel Ints(string name, params long[] values) => Constant(name, Tensor.FromInt64(values, values.Length));

    /// <summary>Reproducible values in [-1, 1].</summary>
    public TestModel Weights(string name, params long[] shape) => Constant(name, Random(_seed++, shape));

    /// <summary>The four statistics of a BatchNormalization: name + g, b, m, v.</summary>
    public TestModel Statistics(string name, int channels)
    {
        var variance = Random(_seed++, channels);
        return Weights(name + "g", channels).Weights(name + "b", channels).Weights(name + "m", channels)
            .Floats(name + "v", Array.ConvertAll(variance.Floats, v => Math.Abs(v) + 0.25f), channels);
    }

    public TestModel Node(string op, string[] inputs, string[] outputs, params (string Name, object Value)[] attributes)
    {
        Proto.Graph.Node.Add(NodeOf(op, inputs, outputs, attributes));
        return this;
    }

    public TestModel Node(string op, string input, string output, params (string Name, object Value)[] attributes) =>
        Node(op, input.Length == 0 ? [] : input.Split(' '), output.Split(' '), attributes);

    /// <summary>An operator of ONNX Runtime's own domain.</summary>
    public TestModel Microsoft(string op, string input, string output, params (string Name, object Value)[] attributes)
    {
        Node(op, input, output, attributes);
        Proto.Graph.Node[^1].Domain = "com.microsoft";
        if (Proto.OpsetImport.All(o => o.Domain != "com.microsoft"))
        {
            Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        }

        return this;
    }

    public TestModel Bytes(string name, byte[] values, params long[] shape) => Constant(name, new Tensor(TensorType.UInt8, [.. shape], values));

    /// <summary>Reproducible integers of a type of 8 bits, over its whole range.</summary>
    public TestModel Codes(string name, TensorType type, params long[] shape)
    {
        float[] reals = Random(_seed++, shape).Floats;
        return type == TensorType.Int8
            ? SignedBytes(name, Array.ConvertAll(reals, v => (sbyte)MathF.Round((v * 127.5f) - 0.5f)), shape)
            : Bytes(name, Array.ConvertAll(reals, v => (byte)MathF.Round((v + 1) * 127.5f)), shape);
    }

    /// <summary>A zero point of a type of 8 bits.</summary>
    public TestModel Zero(string name, TensorType type, int zero) => type == TensorType.Int8 ? SignedBytes(name, [(sbyte)zero]) : Bytes(name, [(byte)zero]);

    /// <summary>Scale and zero point of a value: name + s, z.</summary>
    public TestModel Quantized(string name, float step, TensorType type, int zero) => Floats(name + "s", [step]).Zero(name + "z", type, zero);

    public TestModel SignedBytes(string name, sbyte[] values, params long[] shape) => Constant(name, new Tensor(TensorType.Int8, [.. shape], values));

    public static NodeProto NodeOf(string op, string[] inputs, string[] outputs, params (string Name, object Value)[] attributes)
    {
        NodeProto node = new() { OpType = op, Name = $"{op.ToLowerInvariant()}_{outputs[0]}" };
        node.Input.AddRange(inputs.Select(i => i == "_" ? "" : i));
        node.Output.AddRange(outputs);
        node.Attribute.AddRange(attributes.Select(a => AttributeOf(a.Name, a.Value)));
        return node;
    }

    public static AttributeProto AttributeOf(string name, object value)
    {
        AttributeProto attribute = new() { Name = name };
        switch (value)
        {
            case int or long:
                (attribute.Type, attribute.I) = (AttributeType.Int, Convert.ToInt64(value, null));
                break;
            case float f:
                (attribute.Type, attribute.F) = (AttributeType.Float, f);
                break;
            case string s:
                (attribute.Type, attribute.S) = (AttributeType.String, ByteString.CopyFromUtf8(s));
                break;
            case string[] s:
                attribute.Type = AttributeType.Strings;
                attribute.Strings.AddRange(s.Select(ByteString.CopyFromUtf8));
                break;
            case int[] i:
                attribute.Type = AttributeType.Ints;
                attribute.Ints.AddRange(i.Select(v => (long)v));
                break;
            case long[] l:
                attribute.Type = AttributeType.Ints;
                attribute.Ints.AddRange(l);
                break;
            case float[] f:
                attribute.Type = AttributeType.Floats;
                attribute.Floats.AddRange(f);
                break;
            case Tensor t:
                (attribute.Type, attribute.T) = (AttributeType.Tensor, ModelWriter.Write("", t));
                break;
            case GraphProto g:
                (attribute.Type, attribute.G) = (AttributeType.Graph, g);
                break;
            case SparseTensorProto s:
                (attribute.Type, attribute.SparseTensor) = (AttributeType.SparseTensor, s);
                break;
            default:
                throw new ArgumentException($"No attribute holds a {value.GetType()}.", nameof(value));
        }

        return attribute;
    }

    public static ValueInfoProto Port(string name, TensorType type, params object[] dims)
    {
        TypeProto.Types.Tensor tensor = new() { ElemType = (int)type, Shape = new TensorShapeProto() };
        foreach (object dim in dims)
        {
            tensor.Shape.Dim.Add(dim is string symbol
                ? new TensorShapeProto.Types.Dimension { DimParam = symbol }
                : new TensorShapeProto.Types.Dimension { DimValue = Convert.ToInt64(dim, null) });
        }

        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }

    public static Tensor Random(int seed, params long[] shape)
    {
        Random random = new(seed);
        float[] values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)((2 * random.NextDouble()) - 1);
        }

        return Tensor.FromFloats(values, shape);
    }

    public byte[] ToArray() => Proto.ToByteArray();

    /// <summary>The imported model; it can be imported again.</summary>
    public Graph Import() => Import(Proto.Clone());

    public static Graph Import(ModelProto model) => OnnxImporter.Import(model, "test.onnx", new string('0', 64), null);
}
