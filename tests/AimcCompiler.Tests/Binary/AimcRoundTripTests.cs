using System.Collections;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Binary;

public sealed class AimcRoundTripTests
{
    [Fact]
    public void ReadsBackEveryFieldThatWasWritten()
    {
        MappedProgram program = SampleProgram.Tiny();
        AssertEqual(program, AimcReader.Read(SampleProgram.Bytes(program), "small.aimc"), "program");
    }

    [Fact]
    public void ReadsBackAnalogWeightsAndCalibratedRanges()
    {
        MappedProgram program = Analog();
        AssertEqual(program, AimcReader.Read(SampleProgram.Bytes(program), "small.aimc"), "program");
    }

    [Fact]
    public void ReadsBackCodesOfSixteenBits()
    {
        MappedProgram tiny = SampleProgram.Tiny();
        MappedLayer layer = tiny.Layers[1];
        short[] codes = [.. Enumerable.Range(0, 54).Select(i => (short)layer.Weights.Code(i))];
        MappedProgram program = tiny with { Layers = tiny.Layers.SetItem(1, layer with { Weights = WeightSection.Of(codes) }) };
        AssertEqual(program, AimcReader.Read(SampleProgram.Bytes(program), "small.aimc"), "program");
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("hermes")]
    public void ReadsBackASchedule(string chip)
    {
        var model = new TestModel().Input("x", 1, 3, 7, 6).Weights("w", 3, 3, 3, 3).Node("Conv", "x w", "c", ("pads", new[] { 1, 1, 1, 1 })).Node("Relu", "c", "r")
            .Node("Add", "r x", "s").Node("GlobalAveragePool", "s", "g").Node("Mul", "g s", "m").Weights("f", 126, 4).Node("Flatten", "m", "n").Node("MatMul", "n f", "y").Output("y");
        var program = AimcCompilation.Compile(model.Import(), ChipReader.Read(chip, ["mesh.rows=9", "mesh.columns=9"]), new CompileOptions()).Program;
        Assert.NotNull(program.Schedule);
        byte[] bytes = SampleProgram.Bytes(program);
        var read = AimcReader.Read(bytes, "small.aimc");
        AssertEqual(program.Schedule, read.Schedule, "schedule");
        Assert.Equal(Disassembler.Print(program), Disassembler.Print(read));
        Assert.Equal(bytes, SampleProgram.Bytes(read));
    }

    [Fact]
    public void ReadsBackChannelsWithSeveralPaths()
    {
        var program = ScheduleSamples.Tiny();
        var schedule = program.Schedule!;
        int far = schedule.Channels.IndexOf(schedule.Channels.First(c => !c.Hops.IsEmpty));
        program = program with { Schedule = schedule with { Channels = schedule.Channels.SetItem(far, ScheduleVerifierTests.TwoPaths(schedule.Channels[far])) } };
        var read = AimcReader.Read(SampleProgram.Bytes(program), "small.aimc");
        AssertEqual(program.Schedule, read.Schedule, "schedule");
        Assert.Contains("by 0/-1 or 0/-1 in turn 0 1 1", Disassembler.Print(read), StringComparison.Ordinal);
    }

    [Fact]
    public void ReadsBackWhyThereIsNoSchedule()
    {
        var program = SampleProgram.Tiny() with { NotScheduled = "no rows" };
        Assert.Equal("no rows", AimcReader.Read(SampleProgram.Bytes(program), "small.aimc").NotScheduled);
    }

