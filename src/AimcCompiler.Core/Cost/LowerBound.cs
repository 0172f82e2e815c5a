using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>What no mapping of this model on this chip can beat, beside what this one has.</summary>
/// <param name="Name">tiles, bottleneck, work, digital, memory, noc, latency, buffers, segments, placement, link.</param>
/// <param name="Value">The bound; null = the chip does not say.</param>
/// <param name="Achieved">What the mapping has.</param>
/// <param name="Unit">tiles, s, bytes, segments, byte_hops.</param>
/// <param name="Limits">interval, latency, tiles, placement: what it bounds. Bounds of one kind compare; the largest binds.</param>
/// <param name="Why">Where it comes from: the layer, cut or resource that sets it.</param>
public sealed record LowerBound(string Name, double? Value, double? Achieved, string Unit, string Limits, string Why)
{
    /// <summary>Sums of times in another order differ by less.</summary>
    private const double Rounding = 1e-12;

    /// <summary>Achieved over value, less 1; 0 where only rounding parts them.</summary>
    public double? Gap => Value > 0 ? (Achieved / Value) - 1 is var gap && Math.Abs(gap ?? 1) < Rounding ? 0 : gap : null;
}

/// <param name="From">Core of the sender.</param>
/// <param name="To">Cores of the receivers.</param>
/// <param name="Bytes">Of one inference.</param>
public sealed record Multicast(int From, ImmutableArray<int> To, long Bytes)
{
    /// <summary>What each receiver takes of the bytes; empty = all.</summary>
    public ImmutableArray<long> Needs { get; init; } = [];
}

/// <summary>What one more of something would bring.</summary>
/// <param name="Lever">For example <c>1 tile: copy of conv2_1</c>, <c>2 x core.mvm_issue_ns</c>, <c>2 x off_chip.gb_per_s</c>.</param>
/// <param name="IntervalNs">The interval bound with it.</param>
/// <param name="GainPercent">Of the present one.</param>
public sealed record WhatIf(string Lever, double? IntervalNs, double? GainPercent);
