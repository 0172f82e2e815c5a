using Microsoft.ML.OnnxRuntime.Tensors;

namespace Microsoft.ML.OnnxRuntime;

public struct OrtTensorTypeAndShapeInfo
{
    internal unsafe OrtTensorTypeAndShapeInfo(nint info)
    {
        ElementDataType = (TensorElementType)OrtApi.GetTensorElementType(info);
        ElementCount = (long)OrtApi.GetTensorShapeElementCount(info);
        Shape = new long[OrtApi.GetDimensionsCount(info)];
        fixed (long* dimensions = Shape)
        {
            OrtApi.GetDimensions(info, dimensions, (nuint)Shape.Length);
        }
    }

    public TensorElementType ElementDataType { get; private set; }

    public readonly bool IsString => ElementDataType == TensorElementType.String;

    public long ElementCount { get; private set; }

    public readonly int DimensionsCount => Shape.Length;

    public long[] Shape { get; private set; }
}
