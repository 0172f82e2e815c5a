namespace AimcCompiler.Core;

/// <summary>Every diagnostic the tool can give. 1xxx model, 2xxx chip, 3xxx mapping, 4xxx program file, 5xxx data and run.</summary>
public static class Descriptors
{
    public static readonly DiagnosticDescriptor InvalidModel = new("AIMC1001", Severity.Error, "The model file cannot be read");
    public static readonly DiagnosticDescriptor RejectedByOnnxRuntime = new("AIMC1002", Severity.Error, "ONNX Runtime rejects the model");
    public static readonly DiagnosticDescriptor UnknownDimension = new("AIMC1003", Severity.Error, "A dimension of an input is not known");
    public static readonly DiagnosticDescriptor InvalidNode = new("AIMC1004", Severity.Error, "A node of the model is malformed");
    public static readonly DiagnosticDescriptor InvalidWeights = new("AIMC1005", Severity.Error, "Weights are not finite numbers");

    public static readonly DiagnosticDescriptor DefaultedDimension = new("AIMC1006", Severity.Warning, "An open dimension was given an extent");

    public static readonly DiagnosticDescriptor InvalidFixedInput = new("AIMC1007", Severity.Error, "An input cannot be fixed to the value");

    public static readonly DiagnosticDescriptor NotProfiled = new("AIMC1008", Severity.Warning, "The model could not be run while compiling");
    public static readonly DiagnosticDescriptor TooLargeValues = new("AIMC1012", Severity.Error, "Values do not fit into memory");

    public static readonly DiagnosticDescriptor InvalidChip = new("AIMC2001", Severity.Error, "The chip description is invalid");
    public static readonly DiagnosticDescriptor UnknownChip = new("AIMC2002", Severity.Error, "There is no such chip");
    public static readonly DiagnosticDescriptor ConstantFromMemory = new("AIMC2003", Severity.Warning, "A constant of the chip is known only from memory");
    public static readonly DiagnosticDescriptor WithoutEffect = new("AIMC2004", Severity.Warning, "A non-ideality is on but cannot take effect");
    public static readonly DiagnosticDescriptor InvalidDeviceTable = new("AIMC2005", Severity.Error, "The device table is invalid");

    public static readonly DiagnosticDescriptor UnknownNode = new("AIMC3001", Severity.Error, "A named node is not in the model");
    public static readonly DiagnosticDescriptor NotMappable = new("AIMC3002", Severity.Error, "A node cannot be put on tiles");
    public static readonly DiagnosticDescriptor ChipTooSmall = new("AIMC3003", Severity.Error, "The chip has too few tiles");
    public static readonly DiagnosticDescriptor FellBack = new("AIMC3004", Severity.Warning, "A layer that does not fit runs digitally");
    public static readonly DiagnosticDescriptor NoRanges = new("AIMC3005", Severity.Warning, "Compiled without input ranges");
    public static readonly DiagnosticDescriptor MayClip = new("AIMC3006", Severity.Warning, "The ADC can clip");
    public static readonly DiagnosticDescriptor NothingAnalog = new("AIMC3007", Severity.Warning, "Nothing of the model runs on tiles");

    public static readonly DiagnosticDescriptor EmbeddingOnTiles = new("AIMC3008", Severity.Warning, "An embedding table stands on tiles");
    public static readonly DiagnosticDescriptor BufferTooSmall = new("AIMC3009", Severity.Error, "The buffers of the cores are too small");

    public static readonly DiagnosticDescriptor InvalidProgram = new("AIMC4001", Severity.Error, "The program file cannot be read");
    public static readonly DiagnosticDescriptor NewerProgram = new("AIMC4002", Severity.Error, "The program file is newer than this tool");
    public static readonly DiagnosticDescriptor CannotWrite = new("AIMC4003", Severity.Error, "An output cannot be written");

    public static readonly DiagnosticDescriptor InvalidData = new("AIMC5001", Severity.Error, "A data file cannot be read");
    public static readonly DiagnosticDescriptor WrongShape = new("AIMC5002", Severity.Error, "The data do not fit the model's inputs");
    public static readonly DiagnosticDescriptor MissingRanges = new("AIMC5003", Severity.Error, "The program has no input ranges");
    public static readonly DiagnosticDescriptor OutsideTable = new("AIMC5004", Severity.Error, "A time or conductance is outside the device table");
    public static readonly DiagnosticDescriptor InvalidOption = new("AIMC5005", Severity.Error, "An option has an impossible value");
    public static readonly DiagnosticDescriptor RunFailed = new("AIMC5006", Severity.Error, "ONNX Runtime failed while running a digital partition");
    public static readonly DiagnosticDescriptor OtherModel = new("AIMC5007", Severity.Warning, "The model to compare with is not the one that was compiled");
    public static readonly DiagnosticDescriptor NoSchedule = new("AIMC5008", Severity.Error, "The program has no schedule");
    public static readonly DiagnosticDescriptor Stalled = new("AIMC5009", Severity.Error, "The schedule stops");
}
