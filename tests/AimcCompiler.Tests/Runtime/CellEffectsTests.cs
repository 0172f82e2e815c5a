using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>How cells are written, how they vary, what is broken, and how warm they are: semantics.md, step 4.</summary>
public sealed class CellEffectsTests
{
    private const int Rows = 400;
    private const int Columns = 250;
    private const double Year = 31536000;

    private static readonly FaultDescription s_none =
        new() { StuckOff = null, StuckOn = null, StuckAt = null, DeadRows = null, DeadColumns = null, DeadTiles = null };

    private static readonly ProgrammingDescription s_oneShot =
        new() { Method = ProgrammingMethod.OneShot, ToleranceUs = null, ToleranceFraction = null, MaxPulses = null, PulseNs = 200, PulsePj = 3 };

    [Fact]
    public void OneShotOnlyKeepsAccount()
    {
        var chip = Single(t => t.With(new PcmLikeDevice(1, 1, 1)));
        var counted = chip with { Tile = chip.Tile with { Cell = chip.Tile.Cell with { Programming = s_oneShot } } };
        foreach (double? time in (double?[])[null, 0, Year])
        {
            Assert.Equal(Conductances(Uniform(chip, 0.2f), time), Conductances(Uniform(counted, 0.2f), time));
        }

        var report = Report(Uniform(counted, 0.2f));
        Assert.Equal((Rows * Columns, Rows * Columns, 0), (report.Devices, report.Pulses, report.Missed));
        Assert.Equal(Rows * Columns * 3e-6, report.EnergyUj!.Value, 1e-9);
        Assert.Null(Programming(Uniform(chip, 0.2f)));

        // 400 x 250 on tiles of 256 x 256: two blocks of 200 rows, written at the same time
        Assert.Equal(200 * 250 * 200e-9, report.TimeS!.Value, 1e-12);
        float[] g = Conductances(Uniform(chip, 0.2f), null);
        Assert.Equal(g.Max(v => Math.Abs(v - 15f)), report.ResidualMaxUs, 1e-5);
        Assert.Equal(Math.Sqrt(g.Average(v => Math.Pow(v - 15f, 2))), report.ResidualRmsUs, 1e-5);
    }

    /// <summary>Pulses of sigma 1 uS until within 1 uS, three at most: p = 0.6827 a pulse.</summary>
    [Theory]
    [InlineData(1.0, null)]
    [InlineData(null, 0.04)]
    public void WriteVerifyDrawsAgainUntilItFits(double? toleranceUs, double? toleranceFraction)
    {
        const int Devices = Rows * Columns;
        var chip = Single(t => t.With(new GaussianDevice(0.04, null, NoiseScaling.Independent)));
        ProgrammingDescription verify = s_oneShot with
        {
            Method = ProgrammingMethod.WriteVerify,
            ToleranceUs = toleranceUs,
            ToleranceFraction = toleranceFraction,
            MaxPulses = 3,
        };
        var verified = chip with { Tile = chip.Tile with { Cell = chip.Tile.Cell with { Programming = verify } } };
        var report = Report(Uniform(verified, 0));
        double p = (2 * Moments.Cumulative(1)) - 1;
        double q = Math.Pow(1 - p, 3);
        AssertWithin(q, report.Missed / (double)Devices, 4 * Math.Sqrt(q / Devices), "missed");
        double mean = (1 - q) / p;
        double second = p + (4 * (1 - p) * p) + (9 * (1 - p) * (1 - p));
        AssertWithin(mean, report.Pulses / (double)Devices, 4 * Math.Sqrt((second - (mean * mean)) / Devices), "pulses");
        double inside = p - (2 * Moments.Density(1)); // integral of z^2 within the tolerance
        double square = ((1 - q) * inside / p) + (q * (1 - inside) / (1 - p));
        AssertWithin(square, report.ResidualRmsUs * report.ResidualRmsUs, 4 * Math.Sqrt(2.0 / Devices), "residual");
        Assert.Equal(report.Pulses * 3e-6, report.EnergyUj!.Value, 1e-9);

        // What fits at once is as it is without verification.
        float[] once = Conductances(Uniform(chip, 0), null);
        float[] g = Conductances(Uniform(verified, 0), null);
        for (int i = 0; i < g.Length; i++)
        {
            Assert.True(Math.Abs(once[i] - 12.5f) > 1 || once[i] == g[i]);
        }

        Assert.Equal(report.Missed, g.LongCount(v => Math.Abs(v - 12.5f) > 1));
        Assert.Equal(g, Conductances(Uniform(verified, 0), Year));
    }

