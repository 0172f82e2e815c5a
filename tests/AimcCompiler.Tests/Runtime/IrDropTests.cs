using AimcCompiler.Core;
using AimcCompiler.Kernels;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Kernels.Wires;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Wires on tiles: a layer is what the networks of its tiles say, whatever the encoding; with everything else on the chip.</summary>
public sealed class IrDropTests
{
    private const int Rows = 7;
    private const int Columns = 5;

    private static readonly IrDropDescription s_nodal = new()
    {
        Model = IrDropModel.Nodal,
        Topology = IrDropTopology.RowDriven,
        Interleaved = false,
        WordLineOhm = 40,
        SourceLineOhm = null,
        BitLineOhm = 30,
        DriverOhm = 100,
        SenseOhm = 60,
        Scale = null,
        GRatio = null,
    };

    public static TheoryData<SignEncoding, PairAxis, bool, Subtraction, bool> Layouts
    {
        get
        {
            TheoryData<SignEncoding, PairAxis, bool, Subtraction, bool> data = [];
            foreach (bool analog in (bool[])[false, true])
            {
                foreach (var axis in Enum.GetValues<PairAxis>())
                {
                    foreach (bool interleaved in (bool[])[false, true])
                    {
                        foreach (var subtract in Enum.GetValues<Subtraction>())
                        {
                            if (axis != PairAxis.Cell || !interleaved || subtract == Subtraction.InArray)
                            {
                                data.Add(SignEncoding.DifferentialOneSided, axis, interleaved, subtract, analog);
                                data.Add(SignEncoding.DifferentialTwoSided, axis, interleaved, subtract, analog);
                            }
                        }
                    }
                }

                data.Add(SignEncoding.OffsetDigital, PairAxis.Cell, false, Subtraction.InArray, analog);
                data.Add(SignEncoding.OffsetUnitColumn, PairAxis.Cell, false, Subtraction.InArray, analog);
            }

            return data;
        }
    }

    /// <summary>Lossless converters: the product with the matrix that an elimination of all cells of the tile gives.</summary>
    [Theory]
    [MemberData(nameof(Layouts))]
    public void ALayerIsItsNetwork(SignEncoding sign, PairAxis axis, bool interleaved, Subtraction subtract, bool analog)
    {
        var spec = Layer(s_nodal with { Interleaved = interleaved }, sign, axis, subtract, analog);
        float[] x = Cases.Floats(5, 3 * Rows);
        double[] expected = [.. x.Chunk(Rows).SelectMany(v => Reference(spec, v))];
        Cases.AssertClose(expected, spec.Run(x, Cases.Stepwise), 2e-5, "stepwise");
        Cases.AssertSameBits(spec.Run(x, Cases.Stepwise), spec.Run(x, Cases.Fast), "fast");
        float[] ideal = spec.Run(x, Cases.Ideal);
        Assert.True(expected.Zip(ideal, (a, b) => Math.Abs(a - b)).Max() > 0.01);
    }

    /// <summary>Cells that the input gates: every pulse is another network.</summary>
    [Theory]
    [MemberData(nameof(Layouts))]
    public void AGatedLayerIsItsNetworks(SignEncoding sign, PairAxis axis, bool interleaved, Subtraction subtract, bool analog)
    {
        var wires = s_nodal with { Interleaved = interleaved, Topology = IrDropTopology.SourceLine, WordLineOhm = null, SourceLineOhm = 50 };
        var spec = Layer(wires, sign, axis, subtract, analog);
        float[] x = Cases.Floats(5, 3 * Rows);
        var input = InputEncoding.Of(spec.Chip.Tile.Input, false);
        double[] expected = new double[3 * Columns];
        for (int p = 0; p < input.PulseWeights.Length; p++)
        {
            float[] pulses = [.. x.Select(v => (float)input.Pulse((int)Cases.InputCode(v, 1, input), p))];
            double[] sums = [.. pulses.Chunk(Rows).SelectMany(v => Reference(spec, v))];
            for (int i = 0; i < sums.Length; i++)
            {
                expected[i] += input.PulseWeights[p] * sums[i] / input.MaxCode;
            }
        }

        Cases.AssertClose(expected, spec.Run(x, Cases.Stepwise), 2e-5, "stepwise");
        Cases.AssertSameBits(spec.Run(x, Cases.Stepwise), spec.Run(x, Cases.Fast), "fast");
        Assert.True(expected.Zip(spec.Run(x, Cases.Ideal), (a, b) => Math.Abs(a - b)).Max() > 0.01);
    }

