using AimcCompiler.Binary;

namespace AimcCompiler.Tests.Binary;

public sealed class DisassemblerTests
{
    [Fact]
    public void PrintsTheProgram()
    {
        Assert.Equal(
            """
            program 'small.onnx' sha256 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0 by 'aimc 1.0.0'
            parameters 62, calibration 'max', batch one by one
            chip 'tiny' x 1
            preprocessing '{"scale":0.5,"layout":"nhwc->nchw"}'

            v0 'x': Float ?x2x4x4 input
            v1 'conv_out': Float ?x2x3x3
            v2 'flat': Float ?x18 output
            v3 'größe\u000a<script>': Float ?x3 output

            l0 'conv' 'Conv': v0 -> v1
              view conv(kernel=2x2, strides=1x1, pads=0x0:0x0, dilations=1x1), 9 vectors, 2 copies
              weights 2 groups, Packed, of 4 x 1 Int8, 1 scales, 0 biases
              input signed, scale 0.25
              block copy 0 groups 0+2 rows 0+4 (row block 0) columns 0+1 -> tile 0 row 0 column 0
              block copy 1 groups 0+2 rows 0+4 (row block 0) columns 0+1 -> tile 1 row 0 column 0

            l1 'fc' 'MatMul': v2 -> v3
              view matrix(in=-1, out=-1), 1 vectors, 1 copy
              weights 18 x 3 Int8, 3 scales, 3 biases
              input non-negative, scale none
              block copy 0 rows 0+8 (row block 0) columns 0+2 -> tile 2 row 0 column 0
              block copy 0 rows 0+8 (row block 0) columns 2+1 -> tile 3 row 0 column 0
              block copy 0 rows 8+8 (row block 1) columns 0+2 -> tile 4 row 0 column 0
              block copy 0 rows 8+8 (row block 1) columns 2+1 -> tile 5 row 0 column 0
              block copy 0 rows 16+2 (row block 2) columns 0+2 -> tile 6 row 0 column 0
              block copy 0 rows 16+2 (row block 2) columns 2+1 -> tile 6 row 2 column 0

            p0 'digital0': v1 -> v2, model 3 bytes, 18 operations

            v1 = mvm l0(v0)
            v2 = digital p0(v1)
            v3 = mvm l1(v2)

            node 'conv' 'Conv': Analog l0, 8 parameters, 72 macs
            node 'relu' 'Relu': Digital (NotAnMvm), 0 parameters, 0 macs
            node 'fc' 'MatMul': Analog l1, 54 parameters, 54 macs

            """.ReplaceLineEndings("\n"),
            Disassembler.Print(SampleProgram.Tiny()));
    }

    [Fact]
    public void AProgramReadBackPrintsTheSame()
    {
        string written = Disassembler.Print(SampleProgram.Tiny());
        Assert.Equal(written, Disassembler.Print(AimcReader.Read(SampleProgram.Bytes(SampleProgram.Tiny()), "small.aimc")));
    }
}
