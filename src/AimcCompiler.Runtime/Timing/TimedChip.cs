using System.Globalization;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>The resources of the chips that a schedule runs on, as far as they take time.</summary>
internal sealed class TimedChip
{
    private readonly ChipCapacity _capacity;
    private readonly ChipDescription _chip;
    private readonly List<TimedResource> _all = [];
    private readonly int[] _issues;
    private readonly int[] _units;
    private readonly int[] _buffers;
    private readonly int[][] _converters;
    private readonly int[] _links;
    private readonly int[] _boardOut;
    private readonly int[] _boardIn;
    private readonly int[] _memories;
    private readonly long _picosecondsPerKilobyteOfPort;

    public TimedChip(MappedProgram program, TimedParts parts)
    {
        _chip = program.Chip;
        _capacity = ChipCapacity.Of(program.Chip, program.Chips);
        bool HasPart(TimedParts part) => (parts & part) != 0;
        _issues = Each(_capacity.Cores, HasPart(TimedParts.Core) && _capacity.IssuePs is not null, c => Core(c, "issue", "issue", StallCause.Issue));
        _units = Each(_capacity.Cores, HasPart(TimedParts.Digital) && _capacity.PsPerThousandOperations is not null, c => Core(c, "vector unit", "vector_unit", StallCause.VectorUnit));
        _buffers = Each(_capacity.Cores, HasPart(TimedParts.Core) && _capacity.BufferPsPerKilobyte is not null, c => Core(c, "buffer", "buffer", StallCause.Buffer));
        int converters = HasPart(TimedParts.Core) ? _capacity.ConvertingTiles ?? 0 : 0;
        _converters = [.. Enumerable.Range(0, converters > 0 ? _capacity.Cores : 0).Select(c => Each(converters, true, i => Core(c, string.Create(CultureInfo.InvariantCulture, $"ADCs {i}"), "adc", StallCause.Adc)))];
        int links = _capacity.Topology.Links.Length;
        _links = Each(_capacity.Chips * links, HasPart(TimedParts.Transfers) && _capacity.LinkPsPerKilobyte is not null, i => new TimedResource(LinkName(i / links, i % links), "link", -1, StallCause.Link));
        bool hasBoard = HasPart(TimedParts.Transfers) && _capacity.Chips > 1 && _capacity.BoardPsPerKilobyte is not null;
        _boardOut = Each(_capacity.Chips, hasBoard, c => new TimedResource(OnChip(c, "board link out"), "board", -1, StallCause.Link));
        _boardIn = Each(_capacity.Chips, hasBoard, c => new TimedResource(OnChip(c, "board link in"), "board", -1, StallCause.Link));
        int ports = _capacity.Ports.Length;
        _memories = Each(_capacity.Chips * ports, HasPart(TimedParts.Memory) && _capacity.MemoryPsPerKilobyte is not null, i => new TimedResource(
            OnChip(i / ports, ports == 1 ? "memory" : $"memory port {Place(_capacity.Ports[i % ports])}"), "memory", -1, StallCause.Memory));
        // Every port has its share of the rate.
        _picosecondsPerKilobyteOfPort = (_capacity.MemoryPsPerKilobyte ?? 0) * ports;
    }

    public IReadOnlyList<TimedResource> All => _all;

    public ChipCapacity Capacity => _capacity;

    public TimedResource this[int index] => _all[index];

    /// <summary>A resource of the program's own: the tiles of a row group.</summary>
    public int Add(TimedResource resource)
    {
        _all.Add(resource);
        return _all.Count - 1;
    }

    /// <summary>Index of the resource; -1 = it takes no time.</summary>
    public int Issue(int core) => _issues[core];

    public int Unit(int core) => _units[core];

    public int Buffer(int core) => _buffers[core];

    public ReadOnlySpan<int> Converters(int core) => _converters.Length == 0 ? [] : _converters[core];

    public int Link(int chip, int link) => _links[(chip * _capacity.Topology.Links.Length) + link];

    public int BoardOut(int chip) => _boardOut[chip];

    public int BoardIn(int chip) => _boardIn[chip];

    /// <summary>The port of a core; of cores that have none, the chip's first.</summary>
    public int Memory(int core)
    {
        int port = Math.Max(0, _capacity.Ports.IndexOf(core % _capacity.Topology.Cores));
        return _memories[(core / _capacity.Topology.Cores * _capacity.Ports.Length) + port];
    }

    public long IssuePs => _capacity.IssuePs ?? 0;

    public long HopPs => _capacity.HopPs;

    public long OperationsPs(long operations) => Scaled(operations, _capacity.PsPerThousandOperations ?? 0);

    public long BufferPs(long bytes) => Scaled(bytes, _capacity.BufferPsPerKilobyte ?? 0);

    public long BoardPs(long bytes) => Scaled(bytes, _capacity.BoardPsPerKilobyte ?? 0);

    public long MemoryPs(long bytes) => Scaled(bytes, _picosecondsPerKilobyteOfPort);

    /// <summary>A link carries whole flits.</summary>
    public long LinkPs(long bytes) => Scaled(_capacity.WholeFlits(bytes), _capacity.LinkPsPerKilobyte ?? 0);

    public string NameOf(int core) => OnChip(core / _capacity.Topology.Cores, $"core {Place(core % _capacity.Topology.Cores)}");

    public string LinkName(int chip, int link) => OnChip(
        chip, _capacity.Topology is BusTopology ? "bus" : $"link {Place(_capacity.Topology.Links[link].From)}->{Place(_capacity.Topology.Links[link].To)}");

    private static long Scaled(long count, long perThousand) => ((count * perThousand) + 999) / 1000;

    private int[] Each(int count, bool takesTime, Func<int, TimedResource> create) => [.. Enumerable.Range(0, count).Select(i => takesTime ? Add(create(i)) : -1)];

    private TimedResource Core(int core, string what, string kind, StallCause cause) => new($"{NameOf(core)} {what}", kind, core, cause);

    private string OnChip(int chip, string name) => _capacity.Chips > 1 ? string.Create(CultureInfo.InvariantCulture, $"chip {chip} {name}") : name;

    private string Place(int core) => _capacity.Topology is MeshTopology mesh
        ? string.Create(CultureInfo.InvariantCulture, $"({core / mesh.Columns},{core % mesh.Columns})")
        : core.ToString(CultureInfo.InvariantCulture);
}