    /// <summary>--ideal has no wires; a chip without their drop computes as if the field were not there.</summary>
    [Fact]
    public void IdealHasNoWires()
    {
        float[] x = Cases.Floats(5, 3 * Rows);
        foreach (bool analog in (bool[])[false, true])
        {
            var with = Layer(s_nodal, SignEncoding.DifferentialOneSided, PairAxis.Cell, Subtraction.InArray, analog);
            var without = Layer(null, SignEncoding.DifferentialOneSided, PairAxis.Cell, Subtraction.InArray, analog);
            Cases.AssertSameBits(without.Run(x, Cases.Ideal), with.Run(x, Cases.Ideal), "ideal");
            Cases.AssertSameBits(without.Run(x, Cases.Ideal, LayerPath.Tiles), with.Run(x, Cases.Ideal, LayerPath.Tiles), "ideal on tiles");
            Cases.AssertSameBits(
                without.Run(x, Cases.Fast),
                Layer(s_nodal with { WordLineOhm = 0, BitLineOhm = 0, DriverOhm = null, SenseOhm = 0 }, SignEncoding.DifferentialOneSided, PairAxis.Cell, Subtraction.InArray, analog)
                    .Run(x, Cases.Fast),
                "perfect wires");
        }
    }

    /// <summary>What would be lossless is not with wires: it goes through the tiles.</summary>
    [Fact]
    public void WiresEndTheLosslessShortcut()
    {
        var chip = Chips.Coded(t => t with { Noise = t.Noise with { IrDrop = s_nodal } });
        LayerSpec spec = new(chip, Rows, Columns) { Codes = Cases.Codes(4, Rows * Columns, 7) };
        Assert.Equal(LayerPath.Tiles, spec.Executor(Cases.Fast).Path);
        Assert.NotEqual(spec.Run(Cases.Floats(1, Rows), Cases.Ideal), spec.Run(Cases.Floats(1, Rows), Cases.Fast));
    }

    /// <summary>The resistance of copper: 0.451 % a kelvin.</summary>
    [Fact]
    public void WiresResistMoreWhenTheyAreWarm()
    {
        const double Factor = 1 + (0.00451 * 85);
        float[] x = Cases.Floats(5, 3 * Rows);
        var cold = Layer(s_nodal, SignEncoding.DifferentialOneSided, PairAxis.Columns, Subtraction.InArray, true);
        var warm = cold with { Chip = cold.Chip with { Tile = cold.Chip.Tile with { Noise = cold.Chip.Tile.Noise with { TemperatureK = 385 } } } };
        var more = s_nodal with { WordLineOhm = 40 * Factor, BitLineOhm = 30 * Factor, DriverOhm = 100 * Factor, SenseOhm = 60 * Factor };
        var expected = Layer(more, SignEncoding.DifferentialOneSided, PairAxis.Columns, Subtraction.InArray, true);
        Cases.AssertClose([.. expected.Run(x, Cases.Fast).Select(v => (double)v)], warm.Run(x, Cases.Fast), 1e-6, "385 K");
        Assert.NotEqual(cold.Run(x, Cases.Fast), warm.Run(x, Cases.Fast));
    }

