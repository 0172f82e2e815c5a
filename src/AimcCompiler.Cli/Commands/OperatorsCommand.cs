using System.CommandLine;
using System.Text;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Reports;

namespace AimcCompiler.Cli;

/// <summary><c>aimc operators</c>: which operator runs where, and when.</summary>
public static class OperatorsCommand
{
    public static Command Create()
    {
        var format = GlobalOptions.Format("text", "json", "markdown");
        var command = new AimcCommand(
            "operators", "List which operators run on tiles, on digital units and on the host, and when", "aimc operators", "aimc operators --format json") { format };
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, _) => ResultOutput.Write(
                console,
                parsed.GetValue(format) switch
                {
                    "json" => ReportJson.Write(new { SchemaVersion = 1, Operators = OperatorTable.Rows }),
                    "markdown" => Markdown(),
                    _ => Text(),
                },
                file: null),
            cancellation));
        return command;
    }

    /// <summary>The whole of docs/operators.md.</summary>
    internal static string Markdown()
    {
        StringBuilder text = new();
        text.Append("# Operators\n\nWhere the nodes of a model run. Printed by `aimc operators --format markdown`; a test compiles an example of every row and keeps this file true.\n");
        foreach (Home home in Enum.GetValues<Home>())
        {
            text.Append(null, $"\n## {Title(home)}\n\n| operator | domain | form | condition | how |\n|---|---|---|---|---|\n");
            foreach (var row in OperatorTable.Rows.Where(r => r.Home == home))
            {
                text.Append(null, $"| {Code(row.Operator)} | {row.Domain} | {row.Form} | {row.Condition} | {row.Mapping} |\n");
            }
        }

        return text.ToString();
    }

    private static string Text()
    {
        StringBuilder text = new();
        foreach (var row in OperatorTable.Rows)
        {
            string domain = row.Domain.Length > 0 && row.Domain != "any" ? $"{row.Domain}." : "";
            string form = row.Form.Length > 0 ? $" ({row.Form})" : "";
            text.Append(null, $"{row.Home.ToString().ToLowerInvariant(),-7}  {domain}{row.Operator}{form}\n");
            foreach (string line in new[] { row.Condition, row.Mapping }.Where(l => l.Length > 0))
            {
                text.Append(null, $"         {line}\n");
            }
        }

        return text.ToString();
    }

    private static string Title(Home home) => home switch
    {
        Home.Analog => "On tiles",
        Home.Digital => "On digital units",
        _ => "On the host",
    };

    private static string Code(string operators) => operators.Contains("every", StringComparison.Ordinal) ? operators : string.Join(", ", operators.Split(", ").Select(o => $"`{o}`"));
}
