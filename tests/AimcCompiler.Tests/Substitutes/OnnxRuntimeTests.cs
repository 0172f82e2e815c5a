using AimcCompiler.Tests.Digital;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AimcCompiler.Tests.Substitutes;

/// <summary>What code above relies on in ONNX Runtime's managed interface; it holds with the stand-in and with the package alike.</summary>
public sealed class OnnxRuntimeTests
{
    private static readonly byte[] s_relu = TinyOnnx.Unary("Relu", 1, "N", 2);

    private static SessionOptions Quiet() => new() { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, IntraOpNumThreads = 1 };

    private static InferenceSession Open(byte[] model)
    {
        using var options = Quiet();
        return new InferenceSession(model, options);
    }

    [Fact]
    public void RunsByNamesAndByDictionary()
    {
        using var session = Open(s_relu);
        using var run = new RunOptions();
        using var x = OrtValue.CreateTensorValueFromMemory(new float[] { -1, 1 }, [1, 2]);

        using var byNames = session.Run(run, ["x"], [x], ["y"]);
        using var byDictionary = session.Run(run, new Dictionary<string, OrtValue> { ["x"] = x }, session.OutputNames);

        Assert.Equal([0f, 1], byNames[0].GetTensorDataAsSpan<float>().ToArray());
        Assert.Equal([0f, 1], byDictionary[0].GetTensorDataAsSpan<float>().ToArray());
        Assert.Equal([1, 2], byNames[0].GetTensorTypeAndShape().Shape);
        Assert.Equal(TensorElementType.Float, byNames[0].GetTensorTypeAndShape().ElementDataType);
        Assert.Throws<ArgumentException>(() => session.Run(run, ["x"], Array.Empty<OrtValue>(), ["y"]));
    }

    [Fact]
    public void RunsIntoMemoryOfTheCaller()
    {
        using var session = Open(s_relu);
        using var run = new RunOptions();
        float[] input = [-1, 1], output = [9, 9];
        using var x = OrtValue.CreateTensorValueFromMemory(input, [1, 2]);
        using var y = OrtValue.CreateTensorValueFromMemory(output, [1, 2]);

        session.Run(run, ["x"], [x], ["y"], [y]);
        Assert.Equal([0f, 1], output);

        input[0] = 5; // the tensor is the array, not a copy
        session.Run(run, ["x"], [x], ["y"], [y]);
        Assert.Equal([5f, 1], output);
    }

    [Fact]
    public void DescribesInputsAndOutputs()
    {
        using var session = Open(s_relu);

        var x = session.InputMetadata["x"];
        Assert.Equal([-1, 2], x.Dimensions);
        Assert.Equal(["N", ""], x.SymbolicDimensions);
        Assert.Equal(typeof(float), x.ElementType);
        Assert.Equal(TensorElementType.Float, x.ElementDataType);
        Assert.Equal(OnnxValueType.ONNX_TYPE_TENSOR, x.OnnxValueType);
        Assert.True(x.IsTensor);
        Assert.Equal(["y"], session.OutputNames);
    }

    [Fact]
    public void PrefixesErrorsWithTheirCode()
    {
        Refuses("[ErrorCode:InvalidProtobuf] ", () => Open([1, 2, 3, 4]));
        Refuses("[ErrorCode:InvalidArgument] ", () => Open([]));
        Refuses("[ErrorCode:InvalidGraph] ", () => Open(TinyOnnx.Unary("Foo", 1, 2)));
        Refuses("[ErrorCode:NoSuchFile] ", () =>
        {
            using var options = Quiet();
            return new InferenceSession("no-such-model.onnx", options);
        });
    }

    [Fact]
    public void ChecksNamesAndSizesBeforeTheNativeCall()
    {
        using var session = Open(s_relu);
        using var run = new RunOptions();
        using var x = OrtValue.CreateTensorValueFromMemory(new float[2], [1, 2]);

        Refuses("[ErrorCode:InvalidArgument] Input name: 'zz' is not in the metadata", () => session.Run(run, ["zz"], [x], ["y"]));
        Refuses("[ErrorCode:InvalidArgument] Output name: 'zz' is not in the metadata", () => session.Run(run, ["x"], [x], ["zz"]));
        Refuses(
            "[ErrorCode:InvalidArgument] Managed memory size: 4 elements is less than shape size: 5 elements",
            () => OrtValue.CreateTensorValueFromMemory(new float[4], [5]));
        Refuses("[ErrorCode:InvalidArgument] Requested type: System.Int32 does not match the actual type: System.Single", () =>
        {
            x.GetTensorDataAsSpan<int>();
            return x;
        });
    }

