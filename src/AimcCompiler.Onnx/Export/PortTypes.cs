using AimcCompiler.Digital;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf;

namespace AimcCompiler.Onnx;

/// <summary>Types of values that are not tensors, as serialized TypeProtos.</summary>
public static class PortTypes
{
    public static ReadOnlyMemory<byte> Declare(DigitalPort port)
    {
        ArgumentNullException.ThrowIfNull(port);
        return Of(port).ToByteArray();
    }

    private static TypeProto Of(DigitalPort port) => port.Kind switch
    {
        DigitalPortKind.Sequence => new TypeProto { SequenceType = new TypeProto.Types.Sequence { ElemType = Of(port.Element!) } },
        DigitalPortKind.Optional => new TypeProto { OptionalType = new TypeProto.Types.Optional { ElemType = Of(port.Element!) } },
        DigitalPortKind.Map => new TypeProto { MapType = new TypeProto.Types.Map { KeyType = (int)port.KeyType, ValueType = Of(port.Element!) } },
        // Without a shape: elements of a sequence may have different ones.
        _ => new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)port.Type } },
    };
}
