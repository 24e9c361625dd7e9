using System.Text;
using Bootc.Composefs;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;
using Bootc.Linux;
using Bootc.Oci;

namespace Bootc.Host.Diagnosis;

/// <summary>Checks what the physical root keeps beside images: state and origin of each deployment, and what bootc remembers.</summary>
/// <param name="facts">What the machine says.</param>
/// <param name="images">What the repository tells.</param>
/// <param name="findings">Takes what is found.</param>
internal sealed class StateCheck(MachineFacts facts, RepositoryCheck images, FindingList findings)
{
    private const string Var = "var";

    private Machine Machine => facts.Machine;

    public void Run()
    {
        foreach (ObjectId id in facts.Needed)
        {
            findings.Try($"the state of {facts.NameOf(id)}", () => CheckDeployment(id));
        }

        foreach (string name in Machine.Records.Unreadable())
        {
            findings.Damage($"the record {name} in {Machine.Sysroot.Path}/state/bootc cannot be read, so it counts as absent", new Repair.RemoveRecord(name));
        }

        findings.Try("what is staged", CheckStagedRecord);
    }

    private void CheckDeployment(ObjectId id)
    {
        string folder = StateLayout.Deployment(id);
        string? origin = DecideOrigin(id);
        bool isBooted = id.Equals(Machine.Booted.Id);
        using Dir? state = Machine.Sysroot.TryOpenDir(folder);
        if (state?.Exists("etc") != true)
        {
            string lost = state is null ? "has no state directory" : "has no /etc in its state directory";
            findings.Damage(
                $"{facts.NameOf(id)} {lost} {Machine.Sysroot.Path}/{folder}{(isBooted ? ", so it will not boot again; copy /etc there" : "")}",
                !isBooted && images[id].IsWhole && origin is not null && DecideVarLink() is { } link ? new Repair.RestoreState(id, origin, link) : null);
            if (state is null)
            {
                return;
            }
        }

        CheckVar(id, state!);
        CheckOrigin(id, origin);
    }

    private void CheckVar(ObjectId id, Dir state)
    {
        string name = $"the link of {facts.NameOf(id)} to the shared /var";
        if (state.TryReadLink(Var) is { } target)
        {
            string path = Path.GetFullPath(Path.Join("/", StateLayout.Deployment(id), Encoding.UTF8.GetString(target)))[1..];
            if (Machine.Sysroot.TryStatus(path) is not { Kind: FileKind.Directory })
            {
                findings.Damage($"{name} leads to {path}, where no directory is");
            }
        }
        else if (state.Exists(Var))
        {
            findings.Damage($"{name} is not a link");
        }
        else
        {
            findings.Damage($"{name} is missing", DecideVarLink() is { } link ? new Repair.MakeVarLink(id, link) : null);
        }
    }

    /// <summary>What the links of the others say; else the one state root that there is.</summary>
    private string? DecideVarLink()
    {
        string? other = facts.Present
            .Select(id => Machine.Sysroot.TryReadLink($"{StateLayout.Deployment(id)}/{Var}"))
            .OfType<byte[]>().Select(Encoding.UTF8.GetString).FirstOrDefault();
        if (other is not null)
        {
            return other;
        }

        using Dir? roots = Machine.Sysroot.TryOpenDir("state/os");
        string[] stateroots = [.. (roots?.Entries() ?? []).Select(entry => entry.Text).Where(StateLayout.IsStaterootName)];
        return stateroots is [var only] ? StateLayout.VarLink(only) : null;
    }

    private void CheckOrigin(ObjectId id, string? decided)
    {
        Origin? origin = facts.OriginOf(id);
        string? problem = origin is null ? "is missing"
            : !ImageReference.TryParse(origin.ImageReference, out _) ? "names no update source"
            : !Digest.TryParse(origin.ManifestDigest, out _) ? "does not say which image was deployed"
            : images[id].BootDigest is { } digest && origin.BootDigest != digest ? "states the digest of another kernel than its image has"
            : null;
        if (problem is not null)
        {
            findings.Damage(
                $"the origin of {facts.NameOf(id)} {problem}{(decided is null ? ", and nothing here tells; bootc switch stages an image that has one" : "")}",
                decided is null ? null : new Repair.WriteOrigin(id, decided));
        }
    }

    /// <summary>What the origin of a deployment should say: what it says, and for the rest what others tell; null where nothing does.</summary>
    private string? DecideOrigin(ObjectId id)
    {
        Origin? origin = facts.OriginOf(id);
        string? manifest = Digest.TryParse(origin?.ManifestDigest, out _) ? origin!.ManifestDigest : images[id].Manifest;
        // One that only ostree can verify is not given up for another that nobody has to vouch for: a person decides.
        string? source = origin?.OstreeReference is not null ? null
            : ImageReference.TryParse(origin?.ImageReference, out _) ? origin!.ImageReference
            : facts.SourceOf(id, manifest);
        string? kernel = images[id].BootDigest ?? origin?.BootDigest;
        if (manifest is null || source is null || kernel is null)
        {
            return null;
        }

        Origin decided = origin?.ToString() is null or "" ? Origin.ForBls(source, manifest, kernel) : origin.WithImage(source, manifest).WithBlsKernel(kernel);
        bool isEnforced = origin?.ImageReference is null ? facts.IsPolicyEnforced : origin.IsPolicyEnforced;
        return decided.WithPolicyEnforced(isEnforced).ToString();
    }

    private void CheckStagedRecord()
    {
        if (facts.Record is not { } record)
        {
            return;
        }

        if (record.BootId != Machine.BootId)
        {
            findings.LeftOver($"the update to {record.Image} was staged before the last boot and is not any more", new Repair.CloseStagedRecord());
        }
        else if (facts.Staged is null)
        {
            findings.LeftOver($"the disk remembers the update to {record.Image} as staged, but it is not", new Repair.CloseStagedRecord());
        }
    }
}
