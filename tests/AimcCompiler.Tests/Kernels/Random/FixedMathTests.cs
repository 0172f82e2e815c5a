using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

public sealed class FixedMathTests
{
    /// <summary>The bound that FixedMath states.</summary>
    private const double Bound = 2e-7;

    [Fact]
    public void LogIsWithinItsBound()
    {
        double worst = 0;
        for (uint bits = 0x00800000; bits < 0x7f800000; bits += 997)
        {
            worst = Math.Max(worst, LogError(BitConverter.UInt32BitsToSingle(bits)));
        }

        // around 1, where the logarithm vanishes
        for (uint bits = 0x3f000000; bits < 0x40000000; bits += 7)
        {
            worst = Math.Max(worst, LogError(BitConverter.UInt32BitsToSingle(bits)));
        }

        Assert.InRange(worst, 0, Bound);
        Assert.Equal(0f, FixedMath.Log(1f));
    }

    [Fact]
    public void ExpIsWithinItsBound()
    {
        double worst = 0;
        for (float x = -87f; x <= 88f; x += 1.7e-4f)
        {
            double exact = Math.Exp(x);
            worst = Math.Max(worst, Math.Abs(FixedMath.Exp(x) - exact) / exact);
        }

        Assert.InRange(worst, 0, Bound);
        Assert.Equal(1f, FixedMath.Exp(0f));
        Assert.Equal(FixedMath.Exp(88f), FixedMath.Exp(1000f));
        Assert.Equal(FixedMath.Exp(-87f), FixedMath.Exp(-1000f));
    }

    [Fact]
    public void PowIsWithinItsBound()
    {
        double worst = 0;
        for (float x = 1e-7f; x < 1e7f; x *= 1.0013f)
        {
            foreach (float y in (float[])[-1.3f, -0.3f, -0.049f, 0.049f, 0.65f, 1f, 2f])
            {
                double exact = Math.Pow(x, y);
                double bound = (1 + Math.Abs(y * Math.Log(x))) * Bound;
                worst = Math.Max(worst, Math.Abs(FixedMath.Pow(x, y) - exact) / exact / bound);
            }
        }

        Assert.InRange(worst, 0, 1);
    }

    [Fact]
    public void SinAndCosAreWithinTheirBound()
    {
        double worst = 0;
        for (ulong turn = 0; turn < 1ul << 32; turn += 1021)
        {
            worst = Math.Max(worst, SinCosError((uint)turn));
        }

        for (uint near = 0; near < 1000; near++)
        {
            for (uint quadrant = 0; quadrant < 4; quadrant++)
            {
                worst = Math.Max(worst, SinCosError(unchecked((quadrant << 30) + near - 500)));
            }
        }

        Assert.InRange(worst, 0, Bound);
        Assert.Equal((0f, 1f), FixedMath.SinCos(0));
        Assert.Equal(1f, FixedMath.SinCos(1u << 30).Sin);
        Assert.Equal(-1f, FixedMath.SinCos(1u << 31).Cos);
    }

    [Fact]
    public void TheDoubleLogarithmIsWithinItsBound()
    {
        double worst = 0;
        for (double x = 1e-300; x < 1e300; x *= 1.0037)
        {
            double exact = Math.Log(x);
            worst = Math.Max(worst, Math.Abs(FixedMath.Log(x) - exact) / Math.Max(1, Math.Abs(exact)));
        }

        for (double x = 0.5; x < 2; x += 1.1e-5)
        {
            worst = Math.Max(worst, Math.Abs(FixedMath.Log(x) - Math.Log(x)));
        }

        Assert.InRange(worst, 0, 4e-16);
        Assert.Equal(0.0, FixedMath.Log(1.0));
    }

    [Fact]
    public void EveryWidthHasTheSameBits()
    {
        float[] log = new float[4099];
        float[] exp = new float[log.Length];
        float[] turn = new float[log.Length];
        for (int i = 0; i < log.Length; i++)
        {
            var (w0, w1, w2, _) = Philox.Generate(11, (uint)i, 0, 0, 0);
            log[i] = BitConverter.UInt32BitsToSingle(0x00800000 + (w0 % 0x7f000000));
            exp[i] = ((w1 / 4294967296f) - 0.5f) * 190;
            turn[i] = BitConverter.UInt32BitsToSingle(w2);
        }

        LaneContract.HasTheSameBitsAtEveryWidth(new LogKernel(), log);
        LaneContract.HasTheSameBitsAtEveryWidth(new ExpKernel(), exp);
        LaneContract.HasTheSameBitsAtEveryWidth(new SinKernel(), turn);
        LaneContract.HasTheSameBitsAtEveryWidth(new CosKernel(), turn);
        LaneContract.HasTheSameBitsAtEveryWidth(new PowKernel(), log, exp);
    }

    private static double LogError(float x)
    {
        double exact = Math.Log(x);
        return exact == 0 ? FixedMath.Log(x) : Math.Abs((FixedMath.Log(x) - exact) / exact);
    }

    private static double SinCosError(uint turn)
    {
        double angle = (int)turn * (Math.PI / 2147483648.0);
        var (sin, cos) = FixedMath.SinCos(turn);

        // Math.Sin(pi) is 1e-16, not 0: an absolute floor far below the smallest non-zero sine, 1.5e-9
        double sinError = Math.Abs(sin - Math.Sin(angle)) / Math.Max(Math.Abs(Math.Sin(angle)), 1e-9);
        double cosError = Math.Abs(cos - Math.Cos(angle)) / Math.Max(Math.Abs(Math.Cos(angle)), 1e-9);
        return Math.Max(sinError, cosError);
    }

    private readonly struct LogKernel : ILaneKernel
    {
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => FixedMath.Log(a);
    }

    private readonly struct ExpKernel : ILaneKernel
    {
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => FixedMath.Exp(a);
    }

    private readonly struct SinKernel : ILaneKernel
    {
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => FixedMath.SinCos(a).Sin;
    }

    private readonly struct CosKernel : ILaneKernel
    {
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => FixedMath.SinCos(a).Cos;
    }

    private readonly struct PowKernel : ILaneKernel
    {
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => FixedMath.Pow(a, b);
    }
}
