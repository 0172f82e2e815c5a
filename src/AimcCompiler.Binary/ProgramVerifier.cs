using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>The specification of a <see cref="MappedProgram"/>. Checked in this order:
/// <list type="number">
/// <item>Program: producer and model are named, the model's hash is 64 lower-case hexadecimal digits, there is at least one chip, counts are
/// not negative.</item>
/// <item>Chip: it is valid (<see cref="ChipValidator"/>).</item>
/// <item>Values: names are not empty and unique, types are known, ranks are at most 64, dimensions are -1 or more, and the known ones make
/// at most <see cref="MaximumElements"/> elements; a value without rank has no shape; a nominal shape is known and one of those that the shape
/// allows.</item>
/// <item>Inputs and outputs name values, none twice; fixed inputs have names, which no input has, and one element of their type.</item>
/// <item>Layers: names are not empty and unique; groups, rows, columns, copies and vectors are at least 1; rows and columns that a layer has of the model's matrix are as many, ascending;
/// input and output are numeric values.</item>
/// <item>Sharing: a layer that uses another's tiles names an earlier one that has its own, with the same matrix, kept rows and columns, weights, scales, blocks, packing, copies, ADC ranges
/// and noise.</item>
/// <item>Views: axes or window lists have the rank of the input; kernels, strides and dilations are at least 1, pads at least 0; input,
/// output and the model's matrix agree in every known dimension; only a convolution has several groups.</item>
/// <item>Weights: groups x rows x columns elements of the type that the chip's weight bits ask for; codes are such that the cells hold them
/// (down to -(2^(B-1) - 1), or to -2^(B-1) where the encoding can), contents are finite and within [-1, 1].</item>
/// <item>Scales: 1 or groups x columns, finite, not negative; bias: none or one for each of the model's columns, finite; the input scale is finite and
/// positive; ADC ranges: none, or one a slice on a chip with calibrated ranges, finite and positive; driven pulses: none, or one a block of a copy on a chip that skips
/// zero pulses, from 1 to those of a code.</item>
/// <item>Blocks: inside the layer's matrices; several groups only in a packed layer and then with whole matrices; on a tile of the program's
/// chips, inside its rows and columns (each weight taking its physical rows and columns).</item>
/// <item>Row blocks: number r begins where number r - 1 ends, in every group and copy alike, and the last ends the rows.</item>
/// <item>Cover: in each copy the blocks hold no weight twice, and those that none holds are zero in their cells.</item>
/// <item>Tiles: no two blocks of a segment share a cell.</item>
/// <item>Conversions: on a chip with flip, granular ADC and unsigned pulses, whose ADC takes what the flip rule lets through (half of a
/// tile's full scale), no column sum exceeds the ADC.</item>
/// <item>Partitions: names are not empty and unique, models and pieces of their weights are not empty, inputs and outputs name values, no output twice, at least one.</item>
/// <item>Instructions: each layer and each partition runs exactly once, in the program or in the body of one loop; every value is written once, before it is read;
/// inputs are never written; outputs are written, or are inputs. What exists inside a loop is not read behind it; a loop has no loop inside.</item>
/// <item>Segments: layers run segment after segment, none left out, loops and the layers on the same tiles whole; at least one inference passes each, and the only one once.</item>
/// <item>Nodes: names are not empty, homes and reasons are known, counts are not negative, layers exist.</item>
/// <item>Schedule: what <see cref="ScheduleVerifier"/> says.</item>
/// </list></summary>
public static partial class ProgramVerifier
{
    /// <summary>Elements of the largest array of .NET.</summary>
    public const long MaximumElements = 0x7fffffc7;

    private const int MaximumRank = 64;

    /// <summary>Counts of one layer, partition or node; sums of them over a program stay exact.</summary>
    public const long MaximumCount = 1L << 52;

