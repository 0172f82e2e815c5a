using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.ML.OnnxRuntime;
using QuikGraph;

namespace AimcCompiler.Tests.Substitutes;

/// <summary>The stand-ins' public surface is a file in review: a member that the package does not have must not creep in.</summary>
public sealed class PublicSurfaceTests
{
    [Fact]
    public void OffersOfQuikGraphWhatIsApproved() => Compare(typeof(IEdge<>).Assembly, "QuikGraph.approved.txt");

    [Fact]
    public void OffersOfOnnxRuntimeWhatIsApproved() => Compare(typeof(InferenceSession).Assembly, "OnnxRuntime.approved.txt");

    private static void Compare(Assembly assembly, string file, [CallerFilePath] string source = "")
    {
        string path = Path.Combine(Path.GetDirectoryName(source)!, file);
        string actual = Describe(assembly);
        if (!StandIn.Is(assembly))
        {
            // The package offers far more, but nothing on the list may be missing from it.
            Assert.Empty(Qualified(File.ReadAllText(path)).Except(Qualified(actual)));
            return;
        }

        if (Environment.GetEnvironmentVariable("AIMC_BLESS") == "1") File.WriteAllText(path, actual);

        Assert.Equal(File.ReadAllText(path), actual);
    }

    /// <summary>Each member with its type; what a type derives from is left out.</summary>
    private static List<string> Qualified(string surface)
    {
        var lines = new List<string>();
        string type = "";
        foreach (string line in surface.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!line.StartsWith(' ')) type = line.Split(" : ")[0];
            lines.Add(line.StartsWith(' ') ? type + line : type);
        }

        return lines;
    }

    private static string Describe(Assembly assembly)
    {
        var lines = new List<string>();
        foreach (var type in assembly.GetExportedTypes().OrderBy(type => Name(type), StringComparer.Ordinal))
        {
            string[] bases =
            [
                .. type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) ? [Name(parent)] : Array.Empty<string>(),
                .. type.GetInterfaces().Where(i => i.IsPublic).Select(Name).Order(StringComparer.Ordinal),
            ];
            lines.Add($"{Kind(type)} {type.Namespace}.{Name(type)}{(bases.Length > 0 && !type.IsEnum ? " : " + string.Join(", ", bases) : "")}");
            lines.AddRange(Members(type).Order(StringComparer.Ordinal).Select(member => "  " + member));
        }

        return string.Join('\n', lines) + "\n";
    }

    private static string Kind(Type type) =>
        type.IsEnum ? "enum"
        : type.IsInterface ? "interface"
        : typeof(Delegate).IsAssignableFrom(type) ? "delegate"
        : type.IsValueType ? "struct"
        : type is { IsAbstract: true, IsSealed: true } ? "static class"
        : type.IsAbstract ? "abstract class"
        : type.IsSealed ? "sealed class" : "class";

    private static IEnumerable<string> Members(Type type)
    {
        const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        if (type.IsEnum) return Enum.GetNames(type).Select(name => $"{name} = {Convert.ToInt64(Enum.Parse(type, name), null)}");

        return type.GetConstructors(All).Where(IsOpen).Where(c => !c.IsStatic).Select(c => $"new({Parameters(c)})")
            .Concat(type.GetMethods(All).Where(IsOpen).Where(m => !m.IsSpecialName && m.Name != "Finalize").Select(m =>
                $"{Modifier(m)}{Name(m.ReturnType)} {m.Name}{Generic(m)}({Parameters(m)})"))
            .Concat(type.GetProperties(All).Where(p => p.GetMethod is { } get && IsOpen(get)).Select(p =>
                $"{Modifier(p.GetMethod!)}{Name(p.PropertyType)} {p.Name} {{ get;{(p.SetMethod is { } set && IsOpen(set) ? " set;" : "")} }}"))
            .Concat(type.GetEvents(All).Where(e => IsOpen(e.AddMethod!)).Select(e => $"event {Name(e.EventHandlerType!)} {e.Name}"))
            .Concat(type.GetFields(All).Where(f => f.IsPublic).Select(f => $"field {Name(f.FieldType)} {f.Name}"));
    }

    private static bool IsOpen(MethodBase method) => method.IsPublic || method.IsFamily;

    private static string Modifier(MethodInfo method) => (method.IsFamily ? "protected " : "") + (method.IsStatic ? "static " : "");

    private static string Generic(MethodInfo method) =>
        method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(Name))}>" : "";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(p =>
        $"{(p.IsOut ? "out " : p.ParameterType.IsByRef ? "ref " : "")}{Name(p.ParameterType)} {p.Name}{(p.HasDefaultValue ? " = " + (p.DefaultValue ?? "null") : "")}"));

    private static string Name(Type type)
    {
        if (type.IsByRef) return Name(type.GetElementType()!);
        if (type.IsArray) return Name(type.GetElementType()!) + "[]";
        if (!type.IsGenericType) return type.Name;
        return $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>";
    }
}
