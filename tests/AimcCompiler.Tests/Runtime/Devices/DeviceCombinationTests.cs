using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Every device with every kind of cell and encoding: the chip is valid, both engines have the same bits, and the device takes effect.</summary>
public sealed class DeviceCombinationTests
{
    public static TheoryData<string> Names => [.. DeviceCase.All.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void GoesWithCellsAndEncodings(string name)
    {
        var device = DeviceCase.Named(name);
        int combinations = 0;
        foreach (int? bits in (int?[])[null, 1, 2, 4])
        {
            if (device.Cell.Device is MramDevice && bits != 1)
            {
                continue;
            }

            // Centers are codes: analog cells have none.
            foreach (var sign in Enum.GetValues<SignEncoding>().Where(s => bits is not null || s != SignEncoding.CenterOffset))
            {
                bool isDifferential = TileGeometry.IsDifferential(sign);
                var plain = bits is null ? Chips.Analog(t => t) : Chips.Coded(t => t);
                var chip = plain with
                {
                    Tile = plain.Tile with
                    {
                        Rows = 16,
                        Columns = 64,
                        Cell = device.Cell with { Bits = bits },
                        Encoding = new EncodingDescription
                        {
                            Sign = sign,
                            Subtract = Subtraction.InArray,
                            PairAxis = isDifferential ? PairAxis.Columns : PairAxis.Cell,
                            UnitColumn = sign == SignEncoding.OffsetUnitColumn,
                            Flip = false,
                        },
                        Weights = plain.Tile.Weights with { Slicing = bits is null ? Slicing.None : isDifferential ? Slicing.SignedDigits : Slicing.Unsigned },
                        Input = plain.Tile.Input with { Bits = 4 },
                        Adc = plain.Tile.Adc with { ColumnsPerAdc = 1 },
                    },
                };
                Assert.Empty(ChipValidator.Validate(chip, "chip").Diagnostics.Select(d => $"{d.Where}: {d.Message}"));
                LayerSpec spec = new(chip, 20, 5) { Contents = bits is null ? Cases.Floats(1, 100) : null, Codes = bits is null ? null : Cases.Codes(1, 100, 7) };
                float[] x = Cases.Floats(2, 60);
                var options = Cases.Fast with { TimeS = device.Times[^1] };
                float[] fast = spec.Run(x, options);
                Cases.AssertSameBits(spec.Run(x, options with { Engine = EngineKind.Stepwise }), fast, $"{name}, {bits} bits, {sign}");
                Assert.NotEqual(spec.Run(x, Cases.Ideal), fast);
                Assert.All(fast, y => Assert.True(float.IsFinite(y)));
                combinations++;
            }
        }

        Assert.True(combinations >= 4);
    }
}