    /// <exception cref="InvalidIrException">An invariant is broken; the message names the entity and the bound.</exception>
    public static void Verify(MappedProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        VerifyProgram(program);
        VerifyChip(program.Chip);
        VerifyValues(program.Values);
        VerifyIndices(program.Inputs, "program inputs", program.Values);
        VerifyIndices(program.Outputs, "program outputs", program.Values);
        VerifyFixed(program);
        VerifyNames(program.Layers, "layer", l => l.Name);
        foreach (MappedLayer layer in program.Layers)
        {
            string name = NameOf(layer);
            VerifyLayer(program, layer, name);
            VerifyView(program, layer, name);
            bool shares = VerifySharing(program, layer, name);
            if (!shares)
            {
                VerifyWeights(program.Chip.Tile, layer, name);
            }

            VerifyScales(program.Chip.Tile, layer, name);
            VerifyPulses(program.Chip.Tile, layer, name);
            if (shares)
            {
                continue;
            }

            VerifyBlocks(program, layer, name);
            VerifyRowBlocks(layer, name);
            VerifyCover(layer, name);
        }

        VerifyTiles(program);
        VerifyConversions(program);
        VerifyPartitions(program);
        VerifyInstructions(program);
        VerifySegments(program);
        VerifyNodes(program);
        VerifySchedule(program);
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

    private static void VerifySchedule(MappedProgram program)
    {
        Check((program.Schedule is null && program.SegmentSchedules.IsEmpty) || program.NotScheduled is null, "the program has a schedule and a reason why it has none");
        Check(
            program.SegmentSchedules.IsEmpty || (program.SegmentSchedules.Length == program.Segments && program.Segments > 1),
            $"the program has {program.SegmentSchedules.Length} schedules of segments, {program.Segments} segments");
        Check(program.Schedule is null || program.Segments == 1, $"the program has one schedule for {program.Segments} segments");
        Check(program.NotScheduled is null || IsName(program.NotScheduled), "the reason why there is no schedule has no words");
        ScheduleVerifier.Verify(program);
    }

    private static void VerifyProgram(MappedProgram program)
    {
        Check(IsName(program.Producer), "the producer has no name");
        Check(
            IsName(program.ModelName) && !program.ModelName.AsSpan().ContainsAny('/', '\\'),
            $"model name {Quoted.Of(program.ModelName)} is not a file name without folder");
        Check(
            program.ModelSha256.Length == 64 && program.ModelSha256.All(char.IsAsciiHexDigitLower),
            $"model hash {Quoted.Of(program.ModelSha256)} is not 64 lower-case hexadecimal digits");
        Check(program.Chips >= 1, $"the program occupies {program.Chips} chips, at least 1 is needed");
        Check(IsCount(program.ModelParameters), $"the model has {program.ModelParameters} parameters");
        Check(program.Calibration is null || IsName(program.Calibration), "the calibration has no name");
        Check(program.Preprocessing is null || IsObject(program.Preprocessing), "the preprocessing is not a JSON object");
        Check(
            !program.Values.IsDefault && !program.Layers.IsDefault && !program.Partitions.IsDefault && !program.Instructions.IsDefault
                && !program.Nodes.IsDefault,
            "a list of the program is missing");
    }

    private static bool IsObject(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static void VerifyChip(ChipDescription chip)
    {
        Diagnostic? finding = ChipValidator.Validate(chip, "chip").Diagnostics.FirstOrDefault(d => d.Severity == Severity.Error);
        Check(finding is null, $"{finding?.Where} {finding?.Message}");
    }

    private static void VerifyValues(ImmutableArray<ProgramValue> values)
    {
        VerifyNames(values, "value", v => v.Name);
        foreach (ProgramValue value in values)
        {
            string name = $"value {Quoted.Of(value.Name)}";
            Check(Enum.IsDefined(value.Type), $"{name} has type {(int)value.Type}, which is not known");
            Check(!value.Shape.IsDefault, $"{name} has no shape");
            Check(value.Shape.Length <= MaximumRank, $"{name} has rank {value.Shape.Length}, at most {MaximumRank} is allowed");
            long elements = 1;
            foreach (long dimension in value.Shape)
            {
                Check(dimension >= -1, $"{name} has dimension {dimension}, at least -1 is allowed");
                Check(dimension <= MaximumElements / elements, $"{name} of shape {Tensor.Format(value.Shape)} has over {MaximumElements} elements");
                elements *= Math.Max(1, dimension);
            }

            Check(!value.IsUnranked || value.Shape.IsEmpty, $"{name} has no rank and shape {Tensor.Format(value.Shape)}");
            Check(!value.Nominal.IsDefault, $"{name} has no list of nominal extents");
            if (!value.Nominal.IsEmpty)
            {
                Check(
                    value.IsUnranked ? value.Nominal.Length <= MaximumRank : value.Nominal.Length == value.Shape.Length,
                    $"{name} of shape {Tensor.Format(value.Shape)} is nominally {Tensor.Format(value.Nominal)}");
                elements = 1;
                for (int i = 0; i < value.Nominal.Length; i++)
                {
                    Check(
                        value.Nominal[i] >= 0 && (value.IsUnranked || value.Shape[i] < 0 || value.Shape[i] == value.Nominal[i]),
                        $"{name} of shape {Tensor.Format(value.Shape)} is nominally {Tensor.Format(value.Nominal)}");
                    Check(value.Nominal[i] <= MaximumElements / elements, $"{name} is nominally {Tensor.Format(value.Nominal)}, over {MaximumElements} elements");
                    elements *= Math.Max(1, value.Nominal[i]);
                }
            }
        }
    }

    private static void VerifyIndices(ImmutableArray<int> indices, string what, ImmutableArray<ProgramValue> values)
    {
        Check(!indices.IsDefault, $"the {what} are missing");
        var seen = new HashSet<int>();
        foreach (int index in indices)
        {
            Check(index >= 0 && index < values.Length, $"the {what} name value {index}, there are {values.Length} values");
            Check(seen.Add(index), $"the {what} name value {index} twice");
        }
    }

    private static void VerifyFixed(MappedProgram program)
    {
        Check(!program.Fixed.IsDefault, "the fixed inputs are missing");
        VerifyNames(program.Fixed, "fixed input", f => f.Name);
        foreach (FixedInput input in program.Fixed)
        {
            string name = $"fixed input {Quoted.Of(input.Name)}";
            Check(!program.Inputs.Any(i => program.Values[i].Name == input.Name), $"{name} is an input too");
            Check(!input.Shape.IsDefault && input.Shape.Length <= MaximumRank, $"{name} has no shape, or one of more than {MaximumRank} dimensions");
            Check(input.Text is not null && input.ToTensor() is not null, $"{name} has no value of type {input.Type}");
        }
    }

    private static void VerifyNames<T>(ImmutableArray<T> entities, string kind, Func<T, string> nameOf)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < entities.Length; i++)
        {
            string name = nameOf(entities[i]);
            Check(IsName(name), $"{kind} {i} has no name, or one that is not valid Unicode");
            Check(seen.Add(name), $"{kind} {i} has the name {Quoted.Of(name)} of an earlier {kind}");
        }
    }

