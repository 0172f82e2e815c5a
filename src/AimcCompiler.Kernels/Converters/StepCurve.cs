using System.Diagnostics;

namespace AimcCompiler.Kernels;

/// <summary>The transfer of one converter as a staircase: codes[i] for values from edges[i - 1] up to below edges[i]. Edges are in ascending order, equal
/// ones leave a code out.</summary>
public sealed class StepCurve
{
    private readonly float[] _edges;
    private readonly float[] _codes;
    private readonly int[] _starts;
    private readonly float _first;
    private readonly float _binsPerLsb;

    /// <param name="edges">Ascending, finite.</param>
    /// <param name="codes">One more than edges.</param>
    public StepCurve(float[] edges, float[] codes)
    {
        ArgumentNullException.ThrowIfNull(edges);
        ArgumentNullException.ThrowIfNull(codes);
        Debug.Assert(codes.Length == edges.Length + 1);
        _edges = edges;
        _codes = codes;
        if (edges.Length == 0)
        {
            _starts = [0];
            return;
        }

        // Bins as wide as the average step; a bin knows how many edges lie safely below it.
        _first = edges[0];
        float width = Math.Max(edges[^1] - _first, 1e-3f);
        int bins = edges.Length + 1;
        _binsPerLsb = (bins - 1) / width;
        _starts = new int[bins];
        int edge = 0;
        for (int bin = 1; bin < bins; bin++)
        {
            while (edge < edges.Length && Bin(edges[edge]) < bin)
            {
                edge++;
            }

            _starts[bin] = edge;
        }
    }

    public ReadOnlySpan<float> Edges => _edges;

    public ReadOnlySpan<float> Codes => _codes;

    /// <summary>The code of a finite value.</summary>
    public float Convert(float value)
    {
        int step = _starts[Bin(value)];
        while (step < _edges.Length && value >= _edges[step])
        {
            step++;
        }

        return _codes[step];
    }

    /// <summary>The same by its definition: how many edges does the value reach?</summary>
    public float ConvertByCounting(float value)
    {
        int step = 0;
        foreach (float edge in _edges)
        {
            step += value >= edge ? 1 : 0;
        }

        return _codes[step];
    }

    /// <summary>Monotone, so an edge in a lower bin than a value's is not above the value.</summary>
    private int Bin(float value) => (int)Math.Clamp((value - _first) * _binsPerLsb, 0, _starts.Length - 1);
}
