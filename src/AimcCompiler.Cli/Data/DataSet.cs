using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Samples for every input of a model, and their labels when there are any.</summary>
internal sealed class DataSet : IDisposable
{
    private static readonly string[] TargetNames = ["targets", "target", "y"];

    private readonly Dictionary<string, InputData> _inputs = new(StringComparer.Ordinal);
    private ImmutableArray<TestSet> _sets = [];
    private string _setFolder = "";
    private ArraySource? _targets;

    private DataSet()
    {
    }

    /// <summary>Number of samples; at least 1.</summary>
    public long Count { get; private set; }

    /// <summary>The class of each sample, or null.</summary>
    public int[]? Labels { get; private set; }

    /// <summary>It is known what the scored output should be.</summary>
    public bool HasTargets => _targets is not null;

    /// <summary>What the scored output should be for samples [first, first + count).</summary>
    public Tensor Targets(long first, int count)
    {
        // A test set may have several places for a sample on the first axis.
        long each = _targets!.Slices / Count;
        return new Tensor(_targets.Type, _targets.Shape.SetItem(0, count * each), _targets.Read(first * each, count * each));
    }

    /// <summary>What a test set says of an output, by its name or else its number; null = nothing.</summary>
    /// <exception cref="DiagnosticException">Test sets differ in the output's type or shape.</exception>
    public Tensor? Expected(string name, int index)
    {
        if (_sets.IsEmpty)
        {
            return null;
        }

        var parts = _sets.Select(set => set.Outputs.Where(t => t.Name == name).Select(t => t.Tensor).FirstOrDefault() ?? (index < set.Outputs.Length ? set.Outputs[index].Tensor : null)).ToList();
        return parts.Contains(null) ? null : Join(_setFolder, parts!);
    }

    /// <exception cref="DiagnosticException">A file cannot be read, or the data do not fit the model.</exception>
    public static DataSet Open(DataRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var set = new DataSet();
        try
        {
            set.Fill(request);
            return set;
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }

    /// <summary>Samples of one input: <see cref="Count"/>, but for a whole batch of a model whose inputs differ in their first dimension.</summary>
    public long CountOf(string input) => _inputs[input].ServesEveryRun ? Count : _inputs[input].Count;

    /// <summary>Every sample is a run of its own.</summary>
    public bool IsOneByOne => _inputs.Values.Any(i => i.HoldsWholeInputs || i.ServesEveryRun);

    /// <summary>Samples [first, first + count) of an input: of the input's type, shape [count, ...], preprocessed.</summary>
    public Tensor Batch(string input, long first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, CountOf(input) - first);
        return _inputs[input].Batch(first, count);
    }

    public void Dispose()
    {
        foreach (var input in _inputs.Values)
        {
            input.Dispose();
        }

        _targets?.Dispose();
    }

    private void Fill(DataRequest request)
    {
        var preprocess = Preprocess.Of(request.Preprocess, request.PreprocessFile, request.Stored, request.Model);
        foreach (var (input, path) in Assign(request))
        {
            if (Directory.Exists(path) && TestSetReader.IsTestSet(path))
            {
                FillFromTestSets(request, path, preprocess);
            }
            else
            {
                Fill(request, input, path, preprocess);
            }
        }

        Check(request, preprocess);
        OpenTargets(request);
    }

    private void OpenTargets(DataRequest request)
    {
        var (name, index) = request.Scored ?? ("", 0);
        if (request.Targets is { } path)
        {
            _targets = DataFile.Open(path, [name, .. TargetNames], null);
            if (_targets.Shape.IsEmpty || _targets.Slices != Count)
            {
                throw WrongShape(path, $"the targets have shape {Tensor.Format(_targets.Shape)}, wanted is one entry for each of {Count} samples");
            }
        }
        else if (request.Scored is not null && Expected(name, index) is { } expected && expected.Shape is [var places, ..] && places % Count == 0)
        {
            _targets = new TensorSource(_setFolder, expected);
        }
    }