    private static void VerifyLayer(MappedProgram program, MappedLayer layer, string name)
    {
        Check(IsName(layer.Op), $"{name} has no operator");
        Check(layer.Groups >= 1, $"{name} has {layer.Groups} groups, at least 1 is needed");
        Check(layer.Rows >= 1, $"{name} has {layer.Rows} rows, at least 1 is needed");
        Check(layer.Columns >= 1, $"{name} has {layer.Columns} columns, at least 1 is needed");
        VerifyKept(layer.KeptRows, layer.Groups, layer.Rows, name, "rows");
        VerifyKept(layer.KeptColumns, layer.Groups, layer.Columns, name, "columns");
        Check(layer.Copies >= 1, $"{name} has {layer.Copies} copies, at least 1 is needed");
        Check(layer.NoiseKey is >= 0 and < 1 << 20, $"{name} has noise key {layer.NoiseKey}, 0 to 2^20 - 1 are possible");
        Check(
            layer.VectorsPerInference >= 1 && IsCount(layer.VectorsPerInference),
            $"{name} has {layer.VectorsPerInference} vectors per inference, 1 to {MaximumCount} are allowed");
        Check(Enum.IsDefined(layer.Packing), $"{name} has packing {(int)layer.Packing}, which is not known");
        foreach (var (index, what) in ((int, string)[])[(layer.Input, "input"), (layer.Output, "output")])
        {
            Check(index >= 0 && index < program.Values.Length, $"{name} has value {index} as {what}, there are {program.Values.Length} values");
            TensorType type = program.Values[index].Type;
            Check(
                type is not (TensorType.Undefined or TensorType.String or TensorType.Bool),
                $"{name} has value {index} of type {type} as {what}, a numeric tensor is needed");
        }
    }

    private static void VerifyKept(KeptLines? kept, int groups, int lines, string name, string what)
    {
        if (kept is null)
        {
            return;
        }

        Check(kept.Total <= MaximumElements / groups, $"{name} has {groups} groups of {kept.Total} {what} in the model, over {MaximumElements}");
        Check(!kept.Indices.IsDefault && kept.Indices.Length == lines, $"{name} has {(kept.Indices.IsDefault ? 0 : kept.Indices.Length)} kept {what}, its matrix has {lines}");
        int last = -1;
        foreach (int index in kept.Indices)
        {
            Check(index > last && index < kept.Total, $"{name} keeps {what} {index} of {kept.Total} after {last}");
            last = index;
        }
    }

    /// <returns>True = the owner of the tiles is verified instead.</returns>
    private static bool VerifySharing(MappedProgram program, MappedLayer layer, string name)
    {
        if (layer.SharesTilesOf is not { } index)
        {
            return false;
        }

        Check(
            index >= 0 && index < program.Layers.Length && !ReferenceEquals(program.Layers[index], layer) && program.Layers.IndexOf(layer) > index,
            $"{name} shares the tiles of layer {index}, which does not come before it");
        MappedLayer owner = program.Layers[index];
        Check(owner.SharesTilesOf is null, $"{name} shares the tiles of {NameOf(owner)}, which has none of its own");
        Check(
            (owner.Groups, owner.Rows, owner.Columns, owner.Packing, owner.Copies, owner.NoiseKey)
                == (layer.Groups, layer.Rows, layer.Columns, layer.Packing, layer.Copies, layer.NoiseKey),
            $"{name} shares the tiles of {NameOf(owner)}, whose matrix, packing, copies or noise differ");
        Check(owner.KeptRows == layer.KeptRows && owner.KeptColumns == layer.KeptColumns, $"{name} shares the tiles of {NameOf(owner)}, which keep other rows or columns");
        Check(
            owner.Weights == layer.Weights && owner.Blocks == layer.Blocks && owner.Scales == layer.Scales && owner.AdcRanges.SequenceEqual(layer.AdcRanges)
                && owner.Centers.SequenceEqual(layer.Centers),
            $"{name} shares the tiles of {NameOf(owner)} and has weights, blocks, scales or ADC ranges of its own");
        return true;
    }

