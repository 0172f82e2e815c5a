using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core;

/// <summary>Energy and time of an SRAM macro that computes in its analog bit lines, 28 nm: the equations that zigzag validated against silicon (KU Leuven MICAS; zigzag, zigzag-imc).</summary>
/// <param name="Rows">Inputs of a column.</param>
/// <param name="Columns">Outputs, each of <paramref name="WeightBits"/> bit lines.</param>
/// <param name="WeightBits">Bits of a weight, one cell each.</param>
/// <param name="InputBits">Bits of an input.</param>
/// <param name="PulseBits">Bits of an input that go in at a time.</param>
/// <param name="AdcBits">Bits of an ADC; every bit line has one.</param>
/// <param name="SupplyVolts">Supply.</param>
internal sealed record ZigzagMacro(int Rows, int Columns, int WeightBits, int InputBits, int PulseBits, int AdcBits, double SupplyVolts)
{
    private const double NandFf = 0.7;
    private const double XorFf = 1.5 * NandFf;
    private const double FlipFlopFf = 3 * NandFf;
    private const double NandNs = 0.0478;
    private const double XorNs = 2.4 * NandNs;
    private const double DacFfPerBit = 50;
    private const double FjPerPj = 1e3;

    /// <summary>A carry passes an adder.</summary>
    private const double CarryNs = 2 * NandNs;

    /// <summary>From an adder's inputs to its carry.</summary>
    private const double InputToCarryNs = XorNs + (2 * NandNs);

    private const double AdderFf = (3 * NandFf) + (2 * XorFf);

    /// <summary>Bits of a sum after all pulses.</summary>
    private int AccumulatorBits => InputBits + AdcBits + WeightBits;

    private bool Accumulates => PulseBits < InputBits;

    private double Square => SupplyVolts * SupplyVolts;

    private double BitLines => (double)WeightBits * Columns;

    public double DacPj => PulseBits == 1 ? 0 : DacFfPerBit * PulseBits * Square * Rows / FjPerPj;

    public double AdcPj => AdcEnergy.SarPj(AdcBits, SupplyVolts) * BitLines;

    /// <summary>Products of one bit, a gate each.</summary>
    public double MultipliersPj => 0.5 * NandFf * Square * BitLines * Rows / FjPerPj;

    public double BitLinesPj => 0.5 * NandFf * Square * BitLines * Rows / FjPerPj;

    /// <summary>Trees that add the bits of a weight by their place.</summary>
    public double AddersPj => WeightBits == 1 ? 0 : AdderFf * Square * Columns * ((AdcBits * (WeightBits - 1)) + (WeightBits * (Math.Log2(WeightBits) - 0.5))) / FjPerPj;

    public double AccumulatorsPj => Accumulates ? (AdderFf + FlipFlopFf) * Square * AccumulatorBits * Columns / FjPerPj : 0;

    /// <summary>Of a pulse, every cell at work.</summary>
    public double CyclePj => DacPj + AdcPj + MultipliersPj + BitLinesPj + AddersPj + AccumulatorsPj;

    public double AdcNs => AdcBits * ((0.00653 * Rows) + 0.640);

    /// <summary>Of a pulse: gate, ADC, adders, accumulator.</summary>
    public double CycleNs
    {
        get
        {
            double adders = WeightBits == 1 ? 0 : ((Math.Log2(WeightBits) - 1) * 2 * XorNs) + InputToCarryNs + ((WeightBits - 1) * CarryNs);
            double accumulators = Accumulates ? InputToCarryNs + ((AccumulatorBits - (WeightBits + AdcBits) - 1) * CarryNs) : 0;
            return NandNs + AdcNs + adders + accumulators;
        }
    }

    /// <summary>1 MAC = 2 operations, all pulses of an input.</summary>
    public double TopsPerWatt => 2.0 * Rows * Columns / (CyclePj * InputBits / PulseBits);
}
