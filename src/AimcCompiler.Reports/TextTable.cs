using System.Text;

namespace AimcCompiler.Reports;

/// <summary>Columns in plain text: no borders, so that a pipe, a file and a terminal get the same lines.</summary>
public sealed class TextTable(params (string Header, bool IsNumber)[] columns)
{
    private const string Gap = "  ";

    private readonly List<string[]> _rows = [];

    public void Add(params string[] cells) => _rows.Add(cells);

    /// <summary>The header first; no trailing spaces.</summary>
    public IEnumerable<string> Lines()
    {
        string[] header = [.. columns.Select(c => c.Header)];
        int[] widths = [.. columns.Select((c, i) => _rows.Append(header).Max(r => r[i].Length))];
        foreach (string[] row in _rows.Prepend(header))
        {
            var line = new StringBuilder();
            for (int i = 0; i < row.Length; i++)
            {
                line.Append(i == 0 ? "" : Gap).Append(columns[i].IsNumber ? row[i].PadLeft(widths[i]) : row[i].PadRight(widths[i]));
            }

            yield return line.ToString().TrimEnd();
        }
    }
}