    private static void VerifyView(MappedProgram program, MappedLayer layer, string name)
    {
        ImmutableArray<long> input = program.Values[layer.Input].Shape;
        ImmutableArray<long> output = program.Values[layer.Output].Shape;
        switch (layer.View)
        {
            case MatrixView view:
                Check(layer.Groups == 1, $"{name} has {layer.Groups} groups, a matrix view has 1");
                Check(view.InputAxis is -1 or -2, $"{name} has input axis {view.InputAxis}, -1 or -2 is allowed");
                Check(view.OutputAxis is -1 or -2, $"{name} has output axis {view.OutputAxis}, -1 or -2 is allowed");
                Check(input.Length >= -view.InputAxis, $"{name} reads along axis {view.InputAxis} of an input of rank {input.Length}");
                Check(output.Length >= -view.OutputAxis, $"{name} writes along axis {view.OutputAxis} of an output of rank {output.Length}");
                CheckDimension(input[^-view.InputAxis], layer.ModelRows, $"{name} of {layer.ModelRows} rows reads along a dimension");
                CheckDimension(output[^-view.OutputAxis], layer.ModelColumns, $"{name} of {layer.ModelColumns} columns writes along a dimension");
                break;
            case ConvolutionView view:
                VerifyWindows(layer, view, input, output, name);
                break;
            default:
                Check(false, $"{name} has no view of its input");
                break;
        }
    }

    private static void VerifyWindows(
        MappedLayer layer, ConvolutionView view, ImmutableArray<long> input, ImmutableArray<long> output, string name)
    {
        (ImmutableArray<int> List, string What, int Minimum)[] lists =
        [
            (view.Kernel, "kernel", 1), (view.Strides, "strides", 1), (view.PadsBegin, "pads_begin", 0), (view.PadsEnd, "pads_end", 0),
            (view.Dilations, "dilations", 1),
        ];
        int rank = view.Kernel.IsDefault ? 0 : view.Kernel.Length;
        Check(rank >= 1, $"{name} has a kernel of rank 0, at least 1 is needed");
        foreach (var (list, what, minimum) in lists)
        {
            int length = list.IsDefault ? 0 : list.Length;
            Check(length == rank, $"{name} has {what} of rank {length}, its kernel has rank {rank}");
            foreach (int entry in list)
            {
                Check(entry >= minimum, $"{name} has {entry} among its {what}, at least {minimum} is allowed");
            }
        }

        Check(Enum.IsDefined(view.AutoPad), $"{name} has the unknown automatic pads {(int)view.AutoPad}");
        Check(
            view.AutoPad == AutoPad.None || (view.PadsBegin.All(p => p == 0) && view.PadsEnd.All(p => p == 0)),
            $"{name} has automatic pads and fixed ones");
        Check(input.Length == rank + 2, $"{name} has an input of rank {input.Length}, its windows need {rank + 2}");
        Check(output.Length == rank + 2, $"{name} has an output of rank {output.Length}, its windows need {rank + 2}");
        long window = 1;
        foreach (int extent in view.Kernel)
        {
            window *= extent;
            Check(window <= layer.ModelRows, $"{name} has a window of {window} positions or more, its matrix {layer.ModelRows} rows");
        }

        Check(layer.ModelRows % window == 0, $"{name} has {layer.ModelRows} rows, which is not a multiple of its window of {window}");
        long channels = layer.ModelRows / window;
        CheckDimension(input[1], layer.Groups * channels, $"{name} of {layer.Groups} groups of {channels} channels reads channels");
        CheckDimension(output[1], (long)layer.Groups * layer.ModelColumns, $"{name} of {layer.Groups} groups of {layer.ModelColumns} columns writes channels");
        CheckDimension(output[0], input[0], $"{name} reads a batch of {input[0]} and writes a batch");
        for (int i = 0; i < rank; i++)
        {
            if (input[i + 2] >= 0)
            {
                // Not OutputExtent at once: its division rounds a window that does not fit up to one output.
                long reach = view.Reach(i);
                var (begin, end) = view.Pads(i, input[i + 2]);
                long padded = input[i + 2] + begin + end;
                Check(reach <= padded, $"{name} has a window that reaches over {reach} along axis {i}, its padded input has {padded}");
                long windows = view.OutputExtent(i, input[i + 2]);
                CheckDimension(output[i + 2], windows, $"{name} has {windows} windows along axis {i} and writes a dimension");
            }
        }
    }

