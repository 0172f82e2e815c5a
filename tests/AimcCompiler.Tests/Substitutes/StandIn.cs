using System.Reflection;

namespace AimcCompiler.Tests.Substitutes;

internal static class StandIn
{
    /// <summary>True for an assembly this solution built: the packages are compiled against older frameworks.</summary>
    internal static bool Is(Assembly assembly) =>
        assembly.GetReferencedAssemblies().Any(reference => reference.Name == "System.Runtime" && reference.Version >= new Version(10, 0));
}
