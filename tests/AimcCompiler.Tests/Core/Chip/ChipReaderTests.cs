using System.Globalization;
using System.Text;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

public sealed class ChipReaderTests
{
    [Fact]
    public void TinyIsAsWritten()
    {
        ChipDescription chip = ChipFixture.Parse(ChipFixture.Tiny);
        Assert.Equal(8, chip.Tile.Rows);
        Assert.Equal(2, chip.Tile.Cell.Bits);
        Assert.Equal(SignEncoding.DifferentialOneSided, chip.Tile.Encoding.Sign);
        Assert.Equal(InputManagement.AbsMax, chip.Tile.Input.Management);
        Assert.IsType<IdealDevice>(chip.Tile.Cell.Device);
        Assert.Equal(0.08, chip.Noc!.PjPerBitHop);
        Assert.Null(chip.Tile.Energy.MvmNj);
    }

    [Theory]
    [InlineData("tile.rows", "\"64\"", "must be a whole number, is the text \"64\"")]
    [InlineData("tile.rows", "64.0", "must be a whole number without point or exponent")]
    [InlineData("tile.rows", "1e2", "must be a whole number without point or exponent")]
    [InlineData("tile.rows", "9223372036854775808", "of at most 2147483647")]
    [InlineData("tile.rows", "null", "must be a whole number, is null")]
    [InlineData("tile.rows", "[8]", "is a list of 1")]
    [InlineData("tile.cell.g_max_us", "1e400", "must be a finite number, is 1e400")]
    [InlineData("tile.cell.g_max_us", "-1e400", "must be a finite number")]
    [InlineData("tile.cell.g_max_us", "\"25\"", "must be a number, is the text")]
    [InlineData("tile.noise.output", "true", "must be a number or null, is true")]
    [InlineData("tile.encoding.flip", "0", "must be true or false, is 0")]
    [InlineData("tile.encoding.flip", "null", "must be true or false, is null")]
    [InlineData("tile.encoding.sign", "\"Offset_Digital\"", "allowed: differential_one_sided, ")]
    [InlineData("tile.encoding.sign", "0", "must be one of differential_one_sided, ")]
    [InlineData("tile.drift_compensation", "\"local\"", "allowed: global, null")]
    [InlineData("tile.adc", "null", "must be an object, is null")]
    [InlineData("tile.adc", "[]", "must be an object, is a list of 0")]
    [InlineData("mesh", "8", "must be an object or null, is 8")]
    [InlineData("name", "null", "must be text, is null")]
    [InlineData("name", "1", "must be text, is 1")]
    [InlineData("name", "\"\\ud800\"", "is not valid Unicode")]
    [InlineData("sources", "[]", "must be an object")]
    [InlineData("tile.cell.device", "8", "must be the name of a device or an object")]
    [InlineData("tile.cell.device", "null", "must be an object, is null")]
    [InlineData("tile.cell.device", "\"gaussian\"", "has no published values")]
    [InlineData("tile.cell.device", "\"table\"", "needs a file or rows")]
    public void AWrongValueIsNamedWithItsPath(string path, string value, string message)
    {
        Diagnostic finding = Assert.Single(ChipFixture.Findings(ChipFixture.TinyWith(path, value)));
        Assert.Equal(Descriptors.InvalidChip, finding.Descriptor);
        Assert.Equal($"my.json: $.{path}", finding.Where);
        Assert.Contains(message, finding.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tile.rowz", "'rows'")]
    [InlineData("tile.Rows", "'rows'")]
    [InlineData("tile.adc.bit", "'bits'")]
    [InlineData("mash", "'mesh'")]
    [InlineData("tiles_per_chip", null)]
    [InlineData("tile.xyzzy_plugh", null)]
    public void AnUnknownFieldSuggestsTheNearest(string path, string? nearest)
    {
        Diagnostic finding = Assert.Single(ChipFixture.Findings(ChipFixture.TinyWith(path, "8")));
        Assert.Equal($"my.json: $.{path}", finding.Where);
        Assert.Equal("is not a known field", finding.Message);
        Assert.Equal(nearest is null ? [] : [nearest], finding.Levers.ToArray());
    }

    [Theory]
    [InlineData("citation")]
    [InlineData("mesh")]
    [InlineData("tile.adc.bound")]
    [InlineData("tile.drift_compensation")]
    [InlineData("sources")]
    public void AMissingFieldIsNamed(string path)
    {
        Diagnostic finding = Assert.Single(ChipFixture.Findings(ChipFixture.TinyWithout(path)));
        Assert.Equal($"my.json: $.{path}", finding.Where);
        Assert.StartsWith("is missing", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADuplicateKeyIsNamed()
    {
        string json = ChipFixture.Tiny.Replace("\"rows\": 8,", "\"rows\": 8, \"rows\": 16,", StringComparison.Ordinal);
        Diagnostic finding = Assert.Single(ChipFixture.Findings(json));
        Assert.Equal("my.json: $.tile.rows", finding.Where);
        Assert.Equal("occurs twice", finding.Message);
    }

    [Fact]
    public void EverythingWrongIsReportedAtOnce()
    {
        string json = ChipFixture.Tiny
            .Replace("\"rows\": 8,", "\"rowz\": 8,", StringComparison.Ordinal)
            .Replace("\"stages\": 3", "\"stages\": \"3\"", StringComparison.Ordinal);
        Assert.Equal(
            ["my.json: $.tile.rowz", "my.json: $.tile.rows", "my.json: $.tile.timing.stages"],
            ChipFixture.Findings(json).Select(f => f.Where));
    }

    [Fact]
    public void ASourceMustNameAField()
    {
        Diagnostic finding = Assert.Single(ChipFixture.Findings(ChipFixture.TinyWith("sources", """{"tile.rowz":"?"}""")));
        Assert.Equal("my.json: $.sources['tile.rowz']", finding.Where);
        Assert.Equal(["'rows'"], finding.Levers.ToArray());
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{}x")]
    [InlineData("nul")]
    [InlineData("{\"schema\": 1,}")]
    [InlineData("{/* */}")]
    [InlineData("{\"schema\": NaN}")]
    [InlineData("{\"schema\": 01}")]
    public void WhatIsNotJsonIsOneErrorWithItsLine(string text)
    {
        Diagnostic finding = Assert.Single(ChipFixture.Findings(text));
        Assert.Equal(Descriptors.InvalidChip, finding.Descriptor);
        Assert.StartsWith("is not valid JSON", finding.Message, StringComparison.Ordinal);
        Assert.StartsWith("my.json: line 1, byte ", finding.Where, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("1")]
    public void AChipIsAnObject(string text) =>
        Assert.Equal("must be an object", Assert.Single(ChipFixture.Findings(text)).Message);

    [Theory]
    [InlineData(65)]
    [InlineData(1_000_000)]
    public void DepthIsLimited(int depth) =>
        Assert.Contains("depth", Assert.Single(ChipFixture.Findings(new string('[', depth))).Message, StringComparison.OrdinalIgnoreCase);

    [Fact]
    public void TheNumberOfValuesIsLimited() =>
        Assert.Contains(
            "more than 1000000 values",
            Assert.Single(ChipFixture.Findings($"[{string.Join(',', Enumerable.Repeat("0", 1_000_001))}]")).Message,
            StringComparison.Ordinal);

    [Fact]
    public void TheSizeIsLimitedBeforeAnythingIsParsed()
    {
        byte[] brackets = new byte[(16 << 20) + 1];
        brackets.AsSpan().Fill((byte)'[');
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => ChipReader.Parse(brackets, "big.json"));
        Assert.Contains("allowed: 16777216", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnOverlongNumberIsRefused() =>
        Assert.Contains(
            "more than 100 characters",
            Assert.Single(ChipFixture.Findings(ChipFixture.TinyWith("tile.cell.g_max_us", new string('9', 10_000_000)))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void AKeyThatIsNotUnicodeIsOneFinding() =>
        Assert.Contains(ChipFixture.Findings("{\"\\ud800\": 1}"), f => f.Message == "a key is not valid Unicode");

    [Fact]
    public void AByteOrderMarkIsSkipped() =>
        Assert.Equal("tiny", ChipFixture.Parse("\uFEFF" + ChipFixture.Tiny).Name);

    [Fact]
    public void Utf16IsNotJson() =>
        Assert.Throws<DiagnosticException>(() => ChipReader.Parse(Encoding.Unicode.GetBytes(ChipFixture.Tiny), "utf16.json"));

    [Fact]
    public void WindowsLineEndsAreRead() =>
        Assert.Equal("tiny", ChipFixture.Parse(ChipFixture.Tiny.Replace("\n", "\r\n", StringComparison.Ordinal)).Name);

    /// <summary>Cut anywhere or with any byte changed: a chip or one typed error, nothing else.</summary>
    [Fact]
    public void DamageIsNeverAnotherException()
    {
        byte[] tiny = Encoding.UTF8.GetBytes(ChipFixture.Tiny);
        for (int i = 0; i < tiny.Length; i += 3)
        {
            byte[] damaged = [.. tiny];
            damaged[i] = (byte)(damaged[i] ^ (1 << (i % 8)));
            TryParse(damaged);
            TryParse(tiny[..i]);
        }

        static void TryParse(byte[] bytes)
        {
            try
            {
                ChipReader.Parse(bytes, "damaged.json");
            }
            catch (DiagnosticException)
            {
                // The user's mistake, and said so.
            }
        }
    }

    [Fact]
    public void TheCultureDoesNotMatter()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        var commas = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        commas.NumberFormat.NumberDecimalSeparator = ",";
        commas.NumberFormat.NumberGroupSeparator = ".";
        try
        {
            CultureInfo.CurrentCulture = commas;
            ChipDescription chip = ChipReader.Read("tiny", ["tile.energy.adc_pj=1.25"]);
            Assert.Equal(1.25, chip.Tile.Energy.AdcPj);
            Assert.Contains("\"adc_pj\": 1.25", ChipReader.Write(chip), StringComparison.Ordinal);
            Assert.Contains("-0.5;", Assert.Single(ChipFixture.FindingsWith("tiny", "tile.energy.adc_pj=-0.5")).Message, StringComparison.Ordinal);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [InlineData("tinny", "tiny")]
    [InlineData("ISAAC", "isaac")]
    [InlineData("aihwkit", "aihwkit-hwa", "aihwkit-default")]
    [InlineData("xyzzy", "aihwkit-default", "aihwkit-hwa", "diana", "float", "hermes", "isaac", "mythic", "mythic-unverified", "neurram", "pimcomp", "puma", "raella", "sonos", "tiny")]
    public void AnUnknownChipSuggestsNames(string name, params string[] levers)
    {
        Diagnostic finding = Assert.Single(ChipFixture.FindingsWith(name));
        Assert.Equal(Descriptors.UnknownChip, finding.Descriptor);
        Assert.Equal(levers, finding.Levers.ToArray());
    }

    [Fact]
    public void AMissingChipFileIsAnUnknownChip() =>
        Assert.Equal("there is no such chip file", Assert.Single(ChipFixture.FindingsWith("no/such/chip.json")).Message);

    [Fact]
    public void AFolderIsNotAChip()
    {
        Diagnostic finding = Assert.Single(ChipFixture.FindingsWith(Path.GetTempPath()));
        Assert.Equal(Descriptors.InvalidChip, finding.Descriptor);
        Assert.Contains("folder", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnEmptyFileAndADeviceAreNotChips()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("aimc-chip-").FullName, "empty.json");
        File.WriteAllText(path, "");
        Assert.Contains("is empty", Assert.Single(ChipFixture.FindingsWith(path)).Message, StringComparison.Ordinal);
        if (File.Exists("/dev/zero"))
        {
            Assert.Contains("not a regular file", Assert.Single(ChipFixture.FindingsWith("/dev/zero")).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void AChipFileIsReadByItsPath()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("aimc-chip-").FullName, "mine.json");
        File.WriteAllText(path, ChipFixture.TinyWith("name", "\"mine\""));
        Assert.Equal("mine", ChipReader.Read(path).Name);
        if (!OperatingSystem.IsWindows())
        {
            string link = path + ".link";
            File.CreateSymbolicLink(link, path);
            Assert.Equal("mine", ChipReader.Read(link).Name);
        }
    }

    [Fact]
    public void TheReferenceNamesEveryField()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "AimcCompiler.sln")))
        {
            folder = folder.Parent!;
        }

        string reference = File.ReadAllText(Path.Combine(folder.FullName, "docs", "chips.md"));
        Assert.All(FieldNames(typeof(ChipDescription)), name => Assert.Contains(name, reference, StringComparison.Ordinal));

        static IEnumerable<string> FieldNames(Type type) => ChipJson.Fields(type).SelectMany(field =>
            field.PropertyType.IsClass && field.PropertyType.Namespace == type.Namespace && !field.PropertyType.IsAbstract
                ? FieldNames(field.PropertyType).Append(field.Name)
                : [field.Name]);
    }

    [Fact]
    public void WritingIsDeterministicWhateverTheOrderOfTheSources()
    {
        ChipDescription chip = ChipReader.Read("isaac");
        ChipDescription reversed = chip with { Sources = chip.Sources.Reverse().ToDictionary() };
        Assert.Equal(ChipReader.Write(chip), ChipReader.Write(reversed));
    }

    [Fact]
    public void EveryDeviceRoundTrips()
    {
        DeviceDescription[] devices =
        [
            new IdealDevice(),
            new GaussianDevice(0.1 + 0.2, null, NoiseScaling.Proportional),
            new PcmLikeDevice(1, null, 1e-300),
            new PcmHermesDevice(1, 1, 1, null),
        ];
        ChipDescription tiny = ChipReader.Read("tiny");
        foreach (DeviceDescription device in devices)
        {
            ChipDescription chip = tiny with { Tile = tiny.Tile with { Cell = tiny.Tile.Cell with { Device = device } } };
            Assert.Equal(device, ChipFixture.Parse(ChipReader.Write(chip)).Tile.Cell.Device);
        }
    }

    [Theory]
    [InlineData("\"pcm_like\"")]
    [InlineData("""{"name":"pcm_like","programming_scale":1,"drift_scale":1,"read_scale":1}""")]
    [InlineData("""{"drift_scale":1,"read_scale":1,"programming_scale":1,"name":"pcm_like"}""")]
    public void ABareDeviceNameIsThePublishedModel(string device) =>
        Assert.Equal(new PcmLikeDevice(1, 1, 1), ChipFixture.Parse(ChipFixture.TinyWith("tile.cell.device", device)).Tile.Cell.Device);

    [Theory]
    [InlineData("""{"name":"pcm_like","programming_scale":1,"drift_scale":1}""", "read_scale")]
    [InlineData("""{"name":"pcm_like","programming_scale":1,"drift_scale":1,"read_scale":1,"devices":2}""", "devices")]
    [InlineData("""{"name":"pcm"}""", "name")]
    [InlineData("""{"programming_scale":1}""", "name")]
    [InlineData("""{"name":"gaussian","programming_sigma":0.1,"read_sigma":null,"scaling":"sometimes","distribution":"normal"}""", "scaling")]
    [InlineData("""{"name":"gaussian","programming_sigma":-0.1,"read_sigma":null,"scaling":"independent","distribution":"normal"}""", "programming_sigma")]
    [InlineData("""{"name":"pcm_hermes","devices":3,"programming_scale":1,"drift_scale":1,"read_scale":1}""", "devices")]
    public void ADevicesParametersAreChecked(string device, string field) =>
        Assert.Equal($"my.json: $.tile.cell.device.{field}", Assert.Single(ChipFixture.Findings(ChipFixture.TinyWith("tile.cell.device", device))).Where);
}
