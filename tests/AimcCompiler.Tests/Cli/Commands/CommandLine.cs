using System.CommandLine;
using AimcCompiler.Cli;

namespace AimcCompiler.Tests.Cli;

/// <summary>Runs one command of the tool in this process, its output into strings.</summary>
internal static class CommandLine
{
    public static (int ExitCode, string Output, string Error) Run(Command command, params string[] arguments)
    {
        var root = new RootCommand { command };
        root.Options.Add(GlobalOptions.Verbose);
        HelpExamples.AddTo(root);
        using StringWriter output = new();
        using StringWriter error = new();
        int exitCode = root.Parse([command.Name, .. arguments]).Invoke(new InvocationConfiguration { Output = output, Error = error });
        return (exitCode, output.ToString(), error.ToString());
    }
}

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aimc-tests-");

    public string File(string name) => Path.Combine(_folder.FullName, name);

    public void Dispose() => _folder.Delete(recursive: true);
}
