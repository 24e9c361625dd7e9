using Bootc.Linux;

namespace Bootc.Host.Lints;

/// <summary>What comes of a finding.</summary>
public enum LintLevel
{
    /// <summary>The image may do, and is better without.</summary>
    Warning,

    /// <summary>The image is not to be published.</summary>
    Fatal,
}

/// <summary>Which root file systems a lint is for.</summary>
public enum LintScope
{
    /// <summary>All.</summary>
    Any,

    /// <summary>That of the container the program runs in: links that lead anywhere in it can be followed.</summary>
    Running,

    /// <summary>One in a folder: the build that made it has ended.</summary>
    Alternative,
}

/// <summary>What a lint found.</summary>
/// <param name="Text">In one line.</param>
/// <param name="Items">The files, users and so on that it is about; none where the text names them.</param>
public sealed record LintFinding(string Text, params IReadOnlyList<string> Items);

/// <summary>A thing that is looked at in the root file system of an image.</summary>
/// <param name="Name">How it is called on the command line: upstream's name where upstream has it, too.</param>
/// <param name="Level">What comes of a finding.</param>
/// <param name="Description">What is wrong if it finds something.</param>
/// <param name="Search">Searches a root directory; null for nothing found.</param>
public sealed record Lint(string Name, LintLevel Level, string Description, Func<Dir, LintFinding?> Search)
{
    /// <summary>What it is for.</summary>
    public LintScope Scope { get; init; }

    /// <summary>Looks at a root directory; null for nothing found. What cannot be read or understood is a finding, too.</summary>
    public LintFinding? Look(Dir root)
    {
        try
        {
            return Search(root);
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return new(Failure.Describe(e));
        }
    }
}
