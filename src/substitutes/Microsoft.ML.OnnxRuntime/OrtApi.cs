using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>ONNX Runtime's C API: one table of function pointers whose order is fixed and only ever grows.</summary>
/// <remarks>The numbers are the ordinals in <c>OrtApi</c> of onnxruntime_c_api.h. Every call returns a status (0: done) but Release*.</remarks>
internal static unsafe class OrtApi
{
    // The lowest version of the table that has every function used below.
    private const uint ApiVersion = 23;

    private static readonly Lock s_lock = new();
    private static nint* s_table;
    private static nint s_versionString;

    private static nint* Table => s_table != null ? s_table : Load();

    internal static string Version
    {
        get
        {
            _ = Table;
            return Marshal.PtrToStringUTF8(s_versionString);
        }
    }

    internal static void CreateEnv(OrtLoggingLevel level, byte* logId, nint* env) =>
        Check(((delegate* unmanaged<int, byte*, nint*, nint>)Table[3])((int)level, logId, env));

    internal static void CreateSession(nint env, void* path, nint options, nint* session) =>
        Check(((delegate* unmanaged<nint, void*, nint, nint*, nint>)Table[7])(env, path, options, session));

    internal static void CreateSessionFromArray(nint env, byte* model, nuint length, nint options, nint* session) =>
        Check(((delegate* unmanaged<nint, byte*, nuint, nint, nint*, nint>)Table[8])(env, model, length, options, session));

    internal static void Run(
        nint session, nint options, nint* inputNames, nint* inputs, nuint inputCount, nint* outputNames, nuint outputCount, nint* outputs) =>
        Check(((delegate* unmanaged<nint, nint, nint*, nint*, nuint, nint*, nuint, nint*, nint>)Table[9])(
            session, options, inputNames, inputs, inputCount, outputNames, outputCount, outputs));

    internal static void CreateSessionOptions(nint* options) => Check(((delegate* unmanaged<nint*, nint>)Table[10])(options));

    internal static void SetOptimizedModelFilePath(nint options, void* path) => Check(((delegate* unmanaged<nint, void*, nint>)Table[11])(options, path));

    internal static void SetSessionExecutionMode(nint options, int mode) => SetInt(13, options, mode);

    internal static void EnableCpuMemArena(nint options, bool enable) => Check(((delegate* unmanaged<nint, nint>)Table[enable ? 18 : 19])(options));

    internal static void EnableMemoryPattern(nint options, bool enable) => Check(((delegate* unmanaged<nint, nint>)Table[enable ? 16 : 17])(options));

    internal static void SetSessionLogSeverityLevel(nint options, int level) => SetInt(22, options, level);

    internal static void SetSessionGraphOptimizationLevel(nint options, int level) => SetInt(23, options, level);

    internal static void SetIntraOpNumThreads(nint options, int threads) => SetInt(24, options, threads);

    internal static void SetInterOpNumThreads(nint options, int threads) => SetInt(25, options, threads);

    internal static nuint SessionGetCount(nint session, SessionPort port) => Size(30 + (int)port, session);

    internal static nint SessionGetTypeInfo(nint session, SessionPort port, nuint index)
    {
        nint info;
        Check(((delegate* unmanaged<nint, nuint, nint*, nint>)Table[33 + (int)port])(session, index, &info));
        return info;
    }

    internal static string SessionGetName(nint session, SessionPort port, nuint index)
    {
        nint allocator = GetAllocatorWithDefaultOptions();
        nint name;
        Check(((delegate* unmanaged<nint, nuint, nint, nint*, nint>)Table[36 + (int)port])(session, index, allocator, &name));
        string text = Marshal.PtrToStringUTF8(name);
        Check(((delegate* unmanaged<nint, nint, nint>)Table[76])(allocator, name));
        return text;
    }

    internal static void CreateRunOptions(nint* options) => Check(((delegate* unmanaged<nint*, nint>)Table[39])(options));

    internal static void RunOptionsSetRunLogSeverityLevel(nint options, int level) => SetInt(41, options, level);

    internal static void RunOptionsSetTerminate(nint options, bool terminate) => Check(((delegate* unmanaged<nint, nint>)Table[terminate ? 46 : 47])(options));

    internal static nint CreateTensor(nint allocator, long* shape, nuint rank, int elementType)
    {
        nint value;
        Check(((delegate* unmanaged<nint, long*, nuint, int, nint*, nint>)Table[48])(allocator, shape, rank, elementType, &value));
        return value;
    }

    internal static nint CreateTensorWithData(nint memoryInfo, void* data, nuint bytes, long* shape, nuint rank, int elementType)
    {
        nint value;
        Check(((delegate* unmanaged<nint, void*, nuint, long*, nuint, int, nint*, nint>)Table[49])(
            memoryInfo, data, bytes, shape, rank, elementType, &value));
        return value;
    }

