using System.Diagnostics;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>How a device holds a conductance: what comes out when it is programmed, and what is left of it later (semantics.md, "One
/// crossbar, one MVM", step 4). Every result is a function of the device's name (<see cref="CellStream"/>, row, column), the target and
/// the time alone. Instances are immutable to their callers and may be shared by threads.</summary>
public abstract class DeviceModel
{
    /// <summary>Devices computed at a time, so that their normals stay in the first-level cache.</summary>
    private protected const int Chunk = 256;

    private readonly float _chipReadUs;

    private protected DeviceModel(CellDescription cell, double? noiseRead)
    {
        GMaxUs = cell.GMaxUs;
        _chipReadUs = (float)((noiseRead ?? 0) * cell.GMaxUs);
    }

    /// <summary>A device's state is its target at all times. It may still have read noise.</summary>
    public abstract bool IsIdeal { get; }

    /// <summary>The last time the model can tell of; null = any.</summary>
    public virtual double? MaximumTimeS => null;

    /// <summary>A fresh, independent normal is added to every device at every MVM.</summary>
    public bool HasReadNoise => _chipReadUs > 0 || HasOwnReadNoise;

    private protected double GMaxUs { get; }

    private protected virtual bool HasOwnReadNoise => false;

    /// <summary>The purpose of the draws of a device's first pulse.</summary>
    private protected virtual DrawPurpose FirstPulse => DrawPurpose.Programming;

    /// <summary>What was programmed goes on to change. False: the model says anew at each time what a device of the target holds, whatever was programmed.</summary>
    internal virtual bool FollowsProgrammed => true;

    /// <summary>The model of a cell's device; noiseRead is the chip's read noise per MVM as a fraction of g_max.</summary>
    public static DeviceModel Create(CellDescription cell, double? noiseRead, double temperatureK = 300)
    {
        ArgumentNullException.ThrowIfNull(cell);
        return cell.Device switch
        {
            IdealDevice => new Ideal(cell, noiseRead),
            GaussianDevice device => new Gaussian(device, cell, noiseRead),
            PcmLikeDevice device => new Pcm<PcmLike>(device.ProgrammingScale, device.DriftScale, device.ReadScale, cell, noiseRead),
            PcmHermesDevice { Devices: 1 } device =>
                new Pcm<PcmHermes1>(device.ProgrammingScale, device.DriftScale, device.ReadScale, cell, noiseRead),
            PcmHermesDevice { Devices: 2 } device =>
                new Pcm<PcmHermes2>(device.ProgrammingScale, device.DriftScale, device.ReadScale, cell, noiseRead),
            PcmCustomDevice device => new PcmCustom(device, cell, noiseRead),
            RramWan2022Device { Fit: WanFit.Aihwkit } device => new RramWan2022(device, cell, noiseRead),
            RramWan2022Device device => new StaticRram(StaticRram.WanCrossSim, device.ProgrammingScale, cell, noiseRead),
            RramMilo2021Device device => new StaticRram(StaticRram.Milo2021, device.ProgrammingScale, cell, noiseRead),
            RramCmoDevice device => new RramCmo(device, cell, noiseRead),
            SonosDevice device => new Sonos(device, cell, noiseRead),
            MramDevice device => new Mram(device, cell, noiseRead),
            TableDevice device => new Table(device, cell, noiseRead, temperatureK),
            _ => throw new UnreachableException($"device {cell.Device}"),
        };
    }

    /// <summary>The state of the devices of one weight row, columns firstColumn and on, timeS seconds after programming; null = just
    /// programmed, before drift and read noise. conductanceUs may be the memory of targetUs.</summary>
    /// <exception cref="DiagnosticException">A time or target is outside a device table.</exception>
    public void Conductances(
        ReadOnlySpan<float> targetUs, double? timeS, in CellStream stream, int row, int firstColumn, Span<float> conductanceUs)
    {
        Debug.Assert(targetUs.Length == conductanceUs.Length && !(timeS < 0));
        for (int i = 0; i < targetUs.Length; i += Chunk)
        {
            int count = Math.Min(Chunk, targetUs.Length - i);
            ConductancesOfChunk(targetUs.Slice(i, count), timeS, in stream, row, firstColumn + i, conductanceUs.Slice(i, count));
        }
    }

    /// <exception cref="DiagnosticException">The model cannot tell of this time.</exception>
    public void CheckTime(double timeS)
    {
        Span<float> one = [(float)GMaxUs];
        Conductances(one, timeS, default, 0, 0, one);
    }

    /// <summary>Standard deviations of the read noise per MVM, from the targets and the present state: the model's own and the chip's,
    /// which are independent and add in quadrature.</summary>
    public void ReadSigmas(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> conductanceUs, double? timeS, Span<float> sigmaUs)
    {
        Debug.Assert(targetUs.Length == sigmaUs.Length && conductanceUs.Length == sigmaUs.Length);
        if (!HasOwnReadNoise)
        {
            sigmaUs.Fill(_chipReadUs);
            return;
        }

        OwnReadSigmas(targetUs, conductanceUs, timeS, sigmaUs);
        for (int i = 0; i < sigmaUs.Length && _chipReadUs > 0; i++)
        {
            sigmaUs[i] = MathF.Sqrt((sigmaUs[i] * sigmaUs[i]) + (_chipReadUs * _chipReadUs));
        }
    }

    /// <summary>The draws of a programming pulse, one a device; pulse 0 is the one of a device that is written once.</summary>
    internal void PulseDraws(in CellStream stream, int pulse, int row, int firstColumn, Span<float> draws) =>
        PulseDraws(in stream, pulse == 0 ? FirstPulse : DrawPurpose.RepeatedPulse, (ulong)pulse, row, firstColumn, draws);

    /// <summary>What a pulse with these draws leaves: the first half of <see cref="Conductances"/>. The results may be the memory of the draws.</summary>
    internal void Programmed(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> draws, Span<float> programmedUs)
    {
        for (int i = 0; i < targetUs.Length; i += Chunk)
        {
            int count = Math.Min(Chunk, targetUs.Length - i);
            ProgrammedOfChunk(targetUs.Slice(i, count), draws.Slice(i, count), programmedUs.Slice(i, count));
        }
    }

    /// <summary>What is left timeS seconds later: the second half.</summary>
    /// <param name="targetUs">Targets.</param>
    /// <param name="programmedUs">What was programmed; not read unless the model <see cref="FollowsProgrammed"/>.</param>
    /// <param name="draws">Draws of the pulse that stayed; not read if it does.</param>
    /// <param name="timeS">Time since programming.</param>
    /// <param name="stream">Names the devices.</param>
    /// <param name="row">Weight row.</param>
    /// <param name="firstColumn">First weight column.</param>
    /// <param name="conductanceUs">The result; it may be the memory of what was programmed.</param>
    /// <exception cref="DiagnosticException">A time or target is outside what the model knows.</exception>
    internal void Later(
        ReadOnlySpan<float> targetUs,
        ReadOnlySpan<float> programmedUs,
        ReadOnlySpan<float> draws,
        double timeS,
        in CellStream stream,
        int row,
        int firstColumn,
        Span<float> conductanceUs)
    {
        for (int i = 0; i < targetUs.Length; i += Chunk)
        {
            int count = Math.Min(Chunk, targetUs.Length - i);
            LaterOfChunk(
                targetUs.Slice(i, count), programmedUs.Slice(i, count), draws.Slice(i, count), timeS, in stream, row, firstColumn + i, conductanceUs.Slice(i, count));
        }
    }

    /// <summary><see cref="Conductances"/> of at most <see cref="Chunk"/> devices.</summary>
    private protected virtual void ConductancesOfChunk(
        ReadOnlySpan<float> targetUs, double? timeS, in CellStream stream, int row, int firstColumn, Span<float> conductanceUs)
    {
        if (IsIdeal)
        {
            targetUs.CopyTo(conductanceUs);
            return;
        }

        Span<float> draws = stackalloc float[Chunk];
        Span<float> programmed = stackalloc float[Chunk];
        draws = draws[..targetUs.Length];
        programmed = programmed[..targetUs.Length];
        PulseDraws(in stream, 0, row, firstColumn, draws);
        ProgrammedOfChunk(targetUs, draws, programmed);
        if (timeS is { } time)
        {
            LaterOfChunk(targetUs, programmed, draws, time, in stream, row, firstColumn, conductanceUs);
        }
        else
        {
            programmed.CopyTo(conductanceUs);
        }
    }

    /// <summary>Standard normals, where a model does not say otherwise.</summary>
    private protected virtual void PulseDraws(in CellStream stream, DrawPurpose purpose, ulong pulse, int row, int firstColumn, Span<float> draws) =>
        Draws.Normals(in stream, purpose, pulse, row, firstColumn, draws);

    private protected abstract void ProgrammedOfChunk(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> draws, Span<float> programmedUs);

    /// <summary>Nothing changes, where a model does not say otherwise.</summary>
    private protected virtual void LaterOfChunk(
        ReadOnlySpan<float> targetUs,
        ReadOnlySpan<float> programmedUs,
        ReadOnlySpan<float> draws,
        double timeS,
        in CellStream stream,
        int row,
        int firstColumn,
        Span<float> conductanceUs) => programmedUs.CopyTo(conductanceUs);

    private protected virtual void OwnReadSigmas(
        ReadOnlySpan<float> targetUs, ReadOnlySpan<float> conductanceUs, double? timeS, Span<float> sigmaUs) =>
        throw new UnreachableException("the model has no read noise of its own");

    private protected static string Text(double value) => value.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
}
