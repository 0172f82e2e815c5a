using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Kernels;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf;

namespace AimcCompiler.Onnx;

/// <summary>A model with drawn weights, not written yet.</summary>
public sealed class ReseededModel
{
    private readonly ModelProto _model;

    internal ReseededModel(ModelProto model, int tensors, long elements)
    {
        _model = model;
        Tensors = tensors;
        Elements = elements;
    }

    /// <summary>Tensors that were drawn.</summary>
    public int Tensors { get; }

    public long Elements { get; }

    public void WriteTo(Stream stream) => _model.WriteTo(stream);

    internal ModelProto Model => _model;
}

/// <summary>Gives a model weights that mean nothing but are no longer all alike: topologies are published with constant weights, or with
/// none. A tensor depends on the seed and its name alone; everything that is not a weight stays as it was.</summary>
/// <remarks>MVM weights are He-normal (standard deviation sqrt(2 / fan-in)); biases, betas and means normal with a deviation of 0.1; gammas and
/// variances uniform in 0.5 .. 1.5. Weights that constant nodes make become initializers; weights in integers are left alone.</remarks>
public static class Reseeder
{
    private const double SmallDeviation = 0.1;
    private const ulong UniformKey = 0x41494D_43303033; // any constant; it separates these draws from others

    /// <summary>Nodes that move or repeat constants without computing with them.</summary>
    private static readonly HashSet<string> ConstantOps = new(StringComparer.Ordinal)
    {
        "Constant", "ConstantOfShape", "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Cast",
    };

    private enum Role
    {
        MvmWeight,

        /// <summary>Biases, betas, means.</summary>
        Small,

        /// <summary>Gammas, variances.</summary>
        AroundOne,
    }

    private sealed record Use(Role Role, Func<ImmutableArray<long>, long> FanIn);

    /// <exception cref="DiagnosticException">The file is not a model, or nothing of it can be drawn.</exception>
    public static ReseededModel Reseed(string path, long seed)
    {
        ModelProto model;
        using (var stream = InputFile.Open(path, Descriptors.InvalidModel))
        {
            try
            {
                WireChecker.Check(stream);
                stream.Position = 0;
                model = ModelProto.Parser.ParseFrom(stream);
            }
            catch (Exception e) when (e is FormatException or InvalidProtocolBufferException or IndexOutOfRangeException or ArgumentException)
            {
                throw new DiagnosticException(Descriptors.InvalidModel, path, $"is not an ONNX model ({e.Message.Split('\n')[0].Trim()})");
            }
        }

        return Reseed(model, path, seed);
    }