    /// <summary>A wrong state is read and written again.</summary>
    [Fact]
    public void WriteVerifyFindsWriteErrors()
    {
        var chip = Chips.Coded(t => t with
        {
            Cell = t.Cell with
            {
                Device = new MramDevice(1.5, 0.02, 0.1),
                Bits = 1,
                GMinUs = 10,
                Programming = s_oneShot with { Method = ProgrammingMethod.WriteVerify, ToleranceFraction = 0.3, MaxPulses = 10 },
            },
        });
        Assert.True(Chips.IsValid(chip));
        var report = Report(new LayerSpec(chip, 60, 20) { Codes = Cases.Codes(1, 1200, 7) }.Program());
        Assert.Equal(0, report.Missed);
        double pulses = report.Pulses / (double)report.Devices;
        AssertWithin(1 / 0.9, pulses, 4 * Math.Sqrt(0.1 / 0.81 / report.Devices), "pulses");
    }

    [Fact]
    public void AStuckDeviceSpendsAllItsPulses()
    {
        var chip = Single(t => t with
        {
            Cell = t.Cell with { Programming = s_oneShot with { Method = ProgrammingMethod.WriteVerify, ToleranceUs = 1, MaxPulses = 7 } },
            Noise = t.Noise with { Faults = s_none with { StuckOff = 1 } },
        });
        var report = Report(Uniform(chip, 0));
        Assert.Equal((7L * Rows * Columns, Rows * Columns), (report.Pulses, report.Missed));
        Assert.Equal(12.5, report.ResidualRmsUs, 1e-9);
    }

    [Fact]
    public void DevicesVaryAroundTheirTarget()
    {
        var chip = Single(t => t with { Cell = t.Cell with { Variation = new VariationDescription { Device = 0.05, Chip = null } } });
        float[] g = Conductances(Uniform(chip, 0.2f), null);
        Moments.OfClamped(15, 0.75).AssertOf(Sample.Of(g), "device variation");
        Assert.Equal(g, Conductances(Uniform(chip, 0.2f), Year));

        // It is of the place: another layer there, or another target, finds the same devices.
        float[] other = Conductances(Uniform(chip, -0.2f), null);
        Assert.All(g.Zip(other), pair => Assert.Equal(pair.First / 15, pair.Second / 10, 1e-5));
        AssertUncorrelated(g, Conductances(Uniform(chip, 0.2f), null, instance: 1));
    }

