using System.Text;

namespace AimcCompiler.Tests.Digital;

/// <summary>Writes ONNX models of a few nodes, byte by byte: tests of ONNX Runtime need no importer of ours.</summary>
internal static class TinyOnnx
{
    internal static byte[] Model(byte[][] nodes, byte[][] inputs, byte[][] outputs, byte[][]? initializers = null, int opset = 17)
    {
        var graph = new Message();
        foreach (byte[] node in nodes) graph.Bytes(1, node);
        graph.Text(2, "g");
        foreach (byte[] initializer in initializers ?? []) graph.Bytes(5, initializer);
        foreach (byte[] input in inputs) graph.Bytes(11, input);
        foreach (byte[] output in outputs) graph.Bytes(12, output);
        return new Message().Number(1, 8).Bytes(7, graph.ToArray()).Bytes(8, new Message().Number(2, opset).ToArray()).ToArray();
    }

    /// <summary>One node from x to y, both of the same element type and shape.</summary>
    internal static byte[] Unary(string op, int elementType, params object[] shape) =>
        Model([Node(op, ["x"], ["y"])], [Port("x", TensorType(elementType, shape))], [Port("y", TensorType(elementType, shape))]);

    internal static byte[] Node(string op, string[] inputs, string[] outputs, params byte[][] attributes)
    {
        var node = new Message();
        foreach (string input in inputs) node.Text(1, input);
        foreach (string output in outputs) node.Text(2, output);
        node.Text(3, "n_" + outputs[0]).Text(4, op);
        foreach (byte[] attribute in attributes) node.Bytes(5, attribute);
        return node.ToArray();
    }

    internal static byte[] TypeAttribute(string name, byte[] type) => new Message().Text(1, name).Bytes(14, type).Number(20, 13).ToArray();

    internal static byte[] Port(string name, byte[] type) => new Message().Text(1, name).Bytes(2, type).ToArray();

    internal static byte[] TensorType(int elementType, params object[] shape)
    {
        var dimensions = new Message();
        foreach (object dimension in shape)
        {
            dimensions.Bytes(1, (dimension is string name ? new Message().Text(2, name) : new Message().Number(1, (int)dimension)).ToArray());
        }

        return new Message().Bytes(1, new Message().Number(1, elementType).Bytes(2, dimensions.ToArray()).ToArray()).ToArray();
    }

    internal static byte[] SequenceType(byte[] element) => new Message().Bytes(4, new Message().Bytes(1, element).ToArray()).ToArray();

    internal static byte[] OptionalType(byte[] element) => new Message().Bytes(9, new Message().Bytes(1, element).ToArray()).ToArray();

    internal static byte[] FloatInitializer(string name, float[] values)
    {
        var raw = new byte[values.Length * 4];
        Buffer.BlockCopy(values, 0, raw, 0, raw.Length);
        return new Message().Number(1, values.Length).Number(2, 1).Text(8, name).Bytes(9, raw).ToArray();
    }

    internal static byte[] Int64Initializer(string name, long[] values)
    {
        var raw = new byte[values.Length * 8];
        Buffer.BlockCopy(values, 0, raw, 0, raw.Length);
        return new Message().Number(1, values.Length).Number(2, 7).Text(8, name).Bytes(9, raw).ToArray();
    }

    private sealed class Message
    {
        private readonly List<byte> _bytes = [];

        internal Message Number(int field, int value)
        {
            Varint((uint)(field << 3));
            Varint((uint)value);
            return this;
        }

        internal Message Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

        internal Message Bytes(int field, byte[] value)
        {
            Varint((uint)((field << 3) | 2));
            Varint((uint)value.Length);
            _bytes.AddRange(value);
            return this;
        }

        internal byte[] ToArray() => [.. _bytes];

        private void Varint(uint value)
        {
            for (; value >= 0x80; value >>= 7) _bytes.Add((byte)(value | 0x80));
            _bytes.Add((byte)value);
        }
    }
}
