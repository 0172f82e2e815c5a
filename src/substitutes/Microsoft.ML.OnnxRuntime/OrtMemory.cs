using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

public class OrtMemoryInfo : SafeHandle
{
    private static readonly Lazy<OrtMemoryInfo> s_default =
        new(() => new OrtMemoryInfo(OrtApi.CreateCpuMemoryInfo(OrtAllocatorType.DeviceAllocator, OrtMemType.Cpu)));

    private OrtMemoryInfo(nint info)
        : base(info, true)
    {
    }

    public static OrtMemoryInfo DefaultInstance => s_default.Value;

    public override bool IsInvalid => handle == 0;

    internal nint Pointer => handle;

    protected override bool ReleaseHandle()
    {
        OrtApi.ReleaseMemoryInfo(handle);
        handle = 0;
        return true;
    }
}

public class OrtAllocator : SafeHandle
{
    private static readonly Lazy<OrtAllocator> s_default = new(() => new OrtAllocator(OrtApi.GetAllocatorWithDefaultOptions()));

    private OrtAllocator(nint allocator)
        : base(allocator, true)
    {
    }

    public static OrtAllocator DefaultInstance => s_default.Value;

    public override bool IsInvalid => handle == 0;

    internal nint Pointer => handle;

    protected override bool ReleaseHandle()
    {
        // The default allocator belongs to the library.
        handle = 0;
        return true;
    }
}