    [Fact]
    public void ChipsVaryAsAWhole()
    {
        var chip = Single(t => t with { Cell = t.Cell with { Variation = new VariationDescription { Device = null, Chip = 0.1 } } }) with
        {
            Mesh = new MeshDescription { Rows = 1, Columns = 2 },
        };
        LayerSpec spec = new(chip, 10, 10) { Contents = new float[100] };
        List<float> factors = [];
        for (int instance = 0; instance < 2000; instance++)
        {
            float[] g = Conductances(spec.Program(), null, instance);
            Assert.Single(g.Distinct());
            factors.Add(g[0]);
        }

        Moments.OfClamped(12.5, 1.25).AssertOf(Sample.Of([.. factors]), "chip variation");
        int tiles = 2 * chip.Core.Tiles;
        var first = spec.Program();
        var second = first with
        {
            Chips = 2,
            Layers = [first.Layers[0] with { Blocks = [.. first.Layers[0].Blocks.Select(b => b with { Tile = b.Tile + tiles })] }],
        };
        Assert.NotEqual(factors[0], Conductances(second, null)[0]);
        Assert.Equal(factors[0], Conductances((spec with { FirstTile = tiles - 1 }).Program(), null)[0]);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(Year)]
    public void DevicesAreStuck(double? time)
    {
        FaultDescription faults = s_none with { StuckOff = 0.03, StuckOn = 0.02, StuckAt = new StuckAtDescription { Fraction = 0.01, ConductanceUs = 7 } };
        var chip = Single(t => t with { Noise = t.Noise with { Faults = faults } });
        float[] g = Conductances(Uniform(chip, 0.2f), time);
        foreach (var (value, fraction) in ((float, double)[])[(0, 0.03), (25, 0.02), (7, 0.01), (15, 0.94)])
        {
            AssertWithin(fraction, g.Count(v => Math.Abs(v - value) < 1e-5) / (double)g.Length, 4 * Math.Sqrt(fraction * (1 - fraction) / g.Length), $"at {value} uS");
        }

        // More of one kind keeps those there are.
        var more = Single(t => t with { Noise = t.Noise with { Faults = faults with { StuckOff = 0.06, StuckOn = null, StuckAt = null } } });
        Assert.All(g.Zip(Conductances(Uniform(more, 0.2f), time)), pair => Assert.True(pair.First != 0 || pair.Second == 0));
    }

    [Fact]
    public void AStuckDeviceDriftsFromItsTargetsExponent()
    {
        FaultDescription faults = s_none with { StuckOn = 1 };
        var pcm = Single(t => t.With(new PcmLikeDevice(1, 1, null)));
        var stuck = pcm with { Tile = pcm.Tile with { Noise = pcm.Tile.Noise with { Faults = faults } } };
        float[] fresh = Conductances(Uniform(pcm, -0.6f), null);
        float[] later = Conductances(Uniform(pcm, -0.6f), Year);
        float[] stuckLater = Conductances(Uniform(stuck, -0.6f), Year);
        Assert.All(Conductances(Uniform(stuck, -0.6f), null), g => Assert.Equal(25f, g));
        for (int i = 0; i < fresh.Length; i++)
        {
            Assert.True(fresh[i] == 0 || Math.Abs((later[i] / fresh[i]) - (stuckLater[i] / 25)) < 1e-5);
        }
    }

    /// <summary>A model that says anew what a device holds does not move a stuck one.</summary>
    [Fact]
    public void WhereAModelSpeaksAnewAStuckDeviceStays()
    {
        foreach (var device in (DeviceDescription[])[DeviceCase.Table, new RramWan2022Device(WanFit.Aihwkit, 1)])
        {
            var chip = Single(t => t.With(device) with { Noise = t.Noise with { Faults = s_none with { StuckAt = new StuckAtDescription { Fraction = 1, ConductanceUs = 3 } } } });
            Assert.All(Conductances(Uniform(chip, 0.2f), 3600), g => Assert.Equal(3f, g));
        }
    }

