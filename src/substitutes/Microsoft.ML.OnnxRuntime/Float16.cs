namespace Microsoft.ML.OnnxRuntime;

/// <summary>The bits of an IEEE half.</summary>
public readonly struct Float16
{
    public readonly ushort value;

    public Float16(ushort v)
    {
        value = v;
    }
}

/// <summary>The upper half of an IEEE single.</summary>
public readonly struct BFloat16
{
    public readonly ushort value;

    public BFloat16(ushort v)
    {
        value = v;
    }
}
