using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Host.Deployments;
using Bootc.Host.Etc;
using Bootc.Host.Images;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>What a machine changed in <c>/etc</c>, and what of it would not fit into what it boots next.</summary>
public static class ConfigDiff
{
    /// <summary>Compares with the image that runs, and with the one that is staged if one is.</summary>
    public static EtcMergePlan Read(Machine machine, CancellationToken cancellationToken)
    {
        using Dir etc = Staging.OpenEtc(machine);
        using Dir directory = machine.Sysroot.OpenDir(StateLayout.Repository);
        using Repository repository = Repository.Open(directory, VerityMode.Optional);
        ImageFiles booted = DeploymentStore.OpenFiles(repository, machine.Booted.Id);
        ImageFiles next = machine.Staged is { } staged ? DeploymentStore.OpenFiles(repository, staged.Id) : booted;
        return EtcMergePlan.Decide(
            UpdatePlan.EtcOf(booted), DirectoryScanner.Scan(etc, repository.Algorithm, cancellationToken).Root, UpdatePlan.EtcOf(next));
    }
}
