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

    /// <summary>The model of a cell's device; noiseRead is the chip's read noise per MVM as a fraction of g_max.</summary>
    public static DeviceModel Create(CellDescription cell, double? noiseRead)
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
            TableDevice device => new Table(device, cell, noiseRead),
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

    /// <summary><see cref="Conductances"/> of at most <see cref="Chunk"/> devices.</summary>
    private protected abstract void ConductancesOfChunk(
        ReadOnlySpan<float> targetUs, double? timeS, in CellStream stream, int row, int firstColumn, Span<float> conductanceUs);

    private protected virtual void OwnReadSigmas(
        ReadOnlySpan<float> targetUs, ReadOnlySpan<float> conductanceUs, double? timeS, Span<float> sigmaUs) =>
        throw new UnreachableException("the model has no read noise of its own");
}