    private static void VerifyWeights(TileDescription tile, MappedLayer layer, string name)
    {
        WeightSection weights = layer.Weights;
        WeightElement element = weights.Element;
        Check(Enum.IsDefined(element), $"{name} has weights of type {(int)element}, which is not known");
        var expected = (Int128)layer.Groups * layer.Rows * layer.Columns * WeightSection.SizeOf(element);
        Check(
            weights.Bytes.Length == expected,
            $"{name} has {weights.Bytes.Length} bytes of weights, {layer.Groups} groups of {layer.Rows} x {layer.Columns} of {element} take {expected}");
        var encoding = WeightEncoding.Of(tile);
        if (encoding.WeightBits is not { } bits)
        {
            Check(element == WeightElement.Float32, $"{name} has weights of type {element}, the chip's analog cells need {WeightElement.Float32}");
            ReadOnlySpan<float> contents = weights.Float32;
            int outside = UnitInterval.IndexOfOutside(contents);
            if (outside >= 0)
            {
                throw new InvalidIrException($"{name} has content {contents[outside]} at weight {outside}, -1 to 1 is allowed");
            }

            return;
        }

        Check(
            element == WeightElement.Int16 || (element == WeightElement.Int8 && bits <= 8 && !encoding.HasCenters),
            $"{name} has weights of type {element}, the chip's {bits} bits need {(bits <= 8 && !encoding.HasCenters ? WeightElement.Int8 : WeightElement.Int16)}");
        Check(
            layer.Centers.IsEmpty ? !encoding.HasCenters : encoding.HasCenters && layer.Centers.Length == layer.Groups * layer.Columns,
            $"{name} has {layer.Centers.Length} centers for {layer.Groups * layer.Columns} columns, the chip encodes {(encoding.HasCenters ? "with" : "without")} them");
        Check(
            layer.Centers.All(c => Math.Abs((long)c) <= encoding.MaxCode), $"{name} has a center beyond {-encoding.MaxCode} to {encoding.MaxCode}");
        int lowest = encoding.LowestInCells();
        int at = element == WeightElement.Int8
            ? IndexOutside(weights.Int8, lowest, encoding.HighestInCells)
            : IndexOutside(weights.Int16, lowest, encoding.HighestInCells);
        if (at >= 0)
        {
            throw new InvalidIrException($"{name} has code {weights.Code(at)} at weight {at}, {lowest} to {encoding.HighestInCells} is allowed");
        }
    }

    private static int IndexOutside(ReadOnlySpan<sbyte> codes, int lowest, int highest) =>
        codes.IndexOfAnyExceptInRange((sbyte)lowest, (sbyte)highest);

    private static int IndexOutside(ReadOnlySpan<short> codes, int lowest, int highest) =>
        codes.IndexOfAnyExceptInRange((short)lowest, (short)highest);

    private static void VerifyScales(TileDescription tile, MappedLayer layer, string name)
    {
        long outputs = (long)layer.Groups * layer.Columns;
        int scales = layer.Scales.IsDefault ? 0 : layer.Scales.Length;
        Check(scales == 1 || scales == outputs, $"{name} has {scales} scales, 1 or {outputs} are needed");
        foreach (float scale in layer.Scales)
        {
            Check(float.IsFinite(scale) && scale >= 0, $"{name} has the scale {scale}, finite and not negative is needed");
        }

        int biases = layer.Bias.IsDefault ? -1 : layer.Bias.Length;
        long modelOutputs = (long)layer.Groups * layer.ModelColumns;
        Check(biases == 0 || biases == modelOutputs, $"{name} has {biases} biases, none or {modelOutputs} are needed");
        foreach (float bias in layer.Bias)
        {
            Check(float.IsFinite(bias), $"{name} has the bias {bias}, finite is needed");
        }

        Check(
            layer.InputScale is not { } inputScale || (float.IsFinite(inputScale) && inputScale > 0),
            $"{name} has the input scale {layer.InputScale}, finite and positive is needed");
        int ranges = layer.AdcRanges.IsDefault ? -1 : layer.AdcRanges.Length;
        int allowed = tile.Adc.Range == AdcRange.Calibrated ? WeightEncoding.Of(tile).Slices : 0;
        Check(ranges == 0 || ranges == allowed, $"{name} has {ranges} ADC ranges, the chip takes {(allowed == 0 ? "none" : $"none or {allowed}")}");
        foreach (float range in layer.AdcRanges)
        {
            Check(float.IsFinite(range) && range > 0, $"{name} has the ADC range {range}, finite and positive is needed");
        }
    }

