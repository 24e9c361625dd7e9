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
        foreach (string hook in new ExecutableFiles(root).Find(Folder))
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
}
