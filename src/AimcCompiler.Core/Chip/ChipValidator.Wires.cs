namespace AimcCompiler.Core;

public static partial class ChipValidator
{
    /// <summary>Rows or columns of a tile whose network is solved.</summary>
    public const int MaximumNodalRowsOrColumns = 2048;

    /// <summary>A segment of wire may resist this part of what a cell at g_max does, its ends ten times as much: beyond that nothing arrives.</summary>
    private const double MaximumOfCell = 0.1;

    private const string IrDropPath = "tile.noise.ir_drop";

    private static void Wires(Checks check, TileDescription tile)
    {
        if (tile.Noise.IrDrop is not { } wires)
        {
            return;
        }

        bool isNodal = wires.Model == IrDropModel.Nodal;
        bool isSourceLine = wires.Topology == IrDropTopology.SourceLine;
        string model = ChipJson.NameOf(wires.Model);
        Given("topology", wires.Topology is not null, isNodal, model);
        Given("interleaved", wires.Interleaved is not null, isNodal, model);
        Given("bit_line_ohm", wires.BitLineOhm is not null, isNodal, model);
        Given("scale", wires.Scale is not null, !isNodal, model);
        Given("g_ratio", wires.GRatio is not null, !isNodal, model);
        Given("word_line_ohm", wires.WordLineOhm is not null, isNodal && !isSourceLine, isSourceLine ? "source_line" : model);
        Given("source_line_ohm", wires.SourceLineOhm is not null, isSourceLine && isNodal, isNodal ? "row_driven" : model);
        check.That(isNodal || wires.DriverOhm is null, $"{IrDropPath}.driver_ohm", $"is given with {model}; allowed: null");
        check.That(isNodal || wires.SenseOhm is null, $"{IrDropPath}.sense_ohm", $"is given with {model}; allowed: null");
        check.NotNegative($"{IrDropPath}.word_line_ohm", wires.WordLineOhm);
        check.NotNegative($"{IrDropPath}.source_line_ohm", wires.SourceLineOhm);
        check.NotNegative($"{IrDropPath}.bit_line_ohm", wires.BitLineOhm);
        check.NotNegative($"{IrDropPath}.driver_ohm", wires.DriverOhm);
        check.NotNegative($"{IrDropPath}.sense_ohm", wires.SenseOhm);
        check.NotNegative($"{IrDropPath}.scale", wires.Scale);
        check.Positive($"{IrDropPath}.g_ratio", wires.GRatio);
        if (!isNodal)
        {
            return;
        }

        double most = MaximumOfCell * 1e6 / tile.Cell.GMaxUs;
        foreach (var (field, ohm) in ((string, double?)[])
            [
                ("word_line_ohm", wires.WordLineOhm),
                ("source_line_ohm", wires.SourceLineOhm),
                ("bit_line_ohm", wires.BitLineOhm),
                ("driver_ohm", wires.DriverOhm / 10),
                ("sense_ohm", wires.SenseOhm / 10),
            ])
        {
            bool isEnd = field is "driver_ohm" or "sense_ohm";
            check.That(
                !(ohm > most),
                $"{IrDropPath}.{field}",
                $"is {Text(ohm * (isEnd ? 10 : 1) ?? 0)}; allowed: at most {Text(most * (isEnd ? 10 : 1))}, {(isEnd ? "the" : "a tenth of the")} resistance of a cell at g_max");
        }

        check.Within("tile.rows", tile.Rows, 1, MaximumNodalRowsOrColumns);
        check.Within("tile.columns", tile.Columns, 1, MaximumNodalRowsOrColumns);
        double coldest = 300 - (1 / IrDropDescription.TemperatureCoefficient);
        check.That(
            tile.Noise.TemperatureK > coldest,
            "tile.noise.temperature_k",
            $"is {Text(tile.Noise.TemperatureK)}, where the law of the wires' resistance has no positive value; allowed with {IrDropPath}: above {Text(Math.Round(coldest, 1))}");
        check.That(
            !isSourceLine || tile.Input is { Scheme: InputScheme.BitSerial, PulseBits: 1 },
            $"{IrDropPath}.topology",
            "is source_line, whose cells are on or off in a pulse; allowed with tile.input.scheme bit_serial and pulse_bits 1",
            "tile.input.scheme=bit_serial",
            $"{IrDropPath}.topology=row_driven");
        check.That(
            wires.Interleaved != true || !TileGeometry.IsDifferential(tile.Encoding.Sign)
                || tile.Encoding is not { PairAxis: PairAxis.Cell, Subtract: Subtraction.AfterConversion },
            $"{IrDropPath}.interleaved",
            "is true where the halves of a pair share a bit line (pair_axis cell), which carries their difference; allowed with tile.encoding.subtract in_array",
            "tile.encoding.subtract=in_array",
            $"{IrDropPath}.interleaved=false");

        void Given(string field, bool isGiven, bool isNeeded, string with) =>
            check.That(
                isGiven == isNeeded,
                $"{IrDropPath}.{field}",
                isNeeded ? $"is null; {with} needs it" : $"is given with {with}; allowed: null");
    }

    private static void WiresWithoutEffect(Checks check, TileDescription tile)
    {
        if (tile.Noise.IrDrop is not { } wires)
        {
            return;
        }

        check.Warn(wires.Scale == 0, $"{IrDropPath}.scale", "is 0 and cannot take effect; off is null", $"{IrDropPath}=null");
        if (wires.Model != IrDropModel.Nodal)
        {
            return;
        }

        bool isPerfect = (double?[])[wires.WordLineOhm, wires.SourceLineOhm, wires.BitLineOhm, wires.DriverOhm, wires.SenseOhm] is var ohms && ohms.All(o => o is null or 0);
        check.Warn(isPerfect, IrDropPath, "cannot take effect: no wire has a resistance; off is null", $"{IrDropPath}=null");
        check.Warn(
            wires.Interleaved == true && !TileGeometry.IsDifferential(tile.Encoding.Sign),
            $"{IrDropPath}.interleaved",
            "cannot take effect: the offset encodings have no pairs",
            $"{IrDropPath}.interleaved=false");
        check.Warn(
            wires is { Interleaved: true, Topology: IrDropTopology.SourceLine } && TileGeometry.IsDifferential(tile.Encoding.Sign) && tile.Encoding.PairAxis == PairAxis.Columns,
            $"{IrDropPath}.interleaved",
            "cannot take effect: with source_line, columns do not see each other",
            $"{IrDropPath}.interleaved=false");
    }
}
