using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace QuikGraph;

public interface IEdge<out TVertex>
{
    TVertex Source { get; }

    TVertex Target { get; }
}

public interface ITagged<TTag>
{
    event EventHandler TagChanged;

    TTag Tag { get; set; }
}

[DebuggerDisplay("{Source}->{Target}")]
public class Edge<TVertex> : IEdge<TVertex>
{
    public Edge(TVertex source, TVertex target)
    {
        if (source == null) throw new ArgumentNullException(nameof(source));
        if (target == null) throw new ArgumentNullException(nameof(target));
        Source = source;
        Target = target;
    }

    public TVertex Source { get; }

    public TVertex Target { get; }

    public override string ToString() => string.Format(CultureInfo.CurrentCulture, "{0} -> {1}", Source, Target);
}

[DebuggerDisplay("{Source}->{Target}")]
[StructLayout(LayoutKind.Auto)]
public struct SEdge<TVertex> : IEdge<TVertex>
{
    public SEdge(TVertex source, TVertex target)
    {
        if (source == null) throw new ArgumentNullException(nameof(source));
        if (target == null) throw new ArgumentNullException(nameof(target));
        Source = source;
        Target = target;
    }

    public TVertex Source { get; }

    public TVertex Target { get; }

    public override string ToString() => string.Format(CultureInfo.CurrentCulture, "{0} -> {1}", Source, Target);
}

public class TaggedEdge<TVertex, TTag> : Edge<TVertex>, ITagged<TTag>
{
    private TTag _tag;

    public TaggedEdge(TVertex source, TVertex target, TTag tag)
        : base(source, target)
    {
        _tag = tag;
    }

    public event EventHandler TagChanged;

    public TTag Tag
    {
        get => _tag;
        set
        {
            if (!EqualityComparer<TTag>.Default.Equals(_tag, value))
            {
                _tag = value;
                OnTagChanged(EventArgs.Empty);
            }
        }
    }

    protected virtual void OnTagChanged(EventArgs args) => TagChanged?.Invoke(this, args);

    public override string ToString() =>
        string.Format(CultureInfo.CurrentCulture, "{0} -> {1} ({2})", Source, Target, Tag?.ToString() ?? "no tag");
}
