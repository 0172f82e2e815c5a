using System.Runtime.CompilerServices;
using AimcCompiler.Binary;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>Called with the devices of one row of a block, of one slice, pair and polarity: targets and present conductances in uS.</summary>
internal delegate void DevicesWritten(in CellStream devices, int blockRow, ReadOnlySpan<float> targetUs, ReadOnlySpan<float> conductanceUs);

/// <summary>Contents -> conductances -> what programming, faults and time make of them -> contents (semantics.md, step 4): target, programming error (each pulse drawn
/// anew, times the device's and the chip's variation, not below 0), stuck devices, drift and accumulated read noise of the device model, temperature, dead lines.</summary>
/// <remarks>A model that says anew at each time what a device holds (a table, SONOS, Wan 2022 of aihwkit) does so whatever was programmed; variation multiplies it, and a
/// stuck device stays where it is stuck.</remarks>
internal sealed class CellWriter
{
    private readonly TilePhysics _physics;
    private readonly CellEffects _effects;
    private readonly SimulationOptions _options;
    private readonly PhysicalCells _places;
    private readonly bool _isReference;
    private readonly float _gMin;
    private readonly float _gMax;
    private readonly float _usPerLevel;
    private readonly bool _isPlain;
    private readonly bool _isDead;
    private readonly float _chipFactor = 1;
    private readonly bool[] _deadRows = [];
    private readonly bool[] _deadColumns = [];
    private float[] _targets = [];
    private float[] _conductances = [];
    private float[] _sigmas = [];
    private float[] _contents = [];
    private float[] _left = [];
    private float[] _draws = [];
    private float[] _pulse = [];
    private float[] _pulseDraws = [];
    private float[] _factors = [];
    private float[] _stuck = [];
    private float[] _run = [];

    /// <param name="physics">The layer's tiles.</param>
    /// <param name="block">Which cells.</param>
    /// <param name="options">Seed, instance and time.</param>
    /// <param name="isReference">As the reference read-out of drift compensation finds the cells: just programmed, at the temperature of programming.</param>
    public CellWriter(TilePhysics physics, Block block, SimulationOptions options, bool isReference)
    {
        _physics = physics;
        _effects = physics.Cells;
        _options = options;
        _places = new PhysicalCells(physics.Tile, block);
        _isReference = isReference;
        var cell = physics.Tile.Cell;
        _gMin = (float)cell.GMinUs;
        _gMax = (float)cell.GMaxUs;
        _usPerLevel = (float)((cell.GMaxUs - cell.GMinUs) / physics.Weights.MaxLevel);
        _isPlain = !_effects.ChangeCells && _effects.Programming is null && _effects.Significance.Length == 1;
        if (_isPlain)
        {
            return;
        }

        Span<float> one = stackalloc float[1];
        if (_effects.ChipVariation > 0)
        {
            int tilesOfAChip = physics.TilesOfAChip;
            Draws.Normals(Physical(0, 0), DrawPurpose.ChipVariation, (ulong)(block.Tile / tilesOfAChip), 0, 0, one);
            _chipFactor = 1 + (_effects.ChipVariation * one[0]);
        }

        if (_effects.DeadTiles > 0)
        {
            Draws.Chances(Physical(0, 0), DrawPurpose.DeadTile, (ulong)block.Tile, 0, 0, one);
            _isDead = one[0] <= _effects.DeadTiles;
        }

        // The unit column has no bit line among the tile's.
        _deadRows = Dead(DrawPurpose.DeadRow, _effects.DeadRows, physics.Tile.Rows);
        _deadColumns = Dead(DrawPurpose.DeadColumn, _effects.DeadColumns, physics.Tile.Columns);
    }

    /// <summary>Sees every device; null = nobody.</summary>
    public DevicesWritten? Observer { get; init; }

    /// <summary>Counts pulses; null = nobody does.</summary>
    public ProgrammingTally? Tally { get; init; }