    internal static void* GetTensorMutableData(nint value)
    {
        void* data;
        Check(((delegate* unmanaged<nint, void**, nint>)Table[51])(value, &data));
        return data;
    }

    internal static nuint GetStringTensorDataLength(nint value) => Size(53, value);

    internal static void GetStringTensorContent(nint value, byte* buffer, nuint length, nuint* offsets, nuint count) =>
        Check(((delegate* unmanaged<nint, byte*, nuint, nuint*, nuint, nint>)Table[54])(value, buffer, length, offsets, count));

    /// <summary>Borrowed: it belongs to <paramref name="typeInfo"/>.</summary>
    internal static nint CastTypeInfoToTensorInfo(nint typeInfo) => Pointer(55, typeInfo);

    internal static int GetOnnxTypeFromTypeInfo(nint typeInfo) => Int(56, typeInfo);

    internal static int GetTensorElementType(nint tensorInfo) => Int(60, tensorInfo);

    internal static nuint GetDimensionsCount(nint tensorInfo) => Size(61, tensorInfo);

    internal static void GetDimensions(nint tensorInfo, long* dimensions, nuint count) =>
        Check(((delegate* unmanaged<nint, long*, nuint, nint>)Table[62])(tensorInfo, dimensions, count));

    /// <summary>The names belong to the type info: copy them before it is released.</summary>
    internal static void GetSymbolicDimensions(nint tensorInfo, nint* names, nuint count) =>
        Check(((delegate* unmanaged<nint, nint*, nuint, nint>)Table[63])(tensorInfo, names, count));

    internal static nuint GetTensorShapeElementCount(nint tensorInfo) => Size(64, tensorInfo);

    /// <summary>Owned: release with <see cref="ReleaseTensorTypeAndShapeInfo"/>.</summary>
    internal static nint GetTensorTypeAndShape(nint value) => Pointer(65, value);

    internal static int GetValueType(nint value) => Int(67, value);

    internal static nint CreateCpuMemoryInfo(OrtAllocatorType allocator, OrtMemType memory)
    {
        nint info;
        Check(((delegate* unmanaged<int, int, nint*, nint>)Table[69])((int)allocator, (int)memory, &info));
        return info;
    }

    /// <summary>A singleton of the library: never released.</summary>
    internal static nint GetAllocatorWithDefaultOptions()
    {
        nint allocator;
        Check(((delegate* unmanaged<nint*, nint>)Table[78])(&allocator));
        return allocator;
    }

    internal static void AddFreeDimensionOverride(nint options, byte* denotation, long size) => SetNamed(79, options, denotation, size);

    internal static nint GetValue(nint value, int index, nint allocator)
    {
        nint element;
        Check(((delegate* unmanaged<nint, int, nint, nint*, nint>)Table[80])(value, index, allocator, &element));
        return element;
    }

    internal static nuint GetValueCount(nint value) => Size(81, value);

    internal static nint CreateValue(nint* elements, nuint count, int onnxType)
    {
        nint value;
        Check(((delegate* unmanaged<nint*, nuint, int, nint*, nint>)Table[82])(elements, count, onnxType, &value));
        return value;
    }

    internal static void ReleaseEnv(nint env) => Release(92, env);

    internal static void ReleaseMemoryInfo(nint info) => Release(94, info);

    internal static void ReleaseSession(nint session) => Release(95, session);

    internal static void ReleaseValue(nint value) => Release(96, value);

    internal static void ReleaseRunOptions(nint options) => Release(97, options);

    internal static void ReleaseTypeInfo(nint info) => Release(98, info);

    internal static void ReleaseTensorTypeAndShapeInfo(nint info) => Release(99, info);

    internal static void ReleaseSessionOptions(nint options) => Release(100, options);

    internal static nint CastTypeInfoToMapTypeInfo(nint typeInfo) => Pointer(103, typeInfo);

    internal static nint CastTypeInfoToSequenceTypeInfo(nint typeInfo) => Pointer(104, typeInfo);

    internal static int GetMapKeyType(nint mapInfo) => Int(105, mapInfo);

    /// <summary>Owned, like the two other contained types: release with <see cref="ReleaseTypeInfo"/>.</summary>
    internal static nint GetMapValueType(nint mapInfo) => Pointer(106, mapInfo);

    internal static nint GetSequenceElementType(nint sequenceInfo) => Pointer(107, sequenceInfo);

    internal static void CreateEnvWithGlobalThreadPools(OrtLoggingLevel level, byte* logId, nint threads, nint* env) =>
        Check(((delegate* unmanaged<int, byte*, nint, nint*, nint>)Table[119])((int)level, logId, threads, env));

    internal static void DisablePerSessionThreads(nint options) => Check(((delegate* unmanaged<nint, nint>)Table[120])(options));

    internal static void CreateThreadingOptions(nint* options) => Check(((delegate* unmanaged<nint*, nint>)Table[121])(options));

    internal static void ReleaseThreadingOptions(nint options) => Release(122, options);