    private static void VerifyPulses(TileDescription tile, MappedLayer layer, string name)
    {
        Check(!layer.DrivenPulses.IsDefault, $"{name} has no list of driven pulses");
        if (layer.DrivenPulses.IsEmpty)
        {
            return;
        }

        Check(tile.Input.SkipsZeroPulses == true, $"{name} has driven pulses, the chip skips none");
        int blocks = layer.Blocks.IsDefault ? 0 : layer.Blocks.Length / layer.Copies;
        Check(layer.DrivenPulses.Length == blocks, $"{name} has driven pulses of {layer.DrivenPulses.Length} blocks, a copy has {blocks}");
        int most = InputEncoding.Of(tile.Input, layer.InputIsNonNegative).PulseWeights.Length;
        foreach (float pulses in layer.DrivenPulses)
        {
            Check(pulses >= 1 && pulses <= most, $"{name} has {pulses} driven pulses, 1 to {most} are possible");
        }
    }

    private static void VerifyBlocks(MappedProgram program, MappedLayer layer, string name)
    {
        TileDescription tile = program.Chip.Tile;
        var geometry = new TileGeometry(tile);
        Int128? tiles = program.Chip.TilesPerChip is { } perChip ? (Int128)program.Chips * perChip : null;
        Check(!layer.Blocks.IsDefault, $"{name} has no blocks");
        for (int i = 0; i < layer.Blocks.Length; i++)
        {
            Block block = layer.Blocks[i];
            string where = $"block {i} of {name}";
            Check(block.Copy >= 0 && block.Copy < layer.Copies, $"{where} is of copy {block.Copy}, the layer has {layer.Copies}");
            CheckSpan(block.FirstGroup, block.Groups, layer.Groups, where, "groups");
            CheckSpan(block.RowStart, block.RowCount, layer.Rows, where, "matrix rows");
            CheckSpan(block.ColumnStart, block.ColumnCount, layer.Columns, where, "matrix columns");
            Check(block.RowBlock >= 0 && block.RowBlock < layer.Rows, $"{where} is row block {block.RowBlock}, at most {layer.Rows} are possible");
            if (block.Groups > 1)
            {
                Check(layer.Packing == DepthwisePolicy.Packed, $"{where} has {block.Groups} groups, the layer is not packed");
                Check(
                    block.RowCount == layer.Rows && block.ColumnCount == layer.Columns,
                    $"{where} packs {block.RowCount} x {block.ColumnCount} of matrices of {layer.Rows} x {layer.Columns}, a packed block holds whole ones");
            }

            Check(block.Tile >= 0 && (tiles is null || block.Tile < tiles), $"{where} is on tile {block.Tile}, {program.Chips} chips have {tiles} tiles");
            CheckSpan(block.TileRow, PhysicalRows(block, geometry), tile.Rows, where, "physical rows");
            CheckSpan(block.TileColumn, PhysicalColumns(block, geometry), tile.Columns, where, "physical columns");
        }
    }

    private static long PhysicalRows(Block block, TileGeometry geometry) => (long)block.Groups * block.RowCount * geometry.PhysicalRowsPerWeight;

    private static long PhysicalColumns(Block block, TileGeometry geometry) =>
        (long)block.Groups * block.ColumnCount * geometry.PhysicalColumnsPerWeight;

    private static void VerifyRowBlocks(MappedLayer layer, string name)
    {
        var extents = new SortedDictionary<int, (int Start, int Count)>();
        foreach (Block block in layer.Blocks)
        {
            var extent = (block.RowStart, block.RowCount);
            if (!extents.TryAdd(block.RowBlock, extent))
            {
                (int Start, int Count) other = extents[block.RowBlock];
                Check(
                    other == extent,
                    $"row block {block.RowBlock} of {name} has rows {block.RowStart} + {block.RowCount} in one block, {other.Start} + {other.Count} in another");
            }
        }

        int end = 0;
        int next = 0;
        foreach (var (index, (start, count)) in extents)
        {
            Check(index == next, $"row block {next} of {name} is missing");
            Check(start == end, $"row block {index} of {name} begins at row {start}, the one before it ends at {end}");
            end = start + count;
            next++;
        }

        Check(end == layer.Rows, $"the row blocks of {name} end at row {end}, the matrix has {layer.Rows} rows");
    }

