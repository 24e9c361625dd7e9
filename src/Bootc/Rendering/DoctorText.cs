using System.Collections.Immutable;
using System.Text;
using Bootc.Host.Diagnosis;
using Bootc.Host.Operations;

namespace Bootc.Rendering;

/// <summary>What <c>doctor</c> says of a machine: a line for each finding, what it means for the user, and the sum.</summary>
internal static class DoctorText
{
    /// <summary>What a look found.</summary>
    public static string Render(ImmutableArray<Finding> findings)
    {
        StringBuilder text = new();
        foreach (Finding finding in findings)
        {
            Line(text, Kind(finding), finding);
        }

        int repairable = findings.Count(finding => finding.Repair is not null);
        text.AppendLine(findings.IsEmpty ? "Nothing is wrong"
            : repairable == 0 ? $"Found {findings.Length}; none can be repaired from here"
            : $"Found {findings.Length}; bootc doctor --fix repairs {repairable} of them at once, and what they hide");
        return text.ToString();
    }

    /// <summary>What was repaired and what was not.</summary>
    public static string Render(DoctorReport report)
    {
        StringBuilder text = new();
        foreach (Finding finding in report.Healed)
        {
            Line(text, "repaired", finding);
        }

        foreach (Finding finding in report.Left)
        {
            Line(text, finding.IsDamage ? "left" : "left over", finding);
        }

        text.AppendLine((report.Healed.IsEmpty, report.Left.IsEmpty) switch
        {
            (true, true) => "Nothing is wrong",
            (_, true) => $"Repaired {report.Healed.Length}; nothing is wrong any more",
            _ => $"Repaired {report.Healed.Length}; {report.Left.Length} left",
        });
        return text.ToString();
    }

    private static string Kind(Finding finding) => finding.IsDamage ? "damaged" : "left over";

    private static void Line(StringBuilder text, string kind, Finding finding) => text.AppendLine($"{kind}: {PlainLine.Of(finding.Sentence)}");
}
