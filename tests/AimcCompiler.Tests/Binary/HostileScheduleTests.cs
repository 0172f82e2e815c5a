using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Binary;

/// <summary>Files with a changed schedule and right checksums: each is read, or ends in one diagnostic.</summary>
public sealed class HostileScheduleTests
{
    [Fact]
    public void ChangedNumbersEndInOneDiagnostic()
    {
        var program = AimcCompilation.Compile(
            new TestModel().Input("x", 1, 3, 5, 4).Weights("w", 3, 3, 3, 3).Node("Conv", "x w", "c", ("pads", new[] { 1, 1, 1, 1 })).Node("Add", "x c", "y").Output("y").Import(),
            ChipReader.Read("tiny", ["mesh.rows=3", "mesh.columns=3"]), new CompileOptions()).Program;
        program = program with { Schedule = program.Schedule! with { Channels = [.. program.Schedule!.Channels.Select(c => c.Hops.IsEmpty ? c : ScheduleVerifierTests.TwoPaths(c))] } };
        byte[] valid = SampleProgram.Bytes(program);
        byte[] without = SampleProgram.Bytes(program with { Schedule = null });
        int manifest = (int)BitConverter.ToUInt64(valid, 32);
        int first = 192 + (int)BitConverter.ToUInt64(without, 32);
        Random random = new(1);
        int read = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] file = [.. valid];
            // The end of the manifest, or the sections of the schedule at the end of the file.
            int at = random.Next(4) > 0 ? random.Next(first, 192 + manifest) : random.Next(valid.Length - 400, valid.Length);
            file[at] = (byte)random.Next(256);
            SampleProgram.Reseal(file);
            try
            {
                var changed = AimcReader.Read(file, "changed.aimc");
                read++;
                if (changed.Schedule is { } schedule && schedule.Streams.All(s => s.Body.OfType<Repeat>().All(r => r.Count < 100)))
                {
                    // What a reader takes can be run on counts, to its end or to a halt.
                    ScheduleVerifier.FindDeadlock(schedule);
                }
            }
            catch (DiagnosticException e)
            {
                Assert.Same(Descriptors.InvalidProgram, Assert.Single(e.Diagnostics).Descriptor);
            }
        }

        Assert.InRange(read, 1, 1500);
    }
}
