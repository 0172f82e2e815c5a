using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>aihwkit's polynomial IR drop of one block (simulators.md 2.4): a = (n / g_ratio) sum |w x|, c = a (a (0.05 a - 0.2) + 0.5),
/// y -= scale c sum w x (1 - (1 - j / n)^2), j = 0 .. n - 1 the row; w and x in full-scale cells and pulses, w the programmed contents.</summary>
internal sealed class PolynomialDrop
{
    private readonly float _load;
    private readonly float _scale;

    private PolynomialDrop(TilePhysics physics, ProgrammedBlock block, IrDropDescription drop)
    {
        int rows = block.Block.Rows;
        _load = (float)(rows / drop.GRatio!.Value / ((double)physics.Weights.MaxLevel * physics.Input.MaxPulse));
        _scale = (float)drop.Scale!.Value;
        PositiveFar = Array.ConvertAll(block.Positive, cells => Far(cells, rows));
        NegativeFar = Array.ConvertAll(block.Negative, cells => cells is null ? null : Far(cells, rows));
        PositiveLoad = Array.ConvertAll(block.Positive, Magnitudes);
        NegativeLoad = Array.ConvertAll(block.Negative, cells => cells is null ? null : Magnitudes(cells));
        UnitFar = block.Unit is null ? null : Far(block.Unit, rows);
        UnitLoad = block.Unit is null ? null : Magnitudes(block.Unit);
    }

    /// <summary>Contents times 1 - (1 - j / n)^2.</summary>
    public float[][] PositiveFar { get; }

    public float[]?[] NegativeFar { get; }

    /// <summary>Magnitudes of the contents.</summary>
    public float[][] PositiveLoad { get; }

    public float[]?[] NegativeLoad { get; }

    public float[]? UnitFar { get; }

    public float[]? UnitLoad { get; }

    /// <summary>Null where the chip has no such drop.</summary>
    public static PolynomialDrop? Of(TilePhysics physics, ProgrammedBlock block, SimulationOptions options) =>
        physics.Tile.Noise.IrDrop is { Model: IrDropModel.Polynomial } drop && !options.Ideal ? new PolynomialDrop(physics, block, drop) : null;

    /// <summary>Takes the drop from column sums.</summary>
    /// <param name="sums">Sums of contents times pulses.</param>
    /// <param name="load">Sums of their magnitudes.</param>
    /// <param name="far">Sums weighted by distance.</param>
    public void Take(Span<float> sums, ReadOnlySpan<float> load, ReadOnlySpan<float> far)
    {
        for (int c = 0; c < sums.Length; c++)
        {
            float a = _load * load[c];
            float drop = a * ((a * ((0.05f * a) - 0.2f)) + 0.5f);
            sums[c] -= _scale * drop * far[c];
        }
    }

    private static float[] Far(float[] cells, int rows)
    {
        int columns = cells.Length / rows;
        float[] result = new float[cells.Length];
        for (int i = 0; i < cells.Length; i++)
        {
            double distance = 1 - ((double)(i / columns) / rows);
            result[i] = (float)((1 - (distance * distance)) * cells[i]);
        }

        return result;
    }

    private static float[] Magnitudes(float[] cells) => Array.ConvertAll(cells, Math.Abs);
}
