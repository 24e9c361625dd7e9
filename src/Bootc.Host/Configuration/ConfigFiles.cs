using System.Text;
using Bootc.Host.Images;
using Bootc.Linux;

namespace Bootc.Host.Configuration;

/// <summary>A configuration file that was found.</summary>
public sealed record ConfigFile(string Path, byte[] Content);

/// <summary>Finds configuration files: <c>*.toml</c>, hidden ones excepted, in the order of their names.</summary>
public static class ConfigFiles
{
    /// <summary>Folders in which images, administrators and installers put such files, the strongest last.</summary>
    internal static readonly string[] Bases = ["usr/lib", "usr/local/lib", "etc", "run"];

    private const string Extension = ".toml";
    private const int SizeLimit = 1 << 20;

    /// <summary>Files of a running system: one in a later folder hides one of the same name in an earlier.</summary>
    /// <param name="root">The root of the system.</param>
    /// <param name="folder">The folder below each of the four, such as <c>bootc/install</c>.</param>
    public static IReadOnlyList<ConfigFile> FindLayered(Dir root, string folder) =>
        InOrder(Bases.SelectMany(@base => Find(root, $"{@base}/{folder}")).GroupBy(file => Path.GetFileName(file.Path), (_, sameName) => sameName.Last()));

    /// <summary>Files of one folder of a running system, given without a slash in front.</summary>
    public static IReadOnlyList<ConfigFile> Find(Dir root, string folder)
    {
        using Dir? directory = root.TryOpenDir(folder);
        List<ConfigFile> found = [];
        foreach (DirEntry entry in directory?.Entries() ?? [])
        {
            // A link may lead anywhere in the system; to /dev/null it hides a file of the same name.
            if (entry.Kind is FileKind.Regular or FileKind.Symlink && IsConfig(entry.Text))
            {
                using Fd file = Fd.OpenRead($"{directory!.Fd.ProcPath}/{entry.Text}");
                string path = $"/{folder}/{entry.Text}";
                found.Add(new(path, file.ReadAll(SizeLimit, path)));
            }
        }

        return InOrder(found);
    }

    /// <summary>Files of one folder of an image.</summary>
    public static IReadOnlyList<ConfigFile> Find(ImageFiles image, string folder)
    {
        List<ConfigFile> found = [];
        foreach (var entry in image.List($"/{folder}"))
        {
            string path = $"/{folder}/{Encoding.UTF8.GetString(entry.Name.Bytes)}";
            if (IsConfig(Path.GetFileName(path)) && image.TryReadFile(path, SizeLimit) is { } content)
            {
                found.Add(new(path, content));
            }
        }

        return InOrder(found);
    }

    private static IReadOnlyList<ConfigFile> InOrder(IEnumerable<ConfigFile> files) =>
        [.. files.OrderBy(file => Path.GetFileName(file.Path), StringComparer.Ordinal)];

    private static bool IsConfig(string name) => name[0] != '.' && name.EndsWith(Extension, StringComparison.Ordinal);
}
