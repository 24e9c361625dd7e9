using System.CommandLine;

namespace Bootc.Commands;

/// <summary>
/// The verbs of upstream's bootc that people or other software call and this version does not have. To be told so is of more use than that there
/// is no such command, which sounds like a mistake in the call.
/// </summary>
internal static class UnavailableVerbs
{
    private const string NotYet = "is not available yet in this version of bootc; see /usr/share/doc/bootc/compatibility.md";
    private const string OfOstree = "is for systems deployed by ostree, which this bootc does not manage";

    /// <summary>A verb comes after those that its first words name.</summary>
    private static readonly (string Verb, string Why)[] All =
    [
        ("install to-filesystem", NotYet),
        ("install to-existing-root", NotYet),
        ("install reset", NotYet),
        ("install finalize", NotYet),
        ("install ensure-completion", NotYet),
        ("container ukify", NotYet),
        ("container export", NotYet),
        ("container split-kernel-and-rootfs", NotYet),
        ("container compute-composefs-digest-from-storage", NotYet),
        ("image set-unified", "is not needed: the repository shares the content of all images already; see /usr/share/doc/bootc/compatibility.md"),
        ("state", OfOstree),
        ("state wipe-ostree", OfOstree),
        ("exec-in-host-mount-namespace", "is not available; \"nsenter --target 1 --mount --\" does the same"),
        ("internals publish-rhsm-facts", NotYet),
        ("internals fixup-etc-fstab", NotYet),
        ("internals relabel", NotYet),
        ("internals relabel-overlay-mountpoints", NotYet),
        ("internals bootc-install-completion", OfOstree),
    ];

    /// <summary>Adds them to the tree of those that are there.</summary>
    public static void AddTo(Command bootc)
    {
        foreach ((string verb, string why) in All)
        {
            string[] words = verb.Split(' ');
            Command above = words[..^1].Aggregate(bootc, (command, word) => command.Subcommands.First(below => below.Name == word));
            above.Add(new UnavailableVerb(words[^1], $"bootc {verb} {why}"));
        }
    }
}
