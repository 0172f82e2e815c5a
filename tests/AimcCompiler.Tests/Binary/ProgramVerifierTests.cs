using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Binary;

public sealed class ProgramVerifierTests
{
    private static readonly Dictionary<string, (Func<MappedProgram, MappedProgram> Break, string Message)> Cases = new()
    {
        // 1. Program
        ["no producer"] = (p => p with { Producer = "" }, "the producer has no name"),
        ["model path"] = (p => p with { ModelName = "/tmp/m.onnx" }, "is not a file name without folder"),
        ["short hash"] = (p => p with { ModelSha256 = "abc" }, "model hash 'abc' is not 64"),
        ["upper-case hash"] = (p => p with { ModelSha256 = new string('A', 64) }, "is not 64 lower-case"),
        ["no chip"] = (p => p with { Chips = 0 }, "occupies 0 chips"),
        ["negative chips"] = (p => p with { Chips = -1 }, "occupies -1 chips"),
        ["negative parameters"] = (p => p with { ModelParameters = -1 }, "-1 parameters"),
        ["preprocessing that is none"] = (p => p with { Preprocessing = "[1]" }, "the preprocessing is not a JSON object"),
        ["preprocessing that is no JSON"] = (p => p with { Preprocessing = "{" }, "the preprocessing is not a JSON object"),
        ["empty calibration"] = (p => p with { Calibration = "" }, "the calibration has no name"),

        // 2. Chip
        ["chip without rows"] = (p => p with { Chip = p.Chip with { Tile = p.Chip.Tile with { Rows = 0 } } }, "tile.rows"),

        // 3. Values
        ["unnamed value"] = (Value(v => v with { Name = "" }), "value 1 has no name"),
        ["same value name"] = (Value(v => v with { Name = "x" }), "value 1 has the name 'x' of an earlier value"),
        ["value type"] = (Value(v => v with { Type = (TensorType)99 }), "type 99"),
        ["negative dimension"] = (Value(v => v with { Shape = [-2] }), "dimension -2, at least -1"),
        ["endless shape"] = (Value(v => v with { Shape = [1L << 32, 1L << 32] }), "elements"),
        ["endless shape with zero"] = (Value(v => v with { Shape = [0, long.MaxValue, long.MaxValue] }), "elements"),
        ["rank 65"] = (Value(v => v with { Shape = [.. new long[65]] }), "rank 65, at most 64"),

        // 4. Inputs and outputs
        ["input out of range"] = (p => p with { Inputs = [4] }, "program inputs name value 4, there are 4 values"),
        ["negative input"] = (p => p with { Inputs = [-1] }, "program inputs name value -1"),
        ["input twice"] = (p => p with { Inputs = [0, 0] }, "program inputs name value 0 twice"),
        ["output out of range"] = (p => p with { Outputs = [int.MaxValue] }, "program outputs name value 2147483647"),
        ["output twice"] = (p => p with { Outputs = [3, 3] }, "program outputs name value 3 twice"),

        // 5. Layers
        ["unnamed layer"] = (Layer(1, l => l with { Name = "" }), "layer 1 has no name"),
        ["same layer name"] = (Layer(1, l => l with { Name = "conv" }), "layer 1 has the name 'conv' of an earlier layer"),
        ["no operator"] = (Layer(1, l => l with { Op = "" }), "layer 'fc' has no operator"),
        ["no rows"] = (Layer(1, l => l with { Rows = 0 }), "layer 'fc' has 0 rows"),
        ["negative columns"] = (Layer(1, l => l with { Columns = -3 }), "layer 'fc' has -3 columns"),
        ["no groups"] = (Layer(1, l => l with { Groups = 0 }), "layer 'fc' has 0 groups"),
        ["no copies"] = (Layer(1, l => l with { Copies = 0 }), "layer 'fc' has 0 copies"),
        ["no vectors"] = (Layer(1, l => l with { VectorsPerInference = 0 }), "0 vectors per inference"),
        ["2^62 vectors"] = (Layer(1, l => l with { VectorsPerInference = 1L << 62 }), "vectors per inference"),
        ["layer input out of range"] = (Layer(1, l => l with { Input = 4 }), "layer 'fc' has value 4 as input, there are 4 values"),
        ["layer output out of range"] = (Layer(1, l => l with { Output = -1 }), "layer 'fc' has value -1 as output"),
        ["string input"] = (Value(v => v with { Type = TensorType.String }), "of type String as output, a numeric tensor"),

        // 6. Views
        ["axis"] = (Layer(1, l => l with { View = new MatrixView(0, -1) }), "input axis 0"),
        ["output axis"] = (Layer(1, l => l with { View = new MatrixView(-1, -3) }), "output axis -3"),
        ["rows of the input"] = (Layer(1, l => l with { View = new MatrixView(-2, -1), Input = 0 }), "18 rows reads along a dimension of 4"),
        ["rank of the input"] = (p => Value(v => v with { Shape = [] }, 2)(p), "axis -1 of an input of rank 0"),
        ["groups of a matrix"] = (Layer(0, l => l with { View = new MatrixView(-1, -1) }), "2 groups, a matrix view has 1"),
        ["no kernel"] = (View(v => v with { Kernel = [] }), "kernel of rank 0"),
        ["kernel rank"] = (View(v => v with { Dilations = [1] }), "dilations of rank 1, its kernel has rank 2"),
        ["stride 0"] = (View(v => v with { Strides = [1, 0] }), "0 among its strides, at least 1"),
        ["dilation 0"] = (View(v => v with { Dilations = [0, 1] }), "0 among its dilations"),
        ["negative pad"] = (View(v => v with { PadsEnd = [0, -1] }), "-1 among its pads_end"),
        ["kernel 0"] = (View(v => v with { Kernel = [0, 2] }), "0 among its kernel"),
        ["kernel larger than rows"] = (View(v => v with { Kernel = [int.MaxValue, int.MaxValue] }), "window of 2147483647 positions"),
        ["kernel that does not divide"] = (View(v => v with { Kernel = [3, 1] }), "not a multiple of its window of 3"),
        ["output extent"] = (View(v => v with { PadsBegin = [1, 1] }), "4 windows along axis 0 and writes a dimension of 3"),
        ["window over the edge"] = (View(v => v with { Dilations = [int.MaxValue, 1] }), "reaches over 2147483648"),
        ["input rank"] = (View(v => new ConvolutionView([4], [1], [0], [0], [1])), "input of rank 4, its windows need 3"),
        ["no shift"] = (View(v => v with { Shifts = -1 }), "-1 shifts, 1 to 64 are allowed"),
        ["many shifts"] = (View(v => v with { Shifts = int.MaxValue }), "2147483647 shifts, 1 to 64 are allowed"),
        ["shifts that do not divide"] = (View(v => v with { Shifts = 3 }), "1 columns, which is not a multiple of its 3 shifts"),
        ["shifts beyond any input"] = (View(v => v with { Shifts = 2, Strides = [1, int.MaxValue] }), "2 shifts by 2147483647, which reach beyond"),
        ["shifts of an unknown line"] = (p => Value(v => v with { Shape = [-1, 2, 3, -1] })(View(v => v with { Shifts = 2 })(p)), "2 shifts and writes lines of -1"),
        ["shifts and vectors"] = (View(v => v with { Shifts = 2 }), "takes 9 vectors, a line of 3 takes 2"),
        ["output channels"] = (p => Value(v => v with { Shape = [-1, 3, 3, 3] })(p), "writes channels of 3"),

        // 7. Weights
        ["few weights"] = (Layer(1, l => l with { Weights = WeightSection.Of(new sbyte[53]) }), "53 bytes of weights, 1 groups of 18 x 3 of Int8 take 54"),
        ["endless weights"] = (
            p => Value(v => v with { Shape = [-1] }, 3)(Layer(1, l => l with { Columns = int.MaxValue })(p)),
            "54 bytes of weights, 1 groups of 18 x 2147483647 of Int8 take 38654705646"),
        ["analog weights"] = (Layer(1, l => l with { Weights = WeightSection.Of(new float[54]) }), "type Float32, the chip's 4 bits need Int8"),
        ["code too high"] = (Layer(1, l => l with { Weights = WeightSection.Of([.. new sbyte[53], 8]) }), "code 8 at weight 53, -8 to 7"),
        ["code too low"] = (Layer(1, l => l with { Weights = WeightSection.Of([-9, .. new sbyte[53]]) }), "code -9 at weight 0, -8 to 7"),
        ["wide code"] = (Layer(1, l => l with { Weights = WeightSection.Of([.. new short[53], 1000]) }), "code 1000 at weight 53"),

        // 8. Scales
        ["no scales"] = (Layer(1, l => l with { Scales = [] }), "0 scales, 1 or 3"),
        ["two scales"] = (Layer(1, l => l with { Scales = [1, 2] }), "2 scales, 1 or 3"),
        ["scale NaN"] = (Layer(1, l => l with { Scales = [float.NaN] }), "scale NaN"),
        ["negative scale"] = (Layer(1, l => l with { Scales = [1, -1, 1] }), "scale -1"),
        ["kept rows"] = (Layer(1, l => l with { KeptRows = new KeptLines(30, [0, 1]) }), "layer 'fc' has 2 kept rows"),
        ["kept columns in no order"] = (Layer(1, l => l with { KeptColumns = new KeptLines(5, [1, 0, 2]) }), "layer 'fc' keeps columns 0 of 5 after 1"),
        ["kept columns beyond the model's"] = (Layer(1, l => l with { KeptColumns = new KeptLines(5, [0, 1, 5]) }), "layer 'fc' keeps columns 5 of 5 after 1"),
        ["a view of the kept columns"] = (Layer(1, l => l with { KeptColumns = new KeptLines(5, [0, 1, 4]) }), "layer 'fc' of 5 columns writes along a dimension"),
        ["two biases"] = (Layer(1, l => l with { Bias = [1, 2] }), "2 biases, none or 3"),
        ["infinite bias"] = (Layer(1, l => l with { Bias = [0, 0, float.PositiveInfinity] }), "the bias"),
        ["input scale 0"] = (Layer(1, l => l with { InputScale = 0 }), "input scale 0"),
        ["input scale infinite"] = (Layer(1, l => l with { InputScale = float.PositiveInfinity }), "input scale"),
        ["ADC range on a granular chip"] = (Layer(1, l => l with { AdcRanges = [1, 1] }), "2 ADC ranges, the chip takes none"),

        // 9. Blocks
        ["copy"] = (Block(1, 0, b => b with { Copy = 1 }), "block 0 of layer 'fc' is of copy 1, the layer has 1"),
        ["group"] = (Block(1, 0, b => b with { FirstGroup = 1 }), "has groups 1 + 1, 0 to 1"),
        ["negative groups"] = (Block(0, 0, b => b with { Groups = -1 }), "has groups 0 + -1"),
        ["row start"] = (Block(1, 0, b => b with { RowStart = -1 }), "has matrix rows -1 + 8"),
        ["row count"] = (Block(1, 0, b => b with { RowCount = int.MaxValue, RowStart = int.MaxValue }), "has matrix rows 2147483647 + 2147483647"),
        ["no block columns"] = (Block(1, 0, b => b with { ColumnCount = 0 }), "has matrix columns 0 + 0"),
        ["negative row block"] = (Block(1, 0, b => b with { RowBlock = -1 }), "is row block -1"),
        ["not packed"] = (Layer(0, l => l with { Packing = DepthwisePolicy.Dense }), "2 groups, the layer is not packed"),
        ["part of a packed matrix"] = (Block(0, 0, b => b with { RowCount = 3 }), "packs 3 x 1 of matrices of 4 x 1"),
        ["tile"] = (Block(1, 0, b => b with { Tile = 16 }), "on tile 16, 1 chips have 16 tiles"),
        ["negative tile"] = (Block(1, 0, b => b with { Tile = -1 }), "on tile -1"),
        ["tile row"] = (Block(1, 0, b => b with { TileRow = 1 }), "has physical rows 1 + 8, 0 to 8"),
        ["tile column"] = (Block(1, 0, b => b with { TileColumn = 1 }), "has physical columns 1 + 8, 0 to 8"),
        ["negative tile column"] = (Block(1, 5, b => b with { TileColumn = -1 }), "has physical columns -1 + 4"),

        // 10. Row blocks
        ["two extents"] = (Block(1, 1, b => b with { RowStart = 1 }), "row block 0 of layer 'fc' has rows 1 + 8 in one block, 0 + 8 in another"),
        ["row block missing"] = (Blocks(1, b => b with { RowBlock = b.RowBlock == 1 ? 7 : b.RowBlock }), "row block 1 of layer 'fc' is missing"),
        ["row block gap"] = (Blocks(1, b => b.RowBlock == 1 ? b with { RowCount = 7 } : b), "begins at row 16, the one before it ends at 15"),
        ["rows left over"] = (Blocks(1, b => b.RowBlock == 2 ? b with { RowCount = 1 } : b), "end at row 17, the matrix has 18 rows"),
        ["no blocks"] = (Layer(1, l => l with { Blocks = [] }), "end at row 0"),

        // 11. Cover
        ["column missing"] = (Block(1, 0, b => b with { ColumnCount = 1 }), "no block of layer 'fc' holds row 0 and column 1 of group 0"),
        ["column twice"] = (Block(1, 1, b => b with { ColumnStart = 1, ColumnCount = 2 }), "two blocks of layer 'fc' hold column 1"),
        ["block twice"] = (Layer(1, l => l with { Blocks = l.Blocks.Add(l.Blocks[0] with { Tile = 9 }) }), "two blocks of layer 'fc' hold column 0"),
        ["copy missing"] = (Layer(0, l => l with { Blocks = [l.Blocks[0]] }), "the copies of layer 'conv' hold different parts of it"),
        ["2^31 copies"] = (Layer(0, l => l with { Copies = int.MaxValue }), "the copies of layer 'conv' hold different parts of it"),
        ["last block missing"] = (Layer(1, l => l with { Blocks = l.Blocks.RemoveAt(5) }), "no block of layer 'fc' holds row 16 and column 2 of group 0"),

        // 12. Tiles
        ["two layers in one place"] = (Block(1, 0, b => b with { Tile = 0 }), "layer 'conv' and layer 'fc' share the cell of row 0 and column 0 of tile 0"),
        ["overlap by a row"] = (Block(1, 5, b => b with { TileRow = 1 }), "share the cell of row 1 and column 0 of tile 6"),

        // 14. Partitions
        ["unnamed partition"] = (Partition(d => d with { Name = "" }), "partition 0 has no name"),
        ["empty sub-model"] = (Partition(d => d with { Model = default }), "partition 'digital0' has an empty model"),
        ["partition input"] = (Partition(d => d with { Inputs = [9] }), "inputs of partition 'digital0' name value 9"),
        ["partition output"] = (Partition(d => d with { Outputs = [-9] }), "outputs of partition 'digital0' name value -9"),
        ["no partition output"] = (Partition(d => d with { Outputs = [] }), "partition 'digital0' has no outputs"),
        ["negative operations"] = (Partition(d => d with { Operations = -1 }), "-1 operations"),

        // 15. Instructions
        ["layer out of range"] = (p => p with { Instructions = [new MvmInstruction(2)] }, "instruction 0 runs layer 2, there are 2"),
        ["partition out of range"] = (p => p with { Instructions = [new DigitalInstruction(-1)] }, "instruction 0 runs partition -1"),
        ["read before written"] = (p => p with { Instructions = [.. p.Instructions.Reverse()] }, "instruction 0 reads value 2 'flat' before it is written"),
        ["layer twice"] = (p => p with { Instructions = p.Instructions.Add(new MvmInstruction(0)) }, "instruction 3 runs layer 0 a second time"),
        ["layer never"] = (p => p with { Instructions = p.Instructions.RemoveAt(2) }, "layer 1 is never run"),
        ["partition never"] = (
            p => p with { Partitions = p.Partitions.Add(p.Partitions[0] with { Name = "digital1", Outputs = [3] }) }, "partition 1 is never run"),
        ["input written"] = (p => p with { Inputs = [0, 2] }, "instruction 1 writes value 2 'flat', which is an input or written already"),
        ["layer onto its own input"] = (Partition(d => d with { Outputs = [1] }), "instruction 1 writes value 1"),
        ["output never written"] = (
            p => p with { Values = p.Values.Add(new ProgramValue("y", TensorType.Float, [])), Outputs = [4] }, "program output value 4 'y' is never written"),

        // 16. Nodes
        ["unnamed node"] = (Node(n => n with { Name = "" }), "node 0 has no name"),
        ["node without operator"] = (Node(n => n with { Op = "" }), "node 0 'conv' has no operator"),
        ["negative node parameters"] = (Node(n => n with { Parameters = -1 }), "-1 parameters"),
        ["negative macs"] = (Node(n => n with { Macs = long.MinValue }), "multiply-accumulates"),
        ["layer of a node"] = (Node(n => n with { Layer = 2 }), "node 0 'conv' is layer 2, there are 2"),
    };

