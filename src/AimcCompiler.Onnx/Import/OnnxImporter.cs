using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf;

namespace AimcCompiler.Onnx;

/// <summary>Reads an .onnx file into a <see cref="Graph"/>. Protobuf stays inside this project.</summary>
public static class OnnxImporter
{
    /// <exception cref="DiagnosticException">The file is missing, is not ONNX, or is malformed.</exception>
    /// <remarks>Large tensors stay in the file, which is open as long as one of them lives.</remarks>
    public static Graph Import(string path)
    {
        FileStream? file = null;
        bool isRead = true;
        try
        {
            WeightsOfFile weights = new(TensorReader.MinimumStored);
            var (model, sha256) = Parse(path, weights, ref file);
            Dictionary<TensorProto, FileElements> left = new(ReferenceEqualityComparer.Instance);
            foreach (var (initializer, (start, length)) in weights.DataOf)
            {
                left.Add(model.Graph.Initializer[initializer], new FileElements(file, path, start, length));
            }

            isRead = left.Count == 0;
            return Import(model, path, sha256, Path.GetDirectoryName(Path.GetFullPath(path)), left);
        }
        finally
        {
            if (isRead)
            {
                file?.Dispose();
            }
        }
    }

    private static (ModelProto Model, string Sha256) Parse(string path, WeightsOfFile weights, [NotNull] ref FileStream? file)
    {
        try
        {
            if (Directory.Exists(path) || !File.Exists(path))
            {
                throw Unreadable(path, Directory.Exists(path) ? "is a folder" : "there is no such file");
            }

            file = InputFile.Open(path, Descriptors.InvalidModel);
            if (file.Length == 0)
            {
                throw Unreadable(path, "is empty");
            }

            if (file.Length > int.MaxValue)
            {
                throw Unreadable(path, $"has {file.Length} bytes; a protobuf message holds at most {int.MaxValue}", "keep the weights as external data");
            }

            string sha256 = HashOf(file);
            WireChecker.Check(file, weights);
            var parser = ModelProto.Parser.WithDiscardUnknownFields(true);
            if (weights.MessageOf(file) is { } message)
            {
                return (parser.ParseFrom(message), sha256);
            }

            file.Position = 0;
            return (parser.ParseFrom(file), sha256);
        }
        catch (Exception e) when (e is FormatException or InvalidProtocolBufferException or IndexOutOfRangeException or ArgumentException)
        {
            throw Unreadable(path, $"is not an ONNX model{Guess(path)} ({FirstLine(e.Message)})", "fetch or export the file again: it is damaged, or another kind of file");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, FirstLine(e.Message));
        }
    }

    /// <summary>In pieces that a disk and a cache like.</summary>
    private static string HashOf(FileStream stream)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] piece = new byte[1 << 18];
        for (int read = stream.Read(piece); read > 0; read = stream.Read(piece))
        {
            hash.AppendData(piece, 0, read);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <param name="model">The model; its tensor data are taken out as they are read, so that they are not held twice.</param>
    /// <param name="fileName">For messages.</param>
    /// <param name="sha256">Hash of the model file.</param>
    /// <param name="folder">Where external data are; null refuses them.</param>
    /// <param name="left">Initializers whose raw data were left in the model's file; null = none.</param>
    internal static Graph Import(ModelProto model, string fileName, string sha256, string? folder, IReadOnlyDictionary<TensorProto, FileElements>? left = null)
    {
        if (model.Graph is null || model.Graph.Node.Count + model.Graph.Initializer.Count + model.Graph.Output.Count == 0)
        {
            throw Unreadable(fileName, $"holds no ONNX graph{(File.Exists(fileName) ? Guess(fileName) : "")}");
        }

        var graph = model.Graph;
        FunctionBudget.Check(model, fileName);
        FunctionInliner.Run(model);
        CheckNames(graph, fileName);
        ExternalData? external = folder is null ? null : new(folder);
        var constants = ImmutableDictionary.CreateBuilder<string, Tensor>(StringComparer.Ordinal);
        long parameters = 0;
        Dictionary<string, long> parametersOf = new(StringComparer.Ordinal);
        void AddConstant(string name, Tensor tensor)
        {
            if (!constants.TryAdd(name, tensor))
            {
                throw Unreadable(fileName, $"initializer '{name}' occurs twice");
            }

            if (IsParameter(tensor.Type))
            {
                parameters += tensor.Count;
                parametersOf[name] = tensor.Count;
            }
        }

        foreach (var proto in graph.Initializer)
        {
            AddConstant(proto.Name, Read(proto, external, fileName, $"initializer '{proto.Name}'", left?.GetValueOrDefault(proto)));
        }

        foreach (var proto in graph.SparseInitializer)
        {
            string name = proto.Values?.Name ?? "";
            AddConstant(name, ReadSparse(proto, external, fileName, $"sparse initializer '{name}'"));
        }

        graph.Initializer.Clear();
        var initializers = constants.Keys.ToHashSet(StringComparer.Ordinal);
        List<Node> nodes = [];
        var originals = ImmutableArray.CreateBuilder<OriginalNode>();
        int next = 0;
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (var proto in graph.Node)
        {
            NodeId id = new(next++);
            string name = proto.Name.Length > 0 ? proto.Name : proto.Output.FirstOrDefault(o => o.Length > 0) ?? $"node{id.Value}";
            while (!names.Add(name))
            {
                name = $"{name}#{id.Value}";
            }

            if (ConstantOf(proto, external, fileName, name) is { } constant)
            {
                if (!constants.TryAdd(proto.Output[0], constant))
                {
                    throw Unreadable(fileName, $"value '{proto.Output[0]}' is written twice");
                }

                // An initializer by another name.
                if (IsParameter(constant.Type))
                {
                    parameters += constant.Count;
                    parametersOf[proto.Output[0]] = constant.Count;
                }

                continue;
            }

            var node = ReadNode(proto, id, name, external, fileName);
            nodes.Add(node);
            originals.Add(new OriginalNode(id, name, node.QualifiedOp, node.Inputs.Sum(i => parametersOf.GetValueOrDefault(i))));
        }

        GraphHeader header = new()
        {
            FileName = fileName,
            Sha256 = sha256,
            Inputs = [.. graph.Input.Where(i => !initializers.Contains(i.Name)).Select(i => InputPort(i, fileName))],
            Outputs = [.. graph.Output.Select(Port)],
            IrVersion = model.IrVersion,
            Opsets = model.OpsetImport
                .GroupBy(o => o.Domain == "ai.onnx" ? "" : o.Domain, o => o.Version)
                .ToImmutableDictionary(g => g.Key, g => g.Max(), StringComparer.Ordinal),
            Functions = [.. model.Functions.Select(f => new ReadOnlyMemory<byte>(f.ToByteArray()))],
            Parameters = parameters,
            OriginalNodes = originals.ToImmutable(),
        };
        return new Graph(header, [.. nodes], constants.ToImmutable(), ImmutableDictionary<string, ValueFacts>.Empty.WithComparers(StringComparer.Ordinal));
    }

    /// <summary>Whether elements of this type count as parameters: floating-point and quantised ones.</summary>
    internal static bool IsParameter(TensorType type) => Tensor.IsFloating(type) || Tensor.IsPacked(type) || type is TensorType.Int8 or TensorType.UInt8;

    internal static Tensor Read(TensorProto proto, ExternalData? external, string fileName, string what, FileElements? left = null)
    {
        try
        {
            var tensor = TensorReader.Read(proto, external, left);
            proto.RawData = ByteString.Empty;
            return tensor;
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException or OverflowException)
        {
            throw Unreadable(fileName, $"{what} {FirstLine(e.Message)}", e.Message.Contains("external data in", StringComparison.Ordinal)
                ? ["put the file of weights beside the model", "aimc dump MODEL.onnx --reseed 1 -o NEW.onnx draws weights for the topology"]
                : []);
        }
    }

    internal static Tensor ReadSparse(SparseTensorProto proto, ExternalData? external, string fileName, string what)
    {
        try
        {
            return SparseTensorReader.Read(proto, external);
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException or OverflowException)
        {
            throw Unreadable(fileName, $"{what} {FirstLine(e.Message)}");
        }
    }

    internal static Node ReadNode(NodeProto proto, NodeId id, string name, ExternalData? external, string fileName)
    {
        if (proto.OpType.Length == 0)
        {
            throw Unreadable(fileName, $"node '{name}' has no operator");
        }

        if (proto.Attribute.GroupBy(a => a.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw Unreadable(fileName, $"node '{name}' has the attribute '{twice.Key}' twice");
        }

        TakeIn(proto, external, fileName, name);
        return new Node(
            id,
            name,
            proto.Domain == "ai.onnx" ? "" : proto.Domain,
            proto.OpType,
            [.. proto.Input],
            [.. proto.Output],
            Captured(proto),
            Attributes(proto),
            proto.ToByteArray());
    }

    /// <summary>A node stays as it is, but not where it is: tensors of its attributes that stand in files come along.</summary>
    private static void TakeIn(NodeProto proto, ExternalData? external, string fileName, string name)
    {
        foreach (var attribute in proto.Attribute)
        {
            var graphs = attribute.G is null ? attribute.Graphs : attribute.Graphs.Append(attribute.G);
            foreach (var tensor in (attribute.T is null ? attribute.Tensors : attribute.Tensors.Append(attribute.T)).Concat(graphs.SelectMany(g => g.Initializer)))
            {
                if (tensor.DataLocation == TensorProto.Types.DataLocation.External)
                {
                    try
                    {
                        TensorReader.TakeIn(tensor, external);
                    }
                    catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException or OverflowException)
                    {
                        throw Unreadable(fileName, $"a tensor inside node '{name}' {FirstLine(e.Message)}");
                    }
                }
            }

            foreach (var inner in graphs.SelectMany(g => g.Node))
            {
                TakeIn(inner, external, fileName, name);
            }
        }
    }

    /// <summary>What a Constant node holds; null for other nodes, and where this project has no array for it.</summary>
    internal static Tensor? ConstantOf(NodeProto proto, ExternalData? external, string fileName, string name)
    {
        if (proto.OpType != "Constant" || proto.Domain is not ("" or "ai.onnx") || proto.Output.Count != 1 || proto.Attribute.Count != 1)
        {
            return null;
        }

        var attribute = proto.Attribute[0];
        return attribute.Name switch
        {
            "value" when attribute.T is not null => Read(attribute.T, external, fileName, $"constant '{name}'"),
            "sparse_value" when attribute.SparseTensor is not null => ReadSparse(attribute.SparseTensor, external, fileName, $"constant '{name}'"),
            "value_float" when attribute.Type == AttributeProto.Types.AttributeType.Float => Tensor.FromFloats([attribute.F]),
            "value_int" when attribute.Type == AttributeProto.Types.AttributeType.Int => Tensor.FromInt64([attribute.I]),
            "value_floats" when attribute.Type == AttributeProto.Types.AttributeType.Floats => Tensor.FromFloats([.. attribute.Floats], attribute.Floats.Count),
            "value_ints" when attribute.Type == AttributeProto.Types.AttributeType.Ints => Tensor.FromInt64([.. attribute.Ints], attribute.Ints.Count),
            _ => null,
        };
    }

    private static ImmutableDictionary<string, NodeAttribute> Attributes(NodeProto proto)
    {
        var attributes = ImmutableDictionary.CreateBuilder<string, NodeAttribute>(StringComparer.Ordinal);
        foreach (var a in proto.Attribute)
        {
            NodeAttribute? attribute = a.Type switch
            {
                AttributeProto.Types.AttributeType.Int => new IntAttribute(a.I),
                AttributeProto.Types.AttributeType.Float => new FloatAttribute(a.F),
                AttributeProto.Types.AttributeType.String => new StringAttribute(a.S.ToStringUtf8()),
                AttributeProto.Types.AttributeType.Ints => new IntsAttribute([.. a.Ints]),
                AttributeProto.Types.AttributeType.Floats => new FloatsAttribute([.. a.Floats]),
                AttributeProto.Types.AttributeType.Strings => new StringsAttribute([.. a.Strings.Select(s => s.ToStringUtf8())]),
                _ => null,
            };
            if (attribute is not null)
            {
                attributes[a.Name] = attribute;
            }
        }

        return attributes.ToImmutable();
    }

    /// <summary>Outer values that the node's sub-graphs read, in order of first use.</summary>
    private static ImmutableArray<string> Captured(NodeProto proto)
    {
        List<string> captured = [];
        Stack<(GraphProto Graph, HashSet<string> Known)> open = new();
        Push(proto, []);
        while (open.TryPop(out var item))
        {
            HashSet<string> known = new(item.Known, StringComparer.Ordinal);
            known.UnionWith(item.Graph.Input.Select(i => i.Name));
            known.UnionWith(item.Graph.Initializer.Select(i => i.Name));
            known.UnionWith(item.Graph.SparseInitializer.Select(i => i.Values?.Name ?? ""));
            foreach (var node in item.Graph.Node)
            {
                foreach (string input in node.Input.Where(i => i.Length > 0 && !known.Contains(i) && !captured.Contains(i)))
                {
                    captured.Add(input);
                }

                Push(node, known);
                known.UnionWith(node.Output);
            }

            foreach (var output in item.Graph.Output.Where(o => !known.Contains(o.Name) && !captured.Contains(o.Name)))
            {
                captured.Add(output.Name);
            }
        }

        return [.. captured];

        void Push(NodeProto node, HashSet<string> known)
        {
            foreach (var attribute in node.Attribute)
            {
                if (attribute.G is not null)
                {
                    open.Push((attribute.G, known));
                }

                foreach (var g in attribute.Graphs)
                {
                    open.Push((g, known));
                }
            }
        }
    }

    /// <summary>Protobuf replaces what is not UTF-8 by U+FFFD, so that different names could become equal; C interfaces end a name at NUL.</summary>
    private static void CheckNames(GraphProto graph, string fileName)
    {
        foreach (var (name, what) in graph.Input.Select((p, i) => (p.Name, $"input {i}"))
            .Concat(graph.Output.Select((p, i) => (p.Name, $"output {i}")))
            .Concat(graph.Initializer.Select((t, i) => (t.Name, $"initializer {i}")))
            .Concat(graph.SparseInitializer.Select((t, i) => (t.Values?.Name ?? "", $"sparse initializer {i}"))))
        {
            if (name.Length == 0)
            {
                throw Unreadable(fileName, $"{what} is without a name");
            }

            CheckName(name, fileName);
        }

        foreach (var node in graph.Node)
        {
            CheckName(node.Name, fileName);
            foreach (string name in node.Input.Concat(node.Output))
            {
                CheckName(name, fileName);
            }
        }
    }

    private static void CheckName(string name, string fileName)
    {
        if (name.AsSpan().ContainsAny('\0', '\uFFFD'))
        {
            throw Unreadable(fileName, $"holds the name '{name.Replace('\0', '\uFFFD')}', which is not valid text");
        }
    }

    private static GraphPort InputPort(ValueInfoProto info, string fileName)
    {
        var port = Port(info);
        return info.Type?.TensorType is { } tensor && port.Type == TensorType.Undefined
            ? throw Unreadable(fileName, $"input '{info.Name}' has element type {tensor.ElemType}, which this version does not read")
            : port;
    }

    private static GraphPort Port(ValueInfoProto info)
    {
        var tensor = info.Type?.TensorType;
        if (tensor is null || !Enum.IsDefined((TensorType)tensor.ElemType))
        {
            return new GraphPort(info.Name, TensorType.Undefined, default, []) { Declaration = tensor is null && info.Type is { } type ? type.ToByteArray() : default };
        }

        var dims = tensor.Shape?.Dim;
        return new GraphPort(
            info.Name,
            (TensorType)tensor.ElemType,
            dims is null ? default : [.. dims.Select(d => d.ValueCase == TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue && d.DimValue > 0 ? d.DimValue : -1)],
            dims is null ? [] : [.. dims.Select(d => d.ValueCase == TensorShapeProto.Types.Dimension.ValueOneofCase.DimParam ? d.DimParam : "")]);
    }

    private static DiagnosticException Unreadable(string path, string message, params ReadOnlySpan<string> levers) =>
        new(Descriptors.InvalidModel, path, message, levers);

    /// <summary>What the file looks like instead.</summary>
    private static string Guess(string path)
    {
        Span<byte> start = stackalloc byte[16];
        int read;
        using (var stream = File.OpenRead(path))
        {
            read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        }

        start = start[..read];
        return start switch
        {
            _ when start.StartsWith("version https://"u8) => ": it is a git-lfs pointer; fetch the file itself with git lfs pull",
            _ when start.StartsWith("AIMC"u8) => ": it is a compiled program; give it to inspect, run or evaluate",
            _ when start.StartsWith("PK\u0003\u0004"u8) => ": it is a zip file (a PyTorch checkpoint?)",
            _ when start.StartsWith("\u007FELF"u8) => ": it is an executable",
            _ when start.Length > 3 && start[1..].StartsWith("PNG"u8) => ": it is an image",
            _ when start.StartsWith("<"u8) => ": it is a web page",
            _ when start.StartsWith("{"u8) => ": it is JSON",
            _ => "",
        };
    }

    private static string FirstLine(string message) => message.Split('\n')[0].Trim();
}