    internal static void AddFreeDimensionOverrideByName(nint options, byte* name, long size) => SetNamed(124, options, name, size);

    internal static nuint GetStringTensorElementLength(nint value, nuint index)
    {
        nuint length;
        Check(((delegate* unmanaged<nint, nuint, nuint*, nint>)Table[127])(value, index, &length));
        return length;
    }

    internal static void GetStringTensorElement(nint value, nuint length, nuint index, byte* buffer) =>
        Check(((delegate* unmanaged<nint, nuint, nuint, byte*, nint>)Table[128])(value, length, index, buffer));

    internal static void FillStringTensorElement(nint value, byte* text, nuint index) =>
        Check(((delegate* unmanaged<nint, byte*, nuint, nint>)Table[129])(value, text, index));

    internal static void AddSessionConfigEntry(nint options, byte* key, byte* value) =>
        Check(((delegate* unmanaged<nint, byte*, byte*, nint>)Table[130])(options, key, value));

    internal static void SetGlobalIntraOpNumThreads(nint options, int threads) => SetInt(147, options, threads);

    internal static void SetGlobalInterOpNumThreads(nint options, int threads) => SetInt(148, options, threads);

    internal static void SetGlobalSpinControl(nint options, bool spins) => SetInt(149, options, spins ? 1 : 0);

    internal static void AddInitializer(nint options, byte* name, nint value) =>
        Check(((delegate* unmanaged<nint, byte*, nint, nint>)Table[150])(options, name, value));

    internal static void AddRunConfigEntry(nint options, byte* key, byte* value) =>
        Check(((delegate* unmanaged<nint, byte*, byte*, nint>)Table[165])(options, key, value));

    /// <summary>False for an empty optional, on which <see cref="GetValueType"/> would end the process.</summary>
    internal static bool HasValue(nint value) => Int(192, value) != 0;

    internal static nint CastTypeInfoToOptionalTypeInfo(nint typeInfo) => Pointer(250, typeInfo);

    internal static nint GetOptionalContainedTypeInfo(nint optionalInfo) => Pointer(251, optionalInfo);

    internal static string[] GetAvailableProviders()
    {
        nint* names;
        int count;
        Check(((delegate* unmanaged<nint**, int*, nint>)Table[125])(&names, &count));
        var providers = new string[count];
        for (int i = 0; i < count; i++) providers[i] = Marshal.PtrToStringUTF8(names[i]);
        Check(((delegate* unmanaged<nint*, int, nint>)Table[126])(names, count));
        return providers;
    }

    private static void SetInt(int ordinal, nint target, int value) => Check(((delegate* unmanaged<nint, int, nint>)Table[ordinal])(target, value));

    private static void SetNamed(int ordinal, nint target, byte* name, long value) =>
        Check(((delegate* unmanaged<nint, byte*, long, nint>)Table[ordinal])(target, name, value));

    private static nint Pointer(int ordinal, nint source)
    {
        nint result;
        Check(((delegate* unmanaged<nint, nint*, nint>)Table[ordinal])(source, &result));
        return result;
    }

    private static nuint Size(int ordinal, nint source)
    {
        nuint result;
        Check(((delegate* unmanaged<nint, nuint*, nint>)Table[ordinal])(source, &result));
        return result;
    }

    private static int Int(int ordinal, nint source)
    {
        int result;
        Check(((delegate* unmanaged<nint, int*, nint>)Table[ordinal])(source, &result));
        return result;
    }

    private static void Release(int ordinal, nint handle) => ((delegate* unmanaged<nint, void>)Table[ordinal])(handle);

    private static void Check(nint status)
    {
        if (status != 0) Throw(status);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Throw(nint status)
    {
        int code = ((delegate* unmanaged<nint, int>)Table[1])(status);
        string message = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint, nint>)Table[2])(status));
        ((delegate* unmanaged<nint, void>)Table[93])(status);
        throw new OnnxRuntimeException((ErrorCode)code, message);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint* Load()
    {
        lock (s_lock)
        {
            if (s_table == null)
            {
                nint library = NativeLibraryFile.Load();
                // OrtApiBase: { GetApi, GetVersionString }.
                var apiBase = ((delegate* unmanaged<nint*>)NativeLibrary.GetExport(library, "OrtGetApiBase"))();
                s_versionString = ((delegate* unmanaged<nint>)apiBase[1])();
                nint table = ((delegate* unmanaged<uint, nint>)apiBase[0])(ApiVersion);
                s_table = table != 0
                    ? (nint*)table
                    : throw new DllNotFoundException($"ONNX Runtime {Marshal.PtrToStringUTF8(s_versionString)} is too old: API {ApiVersion} is needed.");
            }

            return s_table;
        }
    }
}

/// <summary>The three kinds of named ports of a session, in the order of their functions in the table.</summary>
internal enum SessionPort
{
    Input = 0,
    Output = 1,
    OverridableInitializer = 2,
}
