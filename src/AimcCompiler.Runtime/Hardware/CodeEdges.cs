using System.Diagnostics;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>Where an ADC steps from code to code, in LSB: the ideal edges, half an LSB below each code, moved by the errors of the converter and by the
/// mismatches of its circuit (Spear et al., IEEE JXCDC 2023; simulators.md 2.5). Draws are standard normals that the caller names.</summary>
internal sealed class CodeEdges
{
    /// <summary>Draws of <see cref="ConverterErrors"/> before those of the code widths.</summary>
    private const int SharedErrorDraws = 4;

    /// <summary>Below it an edge is where it should be: what is left is the rounding of the formulas.</summary>
    private const double Exact = 1e-9;

    private readonly int _bits;
    private readonly bool _isSigned;
    private readonly float _shift;
    private readonly int _codes;
    private readonly float _firstCode;

    public CodeEdges(int bits, bool isSigned, float shift)
    {
        _bits = bits;
        _isSigned = isSigned;
        _shift = shift;
        _codes = isSigned && shift == 0 ? (1 << bits) - 1 : 1 << bits;
        _firstCode = isSigned ? shift - ((_codes - (shift == 0 ? 1 : 0)) / 2) : 0;
    }

    /// <summary>Draws that <see cref="Curve"/> needs for converter errors.</summary>
    public int ErrorDraws => SharedErrorDraws + _codes;

    /// <summary>Draws that <see cref="Curve"/> needs for the circuit: capacitors and comparators.</summary>
    public int StructureDraws => 5 * _bits;

    private double HalfRange => _isSigned ? 1 << (_bits - 1) : (1 << _bits) / 2.0;

    /// <summary>The transfer of one ADC.</summary>
    /// <param name="errors">Null = none.</param>
    /// <param name="structure">Null = not modeled.</param>
    /// <param name="errorDraws">Of the ADC.</param>
    /// <param name="structureDraws">Of the ADC.</param>
    /// <param name="comparatorDraw">Of the column, whose comparator a ramp has; the others have theirs among the draws of the ADC.</param>
    public StepCurve Curve(
        ConverterErrors? errors, AdcStructure? structure, ReadOnlySpan<float> errorDraws, ReadOnlySpan<float> structureDraws, float comparatorDraw)
    {
        List<double> edges = [];
        List<float> codes = [_firstCode];
        switch (structure?.Kind)
        {
            case AdcStructureKind.Ramp:
                Thermometer(RampEdges(structure, structureDraws, comparatorDraw), edges, codes);
                break;
            case AdcStructureKind.Sar:
                Thermometer(SarEdges(structure, structureDraws), edges, codes);
                break;
            case AdcStructureKind.Pipeline:
            case AdcStructureKind.Cyclic:
                Stages(structure, structureDraws, edges, codes);
                break;
            case AdcStructureKind.Cco:
                Oscillator(structure, edges, codes);
                break;
            default:
                for (int k = 1; k < _codes; k++)
                {
                    edges.Add(Ideal(k));
                    codes.Add(_firstCode + k);
                }

                break;
        }

        float[] moved = new float[edges.Count];
        double[] walk = errors?.DnlLsb is > 0 and var dnl ? Widths(dnl, errorDraws[SharedErrorDraws..]) : [];
        double highest = double.NegativeInfinity;
        for (int i = 0; i < moved.Length; i++)
        {
            double error = errors is null ? 0 : Shift(errors, errorDraws, edges[i]);
            if (walk.Length > 0)
            {
                error += walk[Math.Clamp((int)Math.Round(edges[i] - Ideal(1)), 0, walk.Length - 1)];
            }

            // A width below zero leaves the code out.
            highest = Math.Max(highest, edges[i] + error);
            moved[i] = error == 0 && highest == edges[i] ? Tie(edges[i]) : (float)highest;
            Debug.Assert(i == 0 || moved[i] >= moved[i - 1]);
        }

        return new StepCurve(moved, [.. codes]);
    }