    /// <summary>Faults are of the place: what moves by a row and a column meets others, and the place keeps its own.</summary>
    [Theory]
    [InlineData(PairAxis.Cell)]
    [InlineData(PairAxis.Columns)]
    [InlineData(PairAxis.Rows)]
    public void FaultsStayWhereTheyAre(PairAxis axis)
    {
        var chip = Chips.Coded(t => t with
        {
            Encoding = t.Encoding with { PairAxis = axis },
            Noise = t.Noise with { Faults = s_none with { StuckAt = new StuckAtDescription { Fraction = 0.3, ConductanceUs = 3 } } },
        });
        LayerSpec spec = new(chip, 20, 10) { Codes = Cases.Codes(1, 200, 7) };
        var here = Stuck(spec.Program(), 0);
        var there = Stuck((spec with { TileOffset = 4 }).Program(), 0);
        var common = here.Keys.Intersect(there.Keys).ToArray();
        Assert.True(common.Length > 150);
        Assert.All(common, place => Assert.Equal(here[place], there[place]));
        Assert.InRange(here.Values.Count(v => v) / (double)here.Count, 0.2, 0.4);

        var program = spec.Program();
        var renamed = program with { Layers = [program.Layers[0] with { NoiseKey = 9 }] };
        Assert.Equal(here.OrderBy(p => p.Key), Stuck(renamed, 0).OrderBy(p => p.Key));
        Assert.NotEqual(here.OrderBy(p => p.Key).Select(p => p.Value), Stuck(program, 1).OrderBy(p => p.Key).Select(p => p.Value));
        Assert.NotEqual(here.OrderBy(p => p.Key).Select(p => p.Value), Stuck((spec with { FirstTile = 5 }).Program(), 0).OrderBy(p => p.Key).Select(p => p.Value));

        static Dictionary<(int Row, int Column, int Polarity), bool> Stuck(MappedProgram program, int instance)
        {
            Dictionary<(int, int, int), bool> found = [];
            ProgrammedCells.Visit(program, Cases.Fast with { Instance = instance }, null, (in CellRun run) =>
            {
                for (int i = 0; i < run.TargetUs.Length; i++)
                {
                    found.Add((run.Row, run.FirstColumn + (i * run.ColumnStride), program.Chip.Tile.Encoding.PairAxis == PairAxis.Cell ? run.Polarity : 0), run.ConductanceUs[i] == 3);
                }
            });
            return found;
        }
    }

    [Fact]
    public void DeadLinesCarryNothing()
    {
        float[] oneHot = new float[Rows * Rows];
        for (int r = 0; r < Rows; r++)
        {
            oneHot[r * (Rows + 1)] = 1;
        }

        float[] Run(FaultDescription faults, int instance) => new LayerSpec(
            Chips.Analog(t => t.With(new PcmLikeDevice(1, 1, 1)) with { Noise = t.Noise with { Faults = faults, Read = 0.01 } }), Rows, Columns)
        {
            Contents = [.. Enumerable.Repeat(0.5f, Rows * Columns)],
        }.Run(oneHot, Cases.Fast with { TimeS = 3600, Instance = instance });

        float[] rows = Run(s_none with { DeadRows = 0.1 }, 0);
        bool[] deadRows = [.. Enumerable.Range(0, Rows).Select(r => rows.AsSpan(r * Columns, Columns).IndexOfAnyExcept(0f) < 0)];
        AssertWithin(0.1, deadRows.Count(d => d) / (double)Rows, 4 * Math.Sqrt(0.09 / Rows), "dead rows");
        Assert.All(rows.Where((_, i) => !deadRows[i / Columns]), y => Assert.NotEqual(0, y));

        // Two blocks of rows stand on tiles of their own: a column is dead in one of them.
        float[] columns = Run(s_none with { DeadColumns = 0.1 }, 0);
        bool[] deadColumns = [.. Enumerable.Range(0, 2 * Columns).Select(c => Enumerable.Range(0, 200).All(r => columns[((((c / Columns) * 200) + r) * Columns) + (c % Columns)] == 0))];
        AssertWithin(0.1, deadColumns.Count(d => d) / (double)deadColumns.Length, 4 * Math.Sqrt(0.09 / deadColumns.Length), "dead columns");
        Assert.Equal(200 * deadColumns.Count(d => d), columns.Count(y => y == 0));

        int dead = 0;
        for (int instance = 0; instance < 20; instance++)
        {
            float[] tiles = Run(s_none with { DeadTiles = 0.5 }, instance);
            foreach (int block in (int[])[0, 1])
            {
                int zeros = tiles.AsSpan(block * 200 * Columns, 200 * Columns).ToArray().Count(y => y == 0);
                Assert.Contains(zeros, (int[])[0, 200 * Columns]);
                dead += zeros == 0 ? 0 : 1;
            }
        }

        Assert.InRange(dead, 8, 32);
    }

