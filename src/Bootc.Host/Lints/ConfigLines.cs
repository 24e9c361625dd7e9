using System.Text;
using Bootc.Linux;

namespace Bootc.Host.Lints;

/// <summary>The lines of systemd's drop-in files of one kind, such as tmpfiles.d(5), split at white space.</summary>
internal static class ConfigLines
{
    private const int SizeLimit = 1 << 20;

    /// <summary>All lines of all files; what is a comment or empty is left out.</summary>
    /// <param name="root">The root directory.</param>
    /// <param name="folder">The name of the folder in <c>/usr/lib</c>, <c>/etc</c> and <c>/run</c>.</param>
    public static IEnumerable<string[]> Read(Dir root, string folder)
    {
        foreach (string place in (string[])[$"usr/lib/{folder}", $"etc/{folder}", $"run/{folder}"])
        {
            foreach (string name in RootWalk.EntriesOf(root, place).Where(name => name.EndsWith(".conf", StringComparison.Ordinal)))
            {
                using Fd? file = root.TryOpenBeneath($"{place}/{name}");
                foreach (string[] words in Split(file?.ReadAll(SizeLimit) ?? []))
                {
                    yield return words;
                }
            }
        }
    }

    private static IEnumerable<string[]> Split(byte[] content) => Encoding.UTF8.GetString(content).Split('\n')
        .Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        .Where(words => words.Length > 1 && words[0][0] != '#');
}