    /// <summary>Levels of a driver with the same kinds of errors: level + error, in LSB. The codes are 0 .. count - 1 steps above the first.</summary>
    public static float[] Levels(int count, float first, ConverterErrors errors, ReadOnlySpan<float> draws)
    {
        double half = Math.Max(Math.Abs(first), Math.Abs(first + count - 1)) / (first < 0 ? 1 : 2);
        double[] walk = new double[count];
        double sum = 0;
        for (int k = 1; k < count; k++)
        {
            sum += (errors.DnlLsb ?? 0) * draws[SharedErrorDraws + k - 1];
            walk[k] = sum;
        }

        float[] levels = new float[count];
        for (int k = 0; k < count; k++)
        {
            double level = first + k;
            double place = first < 0 ? level / half : (level - half) / half;
            double error = ((errors.OffsetLsb ?? 0) * draws[0]) + ((errors.GainLsb ?? 0) * draws[1] * level / Math.Abs(first < 0 ? half : 2 * half))
                + Bow(errors.InlLsb ?? 0, draws, place) + walk[k] - (sum * k / Math.Max(1, count - 1));
            levels[k] = (float)(level + error);
        }

        return levels;
    }

    /// <summary>Draws that <see cref="Levels"/> needs.</summary>
    public static int LevelDraws(int count) => SharedErrorDraws + count;

    private double Ideal(int k) => _firstCode + k - 0.5;

    /// <summary>An ideal edge is a tie: to the even side, as the converter without errors has it.</summary>
    private float Tie(double edge)
    {
        float at = (float)edge;
        double upper = edge + 0.5 - _shift;
        bool isIdeal = upper == Math.Floor(upper);
        return isIdeal && upper % 2 != 0 ? MathF.BitIncrement(at) : at;
    }

    private double Shift(ConverterErrors errors, ReadOnlySpan<float> draws, double edge)
    {
        double half = HalfRange;
        double place = _isSigned ? edge / half : (edge - half) / half;
        double full = _isSigned ? half : 2 * half;
        return ((errors.OffsetLsb ?? 0) * draws[0]) + ((errors.GainLsb ?? 0) * draws[1] * edge / full) + Bow(errors.InlLsb ?? 0, draws, place);
    }

    /// <summary>sigma (z_1 (1 - p^2) + z_2 (3 sqrt 3 / 2) p (1 - p^2)), p from -1 to 1 over the range: each bow has its peak at 1.</summary>
    private static double Bow(double sigma, ReadOnlySpan<float> draws, double place)
    {
        double p = Math.Clamp(place, -1, 1);
        return sigma * (1 - (p * p)) * (draws[2] + (draws[3] * 1.5 * Math.Sqrt(3) * p));
    }

    /// <summary>Edges walk by the deviations of the codes between them; the walk ends where it began.</summary>
    private double[] Widths(double sigma, ReadOnlySpan<float> draws)
    {
        double[] walk = new double[_codes - 1];
        double sum = 0;
        for (int k = 1; k < walk.Length; k++)
        {
            sum += sigma * draws[k - 1];
            walk[k] = sum;
        }

        for (int k = 1; k < walk.Length; k++)
        {
            walk[k] -= sum * k / (walk.Length - 1);
        }

        return walk;
    }

    /// <summary>From a range of -2^(b-1) .. 2^(b-1), in which circuits are described, to ours.</summary>
    private double FromCircuit(double value) => _isSigned ? value : value + (1 << (_bits - 1)) - 0.5;

    /// <summary>Ascending edges of codes 1 .. 2^b - 1.</summary>
    private void Thermometer(double[] circuit, List<double> edges, List<float> codes)
    {
        double highest = double.NegativeInfinity;
        for (int k = 1; k < circuit.Length; k++)
        {
            double edge = FromCircuit(circuit[k]);
            edge = Math.Abs(edge - Ideal(k)) < Exact ? Ideal(k) : edge;
            highest = Math.Max(highest, edge);
            edges.Add(highest);
            codes.Add(_firstCode + k);
        }
    }

    /// <summary>The ramp steps up until it passes the column: it stops halfway between two of its levels.</summary>
    private double[] RampEdges(AdcStructure structure, ReadOnlySpan<float> draws, float comparatorDraw)
    {
        double[] levels = LadderLevels(structure, draws);
        double offset = (structure.ComparatorSigma ?? 0) * comparatorDraw * (1 << (_bits - 1));
        double[] edges = new double[levels.Length];
        for (int k = 1; k < edges.Length; k++)
        {
            edges[k] = ((levels[k - 1] + levels[k]) / 2) - offset;
        }

        return edges;
    }

