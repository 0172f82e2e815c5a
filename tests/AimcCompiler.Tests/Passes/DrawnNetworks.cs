using AimcCompiler.Ir;
using AimcCompiler.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>Networks of the shared folder that come without weights, with drawn ones.</summary>
internal static class DrawnNetworks
{
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
