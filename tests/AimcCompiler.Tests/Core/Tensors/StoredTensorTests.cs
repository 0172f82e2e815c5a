using System.Runtime.InteropServices;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core;

/// <summary>A tensor whose elements stay in a file is the same tensor.</summary>
public sealed class StoredTensorTests
{
    private static readonly float[] s_elements = [.. Enumerable.Range(0, 200_000).Select(i => i % 17 / 4f)];

    [Fact]
    public void ItHasTheSameElements()
    {
        BytesInPlaceOfAFile file = new(MemoryMarshal.AsBytes(s_elements.AsSpan()).ToArray());
        Tensor tensor = new(TensorType.Float, [500, 400], file);
        Assert.True(tensor.IsStored);
        Assert.Equal(200_000, tensor.Count);
        Assert.Equal(800_000, tensor.Bytes);
        Assert.Equal(0, file.Taken);
        Assert.Equal(s_elements, tensor.Floats);
        Assert.Same(tensor, tensor.AsFloat());
        var turned = tensor.Reshape([400, 500]);
        Assert.Equal([400L, 500], [.. turned.Shape]);
        Assert.Equal(s_elements, turned.ToFloats());
        Assert.Throws<ArgumentException>(() => tensor.Reshape([3]));
    }

    [Theory]
    [InlineData(TensorType.Float16, 2)]
    [InlineData(TensorType.BFloat16, 2)]
    [InlineData(TensorType.Int8, 1)]
    [InlineData(TensorType.Int64, 8)]
    [InlineData(TensorType.Int4, 1)]
    public void OtherTypesToo(TensorType type, int size)
    {
        byte[] bytes = [.. Enumerable.Range(0, 64 * size).Select(i => (byte)(37 * i))];
        long count = type == TensorType.Int4 ? 128 : 64;
        Tensor tensor = new(type, [count], new BytesInPlaceOfAFile(bytes));
        var held = Tensor.Zeros(type, [count]);
        bytes.CopyTo(MemoryMarshal.CreateSpan(ref MemoryMarshal.GetArrayDataReference(held.Data), bytes.Length));
        Assert.Equal(held.Data, tensor.Data);
        Assert.Equal(held.ToFloats(), tensor.AsFloat().Floats);
    }

    [Fact]
    public void APartIsReadAlone()
    {
        BytesInPlaceOfAFile file = new(MemoryMarshal.AsBytes(s_elements.AsSpan()).ToArray());
        Tensor tensor = new(TensorType.Float, [200_000], file);
        float[] part = new float[100];
        tensor.CopyFloats(1234, part);
        Assert.Equal(s_elements[1234..1334], part);
        Assert.Equal(400, file.Taken);
        Tensor.FromFloats(s_elements, 200_000).CopyFloats(1234, part);
        Assert.Equal(s_elements[1234..1334], part);
    }

    [Fact]
    public void AConditionSeesEveryElementUpToTheFirstThatFails()
    {
        BytesInPlaceOfAFile file = new(MemoryMarshal.AsBytes(s_elements.AsSpan()).ToArray());
        Tensor tensor = new(TensorType.Float, [200_000], file);
        List<float> seen = [];
        Assert.True(tensor.TrueForAll(piece =>
        {
            seen.AddRange(piece);
            return true;
        }));
        Assert.Equal(s_elements, seen);
        Assert.Equal(800_000, file.Taken);
        Assert.False(tensor.TrueForAll(_ => false));
        Assert.InRange(file.Taken, 800_001, 1_200_000);
        Assert.True(Tensor.FromInt64([1, 2], 2).TrueForAll(piece => piece.SequenceEqual([1f, 2f])));
    }

    [Fact]
    public void TypesWhoseBytesAreNotTheirArraysAreRefused()
    {
        Assert.Throws<ArgumentException>(() => new Tensor(TensorType.Bool, [1], new BytesInPlaceOfAFile([1])));
        Assert.Throws<ArgumentException>(() => new Tensor(TensorType.String, [1], new BytesInPlaceOfAFile([1])));
    }
}