    /// <summary>Binary search: a bit is set if the column is above the level. What the earlier bits decided bounds the later ones, so edges ascend
    /// whatever the ladder.</summary>
    private double[] SarEdges(AdcStructure structure, ReadOnlySpan<float> draws)
    {
        double[] levels = LadderLevels(structure, draws);
        double offset = (structure.ComparatorSigma ?? 0) * draws[_bits + 1] * (1 << (_bits - 1));
        double[] edges = new double[levels.Length];
        Search(0, _bits - 1, double.NegativeInfinity, double.PositiveInfinity);
        return edges;

        void Search(int register, int bit, double low, double high)
        {
            int trial = register | (1 << bit);
            double edge = Math.Clamp(levels[trial] - 0.5 - offset, low, high);
            edges[trial] = edge;
            if (bit > 0)
            {
                Search(register, bit - 1, low, edge);
                Search(trial, bit - 1, edge, high);
            }
        }
    }

    /// <summary>Levels of the capacitive DAC for every count: count - 2^(b-1) + 1/2 when its capacitors are C_n = 2^n, each with the mismatch
    /// delta sqrt(C_n), and its amplifier has no end of gain: level / (1 + 1 / (A beta)).</summary>
    private double[] LadderLevels(AdcStructure structure, ReadOnlySpan<float> draws)
    {
        int half = 1 << (_bits - 1);
        double sigma = structure.CapacitorSigma ?? 0;
        double inverseGain = structure.GainDb is { } db ? Math.Pow(10, -db / 20) : 0;
        double[] capacitors = new double[_bits + 1];
        double[] levels = new double[1 << _bits];
        int low = _bits / 2;
        for (int n = 0; n <= _bits; n++)
        {
            double size = structure.Ladder switch
            {
                CapacitorLadder.Binary => 1 << n,
                CapacitorLadder.Symmetric => n < _bits ? 1 << n : half,
                _ => n < low ? 1 << n : n < _bits - 1 ? 1 << (n - low) : n < _bits ? 1 : (1 << low) / ((1 << low) - 1.0),
            };
            capacitors[n] = size + (sigma * draws[n] * Math.Sqrt(size));
        }

        double lowSum = capacitors[_bits - 1];
        double highSum = 0;
        for (int n = 0; n < _bits - 1; n++)
        {
            lowSum += n < low ? capacitors[n] : 0;
            highSum += n >= low ? capacitors[n] : 0;
        }

        double bridge = capacitors[_bits];
        for (int count = 0; count < levels.Length; count++)
        {
            int magnitude = Math.Abs(count - half);
            double sign = count < half ? -1 : 1;
            double level;
            double feedback = 1;
            if (structure.Ladder == CapacitorLadder.Binary)
            {
                double sum = Selected(count, 0, _bits);
                feedback = capacitors[_bits] / (capacitors[_bits] + sum);
                level = (sum / capacitors[_bits] * 2 * half) - half + 0.5;
            }
            else if (structure.Ladder == CapacitorLadder.Symmetric)
            {
                double sum = Selected(magnitude, 0, _bits);
                feedback = capacitors[_bits] / (capacitors[_bits] + sum);
                level = (sign * sum / capacitors[_bits - 1] * half) + 0.5;
            }
            else
            {
                double share = magnitude == half
                    ? 1
                    : ((Selected(magnitude, 0, low) * bridge) + (Selected(magnitude, low, _bits) * (lowSum + bridge)))
                        / (((lowSum + bridge) * (highSum + bridge)) - (bridge * bridge));
                level = (sign * share * half) + 0.5;
            }

            levels[count] = level / (1 + (inverseGain / feedback));
        }

        return levels;

        double Selected(int value, int from, int to)
        {
            double sum = 0;
            for (int n = from; n < to; n++)
            {
                sum += ((value >> n) & 1) * capacitors[n];
            }

            return sum;
        }
    }

