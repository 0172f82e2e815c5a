using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>One medium: link 0, which every message between different cores takes alone.</summary>
public sealed class BusTopology(int cores) : NocTopology(cores, [new NocLink(0, 0)])
{
    public override int Hops(int from, int to) => from == to ? 0 : 1;

    public override ImmutableArray<int> Route(int from, int to, int via = 0) => from == to ? [] : [0];

    public override IEnumerable<NocCut> Cuts() => [];
}
