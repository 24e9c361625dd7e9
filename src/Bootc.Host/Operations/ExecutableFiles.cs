using Bootc.Host.Configuration;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>
/// Programs that images, administrators and installers put into folders of the same name; one in a stronger folder hides that of the same
/// name in a weaker.
/// </summary>
/// <param name="root">The root of the system.</param>
internal sealed class ExecutableFiles(Dir root)
{
    /// <summary>Their paths, in the order of their names.</summary>
    /// <param name="folder">The folder below each of the folders for configuration.</param>
    public IEnumerable<string> Find(string folder) => ConfigFiles.Bases
        .SelectMany(@base => Names($"{@base}/{folder}").Select(name => (Folder: $"{@base}/{folder}", Name: name)))
        .GroupBy(file => file.Name, (_, sameName) => sameName.Last())
        .Where(file => IsExecutable(file.Folder, file.Name))
        .OrderBy(file => file.Name, StringComparer.Ordinal)
        .Select(file => Path.Join(root.Path, file.Folder, file.Name));

    private IEnumerable<string> Names(string folder)
    {
        using Dir? directory = root.TryOpenDir(folder);
        return (directory?.Entries() ?? []).Where(entry => entry.Kind is FileKind.Regular or FileKind.Symlink && entry.Text[0] != '.').Select(entry => entry.Text);
    }

    // One that is not, or a link to /dev/null, hides the file of the same name in a weaker folder.
    private bool IsExecutable(string folder, string name)
    {
        using Dir directory = root.OpenDir(folder);
        return directory.IsExecutable(name);
    }
}
