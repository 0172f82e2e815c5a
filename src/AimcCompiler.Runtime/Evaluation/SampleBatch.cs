using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Digital;

namespace AimcCompiler.Runtime;

/// <summary>Batches cut into smaller ones and put together again, along the first axis.</summary>
public static class SampleBatch
{
    /// <summary>Places [first, first + count) of the first axis.</summary>
    public static Tensor Slice(Tensor tensor, long first, long count)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        long size = tensor.Shape[0] == 0 ? 0 : tensor.Count / tensor.Shape[0];
        var data = Array.CreateInstance(Tensor.ElementType(tensor.Type), count * size);
        Array.Copy(tensor.Data, first * size, data, 0, count * size);
        return new Tensor(tensor.Type, tensor.Shape.SetItem(0, count), data);
    }

    /// <summary>One after another along the first axis; scalars become a vector.</summary>
    /// <exception cref="DiagnosticException">They differ in type or in another extent than the first.</exception>
    public static Tensor Join(IReadOnlyList<Tensor> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        var first = parts[0];
        if (parts.Count == 1 && !first.Shape.IsEmpty)
        {
            return first;
        }

        if (parts.FirstOrDefault(p => p.Type != first.Type || p.Shape.Length != first.Shape.Length || !p.Shape.AsSpan()[Math.Min(1, p.Shape.Length)..].SequenceEqual(first.Shape.AsSpan()[Math.Min(1, p.Shape.Length)..])) is { } other)
        {
            throw new DiagnosticException(Descriptors.WrongShape, "results of several batches", $"cannot be put together: one is {first}, another {other}", "one batch at a time");
        }

        var data = Array.CreateInstance(Tensor.ElementType(first.Type), parts.Sum(p => p.Count));
        long position = 0;
        foreach (var part in parts)
        {
            Array.Copy(part.Data, 0, data, position, part.Count);
            position += part.Count;
        }

        ImmutableArray<long> shape = first.Shape.IsEmpty ? [parts.Count] : first.Shape.SetItem(0, parts.Sum(p => p.Shape[0]));
        return new Tensor(first.Type, shape, data);
    }

    /// <summary>The batch that every input of a model fixes; null = open.</summary>
    public static int? FixedBatch(DigitalSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        return session.Inputs.Select(i => i.Shape is [var batch, ..] ? batch : 1).Distinct().ToArray() is [> 0 and var only] ? (int)only : null;
    }

    /// <summary>Runs a batch in pieces and puts the outputs together.</summary>
    /// <param name="inputs">The batch.</param>
    /// <param name="size">Samples of a piece; null = all at once, and so it is when an input counts no samples.</param>
    /// <param name="run">(first sample of the piece, its inputs) -> outputs.</param>
    public static ImmutableArray<Tensor> Run(
        IReadOnlyDictionary<string, Tensor> inputs, int? size, Func<long, IReadOnlyDictionary<string, Tensor>, IReadOnlyList<Tensor>> run)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(run);
        long[] counts = [.. inputs.Values.Select(t => t.Shape is [var count, ..] ? count : -1).Distinct()];
        if (size is not { } step || counts is not [var samples] || samples <= step || samples % step != 0)
        {
            return [.. run(0, inputs)];
        }

        List<IReadOnlyList<Tensor>> pieces = [];
        for (long first = 0; first < samples; first += step)
        {
            long at = first;
            pieces.Add(run(at, inputs.ToDictionary(i => i.Key, i => Slice(i.Value, at, step), StringComparer.Ordinal)));
        }

        return [.. pieces[0].Select((_, o) => Join([.. pieces.Select(p => p[o])]))];
    }
}
