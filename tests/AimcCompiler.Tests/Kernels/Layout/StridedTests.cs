using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

public sealed class StridedTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void EverySoManyElementsAreCopied(int stride)
    {
        for (int length = 0; length <= 40; length++)
        {
            // No element beyond the last one that is needed.
            float[] source = [.. Enumerable.Range(1, Math.Max(0, ((length - 1) * stride) + 1)).Select(i => (float)i)];
            float[] destination = new float[length];
            Strided.Copy(source, stride, destination);
            Assert.Equal(Enumerable.Range(0, length).Select(i => source[i * stride]), destination);
        }
    }
}
