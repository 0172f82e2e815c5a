using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>One of every device, on a cell that it was measured for.</summary>
internal sealed record DeviceCase(string Name, CellDescription Cell, float[] Targets, double?[] Times)
{
    public const double Hour = 3600;
    public const double Day = 86400;
    public const double Year = 31536000;

    private static readonly double?[] s_all = [null, 0, 1, Hour, Day, Year];

    public static PcmCustomDevice Custom { get; } = new(
        25, 20, 250e-9, [0.2, 0.5, -0.1], [new DriftPoint(0, 0.1, 0.04), new DriftPoint(20, 0.06, 0.02), new DriftPoint(60, 0.02, 0.01)], new PcmReadNoise(0.009, 0, 0.2));

    public static TableDevice Table { get; } = new(
    [
        new(0, 1, 0.2, 0.3, 0.1), new(0, Day, 0.1, 0.4, 0.1), new(25, 1, 25, 1, 0.2), new(25, Day, 18, 1.5, 0.4),
    ]);

    public static IReadOnlyList<DeviceCase> All { get; } =
    [
        .. from scaling in Enum.GetValues<NoiseScaling>()
           from distribution in Enum.GetValues<NoiseDistribution>()
           select new DeviceCase($"gaussian {scaling} {distribution}", Of(new GaussianDevice(0.06, 0.01, scaling, distribution), 0, 25), [0, 1, 5, 25], [null, Day]),
        new("pcm_like", Of(new PcmLikeDevice(1, 1, 1), 0, 25), [0, 1, 5, 25], s_all),
        new("pcm_hermes 1", Of(new PcmHermesDevice(1, 1, 1, 1), 0, 10.35), [0, 1, 5, 10.35f], s_all),
        new("pcm_hermes 2", Of(new PcmHermesDevice(2, 1, 1, 1), 0, 20.7), [0, 1, 5, 20.7f], s_all),
        new("pcm_custom", Of(Custom, 0, 50), [0, 2, 10, 24, 50], s_all),
        new("rram_wan_2022 aihwkit", Of(new RramWan2022Device(WanFit.Aihwkit, 1), 0, 25), [0, 1, 12.5f, 25], [null, 1, Hour, Day, 1.2e5, 2 * Day]),
        new("rram_wan_2022 crosssim", Of(new RramWan2022Device(WanFit.Crosssim, 1), 0, 39.26), [0, 1, 20, 39.26f], [null, 1, Year]),
        new("rram_milo_2021", Of(new RramMilo2021Device(1), 50, 225), [50, 100, 225], [null, Year]),
        new("rram_cmo 0.2", Of(new RramCmoDevice(0.2, 1, 1, 1), 9, 88.2), [9, 30, 88.2f], s_all),
        new("rram_cmo 2", Of(new RramCmoDevice(2, 1, 1, 1), 9, 88.2), [9, 30, 88.2f], s_all),
        new("sonos", Of(new SonosDevice(1, 1, 1), 0, 16) with { ReadVoltageV = 0.1 }, [0, 0.1f, 1, 4, 16], [null, 0, Hour, Day, 2.5 * Day, 5 * Day]),
        new("mram", Of(new MramDevice(1.2, 0.04, 0.01), 100 / 2.2, 100), [(float)(100 / 2.2), 100], [null, Year]),
        new("table", Of(Table, 0, 25), [0, 10, 25], [null, 1, Hour, Day]),
    ];

    public static DeviceCase Named(string name) => All.Single(c => c.Name == name);

    public DeviceModel Model() => DeviceModel.Create(Cell, noiseRead: null);

    public override string ToString() => Name;

    private static CellDescription Of(DeviceDescription device, double gMinUs, double gMaxUs) => Cells.Of(device, gMaxUs) with { GMinUs = gMinUs };
}
