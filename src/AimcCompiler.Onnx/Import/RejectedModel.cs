using System.Text.RegularExpressions;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;

namespace AimcCompiler.Onnx;

/// <summary>What ONNX Runtime says against a model, told so that somebody can act on it: which node, what about it, and what would help.</summary>
public static partial class RejectedModel
{
    /// <summary>Operators that quantizers add and no runtime of ONNX has, by domain: who makes them, and what to export instead.</summary>
    private static readonly (string Domain, string Tool, string Lever)[] Dialects =
    [
        ("onnx.brevitas", "Brevitas", "export from Brevitas with export_onnx_qcdq: QuantizeLinear and DequantizeLinear instead of its own operators"),
        ("qonnx", "QONNX", "convert QONNX to QuantizeLinear and DequantizeLinear: qonnx.transformation.qonnx_to_qcdq"),
        ("finn", "FINN", "export the model before FINN streamlines it: its operators describe hardware"),
        ("com.microsoft", "ONNX Runtime's own optimizer", "export the model without ONNX Runtime's offline optimization, or with opset import com.microsoft 1"),
        ("ai.onnx.contrib", "onnxruntime-extensions", "leave pre- and post-processing out of the export: the compiler takes no extension libraries"),
        ("org.pytorch.aten", "the PyTorch exporter's ATen fallback", "export again without operator_export_type ONNX_ATEN_FALLBACK"),
        ("aten", "the PyTorch exporter's ATen fallback", "export again without operator_export_type ONNX_ATEN_FALLBACK"),
    ];

    /// <summary>The same for operators that are put into ONNX's own domain.</summary>
    private static readonly Dictionary<string, (string Tool, string Lever)> Operators = new(StringComparer.Ordinal)
    {
        ["Quant"] = ("Brevitas or QONNX", "convert it to QuantizeLinear and DequantizeLinear: qonnx.transformation.qonnx_to_qcdq"),
        ["BipolarQuant"] = ("Brevitas or QONNX", "convert it to QuantizeLinear and DequantizeLinear: qonnx.transformation.qonnx_to_qcdq"),
        ["Trunc"] = ("Brevitas or QONNX", "convert it to QuantizeLinear and DequantizeLinear: qonnx.transformation.qonnx_to_qcdq"),
        ["RequantShift"] = ("Quantlib or NEMO (PULP, Deeploy, DORY)", "export the float model, or one with QuantizeLinear and DequantizeLinear, before it is made integer"),
        ["MultiThreshold"] = ("FINN", "export the model before FINN streamlines it: its operators describe hardware"),
        ["ATen"] = ("the PyTorch exporter's ATen fallback", "export again without operator_export_type ONNX_ATEN_FALLBACK"),
    };

    private const string Checker = "check the model with onnx.checker";

    /// <param name="graph">The model as it was given to ONNX Runtime; nodes have its names.</param>
    /// <param name="error">What ONNX Runtime said.</param>
    public static DiagnosticException Of(Graph graph, DigitalException error)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(error);
        string message = error.Message.ReplaceLineEndings(" ").Trim();
        string file = graph.Header.FileName;
        string? name = NameIn(message);
        var node = name is null ? null : graph.Nodes.FirstOrDefault(n => n.Name == name);
        if (name is null && !IrVersion().IsMatch(message) && !Opset().IsMatch(message))
        {
            node = FirstRefused(graph);
        }