    /// <summary>One row of one slice and polarity of the block.</summary>
    /// <param name="contents">Targets in levels.</param>
    /// <param name="stream">Names the devices, pair 0.</param>
    /// <param name="blockRow">Row of the block.</param>
    /// <param name="weightRow">Row of the weight, which names it.</param>
    /// <param name="firstColumn">Column of the first weight.</param>
    /// <param name="result">What column sums see, in levels; it may be the memory of the contents.</param>
    /// <param name="sigma">Deviations of the instantaneous read noise, in levels; empty = not wanted.</param>
    public void Write(
        ReadOnlySpan<float> contents, in CellStream stream, int blockRow, int weightRow, int firstColumn, Span<float> result, Span<float> sigma)
    {
        var device = _physics.Device;
        if (_isPlain && Observer is null)
        {
            WritePlain(contents, stream, weightRow, firstColumn, result, sigma);
            return;
        }

        int count = contents.Length;
        Reserve(count);
        var targets = _targets.AsSpan(0, count);
        var conductances = _conductances.AsSpan(0, count);
        var sigmas = _sigmas.AsSpan(0, count);
        var whole = _contents.AsSpan(0, count);
        var left = _left.AsSpan(0, count);
        contents.CopyTo(whole);
        contents.CopyTo(left);
        result.Clear();
        sigma.Clear();
        bool isSingle = _effects.Significance.Length == 1;
        for (int pair = 0; pair < _effects.Significance.Length; pair++)
        {
            float share = _effects.Significance[pair];
            for (int i = 0; i < count; i++)
            {
                float content = isSingle ? whole[i] : Math.Min(left[i] / share, _physics.Weights.MaxLevel);
                left[i] = Math.Max(0, left[i] - (share * content));
                targets[i] = _gMin + (content * _usPerLevel);
            }

            var cells = stream with { Pair = pair };
            Device(targets, in cells, blockRow, weightRow, firstColumn, conductances);
            if (!sigma.IsEmpty)
            {
                device.ReadSigmas(targets, conductances, _options.TimeS, sigmas);
            }

            SetDead(blockRow, stream.Slice, stream.Polarity, stream.IsUnitColumn, conductances, sigma.IsEmpty ? [] : sigmas);
            Observer?.Invoke(in cells, blockRow, targets, conductances);
            for (int i = 0; i < count; i++)
            {
                // A cell at its target has its content, free of rounding; a dead line carries nothing, nor does its reference.
                result[i] += conductances[i] == targets[i] && isSingle ? whole[i]
                    : IsDeadAt(blockRow, stream, i) ? 0
                    : share * ((conductances[i] - _gMin) / _usPerLevel);
            }

            for (int i = 0; i < sigma.Length; i++)
            {
                float own = share * (sigmas[i] / _usPerLevel);
                sigma[i] = isSingle ? own : MathF.Sqrt((sigma[i] * sigma[i]) + (own * own));
            }
        }

        if (_effects.IsIdeal)
        {
            whole.CopyTo(result);
        }
    }

    private void WritePlain(ReadOnlySpan<float> contents, in CellStream stream, int row, int firstColumn, Span<float> result, Span<float> sigma)
    {
        var device = _physics.Device;
        if (device.IsIdeal && !device.HasReadNoise)
        {
            contents.CopyTo(result);
            return;
        }

        int count = contents.Length;
        if (_targets.Length < count)
        {
            (_targets, _conductances, _sigmas) = (new float[count], new float[count], new float[count]);
        }

        var targets = _targets.AsSpan(0, count);
        var conductances = _conductances.AsSpan(0, count);
        TargetKernel toTargets = new(_gMin, _usPerLevel);
        LaneMap.Run(in toTargets, contents, contents, contents, contents, targets);
        device.Conductances(targets, _options.TimeS, stream, row, firstColumn, conductances);
        if (device.IsIdeal)
        {
            contents.CopyTo(result);
        }
        else
        {
            ContentKernel toContents = new(_gMin, _usPerLevel);
            LaneMap.Run(in toContents, conductances, conductances, conductances, conductances, result);
        }

        if (!sigma.IsEmpty)
        {
            var sigmas = _sigmas.AsSpan(0, count);
            device.ReadSigmas(targets, conductances, _options.TimeS, sigmas);
            ContentKernel toLevels = new(0, _usPerLevel);
            LaneMap.Run(in toLevels, sigmas, sigmas, sigmas, sigmas, sigma);
        }
    }

