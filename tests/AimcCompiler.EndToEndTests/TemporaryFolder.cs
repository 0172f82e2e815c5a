namespace AimcCompiler.EndToEndTests;

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aimc-end-to-end-");

    public string Path => _folder.FullName;

    /// <summary>Names of everything in it, temporary files included.</summary>
    public string[] Names =>
        [.. _folder.EnumerateFileSystemInfos("*", new EnumerationOptions { AttributesToSkip = 0 }).Select(f => f.Name).Order(StringComparer.Ordinal)];

    public string File(string name) => System.IO.Path.Combine(_folder.FullName, name);

    public void Dispose() => _folder.Delete(recursive: true);
}
