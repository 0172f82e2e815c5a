using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Makes the pipeline of a network: its layers and digital operators as stages, the values between them in rows, and which rows of its inputs a row of a stage reads.
/// <code>
/// before:  l0 'conv' %c = mvm(%x) conv(kernel=3x3, strides=1x1, pads=1x1:1x1, dilations=1x1)    %r = Relu(%c)
/// after:   %c 8 x 64 = conv: analog, rows i .. i + 2 less 1 of %x    %r 8 x 64 = relu: digital, row i of %c
/// </code></summary>
public static class FindStages
{
    public static StagedGraph Run(AnalogGraph<SplitMatrix> graph, ChipDescription chip, CompileOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        string? objection = Objection(graph);
        if (objection is not null)
        {
            return new StagedGraph(graph, null, objection);
        }

        Staging staging = new(graph, chip, options ?? new CompileOptions());
        var stages = staging.Run(out objection);
        return new StagedGraph(graph, objection is null ? stages : null, objection) { Channels = staging.Channels };
    }

    /// <summary>What stands against rows; null = nothing.</summary>
    private static string? Objection(AnalogGraph<SplitMatrix> graph)
    {
        var source = graph.Source;
        foreach (var input in source.Header.Inputs)
        {
            if (!source.Facts.TryGetValue(input.Name, out var facts) || !facts.HasShape || facts.Type == TensorType.Undefined)
            {
                return $"input '{input.Name}' is no tensor of known rank";
            }

            int open = input.Shape.IsDefault ? facts.Shape.Length : input.Shape.Count(d => d < 0);
            int at = input.Shape.IsDefault ? 0 : input.Shape.IndexOf(-1);
            if (open > 1 || (open == 1 && facts.Shape[at] != 1))
            {
                return FormattableString.Invariant($"input '{input.Name}' {Tensor.Format(input.Shape.IsDefault ? facts.Declared : input.Shape)} is open beyond its batch; --dim binds a dimension");
            }
        }

        var packed = PackedValues.Find(source);
        foreach (var node in source.Nodes)
        {
            if (RowOperators.IsDataDependent(node))
            {
                return $"node '{node.Name}' ({node.OpType}) writes as many elements as its data say";
            }

            foreach (string value in node.Writes)
            {
                if (packed.Contains(value))
                {
                    return $"value '{value}' passes from one digital partition to another packed";
                }

                if (!source.Facts.TryGetValue(value, out var facts) || facts.Type is TensorType.Undefined or TensorType.String || !facts.HasShape)
                {
                    return $"value '{value}' is no tensor of known shape";
                }

                if (facts.Shape.Contains(0))
                {
                    return $"value '{value}' is empty";
                }
            }
        }

        return null;
    }

    private sealed class Staging
    {
        private readonly AnalogGraph<SplitMatrix> _analog;
        private readonly Graph _graph;
        private readonly ChipDescription _chip;
        private readonly CompileOptions _options;
        private readonly RowLayouts _layouts;
        private readonly Dictionary<string, int> _values = new(StringComparer.Ordinal);
        private readonly List<StageValue> _made = [];
        private readonly List<Stage> _stages = [];
        private readonly Dictionary<LayerId, int> _stageOf = [];
        private readonly Dictionary<LayerId, long> _ordinals = [];
        private readonly ImmutableDictionary<string, int>.Builder _channels = ImmutableDictionary.CreateBuilder<string, int>(StringComparer.Ordinal);
        private readonly int _bytes;
        private string? _objection;

        public Staging(AnalogGraph<SplitMatrix> analog, ChipDescription chip, CompileOptions options)
        {
            (_analog, _graph, _chip, _options) = (analog, analog.Source, chip, options);
            var inLoops = analog.Loops.SelectMany(l => l.Body).OfType<LoopProduct>().Select(p => p.Layer).ToHashSet();
            _layouts = new RowLayouts(_graph, analog.Layers.Where(l => !inLoops.Contains(l.Id)).ToDictionary(l => l.Node, l => l.View));
            _bytes = chip.Tile.Input.Bits is { } bits ? Math.Max(1, (bits + 7) / 8) : sizeof(float);
        }

        public ImmutableDictionary<string, int> Channels => _channels.ToImmutable();

