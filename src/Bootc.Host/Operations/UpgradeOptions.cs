namespace Bootc.Host.Operations;

/// <summary>What <c>bootc upgrade</c> is asked for.</summary>
public sealed record UpgradeOptions
{
    /// <summary>Only say whether there is an update.</summary>
    public bool Check { get; init; }

    /// <summary>Stage it, but let a shutdown leave it alone.</summary>
    public bool DownloadOnly { get; init; }

    /// <summary>Unlock what is staged, without asking the update source.</summary>
    public bool FromDownloaded { get; init; }

    /// <summary>Follow this tag instead of the present one; null to stay.</summary>
    public string? Tag { get; init; }

    /// <summary>Whether nobody asked: a timer runs it, which does not go back to what a person left.</summary>
    public bool IsAutomatic { get; init; }
}
