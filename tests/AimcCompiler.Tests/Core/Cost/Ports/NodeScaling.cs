namespace AimcCompiler.Tests.Core;

/// <summary>What digital logic takes on another process: fits of energy over supply voltage, and ratios of area (Stillmaker and Baas, Integration 58, 2017). Not for ADCs and DACs, which do not shrink like logic.</summary>
internal static class NodeScaling
{
    /// <summary>E(V) = a V^2 + b V + c of a node, relative.</summary>
    private static readonly Dictionary<int, (double A, double B, double C)> s_energies = new()
    {
        [130] = (7.171, -6.709, 2.904),
        [90] = (4.762, -4.781, 2.092),
        [65] = (3.755, -4.398, 1.975),
        [45] = (1.103, -0.362, 0.2767),
        [32] = (0.9559, -0.7823, 0.471),
        [20] = (0.373, -0.1582, 0.04104),
        [16] = (0.2958, -0.1241, 0.03024),
        [14] = (0.2363, -0.09675, 0.02239),
        [10] = (0.2068, -0.09311, 0.02375),
        [7] = (0.1776, -0.09097, 0.02447),
    };

    /// <summary>Area, as a multiple of what it is at 45 nm.</summary>
    private static readonly Dictionary<int, double> s_areas = new() { [45] = 1, [32] = 0.46, [20] = 0.21, [16] = 0.19, [14] = 0.17, [10] = 0.10, [7] = 0.059 };

    /// <summary>Nodes that energies are known of, nm.</summary>
    public static IReadOnlyCollection<int> Nodes => s_energies.Keys;

    /// <summary>Energy at a node over the energy at another.</summary>
    /// <param name="fromNm">One of <see cref="Nodes"/>.</param>
    /// <param name="toNm">The same.</param>
    /// <param name="supplyVolts">Of both.</param>
    public static double Energy(int fromNm, int toNm, double supplyVolts = 0.8) => EnergyOf(toNm, supplyVolts) / EnergyOf(fromNm, supplyVolts);

    /// <summary>Area at a node over the area at another.</summary>
    /// <param name="fromNm">45 nm or less.</param>
    /// <param name="toNm">The same.</param>
    public static double Area(int fromNm, int toNm) => Known(s_areas, toNm) / Known(s_areas, fromNm);

    private static double EnergyOf(int nm, double volts)
    {
        var (a, b, c) = Known(s_energies, nm);
        return (a * volts * volts) + (b * volts) + c;
    }

    private static T Known<T>(Dictionary<int, T> nodes, int nm) => nodes.TryGetValue(nm, out T? value)
        ? value
        : throw new ArgumentOutOfRangeException(nameof(nm), nm, $"known: {string.Join(", ", nodes.Keys)} nm");
}
