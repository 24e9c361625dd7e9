using System.Text;
using Bootc.Linux;

namespace Bootc.Host.Lints;

/// <summary>The lines of systemd's drop-in files of one kind, such as tmpfiles.d(5), split at white space.</summary>
internal static class ConfigLines
{
    private const int SizeLimit = 1 << 20;

    // The strongest first: a file hides those of the same name in the folders after.
    private static readonly string[] Bases = ["etc", "run", "usr/local/lib", "usr/lib"];

    /// <summary>All lines of the files that count; what is a comment or empty is left out.</summary>
    /// <param name="root">The root directory.</param>
    /// <param name="folder">The name of the folder in <c>/usr/lib</c>, <c>/etc</c> and so on.</param>
    public static IEnumerable<string[]> Read(Dir root, string folder) =>
        Bases.SelectMany(@base => RootWalk.EntriesOf(root, $"{@base}/{folder}").Select(name => (Name: name, Path: $"{@base}/{folder}/{name}")))
            .Where(file => file.Name.EndsWith(".conf", StringComparison.Ordinal))
            .DistinctBy(file => file.Name)
            .SelectMany(file => Split(ReadFile(root, file.Path)));

    // A link to /dev/null is how a file is masked; that device, as anything else that is no file, has no lines.
    private static byte[] ReadFile(Dir root, string path)
    {
        using Fd? file = root.TryOpenInRoot(path);
        return file?.Status().Kind == FileKind.Regular ? file.ReadAll(SizeLimit) : [];
    }

    private static IEnumerable<string[]> Split(byte[] content) => Encoding.UTF8.GetString(content).Split('\n')
        .Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        .Where(words => words.Length > 1 && words[0][0] != '#');
}
