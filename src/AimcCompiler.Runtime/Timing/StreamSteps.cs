using System.Collections.Immutable;
using AimcCompiler.Binary;

namespace AimcCompiler.Runtime;

/// <summary>An instruction stream as a list of steps; a loop is a jump back.</summary>
internal sealed class StreamSteps
{
    private StreamSteps(ImmutableArray<Step> all)
    {
        All = all;
    }

    public ImmutableArray<Step> All { get; }

    public static StreamSteps Of(CoreStream stream)
    {
        var steps = ImmutableArray.CreateBuilder<Step>();
        foreach (var instruction in stream.Body)
        {
            if (instruction is not Repeat repeat)
            {
                steps.Add(new Step(instruction, 0, 0));
                continue;
            }

            if (repeat.Count == 0 || repeat.Body.IsEmpty)
            {
                continue;
            }

            for (int i = 0; i < repeat.Body.Length; i++)
            {
                bool isLast = i == repeat.Body.Length - 1;
                steps.Add(new Step(repeat.Body[i], isLast ? repeat.Count : 0, isLast ? i : 0));
            }
        }

        return new StreamSteps(steps.ToImmutable());
    }
}

/// <param name="Instruction">What to do; never a loop.</param>
/// <param name="Count">Rounds of the loop that ends here; 0 = none does.</param>
/// <param name="Back">Steps back to its beginning.</param>
internal sealed record Step(StreamInstruction Instruction, long Count, int Back);

/// <summary>Where a stream stands.</summary>
internal struct StreamPlace
{
    /// <summary>Which step.</summary>
    public int Step { get; private set; }

    /// <summary>Round of the loop.</summary>
    public long Round { get; private set; }

    public int Inference { get; private set; }

    public readonly bool IsAtStart => Step == 0 && Round == 0;

    /// <summary>Goes to the next step; true at the end of the inference.</summary>
    public bool Advance(StreamSteps steps)
    {
        var step = steps.All[Step];
        if (step.Count > 0)
        {
            if (Round + 1 < step.Count)
            {
                Round++;
                Step -= step.Back;
                return false;
            }

            Round = 0;
        }

        if (++Step < steps.All.Length)
        {
            return false;
        }

        Step = 0;
        Inference++;
        return true;
    }
}
