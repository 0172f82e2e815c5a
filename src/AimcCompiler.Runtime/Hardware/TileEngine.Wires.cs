using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

internal abstract partial class TileEngine
{
    private float[] _deltas = [];
    private double[] _drive = [];
    private double[] _voltages = [];
    private double[] _currents = [];
    private double[] _sums = [];
    private float[] _cells = [];
    private float[] _otherCells = [];
    private float[] _physical = [];
    private float[] _otherPhysical = [];
    private float[] _inputs = [];
    private float[] _normals = [];

    /// <summary>Cells have instantaneous noise that goes into the product itself; not where wires make it a change of the sums.</summary>
    private protected static bool HasCellNoise(ProgrammedBlock block, int slice) => block.PositiveSigma[slice] is not null && block.Wires is null;

    /// <summary>What the read noise of one vector's pulse changes in the column sums, to first order in the noise: the sum over a column's devices of
    /// (adjoint voltage) x (noise) x (voltage); what reaches other columns is left out, some thousandths of the deviation. Nothing without both wires and noise.</summary>
    private protected void PrepareWireNoise(ProgrammedBlock block, ReadOnlySpan<float> pulses, in ReadEvents events, int vector, int attempt, int pulse)
    {
        if (block.Wires is not { HasNoise: true } wires)
        {
            return;
        }

        var layout = wires.Layout;
        int size = DeltaSize(block);
        if (_deltas.Length < (vector + 1) * size)
        {
            Array.Resize(ref _deltas, (vector + 1) * size);
        }

        var deltas = _deltas.AsSpan(vector * size, size);
        deltas.Clear();
        int polarities = Physics.Weights.IsDifferential ? 2 : 1;
        bool inTurn = layout.SharesBitLines && !Physics.SubtractsInArray;
        Grow(ref _drive, layout.PhysicalRows);
        Grow(ref _voltages, layout.PhysicalRows * layout.PhysicalColumns);
        Grow(ref _currents, layout.PhysicalRows * layout.PhysicalColumns);
        Grow(ref _sums, Math.Max(layout.Columns, 1));
        Grow(ref _normals, layout.Columns);
        var voltages = _voltages.AsSpan(0, layout.PhysicalRows * layout.PhysicalColumns);
        for (int first = 0; first < polarities; first += layout.Networks == 1 && !inTurn ? polarities : 1)
        {
            int last = layout.Networks == 1 && !inTurn ? polarities : first + 1;
            var drive = _drive.AsSpan(0, layout.PhysicalRows);
            drive.Clear();
            for (int polarity = first; polarity < last; polarity++)
            {
                for (int r = 0; r < pulses.Length; r++)
                {
                    drive[layout.Row(polarity, r)] = polarity == 1 && layout.SharesBitLines && !inTurn ? -pulses[r] : pulses[r];
                }
            }

            int network = layout.Network(first);
            wires.CellVoltages(network, drive, _currents.AsSpan(0, voltages.Length), voltages);
            for (int polarity = first; polarity < last; polarity++)
            {
                ulong readEvent = Draws.Event(events.Samples[vector], events.Ordinals[vector], PulseKey(attempt, pulse, Physics.SubtractsInArray ? 0 : polarity));
                bool subtracts = polarity == 1 && Physics.SubtractsInArray && !layout.SharesBitLines;
                for (int slice = 0; slice < Physics.Weights.Slices; slice++)
                {
                    AddNoise(block, wires, network, slice, polarity, readEvent, voltages, subtracts, deltas.Slice(((slice * 2) + (Physics.SubtractsInArray ? 0 : polarity)) * layout.Columns, layout.Columns));
                }
            }
        }

        if (layout.HasUnit && block.UnitSigma is { } sigma)
        {
            ulong readEvent = Draws.Event(events.Samples[vector], events.Ordinals[vector], PulseKey(attempt, pulse, 0));
            Span<float> draw = stackalloc float[1];
            double sum = 0;
            for (int r = 0; r < pulses.Length; r++)
            {
                UnitDraw(block, readEvent, r, draw);
                int at = layout.UnitAt(r);
                sum += wires.Adjoint[0][at] * voltages[at] * sigma[r] * draw[0];
            }

            deltas[^1] = (float)sum;
        }
    }

