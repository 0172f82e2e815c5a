using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Runs passes one after the other: after each, the result is verified, printed when asked for, and the findings are looked at.</summary>
public sealed class PassRunner(CompileOptions options, DiagnosticBag diagnostics)
{
    private int _index;

    /// <param name="name">The pass's name in the log, <c>split-weights</c> for <c>SplitWeights</c>.</param>
    /// <param name="pass">From one form to the next.</param>
    /// <param name="verify">Throws <see cref="InvalidIrException"/>.</param>
    /// <param name="print">The form as text.</param>
    /// <exception cref="DiagnosticException">The pass left errors.</exception>
    public TForm Run<TForm>(string name, Func<TForm> pass, Action<TForm> verify, Func<TForm, string> print)
    {
        ArgumentNullException.ThrowIfNull(pass);
        options.Progress?.Invoke(name);
        TForm result = pass();
        diagnostics.ThrowIfErrors();
        try
        {
            verify(result);
        }
        catch (InvalidIrException e)
        {
            throw new InvalidIrException($"after {name}: {e.Message}");
        }

        options.Dump?.Invoke(FormattableString.Invariant($"{++_index:00}-{name}"), options.Dump is null ? "" : print(result));
        return result;
    }
}
