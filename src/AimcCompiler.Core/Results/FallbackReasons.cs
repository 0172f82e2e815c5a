using System.Diagnostics;

namespace AimcCompiler.Core;

/// <summary>Fallback reasons in words: why a node is not on tiles, and what would bring it there.</summary>
public static class FallbackReasons
{
    public static string Explain(FallbackReason reason) => reason switch
    {
        FallbackReason.None => "",
        FallbackReason.NotAnMvm => "not a matrix-vector product",
        FallbackReason.DynamicWeights => "multiplies two activations; tiles hold constants",
        FallbackReason.Depthwise => "depthwise convolution, which would leave a tile nearly empty",
        FallbackReason.UnsupportedForm => "a matrix-vector product in a form that is not lowered",
        FallbackReason.ByRequest => "was asked to be digital",
        FallbackReason.DoesNotFit => "does not fit the tiles that are left",
        FallbackReason.Folded => "folded by the compiler: nothing is left to run",
        FallbackReason.HostOnly => "control flow, strings, sequences or chance, which no digital unit has",
        FallbackReason.ZeroWeights => "weights are all zero: there is nothing to hold",
        _ => throw new UnreachableException(),
    };

    /// <summary>What would help, or null where nothing needs help.</summary>
    public static string? Help(FallbackReason reason) => reason switch
    {
        FallbackReason.Depthwise => "--depthwise packed or --depthwise dense",
        FallbackReason.UnsupportedForm => "rewrite the node as Conv, Gemm or MatMul with floating-point weights and known shapes (--dim NAME=N)",
        FallbackReason.ByRequest => "leave out --digital",
        FallbackReason.DoesNotFit => "--chips auto, fewer bit slices or a larger chip",
        FallbackReason.ZeroWeights => "--zeros program puts the zeros on tiles",
        _ => null,
    };
}
