using AimcCompiler.Core;

namespace AimcCompiler.Tests.Runtime;

internal static class Cells
{
    public static CellDescription Of(DeviceDescription device, double gMaxUs) => new()
    {
        Device = device,
        Bits = null,
        GMinUs = 0,
        GMaxUs = gMaxUs,
        ReadVoltageV = 0.2,
        Significance = null,
        Programming = null,
        Variation = null,
        Temperature = null,
        Iv = null,
    };
}
