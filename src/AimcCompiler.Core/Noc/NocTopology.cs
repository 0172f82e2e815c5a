using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>A directed link; links of a chip are counted from 0.</summary>
/// <param name="From">A core, or a router of a tree (counted behind the cores).</param>
/// <param name="To">The same.</param>
public readonly record struct NocLink(int From, int To);

/// <summary>The network of the cores of one chip: distances, paths and links. Cores are counted row by row. </summary>
public abstract class NocTopology
{
    private protected NocTopology(int cores, ImmutableArray<NocLink> links)
    {
        (Cores, Links) = (cores, links);
    }

    public int Cores { get; }

    public ImmutableArray<NocLink> Links { get; }

    /// <summary>Links on a shortest path; 0 from a core to itself.</summary>
    public abstract int Hops(int from, int to);

    /// <summary>Links of a path, in order; empty from a core to itself.</summary>
    /// <param name="from">First core.</param>
    /// <param name="to">Last core.</param>
    /// <param name="via">0: along the row first; 1: along the column first; other topologies have one path only.</param>
    public abstract ImmutableArray<int> Route(int from, int to, int via = 0);

    /// <summary>Sets of cores whose boundary bounds the load of links: all rectangles of a mesh; the subtrees of a tree; nothing of a bus.
    /// Each comes with the links that leave it and those that enter it.</summary>
    public abstract IEnumerable<NocCut> Cuts();

    /// <param name="chip">Null mesh = one core of unlimited tiles, without links.</param>
    public static NocTopology Of(ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(chip);
        return (chip.Mesh, chip.Noc?.Topology) switch
        {
            (null, _) => new MeshTopology(1, 1),
            ({ } mesh, NocKind.Bus) => new BusTopology(mesh.Rows * mesh.Columns),
            ({ } mesh, NocKind.HTree) => new HTreeTopology(mesh.Rows * mesh.Columns),
            ({ } mesh, _) => new MeshTopology(mesh.Rows, mesh.Columns),
        };
    }
}

/// <param name="Name">For reports, as in <c>columns 0..4 | 5..11</c>.</param>
/// <param name="IsInside">One claim a core.</param>
/// <param name="Out">Links from inside to outside.</param>
/// <param name="In">Links from outside to inside.</param>
public sealed record NocCut(string Name, ImmutableArray<bool> IsInside, ImmutableArray<int> Out, ImmutableArray<int> In);