    private void AddNoise(
        ProgrammedBlock block, BlockWires wires, int network, int slice, int polarity, ulong readEvent, ReadOnlySpan<double> voltages, bool subtracts, Span<float> deltas)
    {
        var layout = wires.Layout;
        int columns = layout.Columns;
        var stream = new CellStream(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, slice, Pair: 0, Polarity: polarity, block.Block.Copy);
        float[] sigma = (polarity == 0 ? block.PositiveSigma[slice] : block.NegativeSigma[slice])!;
        float[] adjoint = wires.Adjoint[network];
        var normals = _normals.AsSpan(0, columns);
        var sums = _sums.AsSpan(0, columns);
        sums.Clear();
        for (int r = 0; r < layout.Rows; r++)
        {
            Draws.Normals(stream, DrawPurpose.ReadInstantaneous, readEvent, FirstRow(block.Block) + r, FirstColumn(block.Block), normals);
            int start = layout.At(slice, polarity, r, 0);
            int step = layout.Column(slice, polarity, 1) - layout.Column(slice, polarity, 0);
            for (int c = 0; c < columns; c++)
            {
                int at = start + (c * step);
                sums[c] += adjoint[at] * voltages[at] * sigma[(r * columns) + c] * normals[c];
            }
        }

        for (int c = 0; c < columns; c++)
        {
            deltas[c] += (float)(subtracts ? -sums[c] : sums[c]);
        }
    }

    /// <summary>Adds to one conversion's column sums what <see cref="PrepareWireNoise"/> found for the vector.</summary>
    private protected void AddWireNoise(ProgrammedBlock block, int slice, bool negative, int vector, Span<float> column)
    {
        if (block.Wires is not { HasNoise: true })
        {
            return;
        }

        var deltas = _deltas.AsSpan((vector * DeltaSize(block)) + (((slice * 2) + (negative ? 1 : 0)) * column.Length), column.Length);
        for (int c = 0; c < column.Length; c++)
        {
            column[c] += deltas[c];
        }
    }

    /// <summary>The column sums of gated cells in one pulse: one exact solution of the columns' networks, read noise in their conductances.</summary>
    private protected void GatedSums(ProgrammedBlock block, int slice, bool negative, ReadOnlySpan<float> pulses, in ReadEvents events, int vector, uint pulseKey, Span<float> column)
    {
        var layout = block.Wires!.Layout;
        ulong readEvent = Draws.Event(events.Samples[vector], events.Ordinals[vector], pulseKey);
        Grow(ref _sums, 2 * layout.Columns);
        var sums = _sums.AsSpan(0, layout.Columns);
        double inputs = 0;
        foreach (float pulse in pulses)
        {
            inputs += pulse;
        }

        if (!Physics.SubtractsInArray)
        {
            Solve(layout, PhysicalCells(block, slice, negative ? 1 : 0, readEvent, ref _physical), [], Drive(layout, pulses, negative ? 1 : 0, both: false), sums);
            for (int c = 0; c < column.Length; c++)
            {
                column[c] = (float)(sums[c] - (layout.Baseline * inputs));
            }

            return;
        }

        var positive = PhysicalCells(block, slice, 0, readEvent, ref _physical);
        var other = PhysicalCells(block, slice, 1, readEvent, ref _otherPhysical);
        if (layout.SharesBitLines)
        {
            Solve(layout, positive, other, Drive(layout, pulses, 0, both: true), sums);
            for (int c = 0; c < column.Length; c++)
            {
                column[c] = (float)sums[c];
            }

            return;
        }

        var otherSums = _sums.AsSpan(layout.Columns, layout.Columns);
        var drive = Drive(layout, pulses, 0, both: false);
        Solve(layout, positive, [], drive, sums);
        Solve(layout, other, [], drive, otherSums);
        for (int c = 0; c < column.Length; c++)
        {
            column[c] = (float)(sums[c] - otherSums[c]);
        }

        static void Solve(WireLayout layout, ReadOnlySpan<float> positive, ReadOnlySpan<float> negative, ReadOnlySpan<float> drive, Span<double> sums) =>
            SourceLineCrossbar.Solve(layout.Wires with { Columns = sums.Length }, positive, negative, drive, sums);
    }

