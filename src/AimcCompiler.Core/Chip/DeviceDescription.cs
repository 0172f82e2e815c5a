namespace AimcCompiler.Core;

/// <summary>How a conductance comes out and changes. A closed hierarchy: the JSON form is the name alone, or an object with "name" and
/// the model's parameters.</summary>
public abstract record DeviceDescription
{
    private protected DeviceDescription()
    {
    }

    /// <summary>The name in a chip file.</summary>
    public abstract string Name { get; }
}

/// <summary>"ideal": what is programmed stays.</summary>
public sealed record IdealDevice : DeviceDescription
{
    public override string Name => "ideal";
}

public enum NoiseScaling
{
    /// <summary>sigma is a fraction of g_max.</summary>
    Independent,

    /// <summary>sigma is a fraction of the target conductance.</summary>
    Proportional,

    /// <summary>sigma is a fraction of g_max over the conductance as a fraction of g_max; 0 at conductance 0.</summary>
    Inverse,
}

public enum NoiseDistribution
{
    Normal,

    /// <summary>Between plus and minus sqrt(3) sigma: its standard deviation is sigma too.</summary>
    Uniform,
}

/// <summary>"gaussian": g = target + sigma N at programming, and optionally a fresh normal at every MVM; sigmas are fractions of g_max
/// (independent), of the conductance (proportional), or of g_max over the normalised conductance (inverse); null = off. CrossSim's generic devices
/// (devices/generic_device.py), whose magnitude m of a uniform error is sqrt(12) sigma of ours. The distribution is that of programming; read noise is normal.</summary>
public sealed record GaussianDevice(
    double? ProgrammingSigma, double? ReadSigma, NoiseScaling Scaling, NoiseDistribution Distribution = NoiseDistribution.Normal) : DeviceDescription
{
    public override string Name => "gaussian";
}

/// <summary>"pcm_like": aihwkit's PCMLikeNoiseModel (Nandakumar et al., ICECS 2019), g_max 25 uS, t_0 20 s; scales of 1 are the published
/// model, null switches an effect off.</summary>
public sealed record PcmLikeDevice(double? ProgrammingScale, double? DriftScale, double? ReadScale) : DeviceDescription
{
    public override string Name => "pcm_like";
}

/// <summary>"pcm_hermes": the measured PCM of the HERMES project chip (Le Gallo et al., Nat. Electron. 2023), with 1 or 2 devices per
/// polarity.</summary>
public sealed record PcmHermesDevice(int Devices, double? ProgrammingScale, double? DriftScale, double? ReadScale) : DeviceDescription
{
    public override string Name => "pcm_hermes";
}

/// <summary>"pcm_custom": phase-change memory with laws of your own, in the form of aihwkit's CustomDriftPCMLikeNoiseModel (inference/noise/pcm.py) and
/// StateIndependentNoiseModel (inference/noise/custom.py): g = max(0, target + sigma N), drift (t / t_0)^-|nu|, accumulated 1/f noise.</summary>
/// <param name="GReferenceUs">The g_max of the measurement: programming errors scale with a cell's g_max over it.</param>
/// <param name="T0S">Time of the first read after programming, where drift begins.</param>
/// <param name="ReadTimeS">Duration of a read.</param>
/// <param name="ProgrammingUs">Coefficients c_0, c_1, ... of the programming error's sigma in uS over target / g_max; null = off.</param>
/// <param name="Drift">Mean and deviation of the drift exponent, linear between conductances; null = off.</param>
/// <param name="Read">Accumulated read noise; null = off.</param>
public sealed record PcmCustomDevice(
    double GReferenceUs, double T0S, double ReadTimeS, IReadOnlyList<double>? ProgrammingUs, IReadOnlyList<DriftPoint>? Drift, PcmReadNoise? Read) : DeviceDescription
{
    public override string Name => "pcm_custom";
}

/// <summary>Mean and standard deviation of the drift exponent of devices of one target.</summary>
public sealed record DriftPoint(double TargetUs, double NuMean, double NuSigma);

/// <summary>Accumulated read noise has sigma g Q sqrt(ln((t + t_read) / (2 t_read))), Q = min(scale / x^exponent, limit), x = programmed conductance / g_max.</summary>
public sealed record PcmReadNoise(double Scale, double Exponent, double Limit);

public enum WanFit
{
    /// <summary>IBM aihwkit, inference/noise/reram.py, ReRamWan2022NoiseModel: sigma over target / g_max 1 s, 1 d and 2 d after programming.</summary>
    Aihwkit,

    /// <summary>CrossSim, devices/custom, RRAMWan: sigma over conductance in uS, 1 s after programming.</summary>
    Crosssim,
}

/// <summary>"rram_wan_2022": the RRAM of NeuRRAM (Wan et al., Nature 2022) in one of its two published fits.</summary>
public sealed record RramWan2022Device(WanFit Fit, double? ProgrammingScale) : DeviceDescription
{
    public override string Name => "rram_wan_2022";
}

/// <summary>"rram_milo_2021": Milo et al., IRPS 2021, as in CrossSim's RRAMMilo: programming error of cells between 50 and 225 uS, no drift.</summary>
public sealed record RramMilo2021Device(double? ProgrammingScale) : DeviceDescription
{
    public override string Name => "rram_milo_2021";
}

/// <summary>"rram_cmo": CMO/HfOx RRAM of IBM Zurich as in aihwkit's ReRamCMONoiseModel (inference/noise/reram.py), cells between 9 and 88.2 uS. The acceptance
/// range of its write-verify, in percent, is 0.2 or 2.</summary>
public sealed record RramCmoDevice(double AcceptancePercent, double? ProgrammingScale, double? DriftScale, double? ReadScale) : DeviceDescription
{
    public override string Name => "rram_cmo";
}

/// <summary>"sonos": 40 nm SONOS charge-trap flash (Agrawal et al., IEDM 2022; Xiao et al., TCAS-I 2022) as in CrossSim's SONOS: error and drift of the read
/// current, measured 0 to 5 days after programming; read noise at every MVM.</summary>
public sealed record SonosDevice(double? ProgrammingScale, double? DriftScale, double? ReadScale) : DeviceDescription
{
    public override string Name => "sonos";
}

/// <summary>"mram": a binary magnetic tunnel junction, parallel at g_max, antiparallel at g_max / (1 + tmr). No published model: every number is the user's.</summary>
/// <param name="Tmr">Tunnel magnetoresistance, (R_AP - R_P) / R_P.</param>
/// <param name="ResistanceSigma">Spread of resistance from device to device, as a fraction; null = none.</param>
/// <param name="WriteError">The probability that a pulse leaves the other state; null = none.</param>
public sealed record MramDevice(double Tmr, double? ResistanceSigma, double? WriteError) : DeviceDescription
{
    public override string Name => "mram";
}

/// <summary>"table": a measured device. Rows of (target, time, mean, sigma, read sigma, temperature); linear in target, log time and temperature.</summary>
public sealed record TableDevice(IReadOnlyList<DeviceTableRow> Rows) : DeviceDescription
{
    public override string Name => "table";
}

/// <summary>One measured point; conductances in uS, time in s since programming; ReadSigmaUs null = no read noise per MVM; TemperatureK null, in every row =
/// whatever the temperature.</summary>
public sealed record DeviceTableRow(double TargetUs, double TimeS, double MeanUs, double SigmaUs, double? ReadSigmaUs, double? TemperatureK = null);