        public StageGraph Run(out string? objection)
        {
            var live = Live();
            var layers = _analog.Layers.ToLookup(l => l.Node);
            var loops = _analog.Loops.ToDictionary(l => l.Node);
            Dictionary<NodeId, int> clusters = [];
            var found = DigitalClusters.Find(_graph, _analog.Homes);
            foreach (var (cluster, number) in found.Select((c, i) => (c, i)))
            {
                foreach (var node in cluster)
                {
                    clusters.Add(node.Id, number);
                }
            }

            int cells = found.Length;
            Dictionary<string, int> cellOf = new(StringComparer.Ordinal);
            foreach (string cell in _analog.Loops.SelectMany(l => l.Body).OfType<LoopDigital>().Select(d => d.Cell.Header.Outputs[0].Name))
            {
                cellOf.Add(cell, cells++);
            }

            foreach (var input in _graph.Header.Inputs.Where(i => live.Contains(i.Name)))
            {
                AddValue(input.Name, _layouts.RowsOf(input.Name));
            }

            foreach (var node in _graph.Nodes.Where(n => n.Writes.Any(live.Contains)))
            {
                if (loops.TryGetValue(node.Id, out var loop))
                {
                    AddLoop(loop, cellOf);
                }
                else if (_analog.Homes[node.Id].Home == Home.Analog)
                {
                    var layer = layers[node.Id].Single();
                    AddLayer(layer, AddValue(layer.Output, _layouts.RowsOf(layer.Output)), [new StageInput(_values[layer.Input], WindowOf(layer))], null);
                }
                else
                {
                    AddDigital(node, clusters[node.Id], live);
                }
            }

            objection = _objection;
            return new StageGraph([.. _made], [.. _stages]);
        }

        /// <summary>Values that some output or some layer depends on.</summary>
        private HashSet<string> Live()
        {
            HashSet<string> live = new(_graph.Header.Outputs.Select(o => o.Name).Concat(_analog.Layers.Select(l => l.Output)), StringComparer.Ordinal);
            foreach (var node in _graph.Nodes.Reverse())
            {
                if (node.OpType == TimeLoop.OpType)
                {
                    live.UnionWith(node.Writes);
                }

                if (node.Writes.Any(live.Contains))
                {
                    live.UnionWith(node.Reads);
                }
            }

            return live;
        }

        private int AddValue(string name, long rows)
        {
            long elements = Tensor.CountOf(_graph.Facts[name].Shape);
            _made.Add(new StageValue(name, (int)rows, Math.Max(1, elements / rows), _bytes, -1, _graph.IsOutput(name)));
            _values.Add(name, _made.Count - 1);
            return _made.Count - 1;
        }

        private void Add(Stage stage)
        {
            _made[stage.Output] = _made[stage.Output] with { Producer = _stages.Count };
            _stages.Add(stage);
        }

        private RowWindow WindowOf(AnalogLayer<SplitMatrix> layer)
        {
            var input = _made[_values[layer.Input]];
            var layout = _layouts.Of(layer.Output);
            bool isAlike = _layouts.Of(layer.Input) == layout;
            return layer.View switch
            {
                ConvolutionView view when isAlike && layout == RowLayout.Image =>
                    RowWindow.OfKernel(view.Strides[0], (int)view.Pads(0, input.Rows).Begin, (int)view.Reach(0)),
                MatrixView { InputAxis: -1, OutputAxis: -1 } when isAlike && layout == RowLayout.Sequence && input.Rows == _layouts.RowsOf(layer.Output) => RowWindow.SameRow,
                _ => RowWindow.Whole(input.Rows),
            };
        }

