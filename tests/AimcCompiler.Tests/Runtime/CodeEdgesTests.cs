using AimcCompiler.Core;
using AimcCompiler.Kernels;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Code edges of ADCs: ideal without mismatch, of derived moments with it, ascending where the circuit makes them so.</summary>
public sealed class CodeEdgesTests
{
    private const double StandardErrors = 4;
    private const int Converters = 4000;

    public static TheoryData<AdcStructureKind, CapacitorLadder?> Circuits => new()
    {
        { AdcStructureKind.Ramp, CapacitorLadder.Binary },
        { AdcStructureKind.Ramp, CapacitorLadder.Symmetric },
        { AdcStructureKind.Ramp, CapacitorLadder.Split },
        { AdcStructureKind.Sar, CapacitorLadder.Binary },
        { AdcStructureKind.Sar, CapacitorLadder.Symmetric },
        { AdcStructureKind.Sar, CapacitorLadder.Split },
        { AdcStructureKind.Pipeline, null },
        { AdcStructureKind.Cyclic, null },
        { AdcStructureKind.Cco, null },
    };

    /// <summary>Every input level at sixteen places of an LSB and at the ties between codes, both signs, and far beyond the range.</summary>
    [Theory]
    [MemberData(nameof(Circuits))]
    public void WithoutMismatchACircuitIsTheIdealConverter(AdcStructureKind kind, CapacitorLadder? ladder)
    {
        for (int bits = 2; bits <= 10; bits++)
        {
            foreach (bool isSigned in (bool[])[true, false])
            {
                CodeEdges edges = new(bits, isSigned, isSigned ? 0.5f : 0);
                var curve = edges.Curve(null, Structure(kind, ladder, null, null), new float[edges.ErrorDraws], new float[edges.StructureDraws], 0);
                AssertIdeal(curve, bits, isSigned, isSigned ? 0.5f : 0);
            }
        }
    }

    [Theory]
    [InlineData(true, 0f)]
    [InlineData(true, 0.5f)]
    [InlineData(false, 0f)]
    public void WithoutErrorsAStaircaseIsTheRounding(bool isSigned, float shift)
    {
        for (int bits = isSigned ? 2 : 1; bits <= 10; bits++)
        {
            CodeEdges edges = new(bits, isSigned, shift);
            var curve = edges.Curve(Errors(0, 0, 0, 0), null, new float[edges.ErrorDraws], new float[edges.StructureDraws], 0);
            AssertIdeal(curve, bits, isSigned, shift);
        }
    }

    /// <summary>Edges are moved by offset + gain edge / full + bows; widths have the deviation asked for, less what the fitted end takes: d (1 - 1 / n).</summary>
    [Theory]
    [InlineData(true, 0f)]
    [InlineData(true, 0.5f)]
    [InlineData(false, 0f)]
    public void ErrorsHaveTheirMoments(bool isSigned, float shift)
    {
        const int Bits = 6;
        CodeEdges edges = new(Bits, isSigned, shift);
        double full = isSigned ? 32 : 64;
        float[] ideal = [.. edges.Curve(null, null, [], [], 0).Edges];
        int middle = Array.FindIndex(ideal, e => Math.Abs(e - (isSigned ? 0 : 32)) <= 0.5f);
        Deviations(Errors(0.7, 0, 0, 0), curve => curve.Edges[5] - ideal[5], 0.7);
        Deviations(Errors(0, 2, 0, 0), curve => curve.Edges[^1] - ideal[^1], 2 * Math.Abs(ideal[^1]) / full);
        double place = isSigned ? ideal[middle] / 32 : (ideal[middle] - 32) / 32;
        double bow = 1 - (place * place);
        Deviations(Errors(0, 0, 1.5, 0), curve => curve.Edges[middle] - ideal[middle], 1.5 * bow * Math.Sqrt(1 + (6.75 * place * place)));
        int widths = ideal.Length - 1;
        Deviations(Errors(0, 0, 0, 0.1), curve => curve.Edges[9] - curve.Edges[8] - 1, 0.1 * Math.Sqrt(1 - (1.0 / widths)));
        Deviations(Errors(0, 0, 0, 0.1), curve => curve.Edges[20] - ideal[20], 0.1 * Math.Sqrt(20 * (1 - (20.0 / widths))));
        Assert.Equal(0, Curves(Errors(0, 0, 0, 0.1), null, edges).Max(c => Math.Abs(c.Edges[^1] - ideal[^1])), 1e-4);

        void Deviations(ConverterErrors errors, Func<StepCurve, double> value, double sigma) =>
            AssertMoments([.. Curves(errors, null, edges).Select(value)], 0, sigma * sigma);
    }

