using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>The definition, step by step (semantics.md, "One crossbar, one MVM", steps 3 to 8): every faster path equals it.</summary>
internal sealed class StepwiseEngine(TilePhysics physics, SimulationOptions options) : TileEngine(physics, options)
{
    public override void Run(
        ProgrammedBlock block,
        ReadOnlySpan<float> codes,
        int stride,
        int vectors,
        in ReadEvents events,
        int attempt,
        Span<double> sums,
        Span<double> digital,
        Span<int> clipped)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        sums.Clear();
        digital.Clear();
        clipped.Clear();
        float[] pulses = new float[rows];
        float[] drives = Physics.HasDrivers ? new float[rows] : pulses;
        for (int m = 0; m < vectors; m++)
        {
            var input = codes.Slice(m * stride, rows);
            float[] charge = new float[Physics.Weights.Slices * 2 * columns];
            double unitCharge = 0;
            for (int p = 0; p < Physics.Input.PulseWeights.Length; p++)
            {
                long pulseWeight = Physics.Input.PulseWeights[p];
                for (int r = 0; r < rows; r++)
                {
                    pulses[r] = Physics.Input.Bits is null ? input[r] : Physics.Input.Pulse((int)input[r], p);
                }

                if (Physics.HasDrivers)
                {
                    Drive(block, pulses, events, m, PulseKey(attempt, p, 0), drives);
                }

                PrepareWireNoise(block, drives, events, m, attempt, p);
                double unit = Physics.NeedsUnit ? UnitSum(block, pulses, drives, events, m, PulseKey(attempt, p, 0)) : 0;
                if (Physics.IsAccumulated)
                {
                    unitCharge = AddUnitCharge(unitCharge, pulseWeight, unit);
                }
                else
                {
                    unit = ConvertUnit(block, unit, events, m, PulseKey(attempt, p, 0), ref clipped[m]);
                    TakeOffset(pulseWeight * unit, m, columns, digital);
                }

                for (int slice = 0; slice < Physics.Weights.Slices; slice++)
                {
                    bool twoConversions = block.Negative[slice] is not null;
                    for (int polarity = 0; polarity <= (twoConversions ? 1 : 0); polarity++)
                    {
                        float[] column = ColumnSums(block, slice, polarity == 1, drives, events, m, PulseKey(attempt, p, polarity));
                        if (Physics.IsAccumulated)
                        {
                            for (int c = 0; c < columns; c++)
                            {
                                ref float q = ref charge[(((slice * 2) + polarity) * columns) + c];
                                q = MathF.FusedMultiplyAdd(pulseWeight, column[c], q);
                            }
                        }
                        else
                        {
                            Convert(block, slice, polarity, column, pulseWeight, unit, events, m, vectors, PulseKey(attempt, p, polarity), sums, digital, clipped);
                        }
                    }
                }
            }

            if (Physics.IsAccumulated)
            {
                double unit = ConvertUnit(block, unitCharge, events, m, PulseKey(attempt, 0, 0), ref clipped[m]);
                TakeOffset(unit, m, columns, digital);
                if (Physics.Weights.HasFlip)
                {
                    AddFlipRecovery(block, unit, m, digital);
                }
            }

            for (int slice = 0; slice < Physics.Weights.Slices && Physics.IsAccumulated; slice++)
            {
                for (int polarity = 0; polarity <= (block.Negative[slice] is null ? 0 : 1); polarity++)
                {
                    float[] column = charge[(((slice * 2) + polarity) * columns)..(((slice * 2) + polarity + 1) * columns)];
                    Convert(block, slice, polarity, column, 1, 0, events, m, vectors, PulseKey(attempt, 0, polarity), sums, digital, clipped);
                }
            }
        }
    }

    /// <summary>Step 5 and 6: each column's sum over the rows in ascending order, then the further powers of a bent I-V curve one after the other, then
    /// what disturbs the current.</summary>
    private float[] ColumnSums(ProgrammedBlock block, int slice, bool negative, float[] drives, in ReadEvents events, int vector, uint pulseKey)
    {
        int columns = block.Block.Columns;
        int line = (2 * slice) + (negative ? 1 : 0);
        float[] sums = new float[columns];
        if (block.Wires is { Layout.IsGated: true })
        {
            GatedSums(block, slice, negative, drives, events, vector, pulseKey, sums);
        }
        else
        {
            float[] cells = (negative ? block.Negative[slice] : block.Positive[slice])!;
            bool isNoisy = HasCellNoise(block, slice);
            float[] noisy = new float[columns];
            float[] draws = new float[columns];
            for (int r = 0; r < drives.Length; r++)
            {
                ReadOnlySpan<float> row = cells.AsSpan(r * columns, columns);
                if (isNoisy)
                {
                    NoisyRow(block, slice, negative, Draws.Event(events.Samples[vector], events.Ordinals[vector], pulseKey), r, noisy, draws);
                    row = noisy;
                }

                for (int c = 0; c < columns; c++)
                {
                    sums[c] = MathF.FusedMultiplyAdd(drives[r], row[c], sums[c]);
                }
            }
            AddWireNoise(block, slice, negative, vector, sums);
        }

        if (block.Drop is { } drop)
        {
            float[] load = new float[columns];
            float[] far = new float[columns];
            float[] loads = (negative ? drop.NegativeLoad[slice] : drop.PositiveLoad[slice])!;
            float[] fars = (negative ? drop.NegativeFar[slice] : drop.PositiveFar[slice])!;
            for (int r = 0; r < drives.Length; r++)
            {
                for (int c = 0; c < columns; c++)
                {
                    load[c] = MathF.FusedMultiplyAdd(Math.Abs(drives[r]), loads[(r * columns) + c], load[c]);
                    far[c] = MathF.FusedMultiplyAdd(drives[r], fars[(r * columns) + c], far[c]);
                }
            }

            drop.Take(sums, load, far);
        }

        AddPower(block.Terms?.Even[line], isCube: false);
        AddPower(block.Terms?.Odd[line], isCube: true);
        if (Physics.HasArrayErrors)
        {
            DisturbSums(block, line, drives, events, vector, pulseKey, sums);
        }

        return sums;

        void AddPower(float[]? cells, bool isCube)
        {
            float[] power = new float[columns];
            for (int r = 0; cells is not null && r < drives.Length; r++)
            {
                for (int c = 0; c < columns; c++)
                {
                    power[c] = MathF.FusedMultiplyAdd(Power(drives[r], isCube), cells[(r * columns) + c], power[c]);
                }
            }

            for (int c = 0; cells is not null && c < columns; c++)
            {
                sums[c] += power[c];
            }
        }
    }

    /// <summary>Step 7 and 8: voltage where it is sensed, output circuit and noise, round, clip, multiply by the conductance that the voltage was divided by,
    /// shift-add, recover flipped columns.</summary>
    private void Convert(
        ProgrammedBlock block,
        int slice,
        int polarity,
        float[] column,
        long pulseWeight,
        double unit,
        in ReadEvents events,
        int vector,
        int vectors,
        uint pulseKey,
        Span<double> sums,
        Span<double> digital,
        Span<int> clipped)
    {
        int line = (2 * slice) + polarity;
        var periphery = block.Periphery?.Lines[line];
        for (int c = 0; c < column.Length && periphery?.PerConductance is { } perConductance; c++)
        {
            column[c] *= perConductance[c];
        }

        Observer?.Invoke(slice, column);
        float sigma = Physics.NoiseSigma(Physics.HasAdc ? Physics.Lsbs[slice] : 1);
        float[] draws = new float[column.Length];
        float[] uniforms = new float[column.Length];
        if (sigma != 0)
        {
            OutputDraws(block, slice, events, vector, pulseKey, draws);
        }

        if (Physics.RoundsByDraws)
        {
            RoundingDraws(block, line, events, vector, pulseKey, uniforms);
        }

        for (int c = 0; c < column.Length; c++)
        {
            float code = OutputCircuit(periphery, c, column[c], sigma, draws[c]);
            if (Physics.HasAdc)
            {
                code = Code(code / Physics.Lsbs[slice], periphery?.Curves?[c], uniforms[c], ref clipped[vector]);
            }

            double value = periphery?.Conductance is { } conductance ? conductance[c] * code : code;
            ref double sum = ref sums[(((slice * vectors) + vector) * column.Length) + c];
            if (block.Flipped[slice] is { } flipped && flipped[c])
            {
                sum -= (double)pulseWeight * value;
                digital[(vector * column.Length) + c] += Physics.SliceWeight(slice) * Physics.Weights.MaxLevel * pulseWeight * unit;
            }
            else
            {
                sum += (polarity == 1 ? -1.0 : 1.0) * pulseWeight * value;
            }
        }
    }

    private protected override float StepCode(StepCurve curve, float value) => curve.ConvertByCounting(value);

    private void TakeOffset(double inputs, int vector, int columns, Span<double> digital)
    {
        for (int c = 0; c < columns; c++)
        {
            digital[(vector * columns) + c] -= Physics.OffsetPerInput * inputs;
        }
    }

    private void AddFlipRecovery(ProgrammedBlock block, double inputs, int vector, Span<double> digital)
    {
        int columns = block.Block.Columns;
        for (int slice = 0; slice < Physics.Weights.Slices; slice++)
        {
            for (int c = 0; c < columns; c++)
            {
                if (block.Flipped[slice]![c])
                {
                    digital[(vector * columns) + c] += Physics.SliceWeight(slice) * Physics.Weights.MaxLevel * inputs;
                }
            }
        }
    }
}