    /// <summary>The unit column's sum of gated cells.</summary>
    private float GatedUnitSum(ProgrammedBlock block, ReadOnlySpan<float> pulses, in ReadEvents events, int vector, uint pulseKey)
    {
        var layout = block.Wires!.Layout;
        float[] cells = new float[layout.Rows];
        ulong readEvent = Draws.Event(events.Samples[vector], events.Ordinals[vector], pulseKey);
        Span<float> draw = stackalloc float[1];
        double inputs = 0;
        for (int r = 0; r < cells.Length; r++)
        {
            float cell = block.Unit![r];
            if (block.UnitSigma is { } sigma)
            {
                UnitDraw(block, readEvent, r, draw);
                cell = MathF.FusedMultiplyAdd(sigma[r], draw[0], cell);
            }

            cells[r] = Math.Max(0, cell + (float)layout.Baseline);
            inputs += pulses[r];
        }

        Span<double> sum = stackalloc double[1];
        SourceLineCrossbar.Solve(layout.Wires with { Columns = 1 }, cells, [], pulses, sum);
        return (float)(sum[0] - (layout.Baseline * inputs));
    }

    /// <summary>Conductances of one polarity's devices in one read, on the rows that they stand on.</summary>
    private ReadOnlySpan<float> PhysicalCells(ProgrammedBlock block, int slice, int polarity, ulong readEvent, ref float[] memory)
    {
        var layout = block.Wires!.Layout;
        int columns = layout.Columns;
        int size = layout.PhysicalRows * columns;
        Grow(ref memory, size);
        Grow(ref _normals, columns);
        var result = memory.AsSpan(0, size);
        result.Clear();
        float[] cells = (polarity == 0 ? block.Positive[slice] : block.Wires.Negative[slice])!;
        float[]? sigma = polarity == 0 ? block.PositiveSigma[slice] : block.NegativeSigma[slice];
        float baseline = (float)layout.Baseline;
        var stream = new CellStream(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, slice, Pair: 0, Polarity: polarity, block.Block.Copy);
        var normals = _normals.AsSpan(0, columns);
        for (int r = 0; r < layout.Rows; r++)
        {
            var row = result.Slice(layout.Row(polarity, r) * columns, columns);
            cells.AsSpan(r * columns, columns).CopyTo(row);
            if (sigma is not null)
            {
                Draws.Normals(stream, DrawPurpose.ReadInstantaneous, readEvent, FirstRow(block.Block) + r, FirstColumn(block.Block), normals);
                for (int c = 0; c < columns; c++)
                {
                    row[c] = MathF.FusedMultiplyAdd(sigma[(r * columns) + c], normals[c], row[c]);
                }
            }

            for (int c = 0; c < columns; c++)
            {
                row[c] = Math.Max(0, row[c] + baseline);
            }
        }

        return result;
    }

    private ReadOnlySpan<float> Drive(WireLayout layout, ReadOnlySpan<float> pulses, int polarity, bool both)
    {
        Grow(ref _inputs, layout.PhysicalRows);
        var drive = _inputs.AsSpan(0, layout.PhysicalRows);
        drive.Clear();
        for (int r = 0; r < pulses.Length; r++)
        {
            drive[layout.Row(polarity, r)] = pulses[r];
            if (both)
            {
                drive[layout.Row(1, r)] = pulses[r];
            }
        }

        return drive;
    }

    /// <summary>Of the two polarities of each slice, then the unit column.</summary>
    private int DeltaSize(ProgrammedBlock block) => (Physics.Weights.Slices * 2 * block.Block.Columns) + 1;

    private void UnitDraw(ProgrammedBlock block, ulong readEvent, int row, Span<float> draw)
    {
        var stream = new CellStream(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, Slice: 0, Pair: 0, Polarity: 0, block.Block.Copy, IsUnitColumn: true);
        Draws.Normals(stream, DrawPurpose.ReadInstantaneous, readEvent, FirstRow(block.Block) + row, FirstColumn(block.Block), draw);
    }

    private protected static void Grow<T>(ref T[] array, int length)
    {
        if (array.Length < length)
        {
            array = new T[length];
        }
    }
}