    private static void VerifyCover(MappedLayer layer, string name)
    {
        if (layer.Blocks.Sum(b => (long)b.Groups * b.RowCount * b.ColumnCount) < (long)layer.Copies * layer.Groups * layer.Rows * layer.Columns)
        {
            VerifyHoles(layer, name);
            return;
        }

        int rowBlocks = layer.Blocks.Max(b => b.RowBlock) + 1;
        var expected = (Copy: 0, Group: 0, RowBlock: 0, Column: 0);
        foreach (Block block in layer.Blocks.OrderBy(b => (b.Copy, b.FirstGroup, b.RowBlock, b.ColumnStart)))
        {
            // In this order every block must begin where the one before it ended.
            var actual = (block.Copy, block.FirstGroup, block.RowBlock, block.ColumnStart);
            Check(
                actual.CompareTo(expected) <= 0,
                $"no block of {name} holds {Place(expected)}; the next block holds {Place(actual)}");
            Check(actual == expected, $"two blocks of {name} hold {Place(actual)}");
            expected.Column = block.ColumnStart + block.ColumnCount;
            if (expected.Column == layer.Columns)
            {
                expected = (block.Copy, block.FirstGroup, block.RowBlock + 1, 0);
            }

            if (expected.RowBlock == rowBlocks)
            {
                expected = (block.Copy, block.FirstGroup + block.Groups, 0, 0);
            }

            if (expected.Group == layer.Groups)
            {
                expected = (block.Copy + 1, 0, 0, 0);
            }
        }

        Check(expected == (layer.Copies, 0, 0, 0), $"no block of {name} holds {Place(expected)}");

        static string Place((int Copy, int Group, int RowBlock, int Column) place) =>
            $"column {place.Column} of row block {place.RowBlock} of group {place.Group} in copy {place.Copy}";
    }

    /// <summary>Every copy has the blocks of the first, which hold no weight twice and all that are not zero in their cells.</summary>
    private static void VerifyHoles(MappedLayer layer, string name)
    {
        Block[] blocks = [.. layer.Blocks.OrderBy(b => (b.Copy, b.FirstGroup, b.RowBlock, b.ColumnStart))];
        int perCopy = blocks.Length / layer.Copies;
        for (int i = 0; i < blocks.Length; i++)
        {
            var (one, first) = (blocks[i], blocks[perCopy == 0 ? 0 : i % perCopy]);
            Check(
                perCopy > 0 && one.Copy == i / perCopy && one with { Copy = 0, Tile = first.Tile, TileRow = first.TileRow, TileColumn = first.TileColumn } == first,
                $"the copies of {name} hold different parts of it");
        }

        var ofGroup = blocks[..perCopy].SelectMany(b => Enumerable.Range(b.FirstGroup, b.Groups).Select(g => (Group: g, Block: b))).ToLookup(b => b.Group, b => b.Block);
        bool[] isHeld = new bool[layer.Rows * layer.Columns];
        for (int group = 0; group < layer.Groups; group++)
        {
            Array.Clear(isHeld);
            foreach (Block block in ofGroup[group])
            {
                for (int row = block.RowStart; row < block.RowStart + block.RowCount; row++)
                {
                    var line = isHeld.AsSpan((row * layer.Columns) + block.ColumnStart, block.ColumnCount);
                    Check(!line.Contains(true), $"two blocks of {name} hold row {row} of group {group} from column {block.ColumnStart} on");
                    line.Fill(true);
                }
            }

            for (int at = Array.IndexOf(isHeld, false); at >= 0;)
            {
                int next = isHeld.AsSpan(at).IndexOf(true);
                int end = next < 0 ? isHeld.Length : at + next;
                int wrong = IndexOfNotZero(layer.Weights, (group * isHeld.Length) + at, end - at);
                if (wrong >= 0)
                {
                    throw new InvalidIrException($"no block of {name} holds row {(at + wrong) / layer.Columns} and column {(at + wrong) % layer.Columns} of group {group}, which is not zero");
                }

                at = next < 0 ? -1 : Array.IndexOf(isHeld, false, end);
            }
        }
    }

    private static int IndexOfNotZero(WeightSection weights, int start, int count) => weights.Element switch
    {
        WeightElement.Int8 => weights.Int8.Slice(start, count).IndexOfAnyExcept((sbyte)0),
        WeightElement.Int16 => weights.Int16.Slice(start, count).IndexOfAnyExcept((short)0),
        _ => weights.Float32.Slice(start, count).IndexOfAnyExcept(0f),
    };

    private static void VerifyTiles(MappedProgram program)
    {
        var geometry = new TileGeometry(program.Chip.Tile);
        var placed = program.Layers.Where(l => l.SharesTilesOf is null).SelectMany(layer => layer.Blocks.Select(block => (Layer: layer, Block: block)))
            .OrderBy(p => (p.Layer.Segment, p.Block.Tile, p.Block.TileRow, p.Block.TileColumn));

        // Per physical column of the tile at hand: the row below the lowest cell taken so far, and by whom.
        int[] ends = new int[program.Chip.Tile.Columns];
        MappedLayer?[] owners = new MappedLayer?[program.Chip.Tile.Columns];
        (int Segment, int Tile) tile = (0, -1);
        foreach (var (layer, block) in placed)
        {
            if ((layer.Segment, block.Tile) != tile)
            {
                tile = (layer.Segment, block.Tile);
                Array.Clear(ends);
            }

            int columns = (int)PhysicalColumns(block, geometry);
            int end = block.TileRow + (int)PhysicalRows(block, geometry);
            for (int c = block.TileColumn; c < block.TileColumn + columns; c++)
            {
                if (ends[c] > block.TileRow)
                {
                    throw new InvalidIrException(
                        $"blocks of {NameOf(owners[c]!)} and {NameOf(layer)} share the cell of row {block.TileRow} and column {c} of tile {block.Tile}");
                }

                ends[c] = end;
                owners[c] = layer;
            }
        }
    }

