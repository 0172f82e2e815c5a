namespace AimcCompiler.EndToEndTests;

/// <summary>A test that needs the folder beside the repository; without it the runner counts the test as skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedFactAttribute : FactAttribute
{
    internal const string Missing = "../shared is not here";

    public SharedFactAttribute()
    {
        if (!Places.HasShared)
        {
            Skip = Missing;
        }
    }
}

/// <inheritdoc cref="SharedFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedTheoryAttribute : TheoryAttribute
{
    public SharedTheoryAttribute()
    {
        if (!Places.HasShared)
        {
            Skip = SharedFactAttribute.Missing;
        }
    }
}

/// <summary>A test that sends a signal.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class UnixFactAttribute : FactAttribute
{
    public UnixFactAttribute()
    {
        if (OperatingSystem.IsWindows())
        {
            Skip = "signals are POSIX";
        }
    }
}

/// <summary>A test that takes a right away, which root keeps.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class UnprivilegedFactAttribute : FactAttribute
{
    public UnprivilegedFactAttribute()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
        {
            Skip = "this user may write everywhere";
        }
    }
}
