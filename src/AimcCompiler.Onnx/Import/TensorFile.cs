using AimcCompiler.Core;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf;

namespace AimcCompiler.Onnx;

/// <summary>A serialized TensorProto on its own, as ONNX test-set folders hold them.</summary>
public static class TensorFile
{
    /// <exception cref="FormatException">The bytes are no tensor that this version reads.</exception>
    public static (string Name, Tensor Tensor) Parse(byte[] bytes)
    {
        try
        {
            var proto = TensorProto.Parser.ParseFrom(bytes);
            return (proto.Name, TensorReader.Read(proto, null));
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new FormatException($"is no tensor ({e.Message})", e);
        }
    }
}
