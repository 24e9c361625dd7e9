using Bootc.Host.Configuration;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>
/// Programs that run before a machine reboots of itself: executable files of <c>bootc/before-reboot.d</c> in the folders where images,
/// administrators and installers put such things. Each of them may postpone the reboot.
/// </summary>
/// <param name="root">The root of the system.</param>
/// <param name="programs">Runs them.</param>
public sealed class RebootHooks(Dir root, Programs programs)
{
    private const string Folder = "bootc/before-reboot.d";

    /// <summary>Runs them in the order of their names, up to the first that fails.</summary>
    /// <returns>Why the reboot is postponed, beginning with the path of the program; null where all agree to it.</returns>
    public async Task<string?> RunAsync(CancellationToken cancellationToken)
    {
        foreach (string hook in Find())
        {
            try
            {
                await programs.RunAsync(hook, [], cancellationToken: cancellationToken);
            }
            catch (BootcException postponed)
            {
                return postponed.Message;
            }
        }

        return null;
    }

    private IEnumerable<string> Find() => ConfigFiles.Bases
        .SelectMany(@base => Names($"{@base}/{Folder}").Select(name => (Folder: $"{@base}/{Folder}", Name: name)))
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
