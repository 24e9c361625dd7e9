using System.Collections.Immutable;
using Bootc.Composefs.Store;
using Bootc.Host.Deployments;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Oci;

namespace Bootc.Host.Operations;

/// <summary>The images that belong to a machine, or to the container that this runs in.</summary>
/// <param name="Host">The images of deployments; null in a container.</param>
/// <param name="Bound">The names of the images that those bind.</param>
/// <param name="Problems">What could not be read, a sentence each, without capital and full stop.</param>
public sealed record ImageList(ImmutableArray<ImageReference>? Host, ImmutableArray<string> Bound, ImmutableArray<string> Problems)
{
    /// <summary>Reads the list where this runs. Nothing is changed.</summary>
    public static async Task<ImageList> ReadAsync(Programs programs, CancellationToken cancellationToken)
    {
        using Machine? machine = await Machine.OpenForReadingAsync(programs, cancellationToken);
        if (machine is not null)
        {
            return From(machine);
        }

        using Dir root = Dir.Open("/");
        return new(null, [.. BoundImages.Read(root).Select(image => image.Name)], []);
    }

    /// <summary>Reads the list of a machine.</summary>
    public static ImageList From(Machine machine)
    {
        HostStatus status = HostStatus.From(machine);
        DeploymentStatus?[] all = [status.Booted, status.Staged, status.Rollback, .. status.Others];
        List<string> bound = [];
        List<string> problems = [.. status.Problems];
        foreach (DeploymentStatus deployment in all.OfType<DeploymentStatus>())
        {
            try
            {
                using Dir directory = machine.Sysroot.OpenDir(StateLayout.Repository);
                using Repository repository = Repository.Open(directory, VerityMode.Optional);
                bound.AddRange(BoundImages.Read(DeploymentStore.OpenFiles(repository, deployment.Id)).Select(image => image.Name));
            }
            catch (Exception e) when (Failure.IsExpected(e))
            {
                problems.Add($"which images deployment {deployment.Id} binds cannot be read: {Failure.Describe(e)}");
            }
        }

        return new(
            [.. all.Select(deployment => deployment?.Image?.Reference).OfType<ImageReference>().Distinct()],
            [.. bound.Distinct().Order(StringComparer.Ordinal)],
            [.. problems]);
    }
}