        private void AddLayer(AnalogLayer<SplitMatrix> layer, int output, ImmutableArray<StageInput> inputs, string? loop)
        {
            var matrix = layer.Weights.Quantized;
            var input = _made[inputs[0].Value];
            int rows = _made[output].Rows;
            long columns = (long)matrix.Groups * matrix.Columns;
            long vectors = _made[output].ElementsPerRow * rows / ((long)matrix.Groups * matrix.ModelColumns);
            if (layer.View is ConvolutionView { Shifts: > 1 } view)
            {
                long width = _graph.Facts[layer.Output].Shape[^1];
                vectors = _made[output].ElementsPerRow * rows / ((long)matrix.Groups * (matrix.ModelColumns / view.Shifts)) / width * view.VectorsOf(width);
            }

            if (vectors != layer.VectorsPerInference)
            {
                _objection ??= FormattableString.Invariant($"layer '{layer.Name}' takes {vectors} vectors at a time, {layer.VectorsPerInference} of each sample: the model fixes its batch");
            }

            var owner = layer.SharesTilesOf ?? layer.Id;
            long first = _ordinals.GetValueOrDefault(owner);
            _ordinals[owner] = first + vectors;
            _stageOf.Add(layer.Id, _stages.Count);
            var tile = _chip.Tile;
            var timing = MvmTiming.Of(tile, layer.InputIsNonNegative, _options.DrivenPulses.TryGetValue(layer.Name, out var pulses) && !pulses.IsEmpty ? pulses.Max() : null);
            int perRow = (int)(vectors / rows);
            Add(new Stage
            {
                Name = layer.Name,
                Kind = StageKind.Analog,
                Unit = -1,
                Output = output,
                Inputs = inputs,
                OperationsPerRow = perRow * columns,
                Matrix = new MatrixDemand
                {
                    Vectors = vectors,
                    VectorsPerRow = perRow,
                    FirstOrdinal = first,
                    SharesTilesOf = layer.SharesTilesOf is { } shared ? _stageOf[shared] : null,
                    Groups = RowGroups.Of(layer, _chip, input.ElementsPerRow, input.BytesPerElement),
                    IntervalNs = timing.InitiationIntervalNs,
                    LatencyNs = timing.LatencyNs,
                    Columns = (int)columns,
                    PartialSumBytes = sizeof(int),
                    AddsExactly = tile.Adc.Bits is not null && tile.Input.Bits is not null && tile.Weights.Bits is not null && tile.DriftCompensation is null,
                    IsSerial = loop is not null,
                },
                Loop = loop,
            });
        }

        /// <summary>One stage for each value that the operator writes and somebody reads.</summary>
        private void AddDigital(Node node, int cluster, HashSet<string> live)
        {
            bool isHost = _analog.Homes[node.Id].Home == Home.Host;
            string[] writes = [.. node.Writes.Where(live.Contains)];
            long operations = isHost || RowOperators.IsMove(node) ? 0 : DigitalWork.Operations(_graph, node, _analog.Homes[node.Id]) / writes.Length;
            foreach (string output in writes)
            {
                List<StageInput> inputs = [];
                for (int i = 0; i < node.Inputs.Length; i++)
                {
                    if (node.Inputs[i].Length > 0 && _values.TryGetValue(node.Inputs[i], out int value))
                    {
                        inputs.Add(new StageInput(value, isHost ? RowWindow.Whole(_made[value].Rows) : RowOperators.Window(_graph, _layouts, node, i, output)));
                    }
                }

                inputs.AddRange(node.Captured.Where(_values.ContainsKey).Select(c => new StageInput(_values[c], RowWindow.Whole(_made[_values[c]].Rows))));
                var (own, reads) = (operations, Merge(inputs));
                if (!isHost && writes.Length == 1 && reads is [{ IsCarried: false } whole] && RowOperators.InParts(_graph, _layouts, node) is { } parts)
                {
                    reads = [new StageInput(AddParts(node, cluster, whole.Value, parts.OfRow), RowWindow.Whole(_made[whole.Value].Rows))];
                    own = parts.OfParts;
                }

                int made = AddValue(output, _layouts.RowsOf(output));
                if (!isHost && RowOperators.ChannelsAlone(_graph, _layouts, node) is > 1 and var channels)
                {
                    _channels.Add(output, channels);
                }

                Add(new Stage
                {
                    Name = output == writes[0] ? node.Name : $"{node.Name}:{output}",
                    Kind = isHost ? StageKind.Host : StageKind.Digital,
                    Unit = cluster,
                    Output = made,
                    Inputs = reads,
                    OperationsPerRow = (own + _made[made].Rows - 1) / _made[made].Rows,
                    Matrix = null,
                });
            }
        }

        /// <summary>A stage that reduces every row by itself, for an operator that puts all rows together: rows spread over vector units, and they are reduced as they come.</summary>
        /// <returns>The value that it writes: a part of the result for each row.</returns>
        private int AddParts(Node node, int cluster, int input, long operations)
        {
            string name = $"{node.Outputs[0]} parts";
            for (int i = 2; _graph.Facts.ContainsKey(name); i++)
            {
                name = FormattableString.Invariant($"{node.Outputs[0]} parts {i}");
            }

            _made.Add(new StageValue(name, _made[input].Rows, Math.Max(1, Tensor.CountOf(_graph.Facts[node.Outputs[0]].Shape)), _bytes, -1, false));
            Add(new Stage
            {
                Name = $"{node.Name} parts",
                Kind = StageKind.Digital,
                Unit = cluster,
                Output = _made.Count - 1,
                Inputs = [new StageInput(input, RowWindow.SameRow)],
                OperationsPerRow = operations,
                Matrix = null,
            });
            return _made.Count - 1;
        }