    /// <summary>At mid-scale of a binary ladder all lower capacitors give way to the highest. To first order in the mismatch s of a unit capacitor, with
    /// n = 2^b: the width there deviates by the difference, variance s^2 (n / 2 + n / 2 - 1 + 1 / n); the edge itself by the top capacitor against the
    /// reference, s^2 n / 2 (1 + 1 / 2).</summary>
    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    [InlineData(8)]
    public void ABinaryLadderIsWorstAtMidScale(int bits)
    {
        const double Sigma = 0.002;
        CodeEdges edges = new(bits, true, 0.5f);
        int half = 1 << (bits - 1);
        var curves = Curves(null, Structure(AdcStructureKind.Sar, CapacitorLadder.Binary, Sigma, null), edges);
        AssertMoments([.. curves.Select(c => c.Edges[half - 1] - (double)c.Edges[half - 2] - 1)], 0, Sigma * Sigma * (half + half - 1 + (0.5 / half)), 0.02);
        AssertMoments([.. curves.Select(c => (double)c.Edges[half - 1])], 0, Sigma * Sigma * half * 1.5, 0.02);

        // Counted from the middle, small sums meet small capacitors: the first edge beside it is off by one unit capacitor and its share of the reference.
        var symmetric = Curves(null, Structure(AdcStructureKind.Sar, CapacitorLadder.Symmetric, Sigma, null), edges);
        Assert.All(symmetric, c => Assert.Equal(0, c.Edges[half - 1]));
        AssertMoments([.. symmetric.Select(c => c.Edges[half] - 1.0)], 0, Sigma * Sigma * (1 + (1.0 / half)), 0.02);
    }

    /// <summary>A comparator's offset moves all edges together: s V_ref.</summary>
    [Theory]
    [InlineData(AdcStructureKind.Ramp)]
    [InlineData(AdcStructureKind.Sar)]
    public void AComparatorMovesAllEdges(AdcStructureKind kind)
    {
        CodeEdges edges = new(6, true, 0.5f);
        var curves = Curves(null, Structure(kind, CapacitorLadder.Symmetric, null, 0.02), edges);
        AssertMoments([.. curves.Select(c => (double)c.Edges[31])], 0, Math.Pow(0.02 * 32, 2));
        Assert.All(curves, c => Assert.Equal(28, c.Edges[31] - c.Edges[3], 1e-4));
    }

    /// <summary>The first stage of a pipeline: where its comparators switch, its residue is off by half of what its capacitor ratio is off. The last comparator
    /// alone moves the middle edge where nothing else is off: V_ref s / 2^(b-1).</summary>
    [Fact]
    public void APipelineForgivesItsFirstComparators()
    {
        CodeEdges edges = new(6, true, 0.5f);
        float[] draws = new float[edges.StructureDraws];
        var structure = Structure(AdcStructureKind.Pipeline, null, null, 0.1);
        (draws[2], draws[3]) = (1, -1); // of the first stage: 0.1 V_ref, redundancy takes a quarter
        float[] ideal = [.. edges.Curve(null, null, [], [], 0).Edges];
        Assert.Equal(ideal, edges.Curve(null, structure, [], draws, 0).Edges.ToArray());

        var curves = Curves(null, Structure(AdcStructureKind.Pipeline, null, 0.001, null), edges);
        AssertMoments([.. curves.Select(c => CodeEdgeOf(c, 16.5f) - 16.0)], 0, Math.Pow(0.001, 2) * StageVariance(6), 0.1);

        // Edge at +V_ref/2, above the first threshold: x - V_ref/2 g / (1 + g) with ratios g = 1 + e; e has variance 2 s^2. To first order the first
        // stage moves it by V_ref e / 4, and the residue is then 0, where later stages do not matter.
        static double StageVariance(int bits) => Math.Pow((1 << (bits - 1)) / 4.0, 2) * 2;
    }

