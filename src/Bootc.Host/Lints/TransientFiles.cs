using Bootc.Linux;

namespace Bootc.Host.Lints;

/// <summary>Content of places that are the machine's and not the image's.</summary>
internal static class TransientFiles
{
    // Podman mounts it for the resolver; its folders stay behind.
    private static readonly string[] OfPodman = ["/run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve", "/run/systemd"];

    /// <summary>Finds what lies in <c>/run</c> and <c>/tmp</c>.</summary>
    public static LintFinding? LookAtRunAndTmp(Dir root)
    {
        List<string> found = [.. ((string[])["run", "tmp"]).SelectMany(folder => RootWalk.Below(root, folder)).Select(file => file.Path)];
        foreach (string path in OfPodman)
        {
            if (!found.Any(other => other.StartsWith($"{path}/", StringComparison.Ordinal)))
            {
                found.Remove(path);
            }
        }

        return found.Count == 0 ? null : new("what is mounted there on a machine hides these; remove them:", found);
    }

    /// <summary>Finds logs that have something in them.</summary>
    public static LintFinding? LookAtLogs(Dir root)
    {
        string[] found = [.. RootWalk.Below(root, "var/log").Where(file => file.Status is { Kind: FileKind.Regular, Size: > 0 }).Select(file => file.Path)];
        return found.Length == 0 ? null : new("machines begin with these logs of the build; remove them:", found);
    }

    /// <summary>Finds directories and links of <c>/var</c> that tmpfiles.d(5) does not make, and all other files there.</summary>
    public static LintFinding? LookAtVar(Dir root)
    {
        HashSet<string> directories = [];
        HashSet<string> links = [];
        foreach (string[] words in ConfigLines.Read(root, "tmpfiles.d"))
        {
            switch (words[0][0])
            {
                case 'd' or 'D' or 'v' or 'q' or 'Q' or 'C':
                    directories.Add(words[1].TrimEnd('/'));
                    break;
                case 'L':
                    links.Add(words[1]);
                    break;
            }
        }

        List<string> found = [];
        foreach (WalkedFile file in RootWalk.Below(root, "var"))
        {
            HashSet<string>? made = file.Status.Kind switch { FileKind.Directory => directories, FileKind.Symlink => links, _ => null };
            if (made?.Contains(file.Path) != true && (found.Count == 0 || !file.Path.StartsWith($"{found[^1]}/", StringComparison.Ordinal)))
            {
                found.Add(file.Path);
            }
        }

        return found.Count == 0 ? null : new("machines get these when they are installed, and never by an update; have /usr/lib/tmpfiles.d make them, or keep them in /usr:", found);
    }
}
