using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Writes .npy version 1.0: little-endian, row-major, data at a multiple of 64 bytes. Equal tensors give equal bytes.</summary>
/// <remarks>bfloat16, which NumPy does not know, is written as float32.</remarks>
internal static class NpyWriter
{
    /// <exception cref="DiagnosticException">The file cannot be written, or the tensor holds texts.</exception>
    public static void Write(string path, Tensor tensor)
    {
        CheckType(path, tensor);
        AtomicFile.Write(path, stream => Write(stream, tensor));
    }

    /// <summary>Writes to an open stream; the tensor must hold numbers.</summary>
    public static void Write(Stream stream, Tensor tensor)
    {
        if (tensor.Type == TensorType.BFloat16)
        {
            tensor = new Tensor(TensorType.Float, tensor.Shape, tensor.ToFloats());
        }

        stream.Write(Header(tensor));
        if (tensor.Count == 0)
        {
            return;
        }

        int size = Tensor.SizeOf(tensor.Type);
        int perChunk = (1 << 20) / size;
        byte[] buffer = new byte[(int)Math.Min(perChunk, tensor.Count) * size];
        for (long first = 0; first < tensor.Count; first += perChunk)
        {
            int count = (int)Math.Min(perChunk, tensor.Count - first);
            var chunk = buffer.AsSpan(0, count * size);
            ref byte start = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(tensor.Data), (nint)(first * size));
            MemoryMarshal.CreateReadOnlySpan(ref start, chunk.Length).CopyTo(chunk);
            if (!BitConverter.IsLittleEndian)
            {
                for (int i = 0; i < count; i++)
                {
                    chunk.Slice(i * size, size).Reverse();
                }
            }

            stream.Write(chunk);
        }
    }

    internal static void CheckType(string path, Tensor tensor)
    {
        if (tensor.Type == TensorType.String)
        {
            throw new DiagnosticException(Descriptors.CannotWrite, path, "a tensor of texts cannot be written as .npy", "leave this output out");
        }
    }

    private static byte[] Header(Tensor tensor)
    {
        string shape = string.Concat(tensor.Shape.Select((d, i) => string.Create(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : " ")}{d},")));
        if (tensor.Shape.Length > 1)
        {
            shape = shape[..^1];
        }

        string text = $"{{'descr': '{Descr(tensor.Type)}', 'fortran_order': False, 'shape': ({shape}), }}";
        int length = (10 + text.Length + 1 + 63) / 64 * 64;
        byte[] header = new byte[length];
        header.AsSpan().Fill((byte)' ');
        ReadOnlySpan<byte> magic = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0];
        magic.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)(length - 10));
        _ = Encoding.ASCII.GetBytes(text, header.AsSpan(10));
        header[^1] = (byte)'\n';
        return header;
    }

    private static string Descr(TensorType type) => type switch
    {
        TensorType.Float16 => "<f2",
        TensorType.Float => "<f4",
        TensorType.Double => "<f8",
        TensorType.Int8 => "|i1",
        TensorType.Int16 => "<i2",
        TensorType.Int32 => "<i4",
        TensorType.Int64 => "<i8",
        TensorType.UInt8 => "|u1",
        TensorType.UInt16 => "<u2",
        TensorType.UInt32 => "<u4",
        TensorType.UInt64 => "<u8",
        TensorType.Bool => "|b1",
        _ => throw new NotSupportedException($"A tensor of {type} has no .npy form."),
    };
}