        string where = node is not null ? $"{file}: node '{node.Name}' ({node.QualifiedOp})"
            : name is not null ? $"{file}: node '{name}' within a subgraph or function"
            : IrVersion().IsMatch(message) ? $"{file}: ir_version"
            : Opset().IsMatch(message) ? $"{file}: opset import"
            : file;
        return new DiagnosticException(Explain(graph, node, where, message));
    }

    /// <summary>The node that ONNX Runtime says it failed in; null = it names none of the graph's.</summary>
    public static Node? NodeOf(Graph graph, DigitalException error)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(error);
        return NameIn(error.Message.ReplaceLineEndings(" ")) is { } name ? graph.Nodes.FirstOrDefault(n => n.Name == name) : null;
    }

    private static Diagnostic Explain(Graph graph, Node? node, string where, string message)
    {
        if (node is not null && (NoOperator().IsMatch(message) || NoFunction().IsMatch(message)))
        {
            string op = node.OpType;
            string domain = node.Domain;
            long opset = graph.Header.Opsets.GetValueOrDefault(domain);
            var maker = Dialects.FirstOrDefault(d => domain.StartsWith(d.Domain, StringComparison.Ordinal) || domain.StartsWith($"onnx.{d.Domain}", StringComparison.Ordinal));
            string tool = maker.Tool ?? "";
            string lever = maker.Lever ?? "";
            if (tool.Length == 0 && Operators.TryGetValue(op, out var own))
            {
                (tool, lever) = own;
            }

            string whose = domain.Length == 0 ? $"ONNX's own operators (opset {opset})" : $"domain '{domain}'";
            string made = tool.Length > 0 ? $"; it is an operator of {tool}" : "";
            return new Diagnostic(
                Descriptors.RejectedByOnnxRuntime,
                where,
                $"there is no operator '{op}' in {whose}{made}",
                tool.Length > 0 ? [lever] : domain.Length == 0
                    ? ["export with an opset that has it", "export it as standard operators"]
                    : [$"export the operators of '{domain}' as functions of the model, or as standard ones"]);
        }

        if (WrongType().Match(message) is { Success: true } type)
        {
            string op = type.Groups[3].Value;
            bool isInteger = type.Groups[1].Value.Contains("int", StringComparison.Ordinal);
            return new Diagnostic(
                Descriptors.RejectedByOnnxRuntime,
                where,
                $"{op} does not take {type.Groups[1].Value}, which its input '{type.Groups[2].Value}' has",
                isInteger && op is "Conv" or "ConvTranspose" or "Gemm" or "MatMul"
                    ? [$"export with QuantizeLinear and DequantizeLinear around {op}, or as {(op == "Conv" ? "QLinearConv" : "QLinearMatMul")}: integers in {op} itself are a dialect of some converters (tflite2onnx, MATCH, Stream)"]
                    : isInteger
                        ? [$"put a Cast to float before {op}: integer arithmetic in float operators is a dialect of some exporters (MATCH, DORY)", Checker]
                        : [Checker]);
        }

        if (node is { OpType: "Gemm" } && NotAMatrix().IsMatch(message))
        {
            return new Diagnostic(
                Descriptors.RejectedByOnnxRuntime, where, $"Gemm multiplies matrices, and {Core(message)}", "MatMul and Add instead, which take more dimensions: a fusion of the exporter made a Gemm of them");
        }

        if (node is null && (Opset().IsMatch(message) || IrVersion().IsMatch(message)))
        {
            string imports = string.Join(", ", graph.Header.Opsets.OrderBy(o => o.Key, StringComparer.Ordinal)
                .Select(o => FormattableString.Invariant($"{(o.Key.Length == 0 ? "ai.onnx" : o.Key)} {o.Value}")));
            return new Diagnostic(
                Descriptors.RejectedByOnnxRuntime,
                where,
                FormattableString.Invariant($"the model has IR version {graph.Header.IrVersion} and imports {imports}; {Guarantee().Replace(Core(message), "")}"),
                "export with an older opset");
        }

        string[] open = [.. graph.Header.Inputs.SelectMany(i => i.Symbols).Where(s => s.Length > 0).Distinct(StringComparer.Ordinal)];
        bool isShape = message.Contains("ShapeInference", StringComparison.Ordinal) || message.Contains("running", StringComparison.Ordinal);
        return new Diagnostic(
            Descriptors.RejectedByOnnxRuntime,
            where,
            Core(message) is { Length: > 0 } core ? core : message,
            isShape && open.Length > 0 ? [Checker, $"give symbolic dimensions sizes that fit together: --dim {open[0]}=N"] : [Checker]);
    }

    /// <summary>The message without what the place says already, and without where ONNX Runtime's source says it.</summary>
    private static string Core(string message) => SourceFile().Replace(Frame().Replace(message, ""), "");

    /// <summary>The node that ONNX Runtime names, or null.</summary>
    private static string? NameIn(string message)
    {
        // Of nested messages (If, Loop) the innermost is to the point.
        foreach (var pattern in (Regex[])[Running(), Listed(), Inferred(), TypeOfNode()])
        {
            if (pattern.Matches(message) is [.., var last] && last.Groups[1].Value is { Length: > 0 } name)
            {
                return name;
            }
        }

        return null;
    }

    /// <summary>The first node in execution order without which the nodes before it load: for what ONNX Runtime says of a model and of no node.</summary>
    private static Node? FirstRefused(Graph graph)
    {
        if (Loads(graph, graph.Nodes.Length))
        {
            return null;
        }

        int good = 0;
        int bad = graph.Nodes.Length;
        while (bad - good > 1)
        {
            int middle = (good + bad) / 2;
            if (Loads(graph, middle))
            {
                good = middle;
            }
            else
            {
                bad = middle;
            }
        }

        return bad > 0 ? graph.Nodes[bad - 1] : null;
    }

    private static bool Loads(Graph graph, int count)
    {
        if (count == 0)
        {
            return true;
        }

        Node[] nodes = [.. graph.Nodes.Take(count)];
        try
        {
            using DigitalSession session = new(
                ModelWriter.Extract(graph, nodes, [.. graph.Header.Inputs.Select(i => i.Name)], [.. nodes[^1].Writes]), new DigitalOptions(Optimize: false));
            return true;
        }
        catch (DigitalException)
        {
            return false;
        }
    }

    // Non-zero status code returned while running Conv node. Name:'conv1' Status Message: ...
    [GeneratedRegex(@"while running \w+ node\. Name:'([^']*)'")]
    private static partial Regex Running();

    // In Node, ("conv1", Conv, "", -1) : ...
    [GeneratedRegex("In Node, \\(\"([^\"]*)\", \\w+, \"")]
    private static partial Regex Listed();

    // Node (conv1) Op (Conv) [ShapeInferenceError] ...
    [GeneratedRegex(@"Node \((.*?)\) Op \(\w+\)")]
    private static partial Regex Inferred();

    // ... of operator (Conv) in node (conv1) is invalid.
    [GeneratedRegex(@"in node \((.*)\) is invalid")]
    private static partial Regex TypeOfNode();

    [GeneratedRegex("Error No (?:opset import for domain '|Op registered for )")]
    private static partial Regex NoOperator();

    [GeneratedRegex(@"([\w.]*):(\w+)\([-\d]+\) is not a registered function/op")]
    private static partial Regex NoFunction();

    [GeneratedRegex(@"Type '([^']*)' of input parameter \((.*?)\) of operator \((\w+)\)")]
    private static partial Regex WrongType();

    [GeneratedRegex("official support for domain|released onnx opset versions|[Oo]pset(?:_import)? .* (?:missing|not)")]
    private static partial Regex Opset();

    [GeneratedRegex("IR version|ir_version")]
    private static partial Regex IrVersion();

    [GeneratedRegex(@"^ONNX Runtime only \*guarantees\* support for models stamped with official released onnx opset versions\. ")]
    private static partial Regex Guarantee();

    [GeneratedRegex("[Ii]nput .*rank|rank 2")]
    private static partial Regex NotAMatrix();

    // conv.cc:261 Compute Conv : ...
    [GeneratedRegex(@"^[\w.]+\.(?:cc|h|cpp):\d+ (?:[\w:<>~]+ )?(?:\w+ : )?")]
    private static partial Regex SourceFile();

    // What the place already says.
    [GeneratedRegex(@"^ONNX Runtime: (?:This is an invalid model\. )?(?:Non-zero status code returned while running \w+ node\. Name:'[^']*' Status Message: )*(?:In Node, \(.*\) -> \(.*?\) ?, )?(?:Node \(.*?\) Op \(\w+\) )?(?:\[(?:Shape|Type)InferenceError\] )?(?:Error )?(?:Exception during initialization: )?")]
    private static partial Regex Frame();
}
