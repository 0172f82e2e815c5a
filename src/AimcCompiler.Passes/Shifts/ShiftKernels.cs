using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Puts the kernels of convolutions into their matrices several times, each a stride further along the last axis: one vector gives as many outputs side by side. Rows are (channel, kernel position, place along the
/// last axis), columns (shift, filter); what no kernel covers is zero (Zhang et al., "Efficient and robust RRAM-based convolutional weight mapping with shifted and duplicated kernel", TCAD 2021, section III).
/// <code>
/// before:  kernel 1 x 2, stride 1, 1 filter:  codes [ 4 -7 ], 6 vectors      after (2 shifts):  [  4  0 ], 3 vectors
///                                                                                               [ -7  4 ]
///                                                                                               [  0 -7 ]
/// </code></summary>
internal static class ShiftKernels
{
    /// <param name="graph">Layers with all rows and columns of the model.</param>
    /// <param name="shifts">Outputs of a vector, more than one, of convolutions; layers on the same tiles have the same.</param>
    public static AnalogGraph<QuantizedMatrix> Run(AnalogGraph<QuantizedMatrix> graph, IReadOnlyDictionary<LayerId, int> shifts)
    {
        var shifted = graph.Select(layer => shifts.TryGetValue(layer.Id, out int count) ? Shifted(layer.Weights, (ConvolutionView)layer.View with { Shifts = count }) : layer.Weights);
        return shifted with { Layers = [.. shifted.Layers.Select(layer => shifts.TryGetValue(layer.Id, out int count) ? Of(layer, graph.Source.Facts[layer.Output].Shape[^1], count) : layer)] };
    }

    /// <summary>The matrix of a view with shifts from that of the kernel alone.</summary>
    internal static QuantizedMatrix Shifted(QuantizedMatrix matrix, ConvolutionView view)
    {
        int[] places = [.. view.Places()];
        int width = view.Kernel[^1];
        int rows = matrix.Rows / width * places.Length;
        int columns = matrix.Columns * view.Shifts;
        return new QuantizedMatrix(
            matrix.Groups,
            rows,
            columns,
            matrix.Scales.Length == 1 ? matrix.Scales : Repeated(matrix.Scales, matrix.Columns, view.Shifts),
            matrix.Codes is { } codes ? Shifted(codes) : null,
            matrix.Contents is { } contents ? Shifted(contents) : null);

        T[] Shifted<T>(T[] elements)
        {
            T[] made = new T[checked(matrix.Groups * rows * columns)];
            for (int line = 0; line < matrix.Groups * matrix.Rows; line++)
            {
                var (window, tap) = Math.DivRem(line, width);
                var from = elements.AsSpan(line * matrix.Columns, matrix.Columns);
                for (int shift = 0; shift < view.Shifts; shift++)
                {
                    int place = Array.BinarySearch(places, (shift * view.Strides[^1]) + (tap * view.Dilations[^1]));
                    from.CopyTo(made.AsSpan((((window * places.Length) + place) * columns) + (shift * matrix.Columns)));
                }
            }

            return made;
        }
    }

    private static AnalogLayer<QuantizedMatrix> Of(AnalogLayer<QuantizedMatrix> layer, long width, int count)
    {
        var view = (ConvolutionView)layer.View with { Shifts = count };
        return layer with
        {
            View = view,
            Bias = layer.Bias.IsEmpty ? [] : Repeated(layer.Bias, layer.Weights.Columns / count, count),
            VectorsPerInference = layer.VectorsPerInference / width * view.VectorsOf(width),
            InputMeans = [], // the bias has them
        };
    }

    /// <summary>The numbers of each group's columns, once for every shift.</summary>
    internal static ImmutableArray<float> Repeated(ImmutableArray<float> numbers, int columns, int times) =>
        [.. Enumerable.Range(0, numbers.Length / columns).SelectMany(g => Enumerable.Repeat(numbers.Slice(g * columns, columns), times).SelectMany(n => n))];
}