    /// <summary>Each time has its own network: cells that drifted to a fraction f under wires of r are f times the cells under wires of f r.</summary>
    [Fact]
    public void EachTimeIsSolvedAnew()
    {
        double f = Math.Pow(86420.0 / 20, -0.05);
        TableDevice drifting = new([new(0, 20, 0, 0, null), new(0, 86420, 0, 0, null), new(25, 20, 25, 0, null), new(25, 86420, 25 * f, 0, null)]);
        IrDropDescription weaker = s_nodal with { WordLineOhm = 40 * f, BitLineOhm = 30 * f, DriverOhm = 100 * f, SenseOhm = 60 * f };
        float[] x = Cases.Floats(5, 3 * Rows);
        LayerSpec Of(IrDropDescription wires) => new(Chips.Analog(t => t.With(drifting) with { Rows = 16, Columns = 16, Noise = t.Noise with { IrDrop = wires } }), Rows, Columns)
        {
            Contents = Cases.Floats(3, Rows * Columns),
        };
        float[] later = Of(s_nodal).Run(x, Cases.Fast with { TimeS = 86420 });
        Cases.AssertClose([.. Of(weaker).Run(x, Cases.Fast).Select(v => v * f)], later, 1e-6, "a day");
    }

    /// <summary>Ohm from cell to cell on the larger crossbars; on the smaller ones wires are three times as bad.</summary>
    public static TheoryData<SignEncoding, PairAxis, bool, Subtraction, double> NoisyLayouts => new()
    {
        { SignEncoding.DifferentialTwoSided, PairAxis.Cell, false, Subtraction.InArray, 20 },
        { SignEncoding.DifferentialTwoSided, PairAxis.Cell, true, Subtraction.InArray, 20 },
        { SignEncoding.DifferentialTwoSided, PairAxis.Columns, true, Subtraction.InArray, 20 },
        { SignEncoding.DifferentialTwoSided, PairAxis.Columns, true, Subtraction.InArray, 40 },
        { SignEncoding.DifferentialTwoSided, PairAxis.Columns, false, Subtraction.AfterConversion, 20 },
        { SignEncoding.DifferentialTwoSided, PairAxis.Rows, false, Subtraction.InArray, 20 },
        { SignEncoding.DifferentialTwoSided, PairAxis.Rows, true, Subtraction.AfterConversion, 20 },
        { SignEncoding.OffsetUnitColumn, PairAxis.Cell, false, Subtraction.InArray, 20 },
    };

    /// <summary>Standard deviation with read noise: the first order of ours against a Monte Carlo of whole networks, within 3 %, up to a third of the signal
    /// lost.</summary>
    [Theory]
    [MemberData(nameof(NoisyLayouts))]
    public void ReadNoiseHasTheSigmaOfANodalMonteCarlo(SignEncoding sign, PairAxis axis, bool interleaved, Subtraction subtract, double ohm) =>
        ComparesWithAMonteCarlo(sign, axis, interleaved, subtract, 3 * ohm, inputs: 24, outputs: 8);

    /// <summary>The same on larger crossbars.</summary>
    [Theory]
    [Trait("Category", "Long")]
    [MemberData(nameof(NoisyLayouts))]
    public void ReadNoiseHasTheSigmaOfALargeNodalMonteCarlo(SignEncoding sign, PairAxis axis, bool interleaved, Subtraction subtract, double ohm) =>
        ComparesWithAMonteCarlo(sign, axis, interleaved, subtract, ohm, inputs: 48, outputs: 24);