    private static List<(DataInput Input, string Path)> Assign(DataRequest request)
    {
        var assigned = new List<(DataInput Input, string Path)>();
        var unnamed = new List<string>();
        foreach (string path in request.Paths)
        {
            var input = request.Inputs.Where(i => path.StartsWith($"{i.Name}=", StringComparison.Ordinal)).MaxBy(i => i.Name.Length);
            if (input is null)
            {
                unnamed.Add(path);
            }
            else if (assigned.Exists(a => a.Input == input))
            {
                throw WrongShape(path, $"the input '{input.Name}' has data already");
            }
            else
            {
                assigned.Add((input, path[(input.Name.Length + 1)..]));
            }
        }

        DataInput[] open = [.. request.Inputs.Where(i => !assigned.Exists(a => a.Input == i))];
        // One archive or one test set can serve all inputs.
        if (unnamed is [var only] && open.Length > 1 && !TestSetReader.IsTestSet(only) && only.EndsWith(".npz", StringComparison.OrdinalIgnoreCase))
        {
            assigned.AddRange(open.Select(input => (input, only)));
            return assigned;
        }

        if (unnamed.Count > open.Length)
        {
            string names = string.Join(", ", request.Inputs.Select(i => $"'{i.Name}'"));
            throw WrongShape(unnamed[open.Length], $"no input is left for this file; the model has {names}", "write NAME=FILE with the name of an input");
        }

        assigned.AddRange(unnamed.Select((path, i) => (open[i], path)));
        return assigned;
    }

