using System.Text;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

public sealed class DeviceTableReaderTests
{
    private const string Header = "target_us,time_s,mean_us,sigma_us,read_sigma_us\n";
    private const string Table = Header + "25,10,24,1,\n0,1,0.1,0.2,0.05\n25,1,25,0.9,0.3\n0,10,0,0.2,0.05\n";

    [Fact]
    public void RowsAreSortedByTargetThenTime()
    {
        IReadOnlyList<DeviceTableRow> rows = Parse(Table);
        Assert.Equal([(0, 1), (0, 10), (25, 1), (25, 10)], rows.Select(r => (r.TargetUs, r.TimeS)));
        Assert.Equal(new DeviceTableRow(25, 1, 25, 0.9, 0.3), rows[2]);
        Assert.Null(rows[3].ReadSigmaUs);
    }

    [Fact]
    public void TheReadSigmaIsOptional() =>
        Assert.Equal([new DeviceTableRow(0, 1, 0.5, 0, null)], Parse("target_us,time_s,mean_us,sigma_us\r\n0,1,0.5,0\r\n\r\n"));

    [Fact]
    public void ATemperatureMayBeTheLastColumn()
    {
        DeviceTableRow[] both = [.. Parse("target_us,time_s,mean_us,sigma_us,read_sigma_us,temperature_k\n0,1,0.5,0,,400\n0,1,0.4,0,0.1,300\n")];
        Assert.Equal([new DeviceTableRow(0, 1, 0.4, 0, 0.1, 300), new DeviceTableRow(0, 1, 0.5, 0, null, 400)], both);
        Assert.Equal([new DeviceTableRow(0, 1, 0.5, 0, null, 300)], Parse("target_us,time_s,mean_us,sigma_us,temperature_k\n0,1,0.5,0,300\n"));
    }

    [Theory]
    [InlineData("0,1,0.5,0,300\n1,1,0.5,0,300\n0,1,0.5,0,400\n", "temperature 400 K is missing")]
    [InlineData("0,1,0.5,0,300\n0,1,0.5,0,300\n", "occurs twice")]
    [InlineData("0,1,0.5,0,0\n", "above 0")]
    [InlineData("0,1,0.5,0,\n", "not a finite number")]
    public void TemperaturesArePartOfTheGrid(string rows, string message) => Assert.Contains(
        message,
        Assert.Single(Assert.Throws<DiagnosticException>(() => Parse("target_us,time_s,mean_us,sigma_us,temperature_k\n" + rows)).Diagnostics).Message,
        StringComparison.Ordinal);

