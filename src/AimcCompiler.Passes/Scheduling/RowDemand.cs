using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>A demand-driven run of one inference, sinks first: a stage makes a row when a reader asks for it, then as many more as it runs ahead. What a buffer holds at most in it is room with which
/// this very order can run; streams that block are deterministic (Kahn 1974; Parks 1995), so no other order of them comes to a halt with that room.</summary>
internal sealed class RowDemand
{
    private readonly StageGraph _graph;
    private readonly int[] _ahead;
    private readonly int[] _made;
    private readonly List<(int Stage, StageInput Input, int Lag)>[] _readers;
    private readonly Dictionary<(int Value, int Stage), int> _peaks = [];
    private readonly int[] _taken;
    private readonly bool _isLeast;

    /// <param name="graph">The stages.</param>
    /// <param name="ahead">Rows that each stage runs ahead of what is asked.</param>
    /// <param name="lags">Rows from one to the next of the same stream of a stage.</param>
    /// <param name="isLeast">No more room than this order takes.</param>
    private RowDemand(StageGraph graph, int[] ahead, int[] lags, bool isLeast)
    {
        _graph = graph;
        _ahead = ahead;
        _isLeast = isLeast;
        // Rows of values, not of stages: inputs of the model are made too.
        _made = new int[graph.Values.Length];
        _taken = new int[graph.Values.Length];
        _readers = [.. graph.Values.Select(_ => new List<(int, StageInput, int)>())];
        for (int s = 0; s < graph.Stages.Length; s++)
        {
            // A stream awaits its inputs one after the other: while it waits for the first, the others hold what its last row read.
            for (int i = 0; i < graph.Stages[s].Inputs.Length; i++)
            {
                _readers[graph.Stages[s].Inputs[i].Value].Add((s, graph.Stages[s].Inputs[i], i == 0 ? 0 : lags[s]));
            }
        }
    }

    /// <param name="graph">The stages.</param>
    /// <param name="ahead">Rows that each stage runs ahead of what is asked.</param>
    /// <param name="lags">Rows from one to the next of the same stream of a stage: its homes, or its copies where they take a row each.</param>
    /// <param name="isLeast">No more room than this order takes: a stream that asks for a row of one input has let go of the one before it. Else that row has room too.</param>
    /// <returns>Rows that a buffer of a value holds for a reader at most; stage -1 = what leaves the chip.</returns>
    public static IReadOnlyDictionary<(int Value, int Stage), int> Peaks(StageGraph graph, int[] ahead, int[] lags, bool isLeast = false)
    {
        RowDemand run = new(graph, ahead, lags, isLeast);
        run.Run();
        return run._peaks;
    }

    private void Run()
    {
        int[] sinks = [.. Enumerable.Range(0, _graph.Values.Length).Where(v => _graph.Values[v].IsOutput || _readers[v].Count == 0)];
        int most = sinks.Select(v => _graph.Values[v].Rows).DefaultIfEmpty(0).Max();
        for (int step = 1; step <= most; step++)
        {
            foreach (int v in sinks)
            {
                // Outputs go on side by side, each at its own pace.
                while (_taken[v] < _graph.Values[v].Rows && (long)_taken[v] * most < (long)step * _graph.Values[v].Rows)
                {
                    Make(v, _taken[v], -1);
                    _taken[v]++;
                }
            }
        }
    }

    /// <param name="value">The value.</param>
    /// <param name="row">Up to which.</param>
    /// <param name="by">The stage that asks for it.</param>
    private void Make(int value, int row, int by)
    {
        if (_made[value] > row)
        {
            return;
        }

        int producer = _graph.Values[value].Producer;
        int last = (int)Math.Min((long)row + (producer < 0 ? 0 : _ahead[producer]), _graph.Values[value].Rows - 1);
        while (_made[value] <= last)
        {
            if (producer >= 0)
            {
                foreach (var input in _graph.Stages[producer].Inputs)
                {
                    int needed = input.Window.Last(_made[value], _graph.Values[input.Value].Rows);
                    if (needed >= 0)
                    {
                        Make(input.Value, needed, producer);
                    }
                }
            }

            _made[value]++;
            foreach (var (stage, input, lag) in _readers[value])
            {
                // The stream that asks has let go of what its last row read; those that make the rows before it have not.
                int behind = _isLeast && stage == by ? Math.Max(0, lag - 1) : lag;
                int reached = _made[_graph.Stages[stage].Output];
                int released = reached == _graph.Values[_graph.Stages[stage].Output].Rows ? _graph.Values[value].Rows : reached < behind ? 0 : input.Window.First(reached - behind, _graph.Values[value].Rows);
                Record(value, stage, _made[value] - Math.Min(released, _made[value]));
            }

            if (_graph.Values[value].IsOutput)
            {
                Record(value, -1, _made[value] - _taken[value]);
            }
        }
    }

    private void Record(int value, int stage, int held) => _peaks[(value, stage)] = Math.Max(Math.Max(1, held), _peaks.GetValueOrDefault((value, stage)));
}
