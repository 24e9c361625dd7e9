using System.Text;
using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>
/// <c>bootc loader-entries set-options-for-source</c>: changes the kernel arguments of one source, for the deployment that runs and for what
/// is staged. A deployment here is one image, so unlike upstream's none is made for that: the entries themselves change.
/// </summary>
/// <param name="machine">The machine, opened for writing.</param>
/// <param name="steps">Runs what is done.</param>
public sealed class SetSourceOptions(Machine machine, Steps steps)
{
    /// <param name="source">Whose arguments.</param>
    /// <param name="arguments">All that it has from now on; none to forget it.</param>
    /// <returns>False where it had just those, and nothing was written.</returns>
    public bool Run(OptionsSource source, KernelCommandLine arguments)
    {
        BootMenu live = machine.Entries.Read();
        if (live.Find(machine.Booted.Id) is null)
        {
            throw new BootcException("the booted deployment has no boot entry whose kernel arguments could be changed; bootc upgrade makes one");
        }

        StagedDeployment? staged = machine.Staged;
        BootMenu? waiting = staged is null ? null : machine.Entries.ReadStaged();
        BootMenu newLive = Change(live, source, arguments, machine.Booted.Id);
        BootMenu? newWaiting = waiting is null ? null : Change(waiting, source, arguments, machine.Booted.Id, staged!.Id);
        if (newLive.IsSameAs(live) && newWaiting?.IsSameAs(waiting!) != false)
        {
            return false;
        }

        steps.Run("Changing the boot entries", () => machine.CommitEntries(newLive, newWaiting));
        return true;
    }

    private static BootMenu Change(BootMenu menu, OptionsSource source, KernelCommandLine arguments, params ObjectId[] deployments) =>
        new(menu.Files.Select(file =>
        {
            if (file.Deployment is null || !deployments.Contains(file.Deployment))
            {
                return file;
            }

            BootEntry changed = source.Set(file.Entry!, arguments);
            return ReferenceEquals(changed, file.Entry) ? file : new BootEntryFile(file.Name, Encoding.UTF8.GetBytes(changed.ToString()));
        }));
}
