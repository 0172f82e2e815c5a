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
/// <item>Layers: names are not empty and unique; groups, rows, columns, copies and vectors are at least 1; rows and columns that a layer has of the model's matrix are as many, ascending, and a part lacks some;
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