    /// <summary>An oscillator of compression k reads full scale as (1 - k) of it, and the middle as it is.</summary>
    [Fact]
    public void AnOscillatorFallsShort()
    {
        CodeEdges edges = new(8, true, 0.5f);
        var curve = edges.Curve(null, Structure(AdcStructureKind.Cco, null, null, null) with { Compression = 0.1 }, [], [], 0);
        Assert.Equal(0.9 * 128, curve.Convert(128), 1.0);
        Assert.Equal(-0.9 * 128, curve.Convert(-128), 1.0);
        Assert.Equal(0.5, curve.Convert(0.5f));
        Assert.Equal(-0.5, curve.Convert(-0.5f));
        Assert.Equal(64 / (1 + (0.5 * 0.1 / 0.9)), curve.Convert(64), 0.51);
    }

    /// <summary>Whatever the mismatch, thermometers and binary searches never step down.</summary>
    [Theory]
    [InlineData(AdcStructureKind.Ramp, CapacitorLadder.Binary)]
    [InlineData(AdcStructureKind.Ramp, CapacitorLadder.Split)]
    [InlineData(AdcStructureKind.Sar, CapacitorLadder.Binary)]
    [InlineData(AdcStructureKind.Sar, CapacitorLadder.Split)]
    public void TheseCircuitsAreMonotone(AdcStructureKind kind, CapacitorLadder ladder)
    {
        CodeEdges edges = new(6, true, 0.5f);
        var curves = Curves(Errors(1, 1, 1, 1), Structure(kind, ladder, 0.5, 0.1), edges);
        Assert.Contains(curves, c => c.Edges.ToArray().Distinct().Count() < c.Edges.Length); // some codes are missing
        foreach (var curve in curves[..200])
        {
            float before = float.NegativeInfinity;
            for (float v = -50; v < 50; v += 0.0625f)
            {
                float code = curve.Convert(v);
                Assert.True(code >= before);
                before = code;
            }
        }
    }

    /// <summary>The binary search itself, bit by bit on the same levels, gives the codes that the edges say.</summary>
    [Fact]
    public void EdgesOfABinarySearchAreItsDecisions()
    {
        const int Bits = 6;
        CodeEdges edges = new(Bits, true, 0.5f);
        float[] draws = Normals(1)[..edges.StructureDraws];
        const double Sigma = 0.4;
        var curve = edges.Curve(null, Structure(AdcStructureKind.Sar, CapacitorLadder.Binary, Sigma, null), [], draws, 0);
        double[] capacitors = [.. Enumerable.Range(0, Bits + 1).Select(n => (1 << n) + (Sigma * draws[n] * Math.Sqrt(1 << n)))];
        for (double v = -40; v < 40; v += 0.03)
        {
            int register = 0;
            for (int bit = Bits - 1; bit >= 0; bit--)
            {
                int trial = register | (1 << bit);
                double level = (Enumerable.Range(0, Bits).Sum(n => ((trial >> n) & 1) * capacitors[n]) / capacitors[Bits] * 64) - 32;
                register = v > level ? trial : register;
            }

            Assert.Equal(register - 31.5f, curve.Convert((float)v));
        }
    }

    /// <summary>A finite gain A shrinks the levels by 1 + 1 / (A beta), beta the share of the feedback.</summary>
    [Fact]
    public void AFiniteGainShrinksTheLevels()
    {
        CodeEdges edges = new(4, true, 0.5f);
        var curve = edges.Curve(null, Structure(AdcStructureKind.Sar, CapacitorLadder.Binary, null, null) with { GainDb = 40 }, [], new float[edges.StructureDraws], 0);
        for (int count = 1; count < 16; count++)
        {
            double beta = 16.0 / (16 + count);
            Assert.Equal(((count - 7.5) / (1 + (1 / (100 * beta)))) - 0.5, curve.Edges[count - 1], 1e-5);
        }
    }

