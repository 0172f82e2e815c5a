using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Cost;

/// <summary>The 21 weight layers of ResNet-18 at 224 x 224 pixels.</summary>
internal static class ResNet18
{
    /// <summary>Rows, columns, MVMs per image.</summary>
    public static readonly IReadOnlyList<(long Rows, long Columns, long Mvms)> Shapes =
    [
        (147, 64, 12544),
        (576, 64, 3136), (576, 64, 3136), (576, 64, 3136), (576, 64, 3136),
        (576, 128, 784), (1152, 128, 784), (64, 128, 784), (1152, 128, 784), (1152, 128, 784),
        (1152, 256, 196), (2304, 256, 196), (128, 256, 196), (2304, 256, 196), (2304, 256, 196),
        (2304, 512, 49), (4608, 512, 49), (256, 512, 49), (4608, 512, 49), (4608, 512, 49),
        (512, 1000, 1),
    ];

    public static IEnumerable<LayerWork> On(TileDescription tile) =>
        Shapes.Select((s, i) => LayerWork.Dense($"layer{i}", s.Rows, s.Columns, s.Mvms, tile));
}