    [Theory]
    [InlineData(0.002, null, 340)]
    [InlineData(null, 0.003, 250)]
    [InlineData(0.002, -0.004, 340)]
    public void ConductanceFollowsTemperature(double? global, double? state, double kelvin)
    {
        var chip = Single(t => t.With(new PcmLikeDevice(1, 1, 1)));
        var warm = chip with
        {
            Tile = chip.Tile with
            {
                Cell = chip.Tile.Cell with { Temperature = new TemperatureDescription { ReferenceK = 300, GlobalPerK = global, StatePerK = state } },
                Noise = chip.Tile.Noise with { TemperatureK = kelvin },
            },
        };
        foreach (double? time in (double?[])[null, Year])
        {
            float[] at300 = Conductances(Uniform(chip, -0.6f), time);
            float[] now = Conductances(Uniform(warm, -0.6f), time);
            for (int i = 0; i < now.Length; i++)
            {
                double factor = 1 + ((kelvin - 300) * ((global ?? 0) + ((state ?? 0) * (1 - Math.Min(1, at300[i] / 25)))));
                Assert.Equal(at300[i] * factor, now[i], 2e-5);
            }
        }
    }

    /// <summary>The reference of drift compensation is read at the temperature of programming: it takes back what all conductances have in common.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(3600.0)]
    public void DriftCompensationTakesBackTheGlobalPart(double? time)
    {
        var chip = Chips.Analog(t => t.With(new PcmLikeDevice(1, time is null ? null : 1, null)) with { DriftCompensation = DriftCompensation.Global });
        var warm = chip with
        {
            Tile = chip.Tile with
            {
                Cell = chip.Tile.Cell with { Temperature = new TemperatureDescription { ReferenceK = 300, GlobalPerK = 0.003, StatePerK = null } },
                Noise = chip.Tile.Noise with { TemperatureK = 350 },
            },
        };
        float[] x = Cases.Floats(3, 60);
        LayerSpec spec = new(chip, 20, 10) { Contents = Cases.Floats(1, 200) };
        float[] cold = spec.Run(x, Cases.Fast with { TimeS = time });
        float[] back = (spec with { Chip = warm }).Run(x, Cases.Fast with { TimeS = time });
        Assert.All(cold.Zip(back), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        var bare = warm with { Tile = warm.Tile with { DriftCompensation = null } };
        Assert.True(Math.Abs(cold[0] - (spec with { Chip = bare }).Run(x, Cases.Fast with { TimeS = time })[0]) > 1e-3);
    }

    /// <summary>Errors of three pairs count by their significance; the read noise of their reads too.</summary>
    [Fact]
    public void PairsOfDifferentSignificanceShareTheirErrors()
    {
        var chip = Single(t => t with { Cell = t.Cell with { Device = new GaussianDevice(0.01, 0.02, NoiseScaling.Independent), Significance = [1, 2, 4] } });
        LayerSpec spec = Layer(chip, 0.4f);
        var program = spec.Program();
        TilePhysics physics = new(program, program.Layers[0], DeviceModel.Create(chip.Tile.Cell, null));
        float[] contents = [.. program.Layers[0].Blocks.SelectMany(b => ProgrammedBlock.Program(physics, b, Cases.Fast).Positive[0])];

        // content 0.7 of 7: pair 1 full, pair 2 full, pair 4 holds 1.9 of 4
        double share = 0.01 * Math.Sqrt(1 + 4 + 16) / 7;
        Moments.OfClamped(0.7, share, double.NegativeInfinity).AssertMeanAndDeviation(Sample.Of(contents), "contents");
        float[] sigma = ProgrammedBlock.Program(physics, program.Layers[0].Blocks[0], Cases.Fast).PositiveSigma[0]!;
        Assert.All(sigma, s => Assert.Equal(0.02 * Math.Sqrt(21) / 7, s, 1e-6));
        List<(int Pair, float Target)> targets = [];
        ProgrammedCells.Visit(program, Cases.Fast, null, (in CellRun run) => targets.Add((run.Pair, run.TargetUs[0])));
        Assert.Equal([(0, 25f), (1, 25f), (2, 11.875f)], targets.Distinct().Select(t => (t.Pair, MathF.Round(t.Target, 4))).Distinct());
    }

    [Fact]
    public void AnIdealChipHasNone()
    {
        var chip = Chips.Coded(t => t with
        {
            Cell = t.Cell with { Variation = new VariationDescription { Device = 0.5, Chip = 0.5 } },
            Noise = t.Noise with { Faults = s_none with { StuckOn = 0.5, DeadRows = 0.5 } },
        });
        LayerSpec spec = new(chip, 20, 5) { Codes = Cases.Codes(1, 100, 7) };
        float[] x = Cases.Floats(2, 60);
        Cases.AssertSameBits(Cases.Integer(spec, x), spec.Run(x, Cases.Ideal), "ideal");
        Assert.NotEqual(Cases.Integer(spec, x), spec.Run(x, Cases.Fast));
    }

    /// <summary>Cells that nothing touches are exact between broken ones.</summary>
    [Fact]
    public void UntouchedCellsAreExact()
    {
        var chip = Chips.Coded(t => t with { Noise = t.Noise with { Faults = s_none with { StuckOn = 0.02 } } });
        LayerSpec spec = new(chip, 20, 40) { Codes = Cases.Codes(1, 800, 7) };
        float[] x = Cases.Floats(2, 20);
        float[] exact = Cases.Integer(spec, x);
        int same = spec.Run(x, Cases.Fast).Zip(exact).Count(pair => pair.First == pair.Second);
        Assert.InRange(same, 1, 39);
    }

    /// <summary>Analog cells of one device each, on tiles of 256 x 256.</summary>
    private static ChipDescription Single(Func<TileDescription, TileDescription> change)
    {
        var chip = Chips.Analog(t => change(t with { Encoding = t.Encoding with { Sign = SignEncoding.OffsetDigital, PairAxis = PairAxis.Cell } }));
        Assert.True(Chips.IsValid(chip));
        return chip;
    }

    private static LayerSpec Layer(ChipDescription chip, float content) => new(chip, Rows, Columns) { Contents = [.. Enumerable.Repeat(content, Rows * Columns)] };

    /// <summary>100,000 devices with a target of 12.5 (1 + content) uS.</summary>
    private static MappedProgram Uniform(ChipDescription chip, float content) => Layer(chip, content).Program();

    private static float[] Conductances(MappedProgram program, double? time, int instance = 0)
    {
        List<float> found = [];
        ProgrammedCells.Visit(program, Cases.Fast with { TimeS = time, Instance = instance }, null, (in CellRun run) => found.AddRange(run.ConductanceUs));
        Assert.Equal(ProgrammedCells.Count(program, null), found.Count);
        return [.. found];
    }

    private static ProgrammingReport Report(MappedProgram program) => Programming(program)!;

    private static ProgrammingReport? Programming(MappedProgram program)
    {
        using Session session = new(program, Cases.Fast);
        return session.Programming;
    }

    private static void AssertUncorrelated(float[] left, float[] right)
    {
        var a = Sample.Of(left);
        var b = Sample.Of(right);
        double correlation = left.Zip(right, (l, r) => (l - a.Mean) * (r - b.Mean)).Average() / (a.Deviation * b.Deviation);
        Assert.InRange(Math.Abs(correlation), 0, 4 / Math.Sqrt(left.Length));
    }

    private static void AssertWithin(double expected, double actual, double tolerance, string what) =>
        Assert.True(Math.Abs(actual - expected) <= tolerance, FormattableString.Invariant($"{what}: {expected:G6} +- {tolerance:G3} expected, {actual:G6} found"));
}
