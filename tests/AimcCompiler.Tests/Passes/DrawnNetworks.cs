using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;

namespace AimcCompiler.Tests.Passes;

/// <summary>Networks of the shared folder that come without weights, with drawn ones.</summary>
internal static class DrawnNetworks
{
    /// <summary>The five that mappings on PIMCOMP's chip are measured with.</summary>
    public static TheoryData<string> OfPimcomp => ["light_bvlc_alexnet", "light_inception_v1", "light_resnet50", "light_squeezenet", "light_vgg19"];

    /// <summary>As PIMCOMP maps: one copy on tiles for every node, zeros too.</summary>
    public static CompileOptions AsPimcomp { get; } = new() { Target = MappingTarget.Throughput, SharesWeights = false, Zeros = ZeroPolicy.Program };

    /// <param name="name">Model in the shared folder.</param>
    public static Graph Import(string name)
    {
        string file = Path.GetTempFileName();
        try
        {
            using (var stream = File.Create(file))
            {
                Reseeder.Reseed(Path.Combine(SharedFolder.Folder, "models", "onnx", $"{name}.onnx"), 1).WriteTo(stream);
            }

            return OnnxImporter.Import(file);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
