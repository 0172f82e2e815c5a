using System.Text.Json;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Reference vectors of other simulators; tests that read them are <see cref="SharedFactAttribute"/>s.</summary>
internal static class Shared
{
    public static JsonDocument OpenConformance(string name) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(SharedFolder.Folder, "conformance", name)));
}