    private static void ComparesWithAMonteCarlo(SignEncoding sign, PairAxis axis, bool interleaved, Subtraction subtract, double ohm, int inputs, int outputs)
    {
        const int Draws = 3000;
        const double Sigma = 0.02;
        var wires = s_nodal with { Interleaved = interleaved, WordLineOhm = ohm, BitLineOhm = ohm, DriverOhm = ohm, SenseOhm = ohm };
        var chip = Chips.Analog(t => t with
        {
            Rows = 2 * inputs,
            Columns = 2 * outputs,
            Encoding = t.Encoding with { Sign = sign, PairAxis = axis, Subtract = subtract, UnitColumn = sign == SignEncoding.OffsetUnitColumn },
            Noise = t.Noise with { IrDrop = wires, Read = Sigma },
        });
        LayerSpec spec = new(chip, inputs, outputs) { Contents = Cases.Floats(3, inputs * outputs, -0.5f, 0.8f) };
        float[] x = Cases.Floats(5, inputs, 0.2f);
        var executor = spec.Executor(Cases.Fast);
        float[] ours = executor.Run(spec.Batch([.. Enumerable.Repeat(x, Draws).SelectMany(v => v)]), Draws, 0).Floats;
        Random random = new(11);
        var networks = Networks(spec);
        double[] theirs = new double[Draws * outputs];
        for (int d = 0; d < Draws; d++)
        {
            Combine(spec, networks, x, (network, driven) =>
            {
                double[] cells = [.. network.Cells.Select(g => g + (Sigma * Normal(random)))];
                double[] effective = new double[cells.Length];
                CrossbarReduction.Reduce(network.Wires, [.. cells.Select(g => Math.Max(g, 0))], effective);
                return WireCases.Product(effective, driven);
            }).CopyTo(theirs, d * outputs);
        }

        double ratio = Math.Sqrt(
            Enumerable.Range(0, outputs).Average(c => Variance(Enumerable.Range(0, Draws).Select(d => (double)ours[(d * outputs) + c])))
            / Enumerable.Range(0, outputs).Average(c => Variance(Enumerable.Range(0, Draws).Select(d => theirs[(d * outputs) + c]))));
        Assert.InRange(ratio, 0.97, 1.03);
        for (int c = 0; c < outputs; c++)
        {
            // One output alone: 3 % and 4 standard errors of two deviations.
            double mine = Variance(Enumerable.Range(0, Draws).Select(d => (double)ours[(d * outputs) + c]));
            double other = Variance(Enumerable.Range(0, Draws).Select(d => theirs[(d * outputs) + c]));
            Assert.InRange(Math.Sqrt(mine / other), 0.97 - (4 / Math.Sqrt(Draws)), 1.03 + (4 / Math.Sqrt(Draws)));
        }

        // And the wires lose what the case says, noise or not.
        double signal = x.Zip(Enumerable.Range(0, inputs).Select(r => Enumerable.Range(0, outputs).Average(c => spec.Contents![(r * outputs) + c])), (a, b) => a * b).Sum();
        Assert.True(sign == SignEncoding.OffsetUnitColumn || ours.Average() < 0.97 * signal);
    }

    /// <summary>Read noise is named by its event: no batch, thread or engine changes it, and another sample has another.</summary>
    [Theory]
    [InlineData(IrDropTopology.RowDriven)]
    [InlineData(IrDropTopology.SourceLine)]
    public void ReadNoiseOfWiresIsNamedByItsEvent(IrDropTopology topology)
    {
        var wires = topology == IrDropTopology.RowDriven ? s_nodal : s_nodal with { Topology = topology, WordLineOhm = null, SourceLineOhm = 5 };
        var spec = Layer(wires, SignEncoding.OffsetUnitColumn, PairAxis.Cell, Subtraction.InArray, false);
        spec = spec with { Chip = spec.Chip with { Tile = spec.Chip.Tile with { Noise = spec.Chip.Tile.Noise with { Read = 0.02 } } } };
        float[] x = [.. Enumerable.Repeat(Cases.Floats(5, Rows), 130).SelectMany(v => v)];
        float[] whole = spec.Run(x, Cases.Fast);
        Cases.AssertSameBits(whole, spec.Run(x, Cases.Fast with { Threads = 3 }), "threads");
        Cases.AssertSameBits(whole[(67 * Columns)..(70 * Columns)], spec.Run(x[..(3 * Rows)], Cases.Stepwise, firstSample: 67), "three samples");
        Assert.NotEqual(whole[..Columns], whole[Columns..(2 * Columns)]);
    }