    internal static ReseededModel Reseed(ModelProto model, string path, long seed)
    {
        if (model.Graph is null || model.Graph.Node.Count == 0)
        {
            throw new DiagnosticException(Descriptors.InvalidModel, path, "holds no ONNX graph");
        }

        GraphProto graph = model.Graph;
        ExternalData external = new(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var initializers = graph.Initializer.ToDictionary(i => i.Name, StringComparer.Ordinal);
        var producers = graph.Node.SelectMany(n => n.Output.Where(o => o.Length > 0).Select(o => (o, n))).ToDictionary(p => p.o, p => p.n, StringComparer.Ordinal);
        int tensors = 0;
        long elements = 0;
        HashSet<string> replaced = new(StringComparer.Ordinal);
        foreach (var (name, use) in Uses(graph))
        {
            if (initializers.TryGetValue(name, out TensorProto? initializer))
            {
                if (!IsDrawn(initializer.DataType))
                {
                    continue;
                }

                Draw(initializer, use, seed);
            }
            else if (producers.ContainsKey(name) && TypeAndShape(model, name, producers, initializers, external, path) is { } facts && IsDrawn(facts.DataType))
            {
                initializer = facts;
                Draw(initializer, use, seed);
                graph.Initializer.Add(initializer);
                initializers.Add(name, initializer);
                replaced.Add(name);
                AddInput(model, initializer);
            }
            else
            {
                continue;
            }

            tensors++;
            elements += Tensor.CountOf([.. initializer.Dims]);
        }

        if (tensors == 0)
        {
            throw new DiagnosticException(
                Descriptors.InvalidModel, path, "has no floating-point weights that could be drawn", "models quantised to integers keep theirs");
        }

        RemoveConstantNodes(graph, replaced);
        foreach (TensorProto tensor in graph.Initializer.Where(i => i.DataLocation == TensorProto.Types.DataLocation.External))
        {
            Embed(tensor, external, path);
        }

        return new ReseededModel(model, tensors, elements);
    }

    /// <summary>Every value that an operator reads as a weight, with the first use of it.</summary>
    private static Dictionary<string, Use> Uses(GraphProto graph)
    {
        Dictionary<string, Use> uses = new(StringComparer.Ordinal);
        foreach (NodeProto node in graph.Node.Where(n => n.Domain is "" or "ai.onnx"))
        {
            switch (node.OpType)
            {
                case "Conv":
                    Add(node, 1, Role.MvmWeight, s => Product(s, 1));
                    Add(node, 2, Role.Small);
                    break;
                case "ConvTranspose":
                    Add(node, 1, Role.MvmWeight, s => (s.Length > 0 ? s[0] : 1) * Product(s, 2));
                    Add(node, 2, Role.Small);
                    break;
                case "Gemm":
                    bool isTransposed = node.Attribute.Any(a => a.Name == "transB" && a.I != 0);
                    Add(node, 1, Role.MvmWeight, s => At(s, isTransposed ? 1 : 0));
                    Add(node, 2, Role.Small);
                    break;
                case "MatMul":
                    Add(node, 1, Role.MvmWeight, s => At(s, Math.Max(0, s.Length - 2)));
                    Add(node, 0, Role.MvmWeight, s => At(s, s.Length - 1));
                    break;
                case "LSTM" or "GRU" or "RNN":
                    Add(node, 1, Role.MvmWeight, s => At(s, 2));
                    Add(node, 2, Role.MvmWeight, s => At(s, 2));
                    Add(node, 3, Role.Small);
                    break;
                case "BatchNormalization":
                    Add(node, 1, Role.AroundOne);
                    Add(node, 2, Role.Small);
                    Add(node, 3, Role.Small);
                    Add(node, 4, Role.AroundOne);
                    break;
                case "InstanceNormalization" or "LayerNormalization" or "GroupNormalization":
                    Add(node, 1, Role.AroundOne);
                    Add(node, 2, Role.Small);
                    break;
                default:
                    break;
            }
        }

        return uses;

        void Add(NodeProto node, int input, Role role, Func<ImmutableArray<long>, long>? fanIn = null)
        {
            if (input < node.Input.Count && node.Input[input].Length > 0)
            {
                uses.TryAdd(node.Input[input], new Use(role, fanIn ?? (_ => 1)));
            }
        }

        static long Product(ImmutableArray<long> shape, int from) => shape.Skip(from).Aggregate(1L, (a, b) => a * b);

        static long At(ImmutableArray<long> shape, int axis) => axis >= 0 && axis < shape.Length ? shape[axis] : 1;
    }

    private static bool IsDrawn(int type) =>
        (TensorType)type is TensorType.Float or TensorType.Double or TensorType.Float16 or TensorType.BFloat16;

    /// <summary>A tensor without data, of the type and shape that constant nodes give a value; null when its nodes read anything else.</summary>
    private static TensorProto? TypeAndShape(
        ModelProto model,
        string name,
        Dictionary<string, NodeProto> producers,
        Dictionary<string, TensorProto> initializers,
        ExternalData external,
        string path)
    {
        HashSet<NodeProto> chain = [];
        HashSet<string> leaves = new(StringComparer.Ordinal);
        Stack<string> open = new([name]);
        while (open.TryPop(out string? value))
        {
            if (initializers.ContainsKey(value))
            {
                leaves.Add(value);
            }
            else if (!producers.TryGetValue(value, out NodeProto? node) || node.Domain is not ("" or "ai.onnx") || !ConstantOps.Contains(node.OpType))
            {
                return null;
            }
            else if (chain.Add(node))
            {
                foreach (string input in node.Input.Where(i => i.Length > 0))
                {
                    open.Push(input);
                }
            }
        }

        foreach (string leaf in leaves)
        {
            Embed(initializers[leaf], external, path);
        }

        // The commonest case without a session: the tensor it would make can be large.
        if (chain.Count == 1 && chain.First() is { OpType: "ConstantOfShape" } filled && leaves.Count == 1
            && TensorReader.Read(initializers[leaves.First()], external)?.Data is long[] shape)
        {
            return Empty(name, filled.Attribute.FirstOrDefault(a => a.Name == "value")?.T?.DataType ?? (int)TensorType.Float, shape);
        }

        var part = new ModelProto { IrVersion = Math.Max(4, model.IrVersion), Graph = new GraphProto { Name = "constants" } };
        part.OpsetImport.AddRange(model.OpsetImport);
        part.Graph.Node.AddRange(model.Graph.Node.Where(chain.Contains));
        part.Graph.Initializer.AddRange(leaves.Select(l => initializers[l]));
        part.Graph.Output.Add(new ValueInfoProto { Name = name });
        using var session = new DigitalSession(part.ToByteArray());
        Tensor result = session.Run(new Dictionary<string, Tensor>())[0];
        return Empty(name, (int)result.Type, result.Shape);
    }

    private static TensorProto Empty(string name, int type, IEnumerable<long> shape)
    {
        var proto = new TensorProto { Name = name, DataType = type };
        proto.Dims.AddRange(shape);
        return proto;
    }

    private static void Draw(TensorProto tensor, Use use, long seed)
    {
        ImmutableArray<long> shape = [.. tensor.Dims];
        float[] values = new float[Tensor.CountOf(shape)];
        ulong name = BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(tensor.Name)));
        if (use.Role == Role.AroundOne)
        {
            for (int i = 0; i < values.Length; i++)
            {
                uint word = Philox.Generate(UniformKey ^ name, (uint)i, (uint)seed, (uint)((ulong)seed >> 32), 0).W0;
                values[i] = (float)(0.5 + ((word + 0.5) / 4294967296.0));
            }
        }
        else
        {
            double deviation = use.Role == Role.Small ? SmallDeviation : Math.Sqrt(2.0 / Math.Max(1, use.FanIn(shape)));
            Draws.Normals(new CellStream((ulong)seed, 0, 0, 0, 0, 0, 0), DrawPurpose.Programming, name, row: 0, firstColumn: 0, values);
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = (float)(deviation * values[i]);
            }
        }

        SetData(tensor, (TensorType)tensor.DataType switch
        {
            TensorType.Float => MemoryMarshal.AsBytes(values.AsSpan()),
            TensorType.Double => MemoryMarshal.AsBytes(Array.ConvertAll(values, v => (double)v).AsSpan()),
            TensorType.Float16 => MemoryMarshal.AsBytes(Array.ConvertAll(values, v => (Half)v).AsSpan()),
            _ => MemoryMarshal.AsBytes(Array.ConvertAll(values, v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16)).AsSpan()), // bfloat16
        });
    }

    private static void SetData(TensorProto tensor, ReadOnlySpan<byte> bytes)
    {
        tensor.FloatData.Clear();
        tensor.DoubleData.Clear();
        tensor.Int32Data.Clear();
        tensor.ExternalData.Clear();
        tensor.ClearDataLocation();
        tensor.RawData = ByteString.CopyFrom(bytes);
    }

    /// <summary>External data would not be found from where the new file stands.</summary>
    private static void Embed(TensorProto tensor, ExternalData external, string path)
    {
        if (tensor.DataLocation != TensorProto.Types.DataLocation.External)
        {
            return;
        }

        try
        {
            Tensor? read = TensorReader.Read(tensor, external);
            if (read is null or { Type: TensorType.String })
            {
                throw new FormatException("has external data of a type that this version does not read");
            }

            tensor.ExternalData.Clear();
            tensor.ClearDataLocation();
            tensor.RawData = ByteString.CopyFrom(new TensorBytes(read).GetSpan());
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException or OverflowException)
        {
            throw new DiagnosticException(Descriptors.InvalidModel, path, $"initializer '{tensor.Name}' {e.Message}");
        }
    }

    /// <summary>Before IR version 4 every initializer is an input too.</summary>
    private static void AddInput(ModelProto model, TensorProto tensor)
    {
        if (model.IrVersion >= 4)
        {
            return;
        }

        var shape = new TensorShapeProto();
        shape.Dim.AddRange(tensor.Dims.Select(d => new TensorShapeProto.Types.Dimension { DimValue = d }));
        model.Graph.Input.Add(new ValueInfoProto
        {
            Name = tensor.Name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = tensor.DataType, Shape = shape } },
        });
    }

    /// <summary>Removes the nodes whose values became initializers, then whatever constants only they read.</summary>
    private static void RemoveConstantNodes(GraphProto graph, HashSet<string> replaced)
    {
        if (replaced.Count == 0)
        {
            return;
        }

        HashSet<string> orphans = new(StringComparer.Ordinal);
        Remove(n => n.Output.Any(replaced.Contains));
        HashSet<string> wanted = graph.Output.Select(o => o.Name).ToHashSet(StringComparer.Ordinal);
        while (true)
        {
            HashSet<string> read = Reads(graph).ToHashSet(StringComparer.Ordinal);
            bool IsIdle(string value) => orphans.Contains(value) && !read.Contains(value) && !wanted.Contains(value);
            if (!Remove(n => ConstantOps.Contains(n.OpType) && n.Output.All(IsIdle)))
            {
                foreach (TensorProto tensor in graph.Initializer.Where(i => IsIdle(i.Name)).ToArray())
                {
                    graph.Initializer.Remove(tensor);
                }

                foreach (ValueInfoProto input in graph.Input.Where(i => IsIdle(i.Name)).ToArray())
                {
                    graph.Input.Remove(input);
                }

                return;
            }
        }

        bool Remove(Predicate<NodeProto> isRemoved)
        {
            NodeProto[] removed = [.. graph.Node.Where(n => isRemoved(n))];
            NodeProto[] kept = [.. graph.Node.Except(removed, ReferenceEqualityComparer.Instance).Cast<NodeProto>()];
            graph.Node.Clear();
            graph.Node.AddRange(kept);
            orphans.UnionWith(removed.SelectMany(n => n.Input));
            return removed.Length > 0;
        }
    }

    /// <summary>Every value read by a node, those of sub-graphs included.</summary>
    private static IEnumerable<string> Reads(GraphProto graph) => graph.Node.SelectMany(n => n.Input
        .Concat(n.Attribute.Where(a => a.G is not null).SelectMany(a => Inner(a.G)))
        .Concat(n.Attribute.SelectMany(a => a.Graphs).SelectMany(Inner)));

    private static IEnumerable<string> Inner(GraphProto graph) => Reads(graph).Concat(graph.Output.Select(o => o.Name));
}