    /// <summary>The table finds what counting the edges finds.</summary>
    [Fact]
    public void TheTableIsTheStaircase()
    {
        CodeEdges edges = new(7, true, 0.5f);
        foreach (var kind in (AdcStructureKind[])[AdcStructureKind.Sar, AdcStructureKind.Pipeline, AdcStructureKind.Cyclic])
        {
            var structure = Structure(kind, kind == AdcStructureKind.Sar ? CapacitorLadder.Split : null, 0.3, 0.1);
            foreach (var curve in Curves(Errors(1, 3, 2, 1), structure, edges)[..20])
            {
                float[] values = [.. Cases.Floats(3, 2000, -90, 90), .. curve.Edges, .. curve.Edges.ToArray().Select(MathF.BitDecrement), 1e30f, -1e30f];
                Assert.All(values, v => Assert.Equal(curve.ConvertByCounting(v), curve.Convert(v)));
            }
        }
    }

    /// <summary>Levels of drivers: the same errors, on levels.</summary>
    [Fact]
    public void DriverLevelsHaveTheirMoments()
    {
        const int Count = 31;
        AssertMoments(Levels(Errors(0.5, 0, 0, 0), 3), 0, 0.25);
        AssertMoments(Levels(Errors(0, 2, 0, 0), Count - 1), 0, 4);
        AssertMoments(Levels(Errors(0, 2, 0, 0), 0), 0, 4);
        AssertMoments(Levels(Errors(0, 0, 1, 0), 15), 0, 1);
        AssertMoments(Levels(Errors(0, 0, 0, 0.2), 10), 0, 0.04 * 10 * (1 - (10.0 / (Count - 1))));

        double[] Levels(ConverterErrors errors, int at) =>
            [.. Enumerable.Range(0, Converters).Select(i => CodeEdges.Levels(Count, -15, errors, Normals(i))[at] - (at - 15.0))];
    }

    private static double CodeEdgeOf(StepCurve curve, float code)
    {
        int at = curve.Codes.IndexOf(code);
        return curve.Edges[at - 1];
    }

    private static void AssertIdeal(StepCurve curve, int bits, bool isSigned, float shift)
    {
        float max = isSigned ? (1 << (bits - 1)) - 1 + shift : (1 << bits) - 1;
        float min = isSigned ? -max : 0;
        for (float v = min - 3; v <= max + 3; v += 0.0625f)
        {
            Assert.Equal(Math.Clamp(Rounding.ToNearest(v, shift), min, max), curve.Convert(v));
        }

        Assert.Equal(max, curve.Convert(1e9f));
        Assert.Equal(min, curve.Convert(-1e9f));
    }

    private static StepCurve[] Curves(ConverterErrors? errors, AdcStructure? structure, CodeEdges edges) =>
        [.. Enumerable.Range(0, Converters).Select(i => edges.Curve(errors, structure, Normals(2 * i), Normals((2 * i) + 1), Normals((2 * i) + 1)[^1]))];

    private static float[] Normals(int row)
    {
        float[] normals = new float[300];
        Draws.Normals(new CellStream(1, 0, 0, 0, 0, 0, 0), DrawPurpose.AdcErrors, 0, row, 0, normals);
        return normals;
    }

    /// <param name="values">Found.</param>
    /// <param name="mean">Expected.</param>
    /// <param name="variance">Expected.</param>
    /// <param name="order">What a first-order variance may be off by, relative.</param>
    private static void AssertMoments(double[] values, double mean, double variance, double order = 0)
    {
        double average = values.Average();
        double found = values.Sum(v => (v - average) * (v - average)) / (values.Length - 1);
        double bias = order * Math.Sqrt(variance);
        Assert.InRange(Math.Abs(average - mean), 0, (StandardErrors * Math.Sqrt(variance / values.Length)) + bias);
        Assert.InRange(Math.Abs(found - variance), 0, variance * ((StandardErrors * Math.Sqrt(2.0 / values.Length)) + order));
    }

    private static ConverterErrors Errors(double offset, double gain, double inl, double dnl) =>
        new() { OffsetLsb = offset, GainLsb = gain, InlLsb = inl, DnlLsb = dnl };

    private static AdcStructure Structure(AdcStructureKind kind, CapacitorLadder? ladder, double? capacitor, double? comparator) =>
        new() { Kind = kind, Ladder = ladder, CapacitorSigma = capacitor, ComparatorSigma = comparator, GainDb = null, Compression = null };
}
