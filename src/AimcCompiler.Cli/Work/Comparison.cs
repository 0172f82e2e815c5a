using System.Collections.Immutable;
using System.Security.Cryptography;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
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

/// <param name="Plain">ONNX Runtime's value without optimisation.</param>
/// <param name="Optimized">With it.</param>
/// <param name="Step">Of a value that the model quantizes before it gives it out: its least significant bit; null = it does not.</param>
internal sealed record ReferenceValue(Tensor Plain, Tensor Optimized, float? Step);

/// <summary>Compares a program's values with ONNX Runtime's. Equal: max abs error &lt;= max(1e-4, 4 x ONNX Runtime's own difference between optimised and
/// unoptimised runs) x max(max abs reference, 1e-6); a half-precision value may differ by two roundings, 2^-10; integers and what was dequantized last: at most one step
/// apart on 99.9 % of the elements.</summary>
internal static class Comparison
{
    private const double Tolerance = 1e-4;
    private const double HalfTolerance = 1.0 / 1024;
    private const double SpreadFactor = 4;
    private const double SmallestReference = 1e-6;
    private const double IntegerShare = 0.999;

    /// <summary>A step, and what rounding its multiples to single precision adds.</summary>
    private const double OneStep = 1.0001;

    /// <summary>ONNX Runtime's values of a model, by name.</summary>
    /// <param name="model">Path of the .onnx file.</param>
    /// <param name="values">Values of the model.</param>
    /// <param name="layers">Values that layers write: where an operator was taken apart, of the model with its operators taken apart; those that exist only in time loops
    /// have no reference and are left out.</param>
    /// <param name="inputs">The model's inputs.</param>
    /// <param name="fixedInputs">Inputs that the program does not take.</param>
    public static IReadOnlyDictionary<string, ReferenceValue> Reference(
        string model, IReadOnlyList<string> values, IReadOnlyList<string> layers, IReadOnlyDictionary<string, Tensor> inputs, ImmutableArray<FixedInput> fixedInputs = default)
    {
        var graph = OnnxImporter.Import(model);
        if (values.FirstOrDefault(v => !Has(graph, v)) is { } missing)
        {
            throw new DiagnosticException(Descriptors.WrongShape, model, $"has no value '{missing}': the program was compiled from another model", "the model that was compiled");
        }

        Dictionary<string, ReferenceValue> found = new(StringComparer.Ordinal);
        Run(graph, [.. values.Concat(layers.Where(l => Has(graph, l))).Distinct(StringComparer.Ordinal)]);
        if (layers.Any(l => !found.ContainsKey(l)))
        {
            var fixedValues = fixedInputs.IsDefault ? [] : fixedInputs;
            var apart = AimcCompilation.TakeApart(graph, fixedValues.ToImmutableDictionary(f => f.Name, f => f.Text, StringComparer.Ordinal));
            Run(apart, [.. layers.Where(l => !found.ContainsKey(l) && Has(apart, l)).Distinct(StringComparer.Ordinal)]);
        }

        return found;

        void Run(Graph source, string[] wanted)
        {
            if (wanted.Length == 0)
            {
                return;
            }

            string[] names = [.. source.Header.Inputs.Select(i => i.Name)];
            var given = inputs.Where(i => names.Contains(i.Key)).ToDictionary(i => i.Key, i => i.Value, StringComparer.Ordinal);
            var extracted = ModelWriter.ExtractModel(source, source.Nodes, names, wanted);
            try
            {
                using DigitalSession plain = new(extracted, new DigitalOptions(Optimize: false));
                var first = SampleBatch.Run(given, SampleBatch.FixedBatch(plain), (_, piece) => plain.Run(piece, wanted));
                using DigitalSession optimized = new(extracted, new DigitalOptions { MayRunAsItIs = true });
                var second = SampleBatch.Run(given, SampleBatch.FixedBatch(optimized), (_, piece) => optimized.Run(piece, wanted));
                for (int i = 0; i < wanted.Length; i++)
                {
                    found.Add(wanted[i], new ReferenceValue(first[i], second[i], StepOf(source, wanted[i])));
                }
            }
            catch (DigitalException e)
            {
                throw new DiagnosticException(Descriptors.RejectedByOnnxRuntime, model, e.Message);
            }
        }
    }

    private static bool Has(Graph graph, string value) => graph.ProducerOf(value) is not null || graph.Constants.ContainsKey(value) || graph.Header.Inputs.Any(i => i.Name == value);

    /// <summary>The scale of the DequantizeLinear that a value comes from over operators that only move elements.</summary>
    private static float? StepOf(Graph graph, string value)
    {
        while (graph.ProducerOf(value) is { Domain: "" } node)
        {
            if (node.Is("DequantizeLinear"))
            {
                return graph.Constants.GetValueOrDefault(node.Inputs[1]) is { Count: 1 } scale && Tensor.IsFloating(scale.Type) ? scale.ToFloats()[0] : null;
            }

            if (node.OpType is not ("Reshape" or "Transpose" or "Flatten" or "Squeeze" or "Unsqueeze" or "Identity"))
            {
                return null;
            }

            value = node.Inputs[0];
        }

        return null;
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

    public static ComparedValue Compare(string name, Tensor value, ReferenceValue reference, int samples) =>
        Compare(name, value, reference.Plain, reference.Optimized, samples, reference.Step);

    public static ComparedValue Compare(string name, Tensor value, Tensor reference, Tensor optimized, int samples, float? step = null)
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
            close += Math.Abs(difference) <= (step ?? 1) * OneStep ? 1 : 0;
        }

        bool equal = Tensor.IsFloating(value.Type) && step is null
            ? error <= Math.Max(value.Type == TensorType.Float16 ? HalfTolerance : Tolerance, SpreadFactor * (double.IsFinite(spread) ? spread : 0)) * Math.Max(largest, SmallestReference)
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
