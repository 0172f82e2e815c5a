using System.Globalization;
using System.Text.Json;
using AimcCompiler.Binary;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary>Writes a timed run as a trace that Chrome and Perfetto show (Trace Event Format, JSON object form): a process for every core, one for links, one for memory, one for what streams wait for;
/// a thread for every resource or stream; a complete event for every span, in microseconds.</summary>
internal sealed class ChromeTrace : ITimingTrace, IDisposable
{
    private const int Links = 1;
    private const int Memory = 2;
    private const int Waits = 3;
    private const int Loads = 4;
    private const int FirstCore = 16;
    private const int Flush = 1 << 16;

    private readonly Utf8JsonWriter _writer;
    private readonly MappedProgram _program;
    private readonly TimingResult _run;
    private readonly int _first;
    private ProgramSchedule _schedule;
    private int _firstStream;
    private bool _hasBegun;

    /// <param name="stream">Takes the trace.</param>
    /// <param name="program">The program.</param>
    /// <param name="run">The same run without a trace: its resources, how many inferences it has.</param>
    /// <param name="inferences">The last so many are written.</param>
    public ChromeTrace(Stream stream, MappedProgram program, TimingResult run, int inferences)
    {
        (_program, _run, _first) = (program, run, run.Inferences - inferences);
        _writer = new Utf8JsonWriter(stream);
        _writer.WriteStartObject();
        _writer.WriteString("displayTimeUnit", "ns");
        _writer.WriteStartArray("traceEvents");
        Name("process_name", Links, 0, "links");
        Name("process_name", Memory, 0, "off-chip memory");
        Name("process_name", Waits, 0, "waiting streams");
        foreach (int core in run.Resources.Where(r => r.Core >= 0).Select(r => r.Core).Distinct().Order())
        {
            Name("process_name", FirstCore + core, 0, string.Create(CultureInfo.InvariantCulture, $"core {core}"));
        }

        for (int r = 0; r < run.Resources.Length; r++)
        {
            if (!run.Resources[r].Timeline.IsEmpty)
            {
                Name("thread_name", ProcessOf(r), r, run.Resources[r].Name);
            }
        }

        _schedule = program.Schedules[0];
        var streams = program.Schedules.SelectMany(s => s.Streams).ToList();
        for (int s = 0; s < streams.Count; s++)
        {
            Name("thread_name", Waits, s, streams[s].Name);
        }

        if (!program.SegmentSchedules.IsEmpty)
        {
            Name("process_name", Loads, 0, "loads of segments");
        }
    }

    public void Loaded(int segment, long startPs, long endPs)
    {
        _schedule = _program.SegmentSchedules[segment];
        _firstStream = _program.SegmentSchedules.Take(segment).Sum(s => s.Streams.Length);
        Begin(Loads, 0, string.Create(CultureInfo.InvariantCulture, $"load segment {segment}"), startPs, endPs);
        End();
    }

    public void Busy(int resource, int stage, int inference, long startPs, long endPs)
    {
        if (inference < _first || inference >= _run.Inferences || endPs <= startPs)
        {
            return;
        }

        _hasBegun = true;
        Begin(ProcessOf(resource), resource, stage < 0 ? "inputs and outputs" : _schedule.Stages.Stages[stage].Name, startPs, endPs);
        _writer.WriteStartObject("args");
        _writer.WriteNumber("inference", inference);
        _writer.WriteEndObject();
        End();
    }

    public void Stalled(int stream, StallCause cause, int resource, long startPs, long endPs)
    {
        if (!_hasBegun || endPs <= startPs)
        {
            return;
        }

        Begin(Waits, _firstStream + stream, resource < 0 ? TimeWork.NameOf(cause) : _run.Resources[resource].Name, startPs, endPs);
        End();
    }

    public void Dispose()
    {
        _writer.WriteEndArray();
        _writer.WriteEndObject();
        _writer.Dispose();
    }

    private int ProcessOf(int resource) => _run.Resources[resource] switch
    {
        { Core: >= 0 and var core } => FirstCore + core,
        { Kind: "memory" } => Memory,
        _ => Links,
    };

    private void Begin(int process, int thread, string name, long startPs, long endPs)
    {
        _writer.WriteStartObject();
        _writer.WriteString("name", name);
        _writer.WriteString("ph", "X");
        _writer.WriteNumber("pid", process);
        _writer.WriteNumber("tid", thread);
        _writer.WriteNumber("ts", startPs * 1e-6m);
        _writer.WriteNumber("dur", (endPs - startPs) * 1e-6m);
    }

    private void End()
    {
        _writer.WriteEndObject();
        if (_writer.BytesPending > Flush)
        {
            _writer.Flush();
        }
    }

    private void Name(string kind, int process, int thread, string name)
    {
        _writer.WriteStartObject();
        _writer.WriteString("name", kind);
        _writer.WriteString("ph", "M");
        _writer.WriteNumber("pid", process);
        _writer.WriteNumber("tid", thread);
        _writer.WriteStartObject("args");
        _writer.WriteString("name", name);
        _writer.WriteEndObject();
        _writer.WriteEndObject();
    }
}
