using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>Energy of what one inference moves between cores, chips and memory; null = it moves something and the chip does not say what a bit takes.</summary>
/// <param name="NocPj">Bits x links, in whole flits.</param>
/// <param name="BoardPj">Bits from chip to chip.</param>
/// <param name="OffChipPj">Bits to and from off-chip memory.</param>
public sealed record TransferEnergy(double? NocPj, double? BoardPj, double? OffChipPj)
{
    private const int BitsPerByte = 8;

    public static TransferEnergy Of(ChipDescription chip, ScheduleTraffic traffic)
    {
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(traffic);
        return new TransferEnergy(
            Of(traffic.LinkBytes, chip.Noc?.PjPerBitHop),
            Of(traffic.BoardBytes, chip.Board is { } board ? board.PjPerBit : chip.OffChip?.PjPerBit),
            Of(traffic.MemoryBytes, chip.OffChip?.PjPerBit));
    }

    /// <summary>Of every schedule of a program, one inference through all of them; null = there is none.</summary>
    public static TransferEnergy? Of(MappedProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        var chip = ChipCapacity.Of(program.Chip, program.Chips);
        return program.Schedules.Aggregate((TransferEnergy?)null, (sum, schedule) =>
        {
            var one = Of(program.Chip, new ScheduleTraffic(schedule, new SumColumns(program, schedule), chip));
            return sum is null ? one : new TransferEnergy(sum.NocPj + one.NocPj, sum.BoardPj + one.BoardPj, sum.OffChipPj + one.OffChipPj);
        });
    }

    private static double? Of(long bytes, double? pjPerBit) => bytes == 0 ? 0 : bytes * BitsPerByte * pjPerBit;
}