    /// <summary>Target to present conductance, but for dead lines.</summary>
    private void Device(ReadOnlySpan<float> targets, in CellStream stream, int blockRow, int row, int firstColumn, Span<float> conductances)
    {
        var device = _physics.Device;
        int count = targets.Length;
        var draws = _draws.AsSpan(0, count);
        var factors = _factors.AsSpan(0, count);
        var stuck = _stuck.AsSpan(0, count);
        FindFactors(stream, blockRow, factors);
        FindStuck(stream, blockRow, stuck);
        Pulse(targets, in stream, 0, row, firstColumn, draws, conductances);
        Tally?.AddPulses(count);
        int pulses = _effects.Programming?.MaxPulses ?? 1;
        for (int pulse = 1; pulse < pulses; pulse++)
        {
            int again = 0;
            for (int i = 0; i < count; i++)
            {
                again += IsWithin(conductances[i], targets[i]) ? 0 : 1;
            }

            if (again == 0)
            {
                break;
            }

            var attempt = _pulse.AsSpan(0, count);
            var attemptDraws = _pulseDraws.AsSpan(0, count);
            Tally?.AddPulses(again);
            Pulse(targets, in stream, pulse, row, firstColumn, attemptDraws, attempt);
            for (int i = 0; i < count; i++)
            {
                if (!IsWithin(conductances[i], targets[i]))
                {
                    (conductances[i], draws[i]) = (attempt[i], attemptDraws[i]);
                }
            }
        }

        if (Tally is not null)
        {
            Tally.AddDevices(targets, conductances);
            int missed = 0;
            for (int i = 0; i < count; i++)
            {
                missed += IsWithin(conductances[i], targets[i]) ? 0 : 1;
            }

            Tally.AddMissed(missed);
        }

        if (_options.TimeS is { } time && !device.IsIdeal)
        {
            device.Later(targets, conductances, draws, time, stream, row, firstColumn, conductances);
            for (int i = 0; i < count && !device.FollowsProgrammed; i++)
            {
                conductances[i] = float.IsNaN(stuck[i]) ? conductances[i] * factors[i] : stuck[i];
            }
        }

        for (int i = 0; i < count && _effects.HasTemperature && !_isReference; i++)
        {
            float empty = 1 - Math.Clamp(conductances[i] / _gMax, 0, 1);
            conductances[i] *= Math.Max(0, 1 + _effects.GlobalChange + (_effects.StateChange * empty));
        }

        bool IsWithin(float conductance, float target) => Math.Abs(conductance - target) <= _effects.ToleranceUs;

        void Pulse(ReadOnlySpan<float> targets, in CellStream stream, int pulse, int row, int firstColumn, Span<float> draws, Span<float> programmed)
        {
            if (device.IsIdeal)
            {
                targets.CopyTo(programmed);
            }
            else
            {
                device.PulseDraws(in stream, pulse, row, firstColumn, draws);
                device.Programmed(targets, draws, programmed);
            }

            for (int i = 0; i < programmed.Length; i++)
            {
                programmed[i] = float.IsNaN(_stuck[i]) ? programmed[i] * _factors[i] : _stuck[i];
            }
        }
    }

    /// <summary>1 + the variation of device and chip, not below 0.</summary>
    private void FindFactors(in CellStream stream, int blockRow, Span<float> factors)
    {
        if (_effects.DeviceVariation == 0)
        {
            factors.Fill(Math.Max(0, _chipFactor));
            return;
        }

        PhysicalDraws(DrawPurpose.DeviceVariation, stream, blockRow, factors);
        for (int i = 0; i < factors.Length; i++)
        {
            factors[i] = Math.Max(0, _chipFactor + (_effects.DeviceVariation * factors[i]));
        }
    }

    /// <summary>Where a device is stuck; NaN = it is not.</summary>
    private void FindStuck(in CellStream stream, int blockRow, Span<float> stuck)
    {
        if (_effects.StuckAny == 0)
        {
            stuck.Fill(float.NaN);
            return;
        }

        PhysicalDraws(DrawPurpose.Stuck, stream, blockRow, stuck);
        for (int i = 0; i < stuck.Length; i++)
        {
            stuck[i] = stuck[i] <= _effects.StuckOff ? _gMin : stuck[i] <= _effects.StuckOn ? _gMax : stuck[i] <= _effects.StuckAny ? _effects.StuckAtUs : float.NaN;
        }
    }

