using System.Globalization;

namespace AimcCompiler.Conformance;

/// <summary>The memory of this process as the system counts it; 0 where it does not say.</summary>
internal static class ResidentSet
{
    public static long Now => Read("VmRSS:");

    /// <summary>The largest since <see cref="ForgetPeak"/>.</summary>
    public static long Peak => Read("VmHWM:");

    public static void ForgetPeak()
    {
        if (OperatingSystem.IsLinux())
        {
            try
            {
                File.WriteAllText("/proc/self/clear_refs", "5");
            }
            catch (UnauthorizedAccessException)
            {
                // Then the peak is that of the whole life: an upper bound.
            }
        }
    }

    private static long Read(string key)
    {
        if (!OperatingSystem.IsLinux())
        {
            return 0;
        }

        string line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal)) ?? "";
        return line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries) is [_, var kib, ..] ? long.Parse(kib, CultureInfo.InvariantCulture) * 1024 : 0;
    }
}
