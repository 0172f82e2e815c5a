using System.Collections.Immutable;
using System.Security.Cryptography;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Onnx;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <param name="Name">Output or layer.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="MaxAbsError">Largest absolute difference from ONNX Runtime.</param>
/// <param name="RelativeError">MaxAbsError over the largest absolute reference value.</param>
/// <param name="ArgmaxAgreement">Share of samples whose largest value is the same.</param>
/// <param name="ReferenceSpread">ONNX Runtime's own relative difference between optimised and unoptimised runs.</param>
/// <param name="SqnrDb">10 log10 of reference power over error power; null where there is no error.</param>
/// <param name="Equal">By the rule of <see cref="Comparison"/>.</param>
internal sealed record ComparedValue(
    string Name, ImmutableArray<long> Shape, double MaxAbsError, double RelativeError, double ArgmaxAgreement, double ReferenceSpread, double? SqnrDb, bool Equal);

/// <summary>Compares a program's values with ONNX Runtime's. Equal: max abs error &lt;= max(1e-4, 4 x ONNX Runtime's own difference between optimised and
/// unoptimised runs) x max(max abs reference, 1e-6); integers: at most 1 apart on 99.9 % of the elements.</summary>
internal static class Comparison
{
    private const double Tolerance = 1e-4;
    private const double SpreadFactor = 4;
    private const double SmallestReference = 1e-6;
    private const double IntegerShare = 0.999;

    /// <summary>ONNX Runtime's values of a model: optimised and not.</summary>
    /// <param name="model">Path of the .onnx file.</param>
    /// <param name="values">Value names; those the optimised model has no more are compared without a spread.</param>
    /// <param name="inputs">The model's inputs.</param>
    public static (IReadOnlyList<Tensor> Plain, IReadOnlyList<Tensor> Optimized) Reference(
        string model, IReadOnlyList<string> values, IReadOnlyDictionary<string, Tensor> inputs)
    {
        var graph = OnnxImporter.Import(model);
        if (values.FirstOrDefault(v => graph.ProducerOf(v) is null && !graph.Constants.ContainsKey(v) && graph.Header.Inputs.All(i => i.Name != v)) is { } missing)
        {
            throw new DiagnosticException(Descriptors.WrongShape, model, $"has no value '{missing}': the program was compiled from another model", "the model that was compiled");
        }

        var extracted = ModelWriter.ExtractModel(graph, graph.Nodes, [.. graph.Header.Inputs.Select(i => i.Name)], values);
        try
        {
            using DigitalSession plain = new(extracted, new DigitalOptions(Optimize: false));
            var first = SampleBatch.Run(inputs, SampleBatch.FixedBatch(plain), (_, piece) => plain.Run(piece, values));
            using DigitalSession optimized = new(extracted, new DigitalOptions());
            return (first, SampleBatch.Run(inputs, SampleBatch.FixedBatch(optimized), (_, piece) => optimized.Run(piece, values)));
        }
        catch (DigitalException e)
        {
            throw new DiagnosticException(Descriptors.RejectedByOnnxRuntime, model, e.Message);
        }
    }

    /// <summary>A finding when the model file is not the one that the program was compiled from.</summary>
    public static IEnumerable<Diagnostic> WarnOfOther(MappedProgram program, string model)
    {
        using var stream = InputFile.Open(model, Descriptors.InvalidModel);
        if (Convert.ToHexStringLower(SHA256.HashData(stream)) != program.ModelSha256)
        {
            yield return new Diagnostic(Descriptors.OtherModel, model, $"is not the file '{program.ModelName}' that the program was compiled from (SHA-256 differs)");
        }
    }

    public static ComparedValue Compare(string name, Tensor value, Tensor reference, Tensor optimized, int samples)
    {
        if (!value.Shape.SequenceEqual(reference.Shape) || value.Type == TensorType.String)
        {
            bool same = value.Type == TensorType.String && reference.Data is string[] expected && ((string[])value.Data).SequenceEqual(expected);
            return new ComparedValue(name, value.Shape, same ? 0 : double.PositiveInfinity, same ? 0 : double.PositiveInfinity, same ? 1 : 0, 0, null, same);
        }

        float[] actual = value.ToFloats();
        float[] wanted = reference.ToFloats();
        double largest = wanted.Where(float.IsFinite).Select(v => Math.Abs((double)v)).DefaultIfEmpty().Max();
        double error = Difference(actual, wanted);
        double spread = Difference(optimized.ToFloats(), wanted) / Math.Max(largest, SmallestReference);
        double signal = 0;
        double noise = 0;
        long close = 0;
        for (int i = 0; i < wanted.Length; i++)
        {
            double difference = actual[i].Equals(wanted[i]) ? 0 : (double)actual[i] - wanted[i];
            if (!float.IsFinite(wanted[i]) && difference == 0)
            {
                // The same infinity, or not a number on both sides.
                close++;
                continue;
            }

            signal += (double)wanted[i] * wanted[i];
            noise += difference * difference;
            close += Math.Abs(difference) <= 1 ? 1 : 0;
        }

        bool equal = Tensor.IsFloating(value.Type)
            ? error <= Math.Max(Tolerance, SpreadFactor * (double.IsFinite(spread) ? spread : 0)) * Math.Max(largest, SmallestReference)
            : close >= IntegerShare * wanted.Length;
        int rows = samples > 0 && wanted.Length % samples == 0 && wanted.Length > 0 ? samples : 1;
        int width = wanted.Length / rows;
        int agree = Enumerable.Range(0, rows).Count(r => width == 0 || Metric.ArgMax(actual.AsSpan(r * width, width)) == Metric.ArgMax(wanted.AsSpan(r * width, width)));
        return new ComparedValue(
            name, value.Shape, error, error / Math.Max(largest, SmallestReference), agree / (double)rows, spread, noise == 0 ? null : 10 * Math.Log10(signal / noise), equal);
    }

    /// <summary>The largest absolute difference; not-a-number on one side only counts as infinite.</summary>
    private static double Difference(float[] left, float[] right)
    {
        double largest = 0;
        for (int i = 0; i < left.Length; i++)
        {
            if (left[i].Equals(right[i]))
            {
                continue;
            }

            double difference = Math.Abs((double)left[i] - right[i]);
            largest = Math.Max(largest, double.IsNaN(difference) ? double.PositiveInfinity : difference);
        }

        return largest;
    }
}
