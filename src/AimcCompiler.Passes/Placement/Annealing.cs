using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AimcCompiler.Passes;

/// <summary>Simulated annealing over exchanges of two places, which counts moves and never looks at a clock. Flows are scaled to 32 bits, so that sums are exact in any order and a run is the same on every machine; what comes
/// out is costed with the flows themselves.</summary>
internal sealed class Annealing
{
    /// <summary>Of all other places, those that cores exchange with in the end.</summary>
    private const double Narrowest = 0.05;
    private const int FewestPlaces = 8;
    private readonly int _size;
    private readonly int _stride;
    private readonly int[] _flows;

    // Row p: distance from place p to where every core is.
    private readonly int[] _distances;
    private readonly int[] _toFixed;
    private readonly int[] _at;
    private readonly int[] _coreAt;

    // Row p: all other places, the nearest to place p first.
    private readonly int[] _near;
    private SplitMix64 _random;

    public Annealing(QuadraticAssignment problem, int[] begin, ulong seed)
    {
        _size = problem.Size;
        _stride = (_size + 7) & ~7;
        _flows = new int[_size * _stride];
        _distances = new int[_size * _stride];
        _toFixed = new int[_size * _size];
        _at = [.. begin];
        _coreAt = new int[_size];
        for (int core = 0; core < _size; core++)
        {
            _coreAt[_at[core]] = core;
        }

        _near = [.. Enumerable.Range(0, _size).SelectMany(p => Enumerable.Range(0, _size).Where(q => q != p).OrderBy(q => problem.Distances[p, q]).ThenBy(q => q))];
        _random = new SplitMix64(seed);
        double scale = ScaleOf(problem);
        for (int a = 0; a < _size; a++)
        {
            for (int b = 0; b < _size; b++)
            {
                _flows[(a * _stride) + b] = (int)(problem.Flows[a, b] * scale);
                _toFixed[(a * _size) + b] = (int)(problem.ToFixed[a, b] * scale);
                _distances[(a * _stride) + b] = problem.Distances[a, _at[b]];
            }
        }
    }

    /// <summary>A change is less than 2^31 for every exchange.</summary>
    private static double ScaleOf(QuadraticAssignment problem)
    {
        double most = 1;
        int farthest = problem.Distances.Cast<int>().Append(1).Max();
        for (int a = 0; a < problem.Size; a++)
        {
            double flows = 0;
            double toFixed = 0;
            for (int b = 0; b < problem.Size; b++)
            {
                flows += problem.Flows[a, b];
                toFixed = Math.Max(toFixed, problem.ToFixed[a, b]);
            }

            most = Math.Max(most, (flows * farthest) + toFixed);
        }

        return Math.Min(1, (1 << 28) / most);
    }

    /// <summary>Place of every core.</summary>
    public ReadOnlySpan<int> At => _at;

    /// <summary>Mean size of the change that exchanges bring.</summary>
    public double MeanChange(int tries)
    {
        double sum = 0;
        for (int i = 0; i < tries; i++)
        {
            int a = _random.Next(_size);
            int b = _random.Next(_size);
            sum += Math.Abs((double)Delta(a, b));
        }

        return sum / tries;
    }

    /// <summary>Cools geometrically, and takes places nearer and nearer to exchange with: far ones are hardly ever for the better in the end.</summary>
    public void Cool(long moves, double from, double to)
    {
        const int Steps = 200;
        double factor = Metropolis.Factor(from, to, Steps);
        double temperature = from;
        int others = _size - 1;
        double window = others;
        double narrower = Metropolis.Factor(1, Narrowest, Steps);
        for (int step = 0; step < Steps; step++, temperature *= factor, window *= narrower)
        {
            ulong within = (ulong)Math.Clamp((int)window, Math.Min(FewestPlaces, others), others);
            for (long i = moves / Steps; i > 0; i--)
            {
                ulong draw = _random.Next();
                int a = (int)(((draw & 0xFFFFFF) * (ulong)_size) >> 24);
                int b = _coreAt[_near[(_at[a] * others) + (int)((((draw >> 24) & 0xFFFFFF) * within) >> 24)]];
                int delta = Delta(a, b);
                if (Metropolis.Takes(delta, temperature, draw))
                {
                    Exchange(a, b);
                }
            }
        }
    }

    /// <summary>Exchanges until none is for the better.</summary>
    public void Descend()
    {
        bool isBetter = true;
        while (isBetter)
        {
            isBetter = false;
            for (int a = 0; a < _size; a++)
            {
                for (int b = a + 1; b < _size; b++)
                {
                    if (Delta(a, b) < 0)
                    {
                        Exchange(a, b);
                        isBetter = true;
                    }
                }
            }
        }
    }

    private int Delta(int a, int b)
    {
        int pa = _at[a];
        int pb = _at[b];
        ref int flows = ref MemoryMarshal.GetArrayDataReference(_flows);
        ref int distances = ref MemoryMarshal.GetArrayDataReference(_distances);
        nuint fa = (nuint)(a * _stride);
        nuint fb = (nuint)(b * _stride);
        nuint da = (nuint)(pa * _stride);
        nuint db = (nuint)(pb * _stride);
        var sum = Vector256<int>.Zero;
        for (nuint k = 0; k < (nuint)_stride; k += 8)
        {
            sum += (Vector256.LoadUnsafe(ref flows, fa + k) - Vector256.LoadUnsafe(ref flows, fb + k))
                * (Vector256.LoadUnsafe(ref distances, db + k) - Vector256.LoadUnsafe(ref distances, da + k));
        }

        // The two themselves stay as far apart as they are.
        return Vector256.Sum(sum) + (2 * _flows[(a * _stride) + b] * _distances[(pa * _stride) + b])
            + _toFixed[(a * _size) + pb] - _toFixed[(a * _size) + pa] + _toFixed[(b * _size) + pa] - _toFixed[(b * _size) + pb];
    }

    private void Exchange(int a, int b)
    {
        (_at[a], _at[b]) = (_at[b], _at[a]);
        (_coreAt[_at[a]], _coreAt[_at[b]]) = (a, b);
        for (int row = 0; row < _distances.Length; row += _stride)
        {
            (_distances[row + a], _distances[row + b]) = (_distances[row + b], _distances[row + a]);
        }
    }
}
