namespace AimcCompiler.Core;

/// <summary>Where a node of the model is executed.</summary>
public enum Home
{
    /// <summary>On tiles.</summary>
    Analog,

    /// <summary>On the chip's digital units.</summary>
    Digital,

    /// <summary>On the host: control flow, strings, sequences.</summary>
    Host,
}

/// <summary>Why a node is not on tiles.</summary>
public enum FallbackReason
{
    None,

    /// <summary>The operator is not a matrix-vector product.</summary>
    NotAnMvm,

    /// <summary>A product of two activations: tiles hold constants.</summary>
    DynamicWeights,

    /// <summary>A depthwise convolution, which would leave a tile nearly empty (<c>--depthwise</c>).</summary>
    Depthwise,

    /// <summary>The operator is an MVM in a form that is not lowered.</summary>
    UnsupportedForm,

    /// <summary>The user asked for it (<c>--digital</c>).</summary>
    ByRequest,

    /// <summary>The chip has no tiles left (<c>--fallback digital</c>).</summary>
    DoesNotFit,

    /// <summary>Computed by the compiler: nothing is left to run.</summary>
    Folded,

    /// <summary>Control flow, strings, sequences, random numbers.</summary>
    HostOnly,

    /// <summary>All weights are zero: the output is the bias (<c>--zeros</c>).</summary>
    ZeroWeights,
}

/// <summary>How a depthwise convolution is mapped.</summary>
public enum DepthwisePolicy
{
    /// <summary>Not on tiles.</summary>
    Digital,

    /// <summary>Channels block-diagonally in one tile; the zero cells between them are driven too.</summary>
    Packed,

    /// <summary>Channels side by side in one tile, one channel driven at a time.</summary>
    Dense,
}
