using System.Numerics;

namespace AimcCompiler.Kernels;

/// <summary>MVM in double precision, the reference of analog cells: outputs[m, c] += sum over rows of inputs[m, r] weights[r, c].</summary>
public static class DoubleMvm
{
    public static void Add(
        ReadOnlySpan<float> inputs, int inputStride, int vectors, ReadOnlySpan<double> weights, int rows, int columns, Span<double> outputs, int outputStride)
    {
        for (int m = 0; m < vectors; m++)
        {
            var output = outputs.Slice(m * outputStride, columns);
            for (int r = 0; r < rows; r++)
            {
                double input = inputs[(m * inputStride) + r];
                if (input == 0)
                {
                    continue;
                }

                var row = weights.Slice(r * columns, columns);
                Vector<double> factor = new(input);
                int c = 0;
                for (; c <= columns - Vector<double>.Count; c += Vector<double>.Count)
                {
                    var sum = new Vector<double>(output[c..]) + (factor * new Vector<double>(row[c..]));
                    sum.CopyTo(output[c..]);
                }

                for (; c < columns; c++)
                {
                    output[c] += input * row[c];
                }
            }
        }
    }
}