    [Fact]
    public void ATableOfTheChipFileMustCoverItsTemperature()
    {
        const string Rows = "[[0,1,0,0,null,250],[25,1,25,0,null,250],[0,1,0,0,null,350],[25,1,25,0,null,350]]";
        string[] settings = [$"tile.cell.device={{\"name\":\"table\",\"rows\":{Rows}}}"];
        Assert.Empty(ChipFixture.FindingsWith("tiny", settings));
        Assert.Contains("250 .. 350 K", Assert.Single(ChipFixture.FindingsWith("tiny", [.. settings, "tile.noise.temperature_k=360"])).Message, StringComparison.Ordinal);
        Assert.Contains(
            "has no temperature", Assert.Single(ChipFixture.FindingsWith("tiny", settings[0].Replace("null,350]]", "null]]", StringComparison.Ordinal))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AByteOrderMarkIsSkipped() => Assert.Equal(4, Parse("\uFEFF" + Table).Count);

    [Theory]
    [InlineData("", "line 1")]
    [InlineData("target,time\n", "line 1")]
    [InlineData(Header, "d.csv")]
    [InlineData(Header + "0,1,0,0\n", "line 2")]
    [InlineData(Header + "0,1,0,0,0,0\n", "line 2")]
    [InlineData(Header + "0,1,x,0,0\n", "line 2")]
    [InlineData(Header + "0,1,NaN,0,0\n", "line 2")]
    [InlineData(Header + "0,1,1e400,0,0\n", "line 2")]
    [InlineData(Header + "0,1,0,-0.1,0\n", "line 2")]
    [InlineData(Header + "0,1,0,0,-0.1\n", "line 2")]
    [InlineData(Header + "-1,1,0,0,0\n", "line 2")]
    [InlineData(Header + "0,0,0,0,0\n", "line 2")]
    [InlineData(Header + "0,1,0,0,0\n\n0,1,0,0,0\n", "line 4")]
    [InlineData(Header + "0,1,0,0,0\n1,1,0,0,0\n1,2,0,0,0\n", "d.csv")]
    [InlineData(Header + "\"0\",1,0,0,0\n", "line 2")]
    [InlineData(Header + "0;1;0;0;0\n", "line 2")]
    [InlineData(Header + "\0,1,0,0,0\n", "line 2")]
    public void OneErrorNamesTheLine(string csv, string place)
    {
        Diagnostic finding = Assert.Single(Assert.Throws<DiagnosticException>(() => Parse(csv)).Diagnostics);
        Assert.Equal(Descriptors.InvalidDeviceTable, finding.Descriptor);
        Assert.EndsWith(place, finding.Where, StringComparison.Ordinal);
    }

    [Fact]
    public void BytesThatAreNotUtf8AreRefused() =>
        Assert.Throws<DiagnosticException>(() => DeviceTableReader.Parse([0xFF, 0xFE, 0x00], "d.csv"));

    [Fact]
    public void AGapNamesTheMissingPoint() =>
        Assert.Contains(
            "target 0 uS, time 2 s is missing",
            Assert.Throws<DiagnosticException>(() => Parse(Header + "0,1,0,0,0\n1,1,0,0,0\n1,2,0,0,0\n")).Message,
            StringComparison.Ordinal);

    [Fact]
    public void AChipFileFindsItsTableBesideItAndEmbedsIt()
    {
        string folder = Directory.CreateTempSubdirectory("aimc-table-").FullName;
        File.WriteAllText(Path.Combine(folder, "mydevice.csv"), Table);
        ChipDescription chip = ChipFixture.Parse(ChipFixture.TinyWith("tile.cell.device", """{"name":"table","file":"mydevice.csv"}"""), folder);
        var device = Assert.IsType<TableDevice>(chip.Tile.Cell.Device);
        Assert.Equal(Parse(Table), device.Rows);

        string written = ChipReader.Write(chip);
        Assert.DoesNotContain("mydevice", written, StringComparison.Ordinal);
        ChipDescription again = ChipFixture.Parse(written);
        Assert.Equal(device.Rows, Assert.IsType<TableDevice>(again.Tile.Cell.Device).Rows);
        Assert.Equal(written, ChipReader.Write(again));
    }

    [Theory]
    [InlineData("""{"name":"table","file":"mydevice.csv"}""", "$.tile.cell.device.file")]
    [InlineData("""{"name":"table","file":8}""", "$.tile.cell.device.file")]
    [InlineData("""{"name":"table","file":"a.csv","rows":[]}""", "$.tile.cell.device")]
    [InlineData("""{"name":"table"}""", "$.tile.cell.device.rows")]
    [InlineData("""{"name":"table","rows":[]}""", "$.tile.cell.device.rows")]
    [InlineData("""{"name":"table","rows":[[0,1,0,0]]}""", "$.tile.cell.device.rows[0]")]
    [InlineData("""{"name":"table","rows":[[0,1,null,0,null]]}""", "$.tile.cell.device.rows[0][2]")]
    [InlineData("""{"name":"table","rows":[[0,1,0,-1,null]]}""", "$.tile.cell.device.rows[0]")]
    [InlineData("""{"name":"table","rows":[[0,1,0,0,null],[20,1,20,0,null]]}""", "$.tile.cell.device.rows")]
    public void AnEmbeddedTableIsCheckedLikeAFile(string device, string path) =>
        Assert.Equal($"my.json: {path}", Assert.Single(ChipFixture.Findings(ChipFixture.TinyWith("tile.cell.device", device))).Where);

    [Theory]
    [InlineData("none.csv")]
    [InlineData(".")]
    [InlineData("a\\u0000b.csv")]
    public void AFileThatCannotBeReadIsOneError(string file)
    {
        string folder = Directory.CreateTempSubdirectory("aimc-table-").FullName;
        string json = ChipFixture.TinyWith("tile.cell.device", $$"""{"name":"table","file":"{{file}}"}""");
        Assert.Equal(Descriptors.InvalidDeviceTable, Assert.Single(ChipFixture.Findings(json, folder)).Descriptor);
    }

    private static IReadOnlyList<DeviceTableRow> Parse(string csv) => DeviceTableReader.Parse(Encoding.UTF8.GetBytes(csv), "d.csv");
}
