using AimcCompiler.Passes;

namespace AimcCompiler.Tests.Passes.Scheduling;

public sealed class BufferLayoutTests
{
    /// <summary>Lives drawn as spans of time: those that meet stand apart, nothing ends below what is in use at some moment, and on the average not 1.2 times above it.</summary>
    [Fact]
    public void SpansThatMeetStandApart()
    {
        Random random = new(1);
        double excess = 0;
        const int Cases = 500;
        for (int i = 0; i < Cases; i++)
        {
            int count = random.Next(1, 20);
            (int Begin, int End)[] spans = [.. Enumerable.Range(0, count).Select(_ => random.Next(20)).Select(b => (b, b + random.Next(1, 8)))];
            long[] bytes = [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(1, 100))];
            long[] addresses = BufferLayout.Of(bytes, (a, b) => spans[a].End <= spans[b].Begin || spans[b].End <= spans[a].Begin);
            for (int a = 0; a < count; a++)
            {
                for (int b = 0; b < a; b++)
                {
                    bool meet = spans[a].Begin < spans[b].End && spans[b].Begin < spans[a].End;
                    Assert.True(!meet || addresses[a] + bytes[a] <= addresses[b] || addresses[b] + bytes[b] <= addresses[a]);
                }
            }

            long most = Enumerable.Range(0, 30).Max(t => Enumerable.Range(0, count).Sum(b => spans[b].Begin <= t && t < spans[b].End ? bytes[b] : 0));
            long end = Enumerable.Range(0, count).Max(b => addresses[b] + bytes[b]);
            Assert.True(end >= most);
            excess += end / (double)most / Cases;
        }

        Assert.InRange(excess, 1, 1.2);
    }

    [Fact]
    public void WhatMayNotShareStandsSideBySide() => Assert.Equal([0, 10, 13], BufferLayout.Of([10, 3, 3], (_, _) => false));
}
