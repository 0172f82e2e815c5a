namespace AimcCompiler.Core;

/// <summary>Fields of a chip by their paths, as <c>--set</c> names them.</summary>
public static class ChipFields
{
    private const string Tile = "tile.";

    /// <summary>What a mapping, a weight code or a measured range follows from. All else is looked at by the simulated chip alone.</summary>
    private static readonly string[] s_deciding =
    [
        "tile.rows", "tile.columns", "tile.encoding", "tile.weights", "tile.cell.bits",
        "tile.input.bits", "tile.input.scheme", "tile.input.pulse_bits", "tile.input.sign", "tile.input.unsigned_when_non_negative", "tile.input.dynamic_scale", "tile.input.management",
        "tile.adc.range", "tile.adc.input_slices",
    ];

    /// <summary>The whole path of a field that may be named from the tile on: <c>adc.bits</c> is <c>tile.adc.bits</c>.</summary>
    /// <param name="path">As the user wrote it.</param>
    /// <param name="where">The option, for errors.</param>
    /// <exception cref="DiagnosticException">There is no such field.</exception>
    public static string Resolve(string path, string where)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (ChipShape.IsField(path, out string unknown, out var siblings))
        {
            return path;
        }

        if (ChipShape.IsField(Tile + path, out string unknownOfTile, out var siblingsOfTile))
        {
            return Tile + path;
        }

        // A first part that the tile has tells which of the two was meant.
        bool isOfTile = unknown == path.Split('.')[0];
        string prefix = isOfTile && unknownOfTile != unknown ? Tile : "";
        if (prefix.Length > 0)
        {
            (unknown, siblings) = (unknownOfTile, siblingsOfTile);
        }

        string parent = path[..path.LastIndexOf(unknown, StringComparison.Ordinal)];
        IReadOnlyList<string> near = NearestName.Of(unknown, prefix.Length > 0 || !isOfTile ? siblings : [.. siblings, .. siblingsOfTile], 2);
        throw new DiagnosticException(Descriptors.InvalidOption, where, $"names '{path}', and '{unknown}' is no field of {(parent.Length > 0 ? $"'{parent.TrimEnd('.')}'" : "a chip or its tile")}", [.. near.Select(n => parent + n)]);
    }

    /// <summary>A model has to be compiled anew when the field changes; a program for another value of it is another program.</summary>
    /// <param name="path">The whole path.</param>
    public static bool DecidesMapping(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return !path.StartsWith(Tile, StringComparison.Ordinal) || s_deciding.Any(d => path == d || path.StartsWith($"{d}.", StringComparison.Ordinal) || d.StartsWith($"{path}.", StringComparison.Ordinal));
    }
}
