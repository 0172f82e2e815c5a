using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>A number that moves with the innermost loop: Start + i Stride.</summary>
public readonly record struct Affine(long Start, long Stride)
{
    public long At(long index) => Start + (index * Stride);
}

/// <summary>One thread of a core. It runs from the top once for every inference, and begins the next when it has ended.</summary>
/// <param name="Core">Chip x cores + core.</param>
/// <param name="Name">For reports and traces, as in <c>conv1 copy 3</c>.</param>
/// <param name="Stage">The stage it serves; -1 = it moves inputs and outputs.</param>
/// <param name="Body">Instructions.</param>
public sealed record CoreStream(int Core, string Name, int Stage, ImmutableArray<StreamInstruction> Body)
{
    public int Segment { get; init; }
}

/// <summary>One instruction of a stream. A closed hierarchy.</summary>
public abstract record StreamInstruction
{
    private protected StreamInstruction()
    {
    }
}

/// <summary>Runs a body so many times; no loop stands in a loop.</summary>
public sealed record Repeat(long Count, ImmutableArray<StreamInstruction> Body) : StreamInstruction;

/// <summary>Waits for the rows that an item reads: row = item / ItemsPerRow of the stage, through the window. The rows before its first are released: no later item of this stream reads them.</summary>
/// <param name="Buffer">Where they are.</param>
/// <param name="Window">What a row reads.</param>
/// <param name="Item">A row or the ordinal of a vector.</param>
/// <param name="ItemsPerRow">1, or vectors of a row.</param>
public sealed record AwaitRows(int Buffer, RowWindow Window, Affine Item, int ItemsPerRow) : StreamInstruction;

/// <summary>Releases all rows of the inference that this stream has not released.</summary>
public sealed record ReleaseRows(int Buffer) : StreamInstruction;

/// <summary>One MVM of a row group, all its tiles at once (or its rounds one after the other). Its sums wait behind the tiles until they are added; there is room for two, and for as many more as are in the pipeline.</summary>
/// <param name="RowGroup">Index in the mapping.</param>
/// <param name="Ordinal">Of the vector in the inference.</param>
public sealed record DriveTiles(int RowGroup, Affine Ordinal) : StreamInstruction;

/// <summary>Adds, on the vector unit and in this order, one message of the channel (where there is one before), and the sums of row groups, and one message of each further channel.</summary>
/// <param name="First">Channel whose message comes before the own sums; -1 = none: then the sum begins with the first row group.</param>
/// <param name="RowGroups">Of this core.</param>
/// <param name="Others">Channels of a tree, added last; empty where order matters.</param>
/// <param name="Ordinal">Of the vector.</param>
public sealed record AddPartialSums(int First, ImmutableArray<int> RowGroups, ImmutableArray<int> Others, Affine Ordinal) : StreamInstruction;

/// <summary>Sends what was added last as one message.</summary>
public sealed record SendPartialSums(int Channel, Affine Ordinal) : StreamInstruction;

/// <summary>Scales what was added last, adds the bias, and sends the result to the home of its row: Channels[(ordinal / vectors a row) % count].</summary>
public sealed record FinishVector(int Stage, int Copy, ImmutableArray<int> Channels, Affine Ordinal) : StreamInstruction;

/// <summary>The digital work of one row.</summary>
public sealed record RunDigital(int Stage, Affine Row) : StreamInstruction;

/// <summary>Sends a row that the stream has made, or that its buffer holds, when the receivers have room. Local receivers cost no link.</summary>
public sealed record SendRow(int Channel, Affine Row) : StreamInstruction;

/// <summary>Reads a row from off-chip memory: an input of the model, or what was stored.</summary>
public sealed record LoadRow(int Value, Affine Row) : StreamInstruction;

/// <summary>Writes a row to off-chip memory.</summary>
public sealed record StoreRow(int Value, Affine Row) : StreamInstruction;
