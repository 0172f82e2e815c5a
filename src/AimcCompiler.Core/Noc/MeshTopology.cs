using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>A grid; XY or YX paths.</summary>
public sealed class MeshTopology : NocTopology
{
    private readonly ImmutableDictionary<NocLink, int> _indices;

    public MeshTopology(int rows, int columns)
        : this(rows, columns, [.. LinksOf(rows, columns)])
    {
    }

    private MeshTopology(int rows, int columns, ImmutableArray<NocLink> links)
        : base(rows * columns, links)
    {
        (Rows, Columns) = (rows, columns);
        _indices = links.Select((link, i) => (link, i)).ToImmutableDictionary(p => p.link, p => p.i);
    }

    public int Rows { get; }

    public int Columns { get; }

    public override int Hops(int from, int to) => Math.Abs((from / Columns) - (to / Columns)) + Math.Abs((from % Columns) - (to % Columns));

    /// <summary>The link from a core to its neighbor.</summary>
    public int LinkOf(int from, int to) => _indices[new NocLink(from, to)];

    public override ImmutableArray<int> Route(int from, int to, int via = 0)
    {
        var links = ImmutableArray.CreateBuilder<int>(Hops(from, to));
        int at = from;
        for (int leg = 0; leg < 2; leg++)
        {
            bool isAlongRow = (leg == 0) == (via == 0);
            int distance = isAlongRow ? (to % Columns) - (at % Columns) : (to / Columns) - (at / Columns);
            int step = Math.Sign(distance) * (isAlongRow ? 1 : Columns);
            for (int i = 0; i < Math.Abs(distance); i++)
            {
                links.Add(LinkOf(at, at + step));
                at += step;
            }
        }

        return links.MoveToImmutable();
    }

    public override IEnumerable<NocCut> Cuts()
    {
        for (int top = 0; top < Rows; top++)
        {
            for (int bottom = top; bottom < Rows; bottom++)
            {
                for (int left = 0; left < Columns; left++)
                {
                    for (int right = left; right < Columns; right++)
                    {
                        if (top > 0 || left > 0 || bottom < Rows - 1 || right < Columns - 1)
                        {
                            yield return CutAround(top, bottom, left, right);
                        }
                    }
                }
            }
        }
    }

    /// <summary>A rectangle of cores, first and last included.</summary>
    internal NocCut CutAround(int top, int bottom, int left, int right)
    {
        ImmutableArray<bool> isInside = [.. Enumerable.Range(0, Cores).Select(c => c / Columns >= top && c / Columns <= bottom && c % Columns >= left && c % Columns <= right)];
        return new NocCut(
            FormattableString.Invariant($"cores ({top},{left})..({bottom},{right})"),
            isInside,
            [.. Enumerable.Range(0, Links.Length).Where(l => isInside[Links[l].From] && !isInside[Links[l].To])],
            [.. Enumerable.Range(0, Links.Length).Where(l => !isInside[Links[l].From] && isInside[Links[l].To])]);
    }

    private static IEnumerable<NocLink> LinksOf(int rows, int columns)
    {
        for (int core = 0; core < rows * columns; core++)
        {
            if (core % columns < columns - 1)
            {
                yield return new NocLink(core, core + 1);
                yield return new NocLink(core + 1, core);
            }

            if (core / columns < rows - 1)
            {
                yield return new NocLink(core, core + columns);
                yield return new NocLink(core + columns, core);
            }
        }
    }
}