    /// <summary>hardware.md 3.8: the coefficient c of one column.</summary>
    [Theory]
    [InlineData(512, 50, 0.022003)]
    [InlineData(512, 100, 0.043230)]
    [InlineData(256, 50, 0.011100)]
    public void ThePolynomialsCoefficient(int rows, double load, double coefficient)
    {
        var chip = Chips.Analog(t => t with { Rows = 512, Columns = 512, Noise = t.Noise with { IrDrop = Polynomial() } });
        LayerSpec spec = new(chip, rows, 1) { Contents = [.. Enumerable.Repeat((float)(load / rows), rows)] };
        float[] ones = [.. Enumerable.Repeat(1f, rows)];
        double far = Enumerable.Range(0, rows).Sum(j => load / rows * (1 - Math.Pow(1 - ((double)j / rows), 2)));
        foreach (var options in (SimulationOptions[])[Cases.Stepwise, Cases.Fast])
        {
            Assert.Equal(coefficient, (load - spec.Run(ones, options)[0]) / far, 1e-6);
        }

        // Twice the scale, twice the drop; the sign of an input turns the drop with it.
        LayerSpec twice = spec with { Chip = chip with { Tile = chip.Tile with { Noise = chip.Tile.Noise with { IrDrop = Polynomial() with { Scale = 2 } } } } };
        Assert.Equal(2 * coefficient, (load - twice.Run(ones, Cases.Fast)[0]) / far, 2e-6);
        Assert.Equal(coefficient, (load + spec.Run([.. ones.Select(v => -v)], Cases.Fast)[0]) / far, 1e-6);
        Assert.Equal(load, spec.Run(ones, Cases.Ideal)[0], 1e-4);
    }

    /// <summary>A network that a test builds by itself from the documented layout.</summary>
    private sealed record Network(CrossbarWires Wires, double[] Cells, bool Alternates);

    internal static IrDropDescription Polynomial() => new()
    {
        Model = IrDropModel.Polynomial,
        Topology = null,
        Interleaved = null,
        WordLineOhm = null,
        SourceLineOhm = null,
        BitLineOhm = null,
        DriverOhm = null,
        SenseOhm = null,
        Scale = 1,
        GRatio = 1 / 0.35 / 5e-6,
    };

    /// <summary>Two slices of two bits (or analog cells), on a corner of the tile that is not its first.</summary>
    private static LayerSpec Layer(IrDropDescription? wires, SignEncoding sign, PairAxis axis, Subtraction subtract, bool analog)
    {
        bool isSerial = wires?.Topology == IrDropTopology.SourceLine;
        TileDescription Change(TileDescription t) => t with
        {
            Rows = 20,
            Columns = 30,
            Cell = t.Cell with { GMinUs = 2, GMaxUs = 50 },
            Encoding = t.Encoding with { Sign = sign, PairAxis = axis, Subtract = subtract, UnitColumn = sign == SignEncoding.OffsetUnitColumn },
            Weights = t.Weights with
            {
                Slicing = analog ? Slicing.None : sign is SignEncoding.OffsetDigital or SignEncoding.OffsetUnitColumn ? Slicing.Unsigned : Slicing.SignedDigits,
            },
            Input = t.Input with
            {
                Bits = isSerial ? 4 : null,
                Scheme = isSerial ? InputScheme.BitSerial : InputScheme.MultiLevel,
                PulseBits = 1,
                Sign = InputSign.SignMagnitude,
                Management = InputManagement.None,
            },
            Adc = t.Adc with { Bits = null, Range = AdcRange.Max },
            Noise = t.Noise with { IrDrop = wires },
        };
        LayerSpec spec = new(analog ? Chips.Analog(Change) : Chips.Coded(Change), Rows, Columns) { TileOffset = 3 };
        Assert.True(Chips.IsValid(spec.Chip));
        return analog ? spec with { Contents = Cases.Floats(3, Rows * Columns) } : spec with { Codes = Cases.Codes(3, Rows * Columns, 7) };
    }

    private static double[] Reference(LayerSpec spec, float[] x)
    {
        bool isGated = spec.Chip.Tile.Noise.IrDrop!.Topology == IrDropTopology.SourceLine;
        return Combine(spec, Networks(spec), x, (network, inputs) => isGated ? Gated(network, inputs) : WireCases.Dense(network.Wires, network.Cells, inputs));
    }

