using System.Collections.Immutable;
using Bootc.Linux;

namespace Bootc.Host.Lints;

/// <summary>A lint that looked, and what it found; null for nothing.</summary>
public sealed record LintResult(Lint Lint, LintFinding? Finding);

/// <summary>What lints found in a root file system.</summary>
/// <param name="Results">Of the lints that looked, in their order.</param>
/// <param name="Skipped">How many did not look, because they were told not to, or are for other roots.</param>
public sealed record LintReport(ImmutableArray<LintResult> Results, int Skipped)
{
    private const string RunningRoot = "/";

    /// <summary>Has all lints look at a root file system.</summary>
    /// <param name="path">Its root directory; <c>/</c> is the container that this runs in.</param>
    /// <param name="skip">Names of lints that are not to look; unknown ones mean nothing.</param>
    public static LintReport Of(string path, IReadOnlyCollection<string> skip)
    {
        LintScope other = Path.GetFullPath(path) == RunningRoot ? LintScope.Alternative : LintScope.Running;
        ImmutableArray<Lint> wanted = [.. ImageLints.All.Where(lint => lint.Scope != other && !skip.Contains(lint.Name))];
        using Dir root = Dir.Open(path);
        return new([.. wanted.Select(lint => new LintResult(lint, lint.Look(root)))], ImageLints.All.Length - wanted.Length);
    }

    /// <summary>How many found something, of a level.</summary>
    public int Count(LintLevel level) => Results.Count(result => result.Finding is not null && result.Lint.Level == level);
}