        /// <summary>An operator that reads a value twice waits for what is read last and keeps what is read first: where the windows differ, all of it.</summary>
        private ImmutableArray<StageInput> Merge(IEnumerable<StageInput> inputs) =>
        [
            .. inputs.GroupBy(i => (i.Value, i.IsCarried)).Select(g => g.All(i => i.Window == g.First().Window) ? g.First() : g.First() with { Window = RowWindow.Whole(_made[g.Key.Value].Rows) }),
        ];

        /// <summary>Rows are time steps: a step reads its row of what is scanned and what the step before left.</summary>
        private void AddLoop(TimeLoop loop, Dictionary<string, int> cellOf)
        {
            int scanned = _values[loop.Scanned];
            int steps = (int)_graph.Facts[loop.Scanned].Shape[0];
            var layers = _analog.Layers.ToDictionary(l => l.Id);
            bool isRowAStep = _layouts.Of(loop.Scanned) == RowLayout.Sequence && _made[scanned].Rows == steps;
            var slice = loop.IsReverse || !isRowAStep ? RowWindow.Whole(_made[scanned].Rows) : RowWindow.SameRow;
            foreach (string value in loop.Body.SelectMany(s => s switch { LoopProduct p => [layers[p.Layer].Output], LoopDigital d => d.Cell.Header.Outputs.Select(o => o.Name), _ => throw new System.Diagnostics.UnreachableException() }))
            {
                long elements = Tensor.CountOf(_graph.Facts[value].Shape);
                _values.Add(value, _made.Count);
                _made.Add(new StageValue(value, steps, Math.Max(1, elements), _bytes, -1, false));
            }

            foreach (var step in loop.Body)
            {
                if (step is LoopProduct product)
                {
                    var layer = layers[product.Layer];
                    AddLayer(layer, _values[layer.Output], Read(layer.Input), loop.Name);
                    continue;
                }

                var digital = (LoopDigital)step;
                var inputs = Merge(digital.Cell.Header.Inputs.SelectMany(i => Read(i.Name)));
                var outputs = digital.Cell.Header.Outputs;
                foreach (var output in outputs)
                {
                    Add(new Stage
                    {
                        Name = $"{loop.Name}:{output.Name}",
                        Kind = StageKind.Digital,
                        Unit = cellOf[outputs[0].Name],
                        Output = _values[output.Name],
                        Inputs = inputs,
                        OperationsPerRow = (digital.Operations + outputs.Length - 1) / outputs.Length,
                        Matrix = null,
                        Loop = loop.Name,
                    });
                }
            }

            Collect(loop.Collected, loop.Sequence, loop.IsReverse ? RowWindow.Whole(steps) : RowWindow.SameRow);
            foreach (var state in loop.States.Where(s => s.Final is not null))
            {
                Collect(state.Next, state.Final!, RowWindow.Whole(steps));
            }

            // What a loop hands out is data movement: it belongs to no partition.
            void Collect(string inner, string outer, RowWindow window)
            {
                int output = AddValue(outer, _layouts.RowsOf(outer));
                bool isAlike = _made[output].Rows == steps;
                Add(new Stage
                {
                    Name = $"{loop.Name}:{outer}",
                    Kind = StageKind.Digital,
                    Unit = -1,
                    Output = output,
                    Inputs = [new StageInput(_values[inner], isAlike ? window : RowWindow.Whole(steps))],
                    OperationsPerRow = 0,
                    Matrix = null,
                });
            }

            ImmutableArray<StageInput> Read(string name)
            {
                if (name == loop.Slice)
                {
                    return [new StageInput(scanned, slice)];
                }

                if (loop.States.FirstOrDefault(s => s.Current == name) is { } state)
                {
                    StageInput carried = new(_values[state.Next], new RowWindow(1, 1, -1, 1), IsCarried: true);
                    return state.Initial is { } initial && _values.TryGetValue(initial, out int first) ? [carried, new StageInput(first, RowWindow.Whole(_made[first].Rows))] : [carried];
                }

                // What is no value is the number of the step, or a constant.
                return !_values.TryGetValue(name, out int value) ? [] : [new StageInput(value, _made[value].Producer < 0 || _stages[_made[value].Producer].Loop != loop.Name ? RowWindow.Whole(_made[value].Rows) : RowWindow.SameRow)];
            }
        }
    }
}
