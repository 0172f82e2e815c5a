using System.Numerics;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Converts elements to a model's type. Into integers only values that fit exactly go; floating types round.</summary>
internal static class ElementCast
{
    /// <exception cref="DiagnosticException">A value does not fit the integer type, or one of the types is text.</exception>
    public static Array Cast(string where, TensorType from, Array data, TensorType to)
    {
        if (from == to)
        {
            return data;
        }

        if (from == TensorType.String || to == TensorType.String)
        {
            throw new DiagnosticException(Descriptors.WrongShape, where, $"the data are {from}, the model's input is {to}");
        }

        if (to is TensorType.Float or TensorType.BFloat16)
        {
            float[] floats = new Tensor(from, [data.LongLength], data).ToFloats();
            return to == TensorType.Float ? floats : Array.ConvertAll(floats, ToBFloat16);
        }

        return from switch
        {
            TensorType.BFloat16 => To(where, new Tensor(from, [data.LongLength], data).ToFloats(), to),
            TensorType.Bool => To(where, Array.ConvertAll((bool[])data, x => x ? (byte)1 : (byte)0), to),
            TensorType.Float => To(where, (float[])data, to),
            TensorType.Float16 => To(where, (Half[])data, to),
            TensorType.Double => To(where, (double[])data, to),
            TensorType.Int8 => To(where, (sbyte[])data, to),
            TensorType.Int16 => To(where, (short[])data, to),
            TensorType.Int32 => To(where, (int[])data, to),
            TensorType.Int64 => To(where, (long[])data, to),
            TensorType.UInt8 => To(where, (byte[])data, to),
            TensorType.UInt16 => To(where, (ushort[])data, to),
            TensorType.UInt32 => To(where, (uint[])data, to),
            _ => To(where, (ulong[])data, to),
        };
    }

    private static Array To<TFrom>(string where, TFrom[] data, TensorType to)
        where TFrom : INumber<TFrom> => to switch
        {
            TensorType.Float16 => Array.ConvertAll(data, Half.CreateSaturating),
            TensorType.Double => Array.ConvertAll(data, double.CreateSaturating),
            TensorType.Int8 => Exact<TFrom, sbyte>(where, data, to),
            TensorType.Int16 => Exact<TFrom, short>(where, data, to),
            TensorType.Int32 => Exact<TFrom, int>(where, data, to),
            TensorType.Int64 => Exact<TFrom, long>(where, data, to),
            TensorType.UInt8 => Exact<TFrom, byte>(where, data, to),
            TensorType.UInt16 => Exact<TFrom, ushort>(where, data, to),
            TensorType.UInt32 => Exact<TFrom, uint>(where, data, to),
            TensorType.UInt64 => Exact<TFrom, ulong>(where, data, to),
            _ => Array.ConvertAll(data, x => x == TFrom.Zero ? false : x == TFrom.One ? true : throw NotExact(where, x, to)),
        };

    private static TTo[] Exact<TFrom, TTo>(string where, TFrom[] data, TensorType to)
        where TFrom : INumber<TFrom>
        where TTo : INumber<TTo> => Array.ConvertAll(data, x =>
        {
            try
            {
                var value = TTo.CreateChecked(x);
                if (TFrom.CreateSaturating(value) == x)
                {
                    return value;
                }
            }
            catch (OverflowException)
            {
                // Said below, as for a fraction.
            }

            throw NotExact(where, x, to);
        });

    private static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private static DiagnosticException NotExact(string where, object value, TensorType to) =>
        new(Descriptors.WrongShape, where, $"the value {value} does not fit the input's type {to} exactly", $"save the data as {to}");
}
