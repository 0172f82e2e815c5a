using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;

namespace AimcCompiler.Passes;

/// <summary>Sizes of values as far as ONNX Runtime infers them without running anything: a file of a hundred bytes can ask for terabytes.</summary>
internal static class ValueBudget
{
    /// <summary>Elements of the largest value that some nodes write from constants; 0 where ONNX Runtime does not load them.</summary>
    public static double Largest(Graph graph, IReadOnlyList<Node> nodes)
    {
        try
        {
            // No session gives out values of packed types; they are the smallest.
            var packed = PackedValues.Find(graph);
            using DigitalSession session = new(ModelWriter.Outline(graph, nodes, [], [.. nodes.SelectMany(n => n.Writes).Where(v => !packed.Contains(v))]), new DigitalOptions(Optimize: false));
            return session.Outputs.Select(Elements).DefaultIfEmpty().Max();
        }
        catch (DigitalException)
        {
            return 0;
        }
    }

    /// <param name="graph">The model.</param>
    /// <param name="session">With all its values as outputs: a run holds all of them at once.</param>
    /// <exception cref="DiagnosticException">They take more memory than there is.</exception>
    public static void Check(Graph graph, DigitalSession session) => Check(graph, session, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <inheritdoc cref="Check(Graph, DigitalSession)"/>
    internal static void Check(Graph graph, DigitalSession session, long available)
    {
        double needed = Known(session);
        var largest = session.Outputs.MaxBy(Elements);
        if (largest is null || (needed <= available && Elements(largest) <= ProgramVerifier.MaximumElements))
        {
            return;
        }

        string where = graph.ProducerOf(largest.Name) is { } node ? $"node '{node.Name}' ({node.QualifiedOp})" : $"value '{largest.Name}'";
        if (needed <= available)
        {
            throw new DiagnosticException(
                Descriptors.TooLargeValues,
                $"{graph.Header.FileName}: {where}",
                FormattableString.Invariant($"writes '{largest.Name}' of {largest.Type} {Tensor.Format(largest.Shape)}, more than {ProgramVerifier.MaximumElements} elements"),
                "smaller inputs (--dim NAME=N)");
        }

        throw new DiagnosticException(
            Descriptors.TooLargeValues,
            $"{graph.Header.FileName}: {where}",
            FormattableString.Invariant(
                $"writes '{largest.Name}' of {largest.Type} {Tensor.Format(largest.Shape)}; the model's values take {needed / (1 << 30):0.#} GiB together, and there are {available / (double)(1 << 30):0.#} GiB of memory"),
            "smaller inputs (--dim NAME=N)",
            "a machine with more memory");
    }

    /// <summary>Bytes of all values as far as they are inferred: an open extent counts as 1.</summary>
    private static double Known(DigitalSession session) => session.Outputs.Sum(Bytes);

    /// <summary>At least so many: an open extent counts as 1.</summary>
    public static double Bytes(DigitalPort port) => Elements(port) * (port.IsTensor && Enum.IsDefined(port.Type) ? Tensor.SizeOf(port.Type) : 1);

    /// <summary>At least so many: an open extent counts as 1.</summary>
    private static double Elements(DigitalPort port) => port.IsTensor ? port.Shape.Aggregate(1.0, (count, d) => count * (d < 0 ? 1 : d)) : 0;

    /// <summary>All values take a good part of the machine's memory, and what operators need while they run comes on top.</summary>
    public static bool IsLarge(DigitalSession session) => Known(session) > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 8.0;
}
