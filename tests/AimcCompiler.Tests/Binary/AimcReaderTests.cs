using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Binary;

/// <summary>Damaged and hostile files: every one ends in one diagnostic.</summary>
public sealed class AimcReaderTests
{
    private static readonly byte[] Valid = SampleProgram.Bytes(SampleProgram.Tiny());

    [Theory]
    [InlineData(0x01)]
    [InlineData(0x80)]
    [InlineData(0xff)]
    public void EveryDamagedByteIsDetected(byte damage)
    {
        byte[] file = [.. Valid];
        for (int i = 0; i < file.Length; i++)
        {
            file[i] ^= damage;
            Diagnostic diagnostic = Refuse(file);
            Assert.NotEmpty(diagnostic.Levers);
            file[i] ^= damage;
        }
    }

    [Fact]
    public void EveryCutIsDetected()
    {
        for (int length = 0; length < Valid.Length; length += length < 256 ? 1 : 64)
        {
            Assert.Same(Descriptors.InvalidProgram, Refuse(Valid[..length]).Descriptor);
        }

        Refuse(Valid[..^1]);
    }

    [Fact]
    public void AppendedBytesAndZeroedTailsAreDetected()
    {
        Refuse([.. Valid, 0]);
        Refuse([.. Valid[..^64], .. new byte[64]]);
        Refuse([.. Valid[..192], .. new byte[Valid.Length - 192]]);
    }

    [Fact]
    public void ANewerVersionIsNamedBesideOurs()
    {
        byte[] file = [.. Valid];
        file[4] = 7;
        Diagnostic diagnostic = Refuse(file);
        Assert.Same(Descriptors.NewerProgram, diagnostic.Descriptor);
        Assert.Contains("version 7", diagnostic.Message, StringComparison.Ordinal);
        Assert.Contains($"version {AimcFormat.Version}", diagnostic.Message, StringComparison.Ordinal);
        Assert.Same(Descriptors.NewerProgram, Refuse(file[..8]).Descriptor);
    }

    [Fact]
    public void AnOlderVersionIsRead()
    {
        byte[] file = [.. Valid];
        file[4] = 1;
        SampleProgram.Reseal(file);
        Assert.Equal(Disassembler.Print(AimcReader.Read(Valid, "new.aimc")), Disassembler.Print(AimcReader.Read(file, "old.aimc") with { NotScheduled = null }));
    }

    /// <summary>A description of before version 3 lacks fields that are off then; one of today must have them all.</summary>
    [Fact]
    public void WhatAnOlderChipLacksIsOff()
    {
        var chip = System.Text.Json.Nodes.JsonNode.Parse(ChipReader.Write(ChipReader.Read("tiny", ["""tile.cell.device={"name":"gaussian","programming_sigma":0.1,"read_sigma":null,"scaling":"independent","distribution":"normal"}"""])))!;
        var cell = chip["tile"]!["cell"]!.AsObject();
        foreach (string name in (string[])["significance", "programming", "variation", "temperature"])
        {
            Assert.True(cell.Remove(name));
        }

        Assert.True(cell["device"]!.AsObject().Remove("distribution"));
        byte[] old = System.Text.Encoding.UTF8.GetBytes(chip.ToJsonString());
        var read = ChipReader.Parse(old, "old", fillsMissing: true).Tile.Cell;
        Assert.Equal((null, null, null, null), (read.Significance, read.Programming, read.Variation, read.Temperature));
        Assert.Equal(new GaussianDevice(0.1, null, NoiseScaling.Independent), read.Device);
        Assert.Equal(5, Assert.Throws<DiagnosticException>(() => ChipReader.Parse(old, "new")).Diagnostics.Length);
        cell.Remove("g_max_us");
        Assert.Single(Assert.Throws<DiagnosticException>(() => ChipReader.Parse(System.Text.Encoding.UTF8.GetBytes(chip.ToJsonString()), "old", fillsMissing: true)).Diagnostics);
    }

