using System.Text;
using Bootc.Host.Lints;

namespace Bootc.Rendering;

/// <summary>What <c>container lint</c> prints; upstream's words.</summary>
internal static class LintText
{
    private const int ShownItems = 5;

    /// <summary>The findings, and how many lints looked.</summary>
    /// <param name="report">What was found.</param>
    /// <param name="isWhole">Whether all that a finding is about is shown, however much it is.</param>
    public static string Render(LintReport report, bool isWhole)
    {
        StringBuilder text = new();
        foreach (LintResult result in report.Results)
        {
            if (result.Finding is { } finding)
            {
                text.AppendLine($"{(result.Lint.Level == LintLevel.Fatal ? "Failed lint" : "Lint warning")}: {result.Lint.Name}: {PlainLine.Of(finding.Text)}");
                Items(text, finding.Items, isWhole ? int.MaxValue : ShownItems);
            }
        }

        Count(text, "Checks passed", report.Results.Count(result => result.Finding is null), isShownAlways: true);
        Count(text, "Checks skipped", report.Skipped);
        Count(text, "Warnings", report.Count(LintLevel.Warning));
        return text.ToString();
    }

    /// <summary>All lints, as YAML.</summary>
    public static string RenderList()
    {
        StringBuilder text = new();
        foreach (Lint lint in ImageLints.All)
        {
            text.AppendLine($"- name: {lint.Name}").AppendLine($"  type: {NameOf(lint.Level)}").AppendLine($"  description: {lint.Description}");
            if (lint.Scope != LintScope.Any)
            {
                text.AppendLine($"  root_type: {NameOf(lint.Scope)}");
            }
        }

        return text.ToString();
    }

    private static string NameOf<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    private static void Items(StringBuilder text, IReadOnlyList<string> items, int most)
    {
        foreach (string item in items.Take(most))
        {
            text.AppendLine($"  {PlainLine.Of(item)}");
        }

        if (items.Count > most)
        {
            text.AppendLine($"  ...and {items.Count - most} more");
        }
    }

    private static void Count(StringBuilder text, string what, int count, bool isShownAlways = false)
    {
        if (count > 0 || isShownAlways)
        {
            text.AppendLine($"{what}: {count}");
        }
    }
}
