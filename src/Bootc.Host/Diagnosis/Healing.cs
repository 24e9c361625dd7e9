using System.Text;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Images;
using Bootc.Host.Operations;
using Bootc.Linux;
using Bootc.Oci;
using Damage = Bootc.Composefs.Store.Finding;

namespace Bootc.Host.Diagnosis;

/// <summary>Makes repairs.</summary>
/// <param name="machine">The machine, opened for writing.</param>
/// <param name="programs">Runs podman, and credential helpers of registries.</param>
/// <param name="steps">Runs what is done.</param>
internal sealed class Healing(Machine machine, Programs programs, Steps steps)
{
    private VerityMode Verity => machine.Booted.VerityOptional ? VerityMode.Optional : VerityMode.Required;

    /// <summary>Makes one repair.</summary>
    /// <param name="repair">The repair.</param>
    /// <param name="damage">What the check of the repository's content found.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    public async Task RunAsync(Repair repair, IReadOnlyList<Damage> damage, CancellationToken cancellationToken)
    {
        switch (repair)
        {
            case Repair.RestoreConfig:
                using (Dir repository = machine.Sysroot.OpenDir(StateLayout.Repository))
                {
                    Repository.RestoreConfig(repository, Verity, machine.Booted.Id);
                }

                break;
            case Repair.RemoveDangling dangling:
                using (Repository repository = OpenRepository())
                {
                    repository.RemoveDangling(dangling.Path);
                }

                break;
            case Repair.RestoreImage image:
                await RestoreImageAsync(image, damage, cancellationToken);
                break;
            case Repair.RestoreState state:
                RestoreState(state, cancellationToken);
                break;
            case Repair.CopyKernel kernel:
                CopyKernel(kernel, cancellationToken);
                break;
            case Repair.PullBoundImage bound:
                await PullAsync(bound.Image, cancellationToken);
                break;
            case Repair.CollectGarbage:
                new MachineGarbage(machine).Collect(cancellationToken);
                break;
            default:
                Run(repair);
                break;
        }
    }

    private void Run(Repair repair)
    {
        switch (repair)
        {
            case Repair.RemoveRecord record:
                machine.Records.Remove(record.Name);
                break;
            case Repair.WriteOrigin origin:
                machine.Deployments.WriteOrigin(origin.Deployment, Origin.Parse(origin.Origin));
                break;
            case Repair.MakeVarLink link:
                using (Dir state = machine.Sysroot.OpenDir(StateLayout.Deployment(link.Deployment)))
                {
                    state.TrySymlink(Encoding.UTF8.GetBytes(link.Target), "var");
                }

                break;
            case Repair.ForgetStaged:
                machine.Unstage();
                StatusChange.WithdrawReboot(machine);
                break;
            case Repair.WriteEntries entries:
                machine.CommitEntries(entries.Live, entries.Waiting);
                break;
            case Repair.DropStagedEntries:
                machine.Entries.Drop();
                break;
            case Repair.CloseStagedRecord:
                new BootReport(machine).Run();
                machine.Records.Staged = null;
                break;
            case Repair.RemoveUnusedKernels:
                new MachineGarbage(machine).CollectKernels();
                break;
            default:
                throw new InvalidOperationException($"{repair} is not a repair that is known here");
        }
    }

    private Repository OpenRepository()
    {
        using Dir directory = machine.Sysroot.OpenDir(StateLayout.Repository);
        return Repository.Open(directory, Verity);
    }

    private async Task RestoreImageAsync(Repair.RestoreImage repair, IReadOnlyList<Damage> damage, CancellationToken cancellationToken)
    {
        using Repository repository = OpenRepository();

        // Another repair may have healed some of it meanwhile: deployments share layers and objects.
        HashSet<ObjectId> damaged = [];
        foreach (ObjectId id in damage.Where(finding => finding.IsDamage).Select(finding => finding.StoredObject).OfType<ObjectId>())
        {
            if (Fsck.IsSound(repository, id))
            {
                repository.Objects.EnsureSealed(id); // all that may still be wrong with it
            }
            else
            {
                damaged.Add(id);
                repository.Objects.Distrust(id);
            }
        }

        HashSet<string> names = [.. damage.Where(finding => finding.IsDamage).Select(finding => finding.Path)];
        using RecordedImage source = new(repository, ImageReference.Parse(repair.Source), Digest.Parse(repair.Manifest), () => RegistryFiles.Read(programs));
        ImageImporter importer = new(repository, steps) { IsLayerWhole = IsWhole };
        ImportedImage imported = await importer.ImportAsync(source, cancellationToken);
        if (!imported.BootImageId.Equals(repair.Deployment))
        {
            throw new BootcException($"the image {repair.Manifest} makes deployment {imported.BootImageId}, not {repair.Deployment}");
        }

        bool IsWhole(DiffId layer)
        {
            try
            {
                string name = LayerStore.NameOf(layer);
                if (names.Contains($"streams/{name}") || repository.Streams.TryFind(name) is not { } id || damaged.Contains(id))
                {
                    return false;
                }

                using SplitStreamReader stream = SplitStreamReader.Open(repository.Objects, id);
                return stream.ObjectReferences.All(content => repository.Objects.Contains(content) && !damaged.Contains(content));
            }
            catch (Exception e) when (Failure.IsExpected(e))
            {
                return false;
            }
        }
    }

    /// <summary>
    /// What was staged gets this machine's changes at the shutdown, and all others get them now: nobody could log in without. Either way
    /// <c>/etc</c> comes last and whole, for one that is there is taken for sound.
    /// </summary>
    private void RestoreState(Repair.RestoreState repair, CancellationToken cancellationToken)
    {
        ObjectId id = repair.Deployment;
        if (!machine.Deployments.Ids().Contains(id))
        {
            machine.Deployments.RestoreWithoutEtc(id, Origin.Parse(repair.Origin), Encoding.UTF8.GetBytes(repair.VarLink));
        }

        if (!id.Equals(machine.Staged?.Id))
        {
            new Finalization(machine, steps).RestoreEtc(id, cancellationToken);
            return;
        }

        using Repository repository = OpenRepository();
        machine.Deployments.RestoreEtc(id, DeploymentStore.OpenFiles(repository, id), cancellationToken);
    }

    /// <summary>Podman keeps the layers of an image that is there, damaged or not: that image goes first, but only where it can come back.</summary>
    private async Task PullAsync(BoundImage image, CancellationToken cancellationToken)
    {
        if (await BoundImageStorage.Of(programs, machine.Sysroot).ContainsAsync(image.Name, cancellationToken))
        {
            await UpdateSource.CheckAsync(ImageReference.Parse($"docker://{image.Name}"), programs, cancellationToken);
            machine.Records.BoundPull = new(image.Name);
        }

        await new BoundImagePull(machine, programs, steps).RunAsync([image], cancellationToken);
    }

    private void CopyKernel(Repair.CopyKernel repair, CancellationToken cancellationToken)
    {
        using Repository repository = OpenRepository();
        ImageFiles files = DeploymentStore.OpenFiles(repository, repair.Deployment);
        KernelFiles kernel = KernelFiles.Choose(BootFiles.Find(files.Tree));
        machine.Kernels.RequireRoomFor(kernel, []);
        machine.Kernels.Put(repair.Directory, kernel, files, cancellationToken);
        machine.Entries.Barrier();
    }
}