    /// <summary>A field of the chip that was not there yet is off; a file of today must have it.</summary>
    [Theory]
    [InlineData("weight", "null", 2)]
    [InlineData("mvm_issue_ns", "null", 3)]
    [InlineData("skips_zero_pulses", "null", 3)]
    [InlineData("adc_source", "\"measured\"", 3)]
    public void WhatTheChipOfAnOlderFileLacksIsOff(string name, string value, byte version)
    {
        byte[] field = System.Text.Encoding.UTF8.GetBytes($"\"{name}\": {value},");
        byte[] file = [.. Valid];
        int at = file.AsSpan().IndexOf(field);
        Assert.True(at > 0);
        file.AsSpan(at, field.Length).Fill((byte)' ');
        SampleProgram.Reseal(file);
        Assert.Contains(name, Refuse(file).Message, StringComparison.Ordinal);
        file[4] = version;
        SampleProgram.Reseal(file);
        ChipDescription before = AimcReader.Read(Valid, "new.aimc").Chip;
        Assert.Equal(before, AimcReader.Read(file, "old.aimc").Chip with { Sources = before.Sources });
    }

    [Fact]
    public void OtherFilesAreNotPrograms()
    {
        foreach (string text in (string[])["", "A", "AIMC", "CMIA", "\x7f" + "ELF", "version https://git-lfs.github.com/spec/v1\n", "{}"])
        {
            Refuse(System.Text.Encoding.ASCII.GetBytes(text));
        }
    }

    [Fact]
    public void VersionZeroIsRefused() => RefuseResealed(file => file[4] = 0, "version 0");

    [Fact]
    public void UnknownFlagsAreRefused() => RefuseResealed(file => file[8] = 1, "flags");

    [Fact]
    public void UnknownHeaderFieldsAreRefused() => RefuseResealed(file => file[130] = 1, "fields");

    [Theory]
    [InlineData(32)] // length of the manifest
    [InlineData(24)] // its offset
    [InlineData(40)] // offset of the section table
    [InlineData(16)] // length of the file
    public void HeaderFieldsOutsideTheFileAreRefused(int field)
    {
        foreach (ulong value in (ulong[])[0, 1, 191, 193, 1 << 20, int.MaxValue, 1ul << 32, long.MaxValue, ulong.MaxValue, ulong.MaxValue - 63])
        {
            byte[] file = [.. Valid];
            BitConverter.TryWriteBytes(file.AsSpan(field), value);
            SealHeader(file);
            Refuse(file);
        }
    }

    [Fact]
    public void SectionCountsOutsideTheFileAreRefused()
    {
        uint count = BitConverter.ToUInt32(Valid, 12);
        foreach (uint value in (uint[])[0, 1, count - 1, count + 1, 1 << 20, int.MaxValue, uint.MaxValue])
        {
            byte[] file = [.. Valid];
            BitConverter.TryWriteBytes(file.AsSpan(12), value);
            SampleProgram.Reseal(file);
            Refuse(file);
        }
    }

    [Fact]
    public void SectionsOutsideOverlappingOrUnalignedAreRefused()
    {
        int table = (int)BitConverter.ToUInt64(Valid, 40);
        ulong second = BitConverter.ToUInt64(Valid, table + 64);
        ulong[] offsets = [0, 192, second - 64, second + 1, second + 64, (ulong)Valid.Length, ulong.MaxValue, ulong.MaxValue - 63];
        foreach (ulong offset in offsets)
        {
            RefuseResealed(file => BitConverter.TryWriteBytes(file.AsSpan(table + 64), offset), "section 1 begins at");
        }

        foreach (ulong length in (ulong[])[(ulong)Valid.Length, int.MaxValue, 1ul << 31, ulong.MaxValue])
        {
            RefuseResealed(file => BitConverter.TryWriteBytes(file.AsSpan(table + 72), length), "section 1 of");
        }

        RefuseResealed(file => file[table + 16] = 99, "kind 99");
        RefuseResealed(file => file[table + 25] = 1, "fields");
    }