    /// <summary>Messages of a schedule are counted before they are made, however deep they stand.</summary>
    [Fact]
    public void TooManyInstructionsAreRefused()
    {
        var program = AimcCompilation.Compile(new TestModel().Input("x", 1, 20).Weights("w", 20, 9).Node("MatMul", "x w", "y").Output("y").Import(), ChipReader.Read("tiny"), new CompileOptions()).Program;
        byte[] bytes = SampleProgram.Bytes(program);
        AimcReader.Read(bytes, "small.aimc", new AimcLimits { Records = 300 });
        var e = Assert.Throws<DiagnosticException>(() => AimcReader.Read(bytes, "small.aimc", new AimcLimits { Records = 60 }));
        Assert.Contains("over 60 records", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileOfAnOlderVersionHasNoSchedule()
    {
        byte[] bytes = SampleProgram.Bytes(SampleProgram.Tiny());
        bytes[4] = 3;
        SampleProgram.Reseal(bytes);
        Assert.Contains("before programs had schedules", AimcReader.Read(bytes, "old.aimc").NotScheduled, StringComparison.Ordinal);
    }

    [Fact]
    public void EqualProgramsGiveEqualBytes()
    {
        byte[] bytes = SampleProgram.Bytes(SampleProgram.Tiny());
        Assert.Equal(bytes, SampleProgram.Bytes(SampleProgram.Tiny()));
        Assert.Equal(bytes, SampleProgram.Bytes(AimcReader.Read(bytes, "small.aimc")));
    }

    [Fact]
    public void SectionsAreAligned()
    {
        byte[] bytes = SampleProgram.Bytes(SampleProgram.Tiny());
        int table = (int)BitConverter.ToUInt64(bytes, 40);
        for (int i = 0; i < BitConverter.ToUInt32(bytes, 12); i++)
        {
            Assert.Equal(0ul, BitConverter.ToUInt64(bytes, table + (64 * i)) % 64);
        }
    }

    [Fact]
    public void AWriterRefusesAnInvalidProgram() =>
        Assert.Throws<InvalidIrException>(() => AimcWriter.Write(SampleProgram.Tiny() with { Chips = 0 }, Stream.Null));

    [Fact]
    public void AMappedFileIsReadAndReleased()
    {
        MappedProgram program = SampleProgram.Tiny();
        string folder = Directory.CreateTempSubdirectory("aimc-binary").FullName;
        string path = Path.Combine(folder, "small.aimc");
        try
        {
            AimcWriter.WriteFile(program, path);
            WeightSection weights;
            using (AimcFile file = AimcReader.Open(path))
            {
                AssertEqual(program, file.Program, "program");
                weights = file.Program.Layers[0].Weights;
            }

            Assert.Throws<ObjectDisposedException>(() => weights.Code(0));
            AssertEqual(program, AimcReader.Read(path), "program");
            Assert.Single(Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void FoldersMissingAndEmptyFilesAreRefused()
    {
        string folder = Directory.CreateTempSubdirectory("aimc-binary").FullName;
        try
        {
            string empty = Path.Combine(folder, "empty.aimc");
            File.WriteAllBytes(empty, []);
            foreach (string path in (string[])[folder, Path.Combine(folder, "none.aimc"), empty, ""])
            {
                Assert.Same(Descriptors.InvalidProgram, Assert.Throws<DiagnosticException>(() => AimcReader.Open(path)).Diagnostics.Single().Descriptor);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void EveryEnumMemberHasItsCounterpart()
    {
        AssertPaired<DepthwisePolicy, AimcCompiler.Binary.Proto.Packing>();
        AssertPaired<WeightElement, AimcCompiler.Binary.Proto.Element>();
        AssertPaired<Home, AimcCompiler.Binary.Proto.Home>();
        AssertPaired<FallbackReason, AimcCompiler.Binary.Proto.Reason>();
    }

    internal static MappedProgram Analog()
    {
        MappedProgram tiny = SampleProgram.Tiny();
        string[] overrides =
        [
            "tile.cell.bits=null", "tile.weights.bits=null", "tile.weights.slicing=none", "tile.adc.range=calibrated", "tile.rows=32", "tile.columns=32",
        ];
        MappedLayer layer = tiny.Layers[1];
        float[] contents = [.. Enumerable.Range(0, 54).Select(i => (i - 27) / 27f)];
        return tiny with
        {
            Chip = ChipReader.Read("tiny", overrides),
            Layers =
            [
                tiny.Layers[0] with { Weights = WeightSection.Of(new float[8]) },
                layer with { Weights = WeightSection.Of(contents), AdcRanges = [12.5f], Scales = [1f] },
            ],
        };
    }

    private static void AssertPaired<TOurs, TProto>()
        where TOurs : struct, Enum
        where TProto : struct, Enum
    {
        Assert.Equal(Enum.GetValues<TOurs>(), Enum.GetValues<TOurs>().Select(v => EnumNames.Convert<TOurs>(EnumNames.Convert<TProto>(v))));
        Assert.Equal(Enum.GetValues<TOurs>().Length + 1, Enum.GetValues<TProto>().Length);
    }

    /// <summary>Field by field, through lists and records.</summary>
    private static void AssertEqual(object? expected, object? actual, string path)
    {
        Assert.True(expected is IReadOnlyDictionary<string, string> || expected?.GetType() == actual?.GetType(), $"{path}: {expected} != {actual}");
        switch (expected)
        {
            case null or string or Enum or ValueType and not IEnumerable and not ReadOnlyMemory<byte>:
                Assert.True(Equals(expected, actual), $"{path}: {expected} != {actual}");
                break;
            case ReadOnlyMemory<byte> bytes:
                Assert.True(bytes.Span.SequenceEqual(((ReadOnlyMemory<byte>)actual!).Span), path);
                break;
            case WeightSection weights:
                Assert.Equal(weights.Element, ((WeightSection)actual!).Element);
                AssertEqual(weights.Bytes, ((WeightSection)actual).Bytes, path);
                break;
            case IReadOnlyDictionary<string, string> texts:
                var others = (IReadOnlyDictionary<string, string>)actual!;
                AssertEqual(texts.OrderBy(t => t.Key, StringComparer.Ordinal).ToArray(), others.OrderBy(t => t.Key, StringComparer.Ordinal).ToArray(), path);
                break;
            case IEnumerable list:
                object?[] left = [.. list.Cast<object?>()];
                object?[] right = [.. ((IEnumerable)actual!).Cast<object?>()];
                Assert.True(left.Length == right.Length, path);
                for (int i = 0; i < left.Length; i++)
                {
                    AssertEqual(left[i], right[i], $"{path}[{i}]");
                }

                break;
            default:
                foreach (var property in expected.GetType().GetProperties())
                {
                    AssertEqual(property.GetValue(expected), property.GetValue(actual), $"{path}.{property.Name}");
                }

                break;
        }
    }
}
