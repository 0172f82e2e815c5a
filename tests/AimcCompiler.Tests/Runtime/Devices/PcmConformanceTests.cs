using System.Globalization;
using System.Text.Json;
using AimcCompiler.Core;
using AimcCompiler.Kernels;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>The laws of phase-change memory against aihwkit's own classes (../shared/conformance/aihwkit.json).</summary>
public sealed class PcmConformanceTests
{
    /// <summary>Ours are floats from fixed polynomials, aihwkit's are doubles; cancellation in the polynomials costs a few units of
    /// 6e-8.</summary>
    private const double Relative = 1e-6;

    [SharedFact]
    public void PcmLikeEqualsAihwkit() => EqualsAihwkit<PcmLike>("pcm_g25", new PcmLikeDevice(1, 1, 1), 25);

    [SharedFact]
    public void HermesWithOneDeviceEqualsAihwkit() => EqualsAihwkit<PcmHermes1>("hermes_1dev", new PcmHermesDevice(1, 1, 1, 1), 10.35);

    [SharedFact]
    public void HermesWithTwoDevicesEqualsAihwkit() => EqualsAihwkit<PcmHermes2>("hermes_2dev", new PcmHermesDevice(2, 1, 1, 1), 20.7);

    private static void EqualsAihwkit<TLaw>(string name, DeviceDescription device, double gMaxUs)
        where TLaw : struct, IPcmLaw
    {
        using var file = Shared.OpenConformance("aihwkit.json");
        var curves = file.RootElement.GetProperty(name);
        double[] targets = Numbers(curves, "g_target");
        Assert.Equal(gMaxUs, targets[^1]);
        var model = (Pcm<TLaw>)DeviceModel.Create(Cells.Of(device, gMaxUs), noiseRead: null);
        for (int i = 0; i < targets.Length; i++)
        {
            float x = (float)(targets[i] / gMaxUs);
            var (sigma, mean, spread, coefficient) = Laws<TLaw>(x);
            AssertClose(Numbers(curves, "sigma_prog")[i], sigma * gMaxUs / TLaw.MeasuredGMaxUs, $"sigma_prog of {targets[i]} uS");
            AssertClose(Numbers(curves, "nu_mean")[i], mean, $"nu_mean of {targets[i]} uS");
            AssertClose(Numbers(curves, "nu_sigma")[i], spread, $"nu_sigma of {targets[i]} uS");
            foreach (var time in curves.GetProperty("t").EnumerateObject())
            {
                var state = model.StateAt(double.Parse(time.Name, CultureInfo.InvariantCulture));
                float drifted = Only(state.Apply(new Lanes1((float)targets[i]), Zero, Zero, Zero));
                string where = $"of {targets[i]} uS at {time.Name} s";
                AssertClose(Numbers(time.Value, "g_drift_at_mean_nu")[i], drifted, $"drift {where}");
                AssertClose(Numbers(time.Value, "sigma_read")[i], (double)drifted * coefficient * state.ReadFactor, $"sigma_read {where}");
            }
        }
    }

    private static Lanes1 Zero => Lanes1.Broadcast(0);

    private static (double Sigma, double Mean, double Spread, double Coefficient) Laws<TLaw>(float x)
        where TLaw : struct, IPcmLaw
    {
        float floored = Math.Max(x, Pcm<TLaw>.LeastX);
        Lanes1 lane = new(floored);
        var log = FixedMath.Log(lane);
        return (Only(TLaw.ProgrammingSigma(new Lanes1(x))), Only(TLaw.DriftMean(lane, log)), Only(TLaw.DriftSigma(lane, log)),
            Only(TLaw.ReadCoefficient(lane, log)));
    }

    private static float Only(Lanes1 lane)
    {
        float value = 0;
        Lanes1.Store(lane, ref value);
        return value;
    }

    private static double[] Numbers(JsonElement element, string name) =>
        [.. element.GetProperty(name).EnumerateArray().Select(e => e.GetDouble())];

    private static void AssertClose(double expected, double actual, string what) =>
        Assert.True(Math.Abs(actual - expected) <= Relative * Math.Abs(expected), $"{what}: {expected:R} expected, {actual:R} found");
}