    /// <summary>1.5-bit stages: each compares with a quarter of the reference on both sides, and hands on (1 + C2/C1) x -+ C2/C1 V_ref, over
    /// 1 + 1 / (A beta). A cyclic ADC goes around one stage. The residue rises with x, so the range splits into intervals of one code; where stages
    /// disagree a code can come twice.</summary>
    private void Stages(AdcStructure structure, ReadOnlySpan<float> draws, List<double> edges, List<float> codes)
    {
        double reference = 1 << (_bits - 1);
        double capacitorSigma = structure.CapacitorSigma ?? 0;
        double comparatorSigma = (structure.ComparatorSigma ?? 0) * reference;
        double inverseGain = structure.GainDb is { } db ? Math.Pow(10, -db / 20) : 0;
        bool isCyclic = structure.Kind == AdcStructureKind.Cyclic;
        double[] ratio = new double[_bits];
        double[] loss = new double[_bits];
        double[] lower = new double[_bits];
        double[] upper = new double[_bits];
        for (int n = 0; n < _bits; n++)
        {
            int from = isCyclic ? (n == _bits - 1 ? 4 : 0) : 4 * n;
            double first = 1 + (capacitorSigma * draws[from]);
            double second = 1 + (capacitorSigma * draws[from + 1]);
            ratio[n] = second / first;
            loss[n] = 1 + (inverseGain * (first + second) / first);
            bool isLast = n == _bits - 1;
            upper[n] = (isLast ? 0 : reference / 4) + (comparatorSigma * draws[from + 2]);
            lower[n] = Math.Min(upper[n], (isLast ? 0 : -reference / 4) + (comparatorSigma * draws[from + 3]));
        }

        float last = float.NaN;
        codes.Clear();
        Split(0, double.NegativeInfinity, double.PositiveInfinity, 1, 0, 0);

        // residue = slope x + shift on low .. high
        void Split(int stage, double low, double high, double slope, double shift, int code)
        {
            if (stage == _bits - 1)
            {
                double edge = Math.Clamp((upper[stage] - shift) / slope, low, high);
                Append(low, edge, code);
                Append(edge, high, code + 1);
                return;
            }

            double first = Math.Clamp((lower[stage] - shift) / slope, low, high);
            double second = Math.Clamp((upper[stage] - shift) / slope, low, high);
            double scaled = (1 + ratio[stage]) / loss[stage];
            double step = reference * ratio[stage] / loss[stage];
            int weight = 1 << (_bits - 2 - stage);
            if (low < first)
            {
                Split(stage + 1, low, first, slope * scaled, (shift * scaled) + step, code);
            }

            if (first < second)
            {
                Split(stage + 1, first, second, slope * scaled, shift * scaled, code + weight);
            }

            if (second < high)
            {
                Split(stage + 1, second, high, slope * scaled, (shift * scaled) - step, code + (2 * weight));
            }
        }

        void Append(double low, double high, int code)
        {
            float value = _firstCode + code;
            if (low >= high || value == last)
            {
                return;
            }

            if (codes.Count > 0)
            {
                double edge = FromCircuit(low);
                double ideal = Math.Round(edge - _shift + 0.5) + _shift - 0.5;
                edges.Add(Math.Abs(edge - ideal) < Exact ? ideal : edge);
            }

            codes.Add(value);
            last = value;
        }
    }

    /// <summary>An oscillator counts whole periods: the code above is reached when one is full. Its frequency y / (1 + k |y|) falls short of y by the
    /// compression at full scale, so the last codes are never reached.</summary>
    private void Oscillator(AdcStructure structure, List<double> edges, List<float> codes)
    {
        double full = _isSigned ? HalfRange : 2 * HalfRange;
        double compression = structure.Compression ?? 0;
        double bend = compression / (1 - compression) / full;
        for (int k = 1; k < _codes; k++)
        {
            double edge = Ideal(k);
            double rest = 1 - (bend * Math.Abs(edge));
            if (rest <= 1e-6)
            {
                if (edge > 0)
                {
                    return;
                }

                codes[0] = _firstCode + k; // nothing goes below
                continue;
            }

            edges.Add(bend == 0 ? edge : edge / rest);
            codes.Add(_firstCode + k);
        }
    }
}