    [Fact]
    public void DirtyPaddingIsRefused()
    {
        int end = 192 + (int)BitConverter.ToUInt64(Valid, 32);
        Assert.NotEqual(0, end % 64);
        RefuseResealed(file => file[end] = 1, "not zero");
    }

    [Fact]
    public void ManyRecordsAreRefusedBeforeTheyAreMade()
    {
        byte[] manifest = new byte[4 << 20];
        for (int i = 0; i < manifest.Length; i += 2)
        {
            manifest[i] = (6 << 3) | 2; // an empty value
        }

        var reader = new ManifestReader([], AimcLimits.Default);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("records", Assert.Throws<InvalidIrException>(() => reader.Read(manifest)).Message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
    }

    [Fact]
    public void ManifestsThatAreNotCanonicalAreRefused()
    {
        byte[] manifest = Valid.AsSpan(192, (int)BitConverter.ToUInt64(Valid, 32)).ToArray();
        byte[][] hostile =
        [
            [.. manifest, 0x98, 0x06, 0x01], // an unknown field
            [.. manifest, 0x28, 0x01], // chips given twice
            [.. manifest, 0x0b], // a group
            [.. manifest, 0x0a, 0x01, 0xff], // producer again, not UTF-8
            [.. manifest, 0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            [.. manifest, 0x0a, 0x80],
            [.. manifest, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            manifest[..^1],
        ];
        foreach (byte[] bytes in hostile)
        {
            Assert.Throws<InvalidIrException>(() => new ManifestReader([], AimcLimits.Default).Read(bytes));
        }
    }

    [Fact]
    public void LimitsCanBeRaisedAndLowered()
    {
        Refuse(Valid, new AimcLimits { Records = 3 });
        Refuse(Valid, new AimcLimits { Sections = 3 });
        Refuse(Valid, new AimcLimits { ManifestBytes = 100 });
        AimcReader.Read(Valid, "test", new AimcLimits { ManifestBytes = long.MaxValue, Records = int.MaxValue, Sections = int.MaxValue });
    }

    /// <summary>With checksums made right again, a changed byte ends in a diagnostic or in another valid program, never in another exception.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ResealedMutationsNeverEscape(bool hasLoop)
    {
        byte[] valid = hasLoop ? SampleProgram.Bytes(SampleProgram.Loop()) : Valid;
        var random = new Random(1);
        int refused = 0;
        for (int i = 0; i < 1500; i++)
        {
            byte[] file = [.. valid];
            for (int n = random.Next(1, 4); n > 0; n--)
            {
                int at = random.Next(2) == 0 ? random.Next(192, file.Length) : random.Next(file.Length - 1600, file.Length);
                file[at] = (byte)random.Next(256);
            }

            SampleProgram.Reseal(file);
            try
            {
                AimcReader.Read(file, "mutation");
            }
            catch (DiagnosticException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 500, 1500);
    }

    private static void SealHeader(byte[] file) => System.Security.Cryptography.SHA256.HashData(file.AsSpan(0, 160), file.AsSpan(160));

    private static void RefuseResealed(Action<byte[]> damage, string message)
    {
        byte[] file = [.. Valid];
        damage(file);
        SampleProgram.Reseal(file);
        Diagnostic diagnostic = Refuse(file);
        Assert.Same(Descriptors.InvalidProgram, diagnostic.Descriptor);
        Assert.Contains(message, diagnostic.Message, StringComparison.Ordinal);
    }

    private static Diagnostic Refuse(byte[] file, AimcLimits? limits = null)
    {
        Diagnostic diagnostic = Assert.Throws<DiagnosticException>(() => AimcReader.Read(file, "test.aimc", limits)).Diagnostics.Single();
        Assert.Equal("test.aimc", diagnostic.Where);
        return diagnostic;
    }
}
