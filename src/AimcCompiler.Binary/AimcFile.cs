namespace AimcCompiler.Binary;

/// <summary>An opened .aimc file. The program's weights and sub-models are views of the file: they throw once this is disposed.</summary>
/// <remarks>Do not dispose while another thread reads them. A file that is cut short while mapped ends the process; <see cref="AimcWriter"/>
/// replaces files and never cuts one.</remarks>
public sealed class AimcFile : IDisposable
{
    private readonly MappedFile _file;

    internal AimcFile(MappedFile file, MappedProgram program)
    {
        _file = file;
        Program = program;
    }

    public MappedProgram Program { get; }

    public void Dispose() => _file.Dispose();
}
