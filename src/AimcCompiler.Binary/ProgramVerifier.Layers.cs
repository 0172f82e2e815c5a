using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

public static partial class ProgramVerifier
{
    private static void VerifyLayer(MappedProgram program, MappedLayer layer, string name)
    {
        Check(IsName(layer.Op), $"{name} has no operator");
        Check(layer.Groups >= 1, $"{name} has {layer.Groups} groups, at least 1 is needed");
        Check(layer.Rows >= 1, $"{name} has {layer.Rows} rows, at least 1 is needed");
        Check(layer.Columns >= 1, $"{name} has {layer.Columns} columns, at least 1 is needed");
        VerifyKept(layer.KeptRows, layer.Groups, layer.Rows, name, "rows");
        VerifyKept(layer.KeptColumns, layer.Groups, layer.Columns, name, "columns");
        Check(!layer.IsPart || layer.KeptRows is not null || layer.KeptColumns is not null, $"{name} is a part of a matrix and lacks no rows or columns");
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

        VerifyShifts(layer, view, output[^1], name);
        window = view.Shifts == 1 ? window : window / view.Kernel[^1] * view.Places().Length;
        Check(layer.ModelRows % window == 0, $"{name} has {layer.ModelRows} rows, which is not a multiple of its window of {window}");
        long channels = layer.ModelRows / window;
        CheckDimension(input[1], layer.Groups * channels, $"{name} of {layer.Groups} groups of {channels} channels reads channels");
        CheckDimension(output[1], (long)layer.Groups * layer.ModelColumns / view.Shifts, $"{name} of {layer.Groups} groups of {layer.ModelColumns / view.Shifts} columns writes channels");
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

    /// <summary>The last vector of a line drops what is beyond it, so the line must be known.</summary>
    private static void VerifyShifts(MappedLayer layer, ConvolutionView view, long width, string name)
    {
        Check(view.Shifts is >= 1 and <= ConvolutionView.MostShifts, $"{name} has {view.Shifts} shifts, 1 to {ConvolutionView.MostShifts} are allowed");
        if (view.Shifts == 1)
        {
            return;
        }

        Check(view.Kernel.Length >= 2, $"{name} has {view.Shifts} shifts along its only axis, which has no lines");
        Check(
            ((view.Shifts - 1L) * view.Strides[^1]) + view.Reach(view.Kernel.Length - 1) <= int.MaxValue,
            $"{name} has {view.Shifts} shifts by {view.Strides[^1]}, which reach beyond {int.MaxValue}");
        Check(width >= view.Shifts, $"{name} has {view.Shifts} shifts and writes lines of {width}");
        Check(
            layer.VectorsPerInference % view.VectorsOf(width) == 0,
            $"{name} takes {layer.VectorsPerInference} vectors, a line of {width} takes {view.VectorsOf(width)}");
        Check(layer.ModelColumns % view.Shifts == 0, $"{name} has {layer.ModelColumns} columns, which is not a multiple of its {view.Shifts} shifts");
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

    private static void CheckDimension(long actual, long expected, string what) =>
        Check(actual < 0 || expected < 0 || actual == expected, $"{what} of {actual}");
}