    /// <summary>One draw a device, named by its place.</summary>
    private void PhysicalDraws(DrawPurpose purpose, in CellStream stream, int blockRow, Span<float> draws)
    {
        int stride = stream.IsUnitColumn ? 1 : _places.Stride;
        int first = stream.IsUnitColumn ? _places.UnitColumn : _places.FirstColumn(stream.Slice, stream.Polarity);
        int length = ((draws.Length - 1) * stride) + 1;
        if (_run.Length < length)
        {
            _run = new float[length];
        }

        var run = _run.AsSpan(0, length);
        var place = Physical(stream.Pair, _places.DeviceOf(stream.Polarity));
        if (purpose == DrawPurpose.Stuck)
        {
            Draws.Chances(in place, purpose, (ulong)_places.Tile, _places.Row(blockRow, stream.Polarity), first, run);
        }
        else
        {
            Draws.Normals(in place, purpose, (ulong)_places.Tile, _places.Row(blockRow, stream.Polarity), first, run);
        }

        for (int i = 0; i < draws.Length; i++)
        {
            draws[i] = run[i * stride];
        }
    }

    private void SetDead(int blockRow, int slice, int polarity, bool isUnitColumn, Span<float> conductances, Span<float> sigmas)
    {
        bool wholeRow = _isDead || (_deadRows.Length > 0 && _deadRows[_places.Row(blockRow, polarity)]);
        if (!wholeRow && (_deadColumns.Length == 0 || isUnitColumn))
        {
            return;
        }

        for (int i = 0; i < conductances.Length; i++)
        {
            if (wholeRow || _deadColumns[_places.FirstColumn(slice, polarity) + (i * _places.Stride)])
            {
                conductances[i] = 0;
                if (!sigmas.IsEmpty)
                {
                    sigmas[i] = 0;
                }
            }
        }
    }

    private bool IsDeadAt(int blockRow, in CellStream stream, int column) =>
        _isDead
        || (_deadRows.Length > 0 && _deadRows[_places.Row(blockRow, stream.Polarity)])
        || (_deadColumns.Length > 0 && !stream.IsUnitColumn && _deadColumns[_places.FirstColumn(stream.Slice, stream.Polarity) + (column * _places.Stride)]);

    private bool[] Dead(DrawPurpose purpose, double fraction, int lines)
    {
        if (fraction == 0)
        {
            return [];
        }

        float[] chances = new float[lines];
        Draws.Chances(Physical(0, 0), purpose, (ulong)_places.Tile, 0, 0, chances);
        return Array.ConvertAll(chances, c => c <= fraction);
    }

    private CellStream Physical(int pair, int device) => new(_options.Seed, _options.Instance, Layer: 0, Slice: 0, pair, device, Copy: 0);

    private void Reserve(int count)
    {
        if (_draws.Length >= count)
        {
            return;
        }

        _targets = new float[count];
        _conductances = new float[count];
        _sigmas = new float[count];
        _contents = new float[count];
        _left = new float[count];
        _draws = new float[count];
        _pulse = new float[count];
        _pulseDraws = new float[count];
        _factors = new float[count];
        _stuck = new float[count];
    }

    /// <summary>Content in levels to conductance.</summary>
    private readonly struct TargetKernel(float gMin, float usPerLevel) : ILaneKernel
    {
        private readonly float _gMin = gMin;
        private readonly float _usPerLevel = usPerLevel;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => TLanes.Broadcast(_gMin) + (a * TLanes.Broadcast(_usPerLevel));
    }

    /// <summary>Conductance to content.</summary>
    private readonly struct ContentKernel(float gMin, float usPerLevel) : ILaneKernel
    {
        private readonly float _gMin = gMin;
        private readonly float _usPerLevel = usPerLevel;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => (a - TLanes.Broadcast(_gMin)) / TLanes.Broadcast(_usPerLevel);
    }
}
