using Bootc.Linux;

namespace Bootc.Host.Lints;

/// <summary>Users and groups of an image, and those that sysusers.d(5) makes on machines.</summary>
internal static class Accounts
{
    /// <summary>
    /// Finds those that only the files in <c>/etc</c> have: a machine whose own files differ from an older image's does not get new ones by an update.
    /// </summary>
    public static LintFinding? Look(Dir root)
    {
        HashSet<string> users = [];
        HashSet<string> groups = [];
        foreach (string[] words in ConfigLines.Read(root, "sysusers.d"))
        {
            switch (words[0][0])
            {
                case 'u':
                    users.Add(words[1]);
                    groups.Add(words[1]);
                    break;
                case 'g':
                    groups.Add(words[1]);
                    break;
                case 'm' when words.Length > 2:
                    users.Add(words[1]);
                    groups.Add(words[2]);
                    break;
            }
        }

        string[] missing =
        [
            .. NamesIn(root, "etc/passwd").Where(name => !users.Contains(name)).Select(name => $"user {name}"),
            .. NamesIn(root, "etc/group").Where(name => !groups.Contains(name)).Select(name => $"group {name}"),
        ];
        return missing.Length == 0 ? null : new("updates do not bring these to machines that changed their own files; declare them in /usr/lib/sysusers.d:", missing);
    }

    private static IEnumerable<string> NamesIn(Dir root, string file) =>
        (root.TryReadText(file) ?? "").Split('\n').Select(line => line.Split(':')[0]).Where(name => name.Length > 0 && name[0] is not ('#' or '+' or '-'));
}
