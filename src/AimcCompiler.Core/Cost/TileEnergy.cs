namespace AimcCompiler.Core;

/// <summary>Energy of tiles in pJ, part by part. A part whose constant is not known is null, and so is every sum with it.</summary>
public sealed record TileEnergy
{
    /// <summary>The published energy of whole-tile MVMs; then the parts below are null.</summary>
    public double? LumpedPj { get; init; }

    public double? DacPj { get; init; }

    public double? CellsPj { get; init; }

    public double? AdcPj { get; init; }

    public double? ShiftAddPj { get; init; }

    /// <summary>Static power of the tiles while they are busy.</summary>
    public double? StaticPj { get; init; }

    /// <summary>The core's buffer: inputs read, outputs written. Not part of a tile.</summary>
    public double? BufferPj { get; init; }

    /// <summary>The tiles without the core's buffer.</summary>
    public double? TilesPj => LumpedPj ?? (DacPj + CellsPj + AdcPj + ShiftAddPj + StaticPj);

    /// <summary>The tiles and the buffer.</summary>
    public double? TotalPj => TilesPj + BufferPj;

    public static TileEnergy operator +(TileEnergy left, TileEnergy right) => new()
    {
        LumpedPj = left.LumpedPj + right.LumpedPj,
        DacPj = left.DacPj + right.DacPj,
        CellsPj = left.CellsPj + right.CellsPj,
        AdcPj = left.AdcPj + right.AdcPj,
        ShiftAddPj = left.ShiftAddPj + right.ShiftAddPj,
        StaticPj = left.StaticPj + right.StaticPj,
        BufferPj = left.BufferPj + right.BufferPj,
    };

    public static TileEnergy operator *(TileEnergy energy, double factor) => new()
    {
        LumpedPj = energy.LumpedPj * factor,
        DacPj = energy.DacPj * factor,
        CellsPj = energy.CellsPj * factor,
        AdcPj = energy.AdcPj * factor,
        ShiftAddPj = energy.ShiftAddPj * factor,
        StaticPj = energy.StaticPj * factor,
        BufferPj = energy.BufferPj * factor,
    };

    public static TileEnergy Add(TileEnergy left, TileEnergy right) => left + right;

    public static TileEnergy Multiply(TileEnergy left, double right) => left * right;
}
