using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>The rule by which a chip drives an input code as one or several pulses: x^ -> code -> pulses, code = sum of weight * pulse
/// (hardware.md 4.4; semantics.md, "Codes and scales").</summary>
public sealed class InputEncoding
{
    private readonly InputScheme _scheme;
    private readonly InputSign _sign;
    private readonly int _pulseBits;

    private InputEncoding(InputDescription input, bool isUnsigned)
    {
        _scheme = input.Scheme;
        _pulseBits = input.PulseBits;
        IsUnsigned = isUnsigned || input.Sign == InputSign.Unsigned;
        _sign = IsUnsigned ? InputSign.Unsigned : input.Sign;
        Bits = input.Bits;
        if (input.Bits is not { } bits)
        {
            MaxCode = 1;
            PulseWeights = [1];
            MaxPulse = 1;
            return;
        }

        IsMidRise = input.Codes == ConverterCodes.MidRise && !IsUnsigned;
        MaxCode = IsUnsigned || IsMidRise ? (1 << bits) - 1 : (1 << (bits - 1)) - 1;
        if (_scheme != InputScheme.BitSerial)
        {
            PulseWeights = [1];
            MaxPulse = MaxCode;
            return;
        }

        MaxPulse = (1 << _pulseBits) - 1;
        int magnitudeBits = IsUnsigned ? bits : bits - 1;
        long[] magnitude = [.. Enumerable.Range(0, (magnitudeBits + _pulseBits - 1) / _pulseBits).Select(j => 1L << (j * _pulseBits))];
        PulseWeights = _sign switch
        {
            InputSign.TwosComplement => [.. magnitude, -(1L << (bits - 1))],
            InputSign.TwoPhase => [.. magnitude, .. magnitude.Select(w => -w)],
            _ => [.. magnitude],
        };
    }

    /// <summary>DAC bits; null = lossless: the code is x^ itself.</summary>
    public int? Bits { get; }

    public bool IsUnsigned { get; }

    /// <summary>Codes are odd, in units of half an LSB: -(2^b - 1) .. 2^b - 1, without zero.</summary>
    public bool IsMidRise { get; }

    /// <summary>How signed codes become pulses; <see cref="InputSign.Unsigned"/> where they have no sign.</summary>
    public InputSign Sign => _sign;

    /// <summary>Bits of a pulse; 0 = a code is one pulse.</summary>
    public int PulseBits => _scheme == InputScheme.BitSerial ? _pulseBits : 0;

    /// <summary>Largest code: 2^b - 1 unsigned and mid-rise, 2^(b-1) - 1 signed, 1 lossless.</summary>
    public int MaxCode { get; }

    public int MinCode => IsUnsigned ? 0 : -MaxCode;

    /// <summary>Codes from one level of the DAC to the next.</summary>
    public int CodesPerLevel => IsMidRise ? 2 : 1;

    /// <summary>What each pulse counts, in the order they are driven.</summary>
    public ImmutableArray<long> PulseWeights { get; }

    /// <summary>Largest magnitude of one pulse.</summary>
    public int MaxPulse { get; }

    /// <summary>Whether a pulse can be negative, so that a column's sum has a sign even with one cell per weight.</summary>
    public bool HasSignedPulses => !IsUnsigned && (_scheme != InputScheme.BitSerial || _sign == InputSign.SignMagnitude);

    /// <param name="input">The chip's input description.</param>
    /// <param name="isNonNegative">The compiler proved that the activation is never negative.</param>
    public static InputEncoding Of(InputDescription input, bool isNonNegative)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new InputEncoding(input, isNonNegative && input.UnsignedWhenNonNegative);
    }

    /// <summary>What a row is driven with in one pulse.</summary>
    /// <param name="code">The row's code.</param>
    /// <param name="pulse">Index into <see cref="PulseWeights"/>.</param>
    public int Pulse(int code, int pulse)
    {
        if (_scheme != InputScheme.BitSerial)
        {
            return code;
        }

        int mask = MaxPulse;
        switch (_sign)
        {
            case InputSign.Unsigned:
                return (code >> (pulse * _pulseBits)) & mask;
            case InputSign.TwosComplement:
                bool isSignPulse = pulse == PulseWeights.Length - 1;
                return isSignPulse ? (code < 0 ? 1 : 0) : ((code & MaxCode) >> (pulse * _pulseBits)) & mask;
            case InputSign.SignMagnitude:
                int digit = (Math.Abs(code) >> (pulse * _pulseBits)) & mask;
                return code < 0 ? -digit : digit;
            case InputSign.TwoPhase:
                int half = PulseWeights.Length / 2;
                int part = Math.Max(pulse < half ? code : -code, 0);
                return (part >> (pulse % half * _pulseBits)) & mask;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }
}
