using System.Collections.Immutable;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Benchmarks;

/// <summary>One kind of analog product, and what it may cost over an fp32 product of the same shape.</summary>
/// <param name="Name">As <c>--work</c> takes it.</param>
/// <param name="Description">What a tile does.</param>
/// <param name="Preset">The chip to start from.</param>
/// <param name="Overrides">What differs from it, as <c>--set</c> takes it.</param>
/// <param name="Goal">The ratio at most.</param>
/// <param name="Stretch">What would be better still; null = the goal is all.</param>
internal sealed record RatioWork(string Name, string Description, string Preset, ImmutableArray<string> Overrides, double Goal, double? Stretch = null)
{
    private const string Wires =
        """tile.noise.ir_drop={"model":"nodal","topology":"row_driven","interleaved":false,"word_line_ohm":0.35,"source_line_ohm":null,"bit_line_ohm":0.35,"driver_ohm":null,"sense_ohm":null,"scale":null,"g_ratio":null}""";

    private const string ReadNoise = "tile.noise.read=0.01";

    /// <summary>Of a proportional law: every cell has a sigma of its own.</summary>
    private const string NoisyCells =
        """tile.cell.device={"name":"gaussian","programming_sigma":0.05,"read_sigma":0.02,"scaling":"proportional","distribution":"normal"}""";

    private static readonly ImmutableArray<string> s_tile = ["tile.rows=256", "tile.columns=256"];

    private static readonly ImmutableArray<string> s_noisy = [.. s_tile, "tile.noise.output=0.04", ReadNoise];

    /// <summary>8-bit weights in 4 slices of 2 bits, 8 pulses, one 8-bit conversion a pulse.</summary>
    private static readonly ImmutableArray<string> s_sliced =
    [
        .. s_tile, "tile.weights.bits=8", "tile.input.bits=8", "tile.encoding.sign=offset_digital", "tile.encoding.unit_column=false", "tile.encoding.flip=false", "tile.adc.range=calibrated",
    ];

    public static ImmutableArray<RatioWork> All { get; } =
    [
        new("pwm", "PWM input, 8-bit DAC and ADC, subtraction in the array, PCM weights", "hermes", s_tile, 1.15),
        new("pwm-wires", "the same with exact IR drop", "hermes", [.. s_tile, Wires], 1.15),
        new("pwm-noise", "the first + output noise + instantaneous read noise per MVM", "hermes", s_noisy, 2.5, 1.9),
        new("sliced", "8-bit weights as 4 slices x 2 bits at exact levels, bit-serial 8-bit input, 8-bit ADC per pulse, not lossless", "isaac", s_sliced, 10),
        new("sliced-cells", "the same, programmed (real-valued) cells", "isaac", [.. s_sliced, "tile.cell.device=pcm_hermes", "tile.cell.g_min_us=0", "tile.cell.g_max_us=20.7"], 36),
        new("sliced-noise", "the same + read noise per MVM, a sigma for every cell", "isaac", [.. s_sliced, NoisyCells], 80, 60),
        new("sliced-level-noise", "exact levels + read noise per MVM whose sigma depends on the level alone", "isaac", [.. s_sliced, ReadNoise], 30),
        new("lossless", "sliced, lossless ADC", "isaac", [.. s_sliced, "tile.adc.range=granular", "tile.adc.bits=10"], AvxVnni.IsSupported ? 0.7 : 1.15),
        new("lossless-16", "isaac: 16 x 16 bits, 128-row tiles, flip and unit column", "isaac", [], 4),
    ];
}