    /// <summary>Programs with a loop and with shared tiles.</summary>
    private static readonly Dictionary<string, (Func<MappedProgram, MappedProgram> Break, string Message)> LoopCases = new()
    {
        // 6. Sharing
        ["shares with a later layer"] = (
            p => p with { Layers = [p.Layers[0] with { SharesTilesOf = 1 }, p.Layers[1] with { SharesTilesOf = null }] }, "layer 'loop' shares the tiles of layer 1, which does not come before it"),
        ["shares with itself"] = (Layer(1, l => l with { SharesTilesOf = 1 }), "shares the tiles of layer 1, which does not come before it"),
        ["shares with no layer"] = (Layer(1, l => l with { SharesTilesOf = 2 }), "shares the tiles of layer 2, which does not come before it"),
        ["shares with a negative layer"] = (Layer(1, l => l with { SharesTilesOf = -1 }), "shares the tiles of layer -1, which does not come before it"),
        ["shares other noise"] = (Layer(1, l => l with { NoiseKey = 5 }), "whose matrix, packing, copies or noise differ"),
        ["shares with other copies"] = (Layer(1, l => l with { Copies = 2 }), "whose matrix, packing, copies or noise differ"),
        ["shares with another packing"] = (Layer(1, l => l with { Packing = DepthwisePolicy.Packed }), "whose matrix, packing, copies or noise differ"),

        // 16. Instructions
        ["unnamed loop"] = (Loop(l => l with { Name = "" }), "instruction 0 is a loop without a name"),
        ["loop over no value"] = (Loop(l => l with { Scanned = 12 }), "instruction 0 names value 12, there are 12 values"),
        ["loop with a negative value"] = (Loop(l => l with { Sequence = -1 }), "instruction 0 names value -1"),
        ["state of no value"] = (State(0, s => s with { Next = 99 }), "instruction 0 names value 99"),
        ["final state of no value"] = (State(0, s => s with { Final = 99 }), "instruction 0 names value 99"),
        ["loop over what is not there"] = (Loop(l => l with { Scanned = 10 }), "instruction 0 reads value 10 'shared' before it is written"),
        ["initial state that is not there"] = (State(1, s => s with { Initial = 10 }), "instruction 0 reads value 10 'shared' before it is written"),
        ["slice onto an input"] = (Loop(l => l with { Slice = 0 }), "instruction 0 writes value 0 'x', which is an input or written already"),
        ["step onto the slice"] = (Loop(l => l with { Step = 1 }), "instruction 0 writes value 1 'slice'"),
        ["two states in one value"] = (State(1, s => s with { Current = 4 }), "instruction 0 writes value 4 'h'"),
        ["sequence onto a state"] = (Loop(l => l with { Sequence = 6 }), "instruction 0 writes value 6 'h_next'"),
        ["two final states in one value"] = (State(1, s => s with { Final = 9 }), "instruction 0 writes value 9 'h_final'"),
        ["next state that nothing writes"] = (State(0, s => s with { Next = 10 }), "instruction 0 is a loop in which nothing writes value 10 'shared'"),
        ["next state from outside"] = (State(1, s => s with { Next = 11 }), "instruction 0 is a loop in which nothing writes value 11 'c_initial'"),
        ["collects what nothing writes"] = (Loop(l => l with { Collected = 10 }), "instruction 0 is a loop in which nothing writes value 10 'shared'"),
        ["loop in a loop"] = (Loop(l => l with { Body = [l, .. l.Body] }), "instruction 0 is a loop with a loop inside"),
        ["empty loop"] = (Loop(l => l with { Body = [] }), "in which nothing writes"),
        ["layer in two places"] = (Loop(l => l with { Body = l.Body.Add(new MvmInstruction(1)) }), "before it is written"),
        ["layer twice in a loop"] = (Loop(l => l with { Body = l.Body.Add(new MvmInstruction(0)) }), "instruction 0 runs layer 0 a second time"),
        ["inside value behind the loop"] = (Layer(1, l => l with { Input = 6 }), "instruction 1 reads value 6 'h_next' outside its loop"),
        ["inside value as output"] = (p => p with { Outputs = [6, 10] }, "program output value 6 'h_next' is never written"),
        ["loop over integers"] = (Value(v => v with { Type = TensorType.Int32 }, 0), "instruction 0 loops over value 0 'x' of type Int32, float is needed"),
        ["state of integers"] = (Value(v => v with { Type = TensorType.Int64 }, 3), "instruction 0 loops over value 3 'c' of type Int64, float is needed"),
        ["time without a batch"] = (Value(v => v with { Shape = [-1] }, 0), "which has no time and batch"),
        ["zeros of unknown width"] = (State(1, s => s with { Initial = null }, p => Value(v => v with { Shape = [-1, -1] }, 3)(p)), "begins value 3 'c' with zeros of an unknown shape"),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    public static TheoryData<string> LoopNames => [.. LoopCases.Keys];

    [Fact]
    public void TheSampleIsValid()
    {
        ProgramVerifier.Verify(SampleProgram.Tiny());
        ProgramVerifier.Verify(SampleProgram.Loop());
        ProgramVerifier.Verify(AimcRoundTripTests.Analog());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void EachBrokenInvariantIsNamed(string name)
    {
        var (breakIt, message) = Cases[name];
        Exception exception = Assert.Throws<InvalidIrException>(() => ProgramVerifier.Verify(breakIt(SampleProgram.Tiny())));
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(LoopNames))]
    public void EachBrokenInvariantOfLoopsAndSharedTilesIsNamed(string name)
    {
        var (breakIt, message) = LoopCases[name];
        Exception exception = Assert.Throws<InvalidIrException>(() => ProgramVerifier.Verify(breakIt(SampleProgram.Loop())));
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
    }

    /// <summary>Each is a list or array of its own, whatever it holds.</summary>
    [Fact]
    public void SharedTilesHaveNothingOfTheirOwn()
    {
        const string Message = "layer 'again' shares the tiles of layer 'loop' and has weights, blocks, scales or ADC ranges of its own";
        var program = SampleProgram.Loop();
        AssertBroken(Layer(1, l => l with { Scales = [.. l.Scales.Select(s => 2 * s)] })(program), Message);
        AssertBroken(Layer(1, l => l with { Blocks = [.. l.Blocks.Take(1)] })(program), Message);
        AssertBroken(Layer(1, l => l with { Weights = WeightSection.Of(new sbyte[54]) })(program), Message);
    }

    /// <summary>An attacker's file has the right checksums.</summary>
    [Theory]
    [MemberData(nameof(LoopNames))]
    public void TheReaderTurnsEachOfLoopsIntoADiagnostic(string name)
    {
        byte[] file = SampleProgram.Bytes(LoopCases[name].Break(SampleProgram.Loop()));
        Diagnostic diagnostic = Assert.Throws<DiagnosticException>(() => AimcReader.Read(file, "hostile.aimc")).Diagnostics.Single();
        Assert.Same(Descriptors.InvalidProgram, diagnostic.Descriptor);
    }

    /// <summary>An attacker's file has the right checksums.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void TheReaderTurnsEachIntoADiagnostic(string name)
    {
        var (breakIt, message) = Cases[name];
        byte[] file = SampleProgram.Bytes(breakIt(SampleProgram.Tiny()));
        Diagnostic diagnostic = Assert.Throws<DiagnosticException>(() => AimcReader.Read(file, "hostile.aimc")).Diagnostics.Single();
        Assert.Same(Descriptors.InvalidProgram, diagnostic.Descriptor);
        Assert.Contains(message, diagnostic.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ValuesOutsideAnEnumerationAreNamed()
    {
        AssertBroken(Layer(1, l => l with { Packing = (DepthwisePolicy)7 }), "packing 7");
        AssertBroken(Node(n => n with { Home = (Home)7 }), "home 7");
        AssertBroken(Node(n => n with { Reason = (FallbackReason)77 }), "reason 77");
        AssertBroken(Layer(1, l => l with { Weights = new WeightSection((WeightElement)7, new byte[54 * 4]) }), "type 7");
    }

    [Fact]
    public void LoneSurrogatesAreNoNames() => AssertBroken(Value(v => v with { Name = "a\ud800" }), "value 1 has no name, or one that is not valid Unicode");

    [Theory]
    [InlineData(1.0000001f)]
    [InlineData(-2f)]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void AnalogContentsStayWithinOne(float content)
    {
        MappedProgram analog = AimcRoundTripTests.Analog();
        float[] contents = new float[54];
        contents[17] = content;
        AssertBroken(Layer(1, l => l with { Weights = WeightSection.Of(contents) })(analog), "at weight 17, -1 to 1 is allowed");
        AssertBroken(Layer(1, l => l with { Weights = WeightSection.Of(new sbyte[54]) })(analog), "the chip's analog cells need Float32");
        AssertBroken(Layer(1, l => l with { AdcRanges = [float.NaN] })(analog), "ADC range NaN");
        AssertBroken(Layer(1, l => l with { AdcRanges = [1, 1] })(analog), "2 ADC ranges, the chip takes none or 1");
    }

    [Fact]
    public void MessagesHoldNoControlCharacters()
    {
        MappedProgram program = Layer(1, l => l with { Name = "\u001b[31m\u202e" + new string('x', 1000), Rows = 0 })(SampleProgram.Tiny());
        string message = Assert.Throws<InvalidIrException>(() => ProgramVerifier.Verify(program)).Message;
        Assert.StartsWith("layer '\\u001b[31m\\u202e", message, StringComparison.Ordinal);
        Assert.True(message.Length < 300);
    }

    [Fact]
    public void TheLowestCodeNeedsCellsThatHoldIt()
    {
        Assert.Equal(-8, WeightEncoding.Of(ChipReader.Read("tiny").Tile).LowestCode());
        Assert.Equal(-15, WeightEncoding.Of(ChipReader.Read("tiny", ["tile.weights.bits=5"]).Tile).LowestCode());
        var isaac = WeightEncoding.Of(ChipReader.Read("isaac").Tile);
        Assert.Equal(-isaac.MaxCode - 1, isaac.LowestCode());
    }

    private static void AssertBroken(Func<MappedProgram, MappedProgram> breakIt, string message) => AssertBroken(breakIt(SampleProgram.Tiny()), message);

    private static void AssertBroken(MappedProgram program, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidIrException>(() => ProgramVerifier.Verify(program)).Message, StringComparison.Ordinal);

    private static Func<MappedProgram, MappedProgram> Value(Func<ProgramValue, ProgramValue> change, int index = 1) =>
        p => p with { Values = p.Values.SetItem(index, change(p.Values[index])) };

    private static Func<MappedProgram, MappedProgram> Loop(Func<LoopInstruction, LoopInstruction> change) =>
        p => p with { Instructions = p.Instructions.SetItem(0, change((LoopInstruction)p.Instructions[0])) };

    private static Func<MappedProgram, MappedProgram> State(int index, Func<LoopState, LoopState> change, Func<MappedProgram, MappedProgram>? then = null) =>
        p => (then ?? (q => q))(Loop(l => l with { States = l.States.SetItem(index, change(l.States[index])) })(p));

    private static Func<MappedProgram, MappedProgram> Layer(int index, Func<MappedLayer, MappedLayer> change) =>
        p => p with { Layers = p.Layers.SetItem(index, change(p.Layers[index])) };

    private static Func<MappedProgram, MappedProgram> View(Func<ConvolutionView, InputView> change) =>
        Layer(0, l => l with { View = change((ConvolutionView)l.View) });

    private static Func<MappedProgram, MappedProgram> Block(int layer, int index, Func<Block, Block> change) =>
        Layer(layer, l => l with { Blocks = l.Blocks.SetItem(index, change(l.Blocks[index])) });

    private static Func<MappedProgram, MappedProgram> Blocks(int layer, Func<Block, Block> change) =>
        Layer(layer, l => l with { Blocks = [.. l.Blocks.Select(change)] });

    private static Func<MappedProgram, MappedProgram> Partition(Func<DigitalPartition, DigitalPartition> change) =>
        p => p with { Partitions = p.Partitions.SetItem(0, change(p.Partitions[0])) };

    private static Func<MappedProgram, MappedProgram> Node(Func<NodePlacement, NodePlacement> change) =>
        p => p with { Nodes = p.Nodes.SetItem(0, change(p.Nodes[0])) };
}
