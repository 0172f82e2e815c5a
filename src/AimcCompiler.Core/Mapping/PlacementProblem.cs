using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>Bytes that pass between two cores in one inference, after packing. What placement minimizes: sum of bytes x hops, every receiver of a multicast counted.</summary>
/// <param name="From">A core.</param>
/// <param name="To">Another.</param>
/// <param name="Bytes">Of one inference.</param>
public sealed record CoreTraffic(int From, int To, long Bytes);

/// <summary>A quadratic assignment: virtual cores to places of a topology. </summary>
/// <param name="Topology">The places.</param>
/// <param name="Traffic">Between virtual cores; those from <paramref name="Movable"/> on are fixed: their number - Movable indexes <paramref name="FixedPlaces"/>.</param>
/// <param name="Movable">Virtual cores to place, at most the free places.</param>
/// <param name="FixedPlaces">Places of memory ports.</param>
/// <param name="Blocked">Places that may not be taken: cores with a dead tile too many.</param>
public sealed record PlacementProblem(
    NocTopology Topology, ImmutableArray<CoreTraffic> Traffic, int Movable, ImmutableArray<int> FixedPlaces, ImmutableArray<int> Blocked);

/// <param name="Places">Place of every movable virtual core.</param>
/// <param name="ByteHops">Sum of bytes x hops.</param>
/// <param name="IsOptimal">Proven: every placement was ruled out.</param>
public sealed record PlacementSolution(ImmutableArray<int> Places, long ByteHops, bool IsOptimal);
