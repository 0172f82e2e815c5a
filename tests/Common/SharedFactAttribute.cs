namespace AimcCompiler.Testing;

/// <summary>A test that needs the folder beside the repository; without it the runner counts the test as skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedFactAttribute : FactAttribute
{
    internal const string Missing = "../shared is not here";

    public SharedFactAttribute()
    {
        if (!SharedFolder.IsHere)
        {
            Skip = Missing;
        }
    }
}

/// <inheritdoc cref="SharedFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedTheoryAttribute : TheoryAttribute
{
    public SharedTheoryAttribute()
    {
        if (!SharedFolder.IsHere)
        {
            Skip = SharedFactAttribute.Missing;
        }
    }
}