    private static void VerifyConversions(MappedProgram program)
    {
        TileDescription tile = program.Chip.Tile;
        var encoding = WeightEncoding.Of(tile);
        if (!encoding.HasFlip || encoding.IsAnalog || tile.Adc.Range != AdcRange.Granular || tile.Adc.Bits is not { } bits)
        {
            return;
        }

        long limit = (1L << bits) - 1;
        List<MappedLayer> bounded = [];
        foreach (MappedLayer layer in program.Layers)
        {
            var input = InputEncoding.Of(tile.Input, layer.InputIsNonNegative);
            long promised = Math.Max((long)tile.Rows * encoding.MaxLevel / 2, encoding.HasUnitColumn ? tile.Rows : 0) * LargestDrive(tile, input);
            if (!input.HasSignedPulses && promised <= limit)
            {
                bounded.Add(layer);
            }
        }

        foreach (var (layer, worst) in bounded.Zip(WorstColumnSums(program, bounded)))
        {
            Check(worst <= limit, $"{NameOf(layer)} has a column sum of {worst}, the ADC of {bits} bits takes {limit}");
        }
    }

    private static void VerifyPartitions(MappedProgram program)
    {
        VerifyNames(program.Partitions, "partition", p => p.Name);
        foreach (DigitalPartition partition in program.Partitions)
        {
            string name = $"partition {Quoted.Of(partition.Name)}";
            Check(!partition.Model.IsEmpty, $"{name} has an empty model");
            Check(!partition.Weights.IsDefault && partition.Weights.All(w => !w.IsEmpty), $"{name} has an empty piece of weights");
            VerifyIndices(partition.Inputs, $"inputs of {name}", program.Values);
            VerifyIndices(partition.Outputs, $"outputs of {name}", program.Values);
            Check(!partition.Outputs.IsEmpty, $"{name} has no outputs, at least 1 is needed");
            Check(IsCount(partition.Operations), $"{name} has {partition.Operations} operations, 0 to {MaximumCount} are allowed");
        }
    }

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

    private static void VerifyNodes(MappedProgram program)
    {
        for (int i = 0; i < program.Nodes.Length; i++)
        {
            NodePlacement node = program.Nodes[i];
            Check(IsName(node.Name), $"node {i} has no name, or one that is not valid Unicode");
            string name = $"node {i} {Quoted.Of(node.Name)}";
            Check(IsName(node.Op), $"{name} has no operator");
            Check(Enum.IsDefined(node.Home), $"{name} has home {(int)node.Home}, which is not known");
            Check(Enum.IsDefined(node.Reason), $"{name} has reason {(int)node.Reason}, which is not known");
            Check(IsCount(node.Parameters), $"{name} has {node.Parameters} parameters, 0 to {MaximumCount} are allowed");
            Check(IsCount(node.Macs), $"{name} has {node.Macs} multiply-accumulates, 0 to {MaximumCount} are allowed");
            Check(node.Layer >= -1 && node.Layer < program.Layers.Length, $"{name} is layer {node.Layer}, there are {program.Layers.Length}");
        }
    }

    private static string NameOf(MappedLayer layer) => $"layer {Quoted.Of(layer.Name)}";

    internal static bool IsCount(long count) => count is >= 0 and <= MaximumCount;

    /// <summary>Not empty, and no lone surrogate: in UTF-8 it would become another name.</summary>
    internal static bool IsName(string name)
    {
        for (int i = 0; i < name.Length; i++)
        {
            if (char.IsSurrogate(name[i]) && !(i + 1 < name.Length && char.IsSurrogatePair(name[i], name[++i])))
            {
                return false;
            }
        }

        return name.Length > 0;
    }

    private static void CheckSpan(int start, long count, int end, string where, string what) =>
        Check(start >= 0 && count >= 1 && start <= end - count, $"{where} has {what} {start} + {count}, 0 to {end} is allowed");

    private static void CheckDimension(long actual, long expected, string what) =>
        Check(actual < 0 || expected < 0 || actual == expected, $"{what} of {actual}");

    internal static void Check(
        [DoesNotReturnIf(false)] bool holds, [InterpolatedStringHandlerArgument(nameof(holds))] BrokenInvariant message)
    {
        if (!holds)
        {
            throw new InvalidIrException(message.ToString());
        }
    }

    internal static void Check([DoesNotReturnIf(false)] bool holds, string message)
    {
        if (!holds)
        {
            throw new InvalidIrException(message);
        }
    }
}