    private void Fill(DataRequest request, DataInput input, string path, Preprocess preprocess)
    {
        if (Directory.Exists(path) || ImageFolder.IsImage(path))
        {
            var images = ImageFolder.Open(path, (height, width) => InputData.ChannelsOf(input, preprocess.Layout, height, width));
            Labels ??= images.Labels;
            _inputs.Add(input.Name, InputData.Fit(images, input, preprocess, request.Inputs));
            return;
        }

        // Both the array's own name and, for a model of one input, the names people give.
        IReadOnlyList<string> names = request.Inputs.Length == 1 ? [input.Name, "data", "x", "images", "inputs"] : [input.Name];
        var source = DataFile.Open(path, names, RawOf(request, input));
        _inputs.Add(input.Name, InputData.Fit(source, input, preprocess, request.Inputs));
        if (Labels is null && request.Labels is null && path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase))
        {
            using var archive = new NpzReader(ByteSource.Open(path));
            if (archive.Names.Any(LabelFile.EntryNames.Contains))
            {
                Labels = LabelFile.Read(path);
            }
        }
    }

    private static RawFormat? RawOf(DataRequest request, DataInput input)
    {
        if (request.Shape is null && request.Type is null)
        {
            return null;
        }

        if (request.Shape is null && input.Shape.Skip(1).Any(d => d < 1))
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--shape", $"missing; the model leaves dimensions of '{input.Name}' open: {Tensor.Format(input.Shape)}");
        }

        var type = request.Type is null ? throw new DiagnosticException(Descriptors.InvalidOption, "--dtype", "missing; --shape alone does not say what the bytes are") : RawFormat.ParseType(request.Type);
        return request.Shape is null
            ? new RawFormat(type, [Tensor.CountOf([.. input.Shape.Skip(1)])])
            : RawFormat.Parse(request.Shape, request.Type);
    }

    private void FillFromTestSets(DataRequest request, string path, Preprocess preprocess)
    {
        if (request.TensorDecoder is null)
        {
            throw DataLimits.Invalid(path, "test-set folders cannot be read here");
        }

        var sets = new TestSetReader(request.TensorDecoder).Read(path);
        (_sets, _setFolder) = (sets, path);
        for (int i = 0; i < request.Inputs.Length; i++)
        {
            var input = request.Inputs[i];
            var parts = new List<Tensor>();
            foreach (var set in sets)
            {
                var named = set.Inputs.Where(t => t.Name == input.Name).Select(t => t.Tensor).FirstOrDefault();
                parts.Add(named ?? (i < set.Inputs.Length
                    ? set.Inputs[i].Tensor
                    : throw DataLimits.Invalid(set.Folder, $"there are {set.Inputs.Length} inputs, the model has {request.Inputs.Length}")));
            }

            if (_inputs.ContainsKey(input.Name))
            {
                throw WrongShape(path, $"the input '{input.Name}' has data already");
            }

            _inputs.Add(input.Name, InputData.Fit(new TensorSource(path, Join(path, parts)), input, preprocess, request.Inputs));
        }
    }

    private static Tensor Join(string path, List<Tensor> parts)
    {
        var first = parts[0];
        if (parts.Count == 1)
        {
            return first;
        }

        if (parts.Exists(p => p.Type != first.Type || p.Shape.IsEmpty || !p.Shape.AsSpan()[1..].SequenceEqual(first.Shape.AsSpan()[1..])))
        {
            throw WrongShape(path, "the test sets differ in type or shape", "give one test_data_set folder");
        }

        var data = Array.CreateInstance(Tensor.ElementType(first.Type), parts.Sum(p => p.Count));
        long position = 0;
        foreach (var part in parts)
        {
            Array.Copy(part.Data, 0, data, position, part.Count);
            position += part.Count;
        }

        return new Tensor(first.Type, first.Shape.SetItem(0, parts.Sum(p => p.Shape[0])), data);
    }

    private void Check(DataRequest request, Preprocess preprocess)
    {
        var missing = request.Inputs.FirstOrDefault(i => !_inputs.ContainsKey(i.Name));
        if (missing is not null)
        {
            throw WrongShape(request.Paths.FirstOrDefault() ?? "data", $"the input '{missing.Name}' ({missing.Type} {Tensor.Format(missing.Shape)}) has no data", $"add {missing.Name}=FILE");
        }

        var all = request.Inputs.Select(i => _inputs[i.Name]).ToList();
        if (all.Count == 0)
        {
            throw WrongShape("data", "the model has no inputs");
        }

        if (preprocess.ChangesValues && !request.Inputs.Any(i => Tensor.IsFloating(i.Type)))
        {
            throw WrongShape(all[0].Where, $"scale, mean and std apply to floating-point inputs; '{request.Inputs[0].Name}' is {request.Inputs[0].Type}", "leave them out");
        }

        // States beside the samples have a first dimension of their own; filled exactly, it is right as it is.
        bool isOneRun = !request.IsOneBatch && !InputData.HaveCommonSamples(request.Inputs);
        var counted = request.IsOneBatch ? all.FindAll(i => !i.FillsFirstDimension) : isOneRun ? all.FindAll(i => !i.IsOneInput) : all;
        Count = counted.Count > 0 ? counted[0].Count : isOneRun ? 1 : all[0].Count;
        foreach (var input in isOneRun ? all.Except(counted) : [])
        {
            input.ServesEveryRun = true;
        }

        var other = counted.Find(i => i.Count != Count);
        if (other is not null)
        {
            throw WrongShape(other.Where, $"{other.Count} samples, {counted[0].Where} has {Count}");
        }

        if (Count == 0)
        {
            throw WrongShape(all[0].Where, "there are no samples");
        }

        if (request.Labels is not null)
        {
            Labels = LabelFile.Read(request.Labels, Count);
        }

        string where = request.Labels ?? all[0].Where;
        if (Labels is not null && Labels.LongLength != Count)
        {
            throw WrongShape(where, $"{Labels.Length} labels for {Count} samples");
        }

        int outside = request.Classes is { } classes && Labels is not null ? Array.FindIndex(Labels, l => l >= classes) : -1;
        if (outside >= 0)
        {
            throw WrongShape(where, $"label {outside} is {Labels![outside]}, the model has the classes 0 to {request.Classes - 1}");
        }
    }

    private static DiagnosticException WrongShape(string where, string message, params ReadOnlySpan<string> levers) =>
        new(Descriptors.WrongShape, where, message, levers);
}