    /// <summary>Levels (g_min included) of the devices of all networks, by the rules of docs/chips.md.</summary>
    private static Network[] Networks(LayerSpec spec)
    {
        var tile = spec.Chip.Tile;
        var wires = tile.Noise.IrDrop!;
        var encoding = WeightEncoding.Of(tile);
        bool isPair = encoding.IsDifferential;
        int slices = encoding.Slices;
        int halves = isPair ? 2 : 1;
        double microsiemens = (tile.Cell.GMaxUs - tile.Cell.GMinUs) / encoding.MaxLevel;
        bool isShared = isPair && (tile.Encoding.PairAxis == PairAxis.Rows || (tile.Encoding.PairAxis == PairAxis.Cell && wires.Interleaved == true));
        bool sideBySide = isPair && tile.Encoding.PairAxis == PairAxis.Columns;
        int networks = isPair && !isShared && !sideBySide ? 2 : 1;
        int rows = spec.Rows * (isShared ? 2 : 1);
        int columns = spec.Columns * slices * (sideBySide ? 2 : 1);
        bool hasUnit = encoding.Sign == SignEncoding.OffsetUnitColumn;
        int all = columns + (hasUnit ? 1 : 0);
        double line = (wires.WordLineOhm ?? wires.SourceLineOhm)!.Value * microsiemens / 1e6;
        double bit = wires.BitLineOhm!.Value * microsiemens / 1e6;
        int used = spec.Rows * (isPair && tile.Encoding.PairAxis == PairAxis.Rows ? 2 : 1);
        CrossbarWires lines = new()
        {
            Rows = rows,
            Columns = all,
            Driver = (wires.DriverOhm!.Value * microsiemens / 1e6) + (line * (1 + spec.TileOffset)),
            WordLine = line,
            LastWordLine = hasUnit ? line * (tile.Columns - spec.TileOffset - columns + 1) : null,
            BitLine = bit,
            Sense = (wires.SenseOhm!.Value * microsiemens / 1e6) + (bit * (tile.Rows - spec.TileOffset - used + 1)),
            RowsPerCrossing = isShared && tile.Encoding.PairAxis == PairAxis.Cell ? 2 : 1,
        };
        Network[] result = [.. Enumerable.Range(0, networks).Select(_ => new Network(lines, new double[rows * all], isShared && wires.Interleaved == true))];
        int[] digits = new int[slices];
        for (int r = 0; r < spec.Rows; r++)
        {
            for (int c = 0; c < spec.Columns; c++)
            {
                if (!encoding.IsAnalog)
                {
                    encoding.Split(spec.Codes![(r * spec.Columns) + c], digits);
                }

                for (int slice = 0; slice < slices; slice++)
                {
                    for (int half = 0; half < halves; half++)
                    {
                        var (p, n) = encoding.IsAnalog ? encoding.Contents(spec.Contents![(r * spec.Columns) + c]) : ((float, float))encoding.Levels(digits[slice]);
                        result[networks == 2 ? half : 0].Cells[(PlaceRow(spec, r, half) * all) + PlaceColumn(spec, c, slice, half)] =
                            (half == 0 ? p : n) + (tile.Cell.GMinUs / microsiemens);
                    }
                }
            }

            if (hasUnit)
            {
                result[0].Cells[(r * all) + columns] = 1 + (tile.Cell.GMinUs / microsiemens);
            }
        }

        return result;
    }

    private static int PlaceRow(LayerSpec spec, int row, int half)
    {
        var tile = spec.Chip.Tile;
        bool interleaved = tile.Noise.IrDrop!.Interleaved == true;
        return !WeightEncoding.Of(tile).IsDifferential ? row : (tile.Encoding.PairAxis, interleaved) switch
        {
            (PairAxis.Rows, false) => row + (half * spec.Rows),
            (PairAxis.Rows, true) or (PairAxis.Cell, true) => (2 * row) + half,
            _ => row,
        };
    }

    private static int PlaceColumn(LayerSpec spec, int column, int slice, int half)
    {
        var tile = spec.Chip.Tile;
        int slices = WeightEncoding.Of(tile).Slices;
        int at = (column * slices) + slice;
        return !WeightEncoding.Of(tile).IsDifferential || tile.Encoding.PairAxis != PairAxis.Columns ? at
            : tile.Noise.IrDrop!.Interleaved == true ? (2 * at) + half : at + (half * spec.Columns * slices);
    }

