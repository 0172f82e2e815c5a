using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>Pairs the enumerations of the program with those of the manifest by their members' names, so that their numbers are independent.</summary>
internal static class EnumNames
{
    /// <exception cref="InvalidIrException">The other enumeration has no such member.</exception>
    public static TTo Convert<TTo>(Enum from)
        where TTo : struct, Enum =>
        Enum.TryParse(from.ToString(), out TTo result) && Enum.IsDefined(result)
            ? result
            : throw new InvalidIrException($"'{from}' is not one of {string.Join(", ", Enum.GetNames<TTo>())}");
}
