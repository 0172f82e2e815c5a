using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Binary;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Streams compute what whole layers do, to the bit.</summary>
public sealed class StreamMachineTests
{
    public static TheoryData<string, int> Machines
    {
        get
        {
            TheoryData<string, int> machines = [];
            foreach (string kind in (string[])["exact", "noisy", "read", "ideal", "stepwise", "drift"])
            {
                machines.Add(kind, 1);
                machines.Add(kind, 4);
            }

            return machines;
        }
    }

    [Theory]
    [MemberData(nameof(Machines))]
    public void StreamsHaveTheBitsOfASession(string kind, int batch)
    {
        var (program, options) = Machine(kind);
        ProgramVerifier.Verify(program);
        Same(program, options, batch);
    }

    [Fact]
    public void TheOrderOfStreamsDoesNotMatter()
    {
        var program = ScheduleSamples.Tiny();
        var turned = program with { Schedule = program.Schedule! with { Streams = [.. program.Schedule!.Streams.Reverse()] } };
        Same(turned, Cases.Fast, 2);
    }

    /// <summary>The last row of the window is not awaited.</summary>
    [Fact]
    public void RowsThatAreNotAwaitedAreNotRead()
    {
        var program = ScheduleSamples.Tiny();
        var broken = Changed(program, "conv2 copy 0 drive", i => i is AwaitRows a ? a with { Window = RowWindow.OfKernel(1, 0, 2) } : i);
        Assert.Contains("has not awaited", Assert.Throws<InvalidIrException>(() => Run(broken)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ARowThatIsNotThereIsNotSent()
    {
        var broken = Changed(ScheduleSamples.Tiny(), "relu home 0", i => i is SendRow s ? s with { Row = new Affine(4, -1) } : i);
        Assert.Contains("sends a row that it does not have", Assert.Throws<InvalidIrException>(() => Run(broken)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PartialSumsOfOneVectorAreAdded()
    {
        var broken = Changed(ScheduleSamples.Tiny(), "conv2 copy 0 drive", i => i is DriveTiles d ? d with { Ordinal = new Affine(8, -2) } : i);
        Assert.Throws<InvalidIrException>(() => Run(broken));
    }

    [Fact]
    public void AVectorGoesToItsCopy()
    {
        var program = ScheduleSamples.Tiny();
        var schedule = program.Schedule!;
        var groups = schedule.Mapping.RowGroups;
        var swapped = program with
        {
            Schedule = schedule with { Mapping = schedule.Mapping with { RowGroups = groups.SetItem(0, groups[0] with { Copy = 1 }).SetItem(1, groups[1] with { Copy = 0 }) } },
        };
        Assert.Contains("a copy that does not take the vector", Assert.Throws<InvalidIrException>(() => Run(swapped)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void StreamsThatWaitForeverAreNamed()
    {
        var broken = Changed(ScheduleSamples.Tiny(), "conv1_out home 0", i => i is SendRow ? new StoreRow(1, new Affine(0, 1)) : i);
        Assert.Contains("'relu home 0' at AwaitRows", Assert.Throws<InvalidIrException>(() => Run(broken)).Message, StringComparison.Ordinal);
    }

    internal static void Same(MappedProgram program, SimulationOptions options, int batch, long firstSample = 3)
    {
        var inputs = Inputs(program, batch);
        using Session session = new(program, options);
        using StreamMachine machine = new(program, options);
        var expected = session.Run(inputs, firstSample);
        var actual = machine.Run(inputs, firstSample);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i].Shape.AsEnumerable(), actual[i].Shape.AsEnumerable());
            Cases.AssertSameBits(expected[i].ToFloats(), actual[i].ToFloats(), program.Values[program.Outputs[i]].Name);
        }
    }

    /// <summary>Random inputs of the declared shapes; open dimensions are the batch, or as the compile ran.</summary>
    internal static Dictionary<string, Tensor> Inputs(MappedProgram program, int batch) => program.Inputs.ToDictionary(
        i => program.Values[i].Name,
        i =>
        {
            var value = program.Values[i];
            long[] shape = [.. value.Shape.Select((d, axis) => d >= 0 ? d : axis == 0 ? batch : value.Nominal[axis])];
            return Tensor.FromFloats(Cases.Floats(7 + i, (int)Tensor.CountOf([.. shape])), shape);
        });

    private static (MappedProgram Program, SimulationOptions Options) Machine(string kind)
    {
        var program = ScheduleSamples.Tiny();
        var tile = program.Chip.Tile;
        MappedProgram On(TileDescription changed) => program with { Chip = program.Chip with { Tile = changed } };
        return kind switch
        {
            "noisy" => (On(tile with { Noise = tile.Noise with { Output = 0.3 } }), Cases.Fast),
            "read" => (On(tile with { Noise = tile.Noise with { Read = 0.05 } }), Cases.Fast),
            "ideal" => (program, Cases.Ideal),
            "stepwise" => (On(tile with { Noise = tile.Noise with { Output = 0.3 } }), Cases.Fast with { Engine = EngineKind.Stepwise }),
            "drift" => (On(tile.With(ChipReader.Read("hermes").Tile.Cell.Device) with { DriftCompensation = DriftCompensation.Global }), Cases.Fast with { TimeS = 86400 }),
            _ => (program, Cases.Fast),
        };
    }

    private static MappedProgram Changed(MappedProgram program, string stream, Func<StreamInstruction, StreamInstruction> change)
    {
        var schedule = program.Schedule!;
        int index = schedule.Streams.ToList().FindIndex(s => s.Name == stream);
        var changed = schedule.Streams[index] with { Body = [.. schedule.Streams[index].Body.Select(i => i is Repeat r ? r with { Body = [.. r.Body.Select(change)] } : change(i))] };
        return program with { Schedule = schedule with { Streams = schedule.Streams.SetItem(index, changed) } };
    }

    private static void Run(MappedProgram program)
    {
        using StreamMachine machine = new(program, Cases.Fast);
        machine.Run(Inputs(program, 1));
    }
}
