using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;

namespace AimcCompiler.Digital;

/// <summary>ONNX Runtime refused a model or failed to run it.</summary>
public sealed partial class DigitalException : Exception
{
    public DigitalException(string message)
        : base(message)
    {
    }

    public DigitalException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>ONNX Runtime's name for the kind of error (<c>InvalidGraph</c>, <c>NoSuchFile</c>, ...); empty when the error is not its own.</summary>
    public string ErrorCode { get; private init; } = "";

    internal static DigitalException From(OnnxRuntimeException error)
    {
        var code = CodePrefix().Match(error.Message);
        string message = SourceLocation().Replace(error.Message[code.Length..], "").Trim();
        return new DigitalException($"ONNX Runtime: {message}", error) { ErrorCode = code.Groups[1].Value };
    }

    [GeneratedRegex(@"^\[ErrorCode:(\w+)\] ")]
    private static partial Regex CodePrefix();

    // "/build/.../reshape_helper.h:45 onnxruntime::ReshapeHelper::ReshapeHelper(const TensorShape&, bool) " says where the library was built.
    [GeneratedRegex(@"\S*[/\\]\S*\.(?:cc|cpp|h|hpp):\d+ (?:[\w:~<>*&, ]*\([^()]*(?:\([^()]*\)[^()]*)*\)(?: const)? )?(?:\[[^\]]*\] )?")]
    private static partial Regex SourceLocation();
}
