using System.Runtime.InteropServices;
using AimcCompiler.Core;
using Microsoft.ML.OnnxRuntime;

namespace AimcCompiler.Digital;

/// <summary>Zeros that stand for the elements of tensors which nobody reads: the system gives such memory pages when they are touched.</summary>
internal sealed unsafe class ZeroMemory(long bytes) : IDisposable
{
    private void* _start = NativeMemory.AllocZeroed((nuint)Math.Max(bytes, 1));

    /// <summary>A tensor of the same type and shape; it must not outlive this memory.</summary>
    public OrtValue As(Tensor tensor) =>
        OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, (Microsoft.ML.OnnxRuntime.Tensors.TensorElementType)(int)tensor.Type, [.. tensor.Shape], (nint)_start, tensor.Bytes);

    public void Dispose()
    {
        NativeMemory.Free(_start);
        _start = null;
    }
}
