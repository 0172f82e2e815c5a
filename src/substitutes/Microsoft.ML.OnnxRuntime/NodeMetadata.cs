using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Microsoft.ML.OnnxRuntime;

public class SequenceMetadata
{
    internal SequenceMetadata(NodeMetadata elementMeta)
    {
        ElementMeta = elementMeta;
    }

    public NodeMetadata ElementMeta { get; }
}

public class OptionalMetadata
{
    internal OptionalMetadata(NodeMetadata elementMeta)
    {
        ElementMeta = elementMeta;
    }

    public NodeMetadata ElementMeta { get; }
}

public class MapMetadata
{
    internal MapMetadata(TensorElementType keyDataType, NodeMetadata valueMetadata)
    {
        KeyDataType = keyDataType;
        ValueMetadata = valueMetadata;
    }

    public TensorElementType KeyDataType { get; }

    public NodeMetadata ValueMetadata { get; }
}

/// <summary>The type of an input or output of a session; shapes only where it is a tensor.</summary>
public class NodeMetadata
{
    private readonly object _contained;
    private readonly TensorElementType _elementDataType;
    private readonly int[] _dimensions;
    private readonly string[] _symbolicDimensions;

    private unsafe NodeMetadata(OnnxValueType type, nint typeInfo)
    {
        OnnxValueType = type;
        switch (type)
        {
            case OnnxValueType.ONNX_TYPE_TENSOR or OnnxValueType.ONNX_TYPE_SPARSETENSOR:
                nint tensor = Known(OrtApi.CastTypeInfoToTensorInfo(typeInfo));
                _elementDataType = (TensorElementType)OrtApi.GetTensorElementType(tensor);
                if (ElementTypes.Find(_elementDataType) is null)
                {
                    throw new OnnxRuntimeException(ErrorCode.InvalidArgument, "Unregistered TensorElementType value of: " + _elementDataType);
                }

                int rank = (int)OrtApi.GetDimensionsCount(tensor);
                var dimensions = new long[rank];
                var names = new nint[rank];
                fixed (long* d = dimensions)
                fixed (nint* n = names)
                {
                    OrtApi.GetDimensions(tensor, d, (nuint)rank);
                    OrtApi.GetSymbolicDimensions(tensor, n, (nuint)rank);
                }

                _dimensions = Array.ConvertAll(dimensions, dimension => (int)dimension);
                _symbolicDimensions = Array.ConvertAll(names, name => Marshal.PtrToStringUTF8(name));
                break;
            case OnnxValueType.ONNX_TYPE_SEQUENCE:
                _contained = new SequenceMetadata(Owned(OrtApi.GetSequenceElementType(Known(OrtApi.CastTypeInfoToSequenceTypeInfo(typeInfo)))));
                break;
            case OnnxValueType.ONNX_TYPE_MAP:
                nint map = Known(OrtApi.CastTypeInfoToMapTypeInfo(typeInfo));
                _contained = new MapMetadata((TensorElementType)OrtApi.GetMapKeyType(map), Owned(OrtApi.GetMapValueType(map)));
                break;
            case OnnxValueType.ONNX_TYPE_OPTIONAL:
                _contained = new OptionalMetadata(Owned(OrtApi.GetOptionalContainedTypeInfo(Known(OrtApi.CastTypeInfoToOptionalTypeInfo(typeInfo)))));
                break;
            default:
                throw new OnnxRuntimeException(ErrorCode.NotImplemented, $"Value type: '{type}' not supported in this code");
        }
    }

    public OnnxValueType OnnxValueType { get; }

    public bool IsTensor => OnnxValueType is OnnxValueType.ONNX_TYPE_TENSOR or OnnxValueType.ONNX_TYPE_SPARSETENSOR;

    public int[] Dimensions => OfTensor(_dimensions);

    public string[] SymbolicDimensions => OfTensor(_symbolicDimensions);

    public TensorElementType ElementDataType => OfTensor(_elementDataType);

    public Type ElementType => OfTensor(ElementTypes.Find(_elementDataType)?.Type);

    public bool IsString => OfTensor(_elementDataType == TensorElementType.String);

    /// <summary>The port's name as the library takes it; owned by the session.</summary>
    internal nint ZeroTerminatedName { get; set; }

    public MapMetadata AsMapMetadata() => Contained<MapMetadata>("Map");

    public SequenceMetadata AsSequenceMetadata() => Contained<SequenceMetadata>("Sequence");

    public OptionalMetadata AsOptionalMetadata() => Contained<OptionalMetadata>("Optional");

    /// <summary>Reads a type info and releases it.</summary>
    internal static NodeMetadata Owned(nint typeInfo)
    {
        try
        {
            return new NodeMetadata((OnnxValueType)OrtApi.GetOnnxTypeFromTypeInfo(typeInfo), typeInfo);
        }
        finally
        {
            OrtApi.ReleaseTypeInfo(typeInfo);
        }
    }

    private static nint Known(nint cast) =>
        cast != 0 ? cast : throw new OnnxRuntimeException(ErrorCode.Fail, "TypeInfo cast failed. The object does not represent that type");

    private T OfTensor<T>(T value) =>
        IsTensor ? value : throw new OnnxRuntimeException(ErrorCode.Fail, "OnnxValueType must either be a tensor or sparse tensor");

    private T Contained<T>(string kind) where T : class =>
        _contained as T ?? throw new OnnxRuntimeException(ErrorCode.Fail, $"Instance does not contain {kind} metadata");
}
