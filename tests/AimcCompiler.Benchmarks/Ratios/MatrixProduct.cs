using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Onnx;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using Google.Protobuf;

namespace AimcCompiler.Benchmarks;

/// <summary>A model of one MatMul with n x n constant weights, for ONNX Runtime and for a chip.</summary>
internal sealed class MatrixProduct
{
    private const string InputName = "x";
    private const string OutputName = "y";

    private readonly ModelProto _model;
    private readonly int _n;

    public MatrixProduct(int n)
    {
        _n = n;
        _model = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "product" } };
        _model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 17 });
        TypeProto.Types.Tensor type = new() { ElemType = (int)TensorType.Float, Shape = new TensorShapeProto() };
        type.Shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = "batch" });
        type.Shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = n });
        _model.Graph.Input.Add(new ValueInfoProto { Name = InputName, Type = new TypeProto { TensorType = type } });
        _model.Graph.Output.Add(new ValueInfoProto { Name = OutputName });
        // An initializer: ONNX Runtime packs it when the session is made.
        _model.Graph.Initializer.Add(ModelWriter.Write("w", Random(1, n, n)));
        NodeProto node = new() { OpType = "MatMul", Name = "product" };
        node.Input.Add([InputName, "w"]);
        node.Output.Add(OutputName);
        _model.Graph.Node.Add(node);
    }

    /// <summary>Inputs of a batch, in [-1, 1).</summary>
    public Tensor Inputs(int batch) => Random(2, batch, _n);

    /// <summary>ONNX Runtime on so many threads.</summary>
    public DigitalSession Reference(int threads) => new(_model.ToByteArray(), new DigitalOptions(threads));

    /// <summary>The product mapped to a chip, calibrated on inputs of the same distribution.</summary>
    public MappedProgram Compile(ChipDescription chip)
    {
        var graph = OnnxImporter.Import(_model.Clone(), "product.onnx", new string('0', 64), null);
        var program = AimcCompilation.Compile(graph, chip, new CompileOptions { Chips = null }).Program;
        var samples = Random(3, 32, _n);
        return RangeCalibrator.Complete(program, [() => new Dictionary<string, Tensor> { [InputName] = samples }]);
    }

    /// <summary>One run of ONNX Runtime on the values; the result is dropped.</summary>
    public static void Run(DigitalSession session, IReadOnlyDictionary<string, DigitalValue> inputs)
    {
        foreach (var output in session.Run(inputs))
        {
            output.Dispose();
        }
    }

    public static IReadOnlyDictionary<string, DigitalValue> Given(DigitalValue input) => new Dictionary<string, DigitalValue> { [InputName] = input };

    private static Tensor Random(int seed, int rows, int columns)
    {
        System.Random random = new(seed);
        float[] values = new float[(long)rows * columns];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (2 * random.NextSingle()) - 1;
        }

        return Tensor.FromFloats(values, rows, columns);
    }
}