    /// <summary>Outputs of the layer for one vector from those of its networks.</summary>
    private static double[] Combine(LayerSpec spec, Network[] networks, float[] x, Func<Network, double[], double[]> solve)
    {
        var tile = spec.Chip.Tile;
        var encoding = WeightEncoding.Of(tile);
        double baseline = tile.Cell.GMinUs / ((tile.Cell.GMaxUs - tile.Cell.GMinUs) / encoding.MaxLevel);
        double inputs = x.Sum(v => (double)v);
        bool inArray = encoding.IsDifferential && tile.Encoding.Subtract == Subtraction.InArray;
        bool isShared = networks[0].Wires.Rows == 2 * spec.Rows;
        double[] result = new double[spec.Columns];
        for (int half = 0; half < (encoding.IsDifferential ? 2 : 1); half++)
        {
            if (isShared && inArray && half == 1)
            {
                break;
            }

            double[] drive = new double[networks[0].Wires.Rows];
            for (int r = 0; r < spec.Rows; r++)
            {
                drive[PlaceRow(spec, r, half)] = x[r];
                if (isShared && inArray)
                {
                    drive[PlaceRow(spec, r, 1)] = -x[r];
                }
            }

            double[] y = solve(networks[networks.Length == 2 ? half : 0], drive);
            for (int c = 0; c < spec.Columns; c++)
            {
                for (int slice = 0; slice < encoding.Slices; slice++)
                {
                    double weight = encoding.IsAnalog ? (encoding.IsDifferential ? 1 : 2) : encoding.SliceWeight(slice);
                    double sum = y[PlaceColumn(spec, c, slice, half)] - (isShared && inArray ? 0 : baseline * inputs);
                    result[c] += (half == 0 ? 1 : -1) * weight * sum;
                }
            }

            if (!encoding.IsDifferential)
            {
                double offset = encoding.IsAnalog ? 1 : encoding.Offset;
                double unit = encoding.Sign == SignEncoding.OffsetUnitColumn ? y[^1] - (baseline * inputs) : inputs;
                result = [.. result.Select(v => v - (offset * unit))];
            }
        }

        return [.. result.Select(v => v / (encoding.IsAnalog ? 1 : encoding.MaxCode))];
    }

    /// <summary>Source lines beside the bit lines: every column alone, from the voltage law of its driven cells.</summary>
    private static double[] Gated(Network network, double[] x)
    {
        var wires = network.Wires;
        int rows = wires.Rows;
        double[] y = new double[wires.Columns];
        for (int c = 0; c < y.Length; c++)
        {
            double[,] a = new double[rows, rows];
            for (int i = 0; i < rows; i++)
            {
                double g = x[i] == 0 ? 0 : network.Cells[(i * wires.Columns) + c];
                a[i, i] = 1;
                for (int k = 0; k < rows; k++)
                {
                    int from = Math.Max(i, k);
                    a[i, k] += g * Enumerable.Range(from, rows - from).Sum(wires.Below);

                    // The halves of pairs on one bit line have source lines of their own.
                    if (Half(i) == Half(k))
                    {
                        a[i, k] += g * Enumerable.Range(0, Math.Min(i, k) + 1).Sum(wires.Along);
                    }
                }
            }

            y[c] = WireCases.SolveDense(a, [.. Enumerable.Range(0, rows).Select(i => (x[i] == 0 ? 0 : network.Cells[(i * wires.Columns) + c]) * x[i])]).Sum();
        }

        return y;

        int Half(int row) => rows != 2 * Rows ? 1 : network.Alternates ? (row % 2 == 0 ? 1 : -1) : (row < Rows ? 1 : -1);
    }

    private static double Variance(IEnumerable<double> values)
    {
        double[] all = [.. values];
        double mean = all.Average();
        return all.Sum(v => (v - mean) * (v - mean)) / (all.Length - 1);
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
