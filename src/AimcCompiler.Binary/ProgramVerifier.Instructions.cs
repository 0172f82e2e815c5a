using AimcCompiler.Core;

namespace AimcCompiler.Binary;

public static partial class ProgramVerifier
{
    private static void VerifyInstructions(MappedProgram program)
    {
        bool[] isWritten = new bool[program.Values.Length];
        bool[] isInside = new bool[program.Values.Length];
        foreach (int input in program.Inputs)
        {
            isWritten[input] = true;
        }

        bool[] layerHasRun = new bool[program.Layers.Length];
        bool[] partitionHasRun = new bool[program.Partitions.Length];
        for (int i = 0; i < program.Instructions.Length; i++)
        {
            Execute(i, program.Instructions[i]);
        }

        Check(!layerHasRun.Contains(false), $"layer {layerHasRun.IndexOf(false)} is never run");
        Check(!partitionHasRun.Contains(false), $"partition {partitionHasRun.IndexOf(false)} is never run");
        foreach (int output in program.Outputs)
        {
            Check(isWritten[output] && !isInside[output], $"program output {Value(output)} is never written");
        }

        void Execute(int at, Instruction instruction)
        {
            switch (instruction)
            {
                case MvmInstruction(int layer):
                    Run(at, layer, layerHasRun, "layer");
                    Read(at, program.Layers[layer].Input);
                    Write(at, program.Layers[layer].Output);
                    break;
                case DigitalInstruction(int partition):
                    Run(at, partition, partitionHasRun, "partition");
                    foreach (int input in program.Partitions[partition].Inputs)
                    {
                        Read(at, input);
                    }

                    foreach (int output in program.Partitions[partition].Outputs)
                    {
                        Write(at, output);
                    }

                    break;
                case LoopInstruction loop:
                    Loop(at, loop);
                    break;
                default:
                    Check(false, $"instruction {at} does nothing");
                    break;
            }
        }

        void Loop(int at, LoopInstruction loop)
        {
            Check(IsName(loop.Name), $"instruction {at} is a loop without a name");
            int[] all = [loop.Scanned, loop.Slice, loop.Step ?? loop.Slice, loop.Collected, loop.Sequence, .. loop.States.SelectMany(s => (int[])[s.Initial ?? s.Current, s.Current, s.Next, s.Final ?? s.Next])];
            int outside = Array.Find(all, v => v < 0 || v >= program.Values.Length);
            Check(Array.TrueForAll(all, v => v >= 0 && v < program.Values.Length), $"instruction {at} names value {outside}, there are {program.Values.Length} values");
            Read(at, loop.Scanned);
            foreach (int initial in loop.States.Select(s => s.Initial).OfType<int>())
            {
                Read(at, initial);
            }

            bool[] before = [.. isWritten];
            Write(at, loop.Slice);
            if (loop.Step is { } step)
            {
                Write(at, step);
            }

            foreach (LoopState state in loop.States)
            {
                Write(at, state.Current);
            }

            foreach (Instruction inner in loop.Body)
            {
                Check(inner is not LoopInstruction, $"instruction {at} is a loop with a loop inside");
                Execute(at, inner);
            }

            foreach (int value in loop.States.Select(s => s.Next).Append(loop.Collected))
            {
                Check(isWritten[value] && !before[value], $"instruction {at} is a loop in which nothing writes {Value(value)}");
            }

            VerifyStates(at, loop);
            for (int v = 0; v < before.Length; v++)
            {
                isInside[v] |= isWritten[v] && !before[v];
            }

            Write(at, loop.Sequence);
            foreach (int final in loop.States.Select(s => s.Final).OfType<int>())
            {
                Write(at, final);
            }
        }

        void VerifyStates(int at, LoopInstruction loop)
        {
            CheckFloat(at, loop.Scanned);
            CheckFloat(at, loop.Collected);
            Check(program.Values[loop.Scanned].Shape.Length >= 2, $"instruction {at} cuts {Value(loop.Scanned)}, which has no time and batch");
            foreach (LoopState state in loop.States)
            {
                CheckFloat(at, state.Current);
                Check(
                    state.Initial is not null || program.Values[state.Current].Shape.Skip(1).All(d => d > 0),
                    $"instruction {at} begins {Value(state.Current)} with zeros of an unknown shape");
            }
        }

        void CheckFloat(int at, int value) =>
            Check(program.Values[value].Type == TensorType.Float, $"instruction {at} loops over {Value(value)} of type {program.Values[value].Type}, float is needed");

        void Run(int at, int index, bool[] hasRun, string kind)
        {
            Check(index >= 0 && index < hasRun.Length, $"instruction {at} runs {kind} {index}, there are {hasRun.Length}");
            Check(!hasRun[index], $"instruction {at} runs {kind} {index} a second time");
            hasRun[index] = true;
        }

        void Read(int at, int value) => Check(isWritten[value] && !isInside[value], $"instruction {at} reads {Value(value)} {(isInside[value] ? "outside its loop" : "before it is written")}");

        void Write(int at, int value)
        {
            Check(!isWritten[value], $"instruction {at} writes {Value(value)}, which is an input or written already");
            isWritten[value] = true;
        }

        string Value(int index) => $"value {index} {Quoted.Of(program.Values[index].Name)}";
    }

    /// <summary>Instructions know layers that there are.</summary>
    private static void VerifySegments(MappedProgram program)
    {
        int last = -1;
        foreach (Instruction instruction in program.Instructions)
        {
            int[] segments = [.. (instruction is LoopInstruction loop ? loop.Body : [instruction]).OfType<MvmInstruction>().Select(m => program.Layers[m.Layer].Segment)];
            Check(segments.Distinct().Count() <= 1, "the layers of a loop are in several segments");
            if (segments is [var segment, ..])
            {
                Check(segment >= 0 && (segment == last || segment == last + 1), $"a layer of segment {segment} runs after {(last < 0 ? "none" : FormattableString.Invariant($"one of segment {last}"))}");
                last = segment;
            }
        }

        Check(program.SegmentBatch is >= 1 and <= 1 << 20, $"{program.SegmentBatch} inferences pass a segment, 1 to {1 << 20} are allowed");
        Check(program.Segments > 1 || program.SegmentBatch == 1, $"{program.SegmentBatch} inferences pass the only segment");

        foreach (MappedLayer layer in program.Layers.Where(l => l.SharesTilesOf is { } owner && program.Layers[owner].Segment != l.Segment))
        {
            Check(false, $"{NameOf(layer)} of segment {layer.Segment} shares the tiles of {NameOf(program.Layers[layer.SharesTilesOf!.Value])} of another");
        }
    }
}