    [Fact]
    public void EndsRunsWhileTerminateIsSet()
    {
        using var session = Open(s_relu);
        using var run = new RunOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
        using var x = OrtValue.CreateTensorValueFromMemory(new float[2], [1, 2]);

        run.Terminate = true;
        Refuses("[ErrorCode:Fail] Exiting due to terminate flag being set to true.", () => session.Run(run, ["x"], [x], ["y"]));
        run.Terminate = false;
        session.Run(run, ["x"], [x], ["y"]).Dispose();
    }

    [Fact]
    public void TakesAnInitializerFromTheCaller()
    {
        byte[] type = TinyOnnx.TensorType(1, 2);
        byte[] model = TinyOnnx.Model(
            [TinyOnnx.Node("Add", ["x", "w"], ["y"])],
            [TinyOnnx.Port("x", type)],
            [TinyOnnx.Port("y", type)],
            [TinyOnnx.FloatInitializer("w", [1, 1])]);
        using var w = OrtValue.CreateTensorValueFromMemory(new float[] { 10, 20 }, [2]);
        using var options = Quiet();
        options.AddInitializer("w", w);
        using var session = new InferenceSession(model, options);
        using var run = new RunOptions();
        using var x = OrtValue.CreateTensorValueFromMemory(new float[2], [2]);

        using var y = session.Run(run, ["x"], [x], ["y"]);

        Assert.Equal([10f, 20], y[0].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void KeepsStrings()
    {
        using var value = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, [3]);
        value.StringTensorSetElementAt("héllo".AsSpan(), 0);
        value.StringTensorSetElementAt("w".AsSpan(), 2);

        Assert.Equal(["héllo", "", "w"], value.GetStringTensorAsArray());
        Assert.Equal("héllo", value.GetStringElement(0));
        Assert.Equal("", value.GetStringElement(1));
        Refuses("[ErrorCode:InvalidArgument] Strings are not supported by this API", () =>
        {
            value.GetTensorMutableRawData();
            return value;
        });
    }

    [Fact]
    public void TakesApartASequence()
    {
        var parts = new List<OrtValue>
        {
            OrtValue.CreateTensorValueFromMemory(new float[] { 1 }, [1]),
            OrtValue.CreateTensorValueFromMemory(new float[] { 2, 3 }, [2]),
        };
        using var sequence = OrtValue.CreateSequence(parts);
        using var second = sequence.GetValue(1, OrtAllocator.DefaultInstance);

        Assert.Empty(parts);
        Assert.Equal(OnnxValueType.ONNX_TYPE_SEQUENCE, sequence.OnnxType);
        Assert.Equal(2, sequence.GetValueCount());
        Assert.Equal([2f, 3], second.GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void RemembersItsOptions()
    {
        using var options = new SessionOptions();
        Assert.Equal(GraphOptimizationLevel.ORT_ENABLE_ALL, options.GraphOptimizationLevel);
        Assert.True(options.EnableCpuMemArena);

        options.GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL;
        options.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
        options.InterOpNumThreads = 1;
        options.IntraOpNumThreads = 1;
        options.EnableCpuMemArena = false;
        options.EnableMemoryPattern = false;
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        options.AddFreeDimensionOverrideByName("N", 7);
        using var session = new InferenceSession(s_relu, options);

        Assert.Equal([7, 2], session.InputMetadata["x"].Dimensions);
        Assert.Equal(GraphOptimizationLevel.ORT_DISABLE_ALL, options.GraphOptimizationLevel);
        Assert.False(options.EnableCpuMemArena);
    }

    [Fact]
    public void HasTheCpuProvider() => Assert.Contains("CPUExecutionProvider", OrtEnv.Instance().GetAvailableProviders());

    private static void Refuses(string start, Func<IDisposable> act)
    {
        var error = Assert.Throws<OnnxRuntimeException>(act);
        Assert.StartsWith(start, error.Message, StringComparison.Ordinal);
    }
}
