using System.Security.Cryptography;
using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>
/// Whether the running kernel can go over to another deployment: the same kernel and initrd, the same kernel arguments but the one that
/// names the deployment, the same SELinux policy, and a systemd that can.
/// </summary>
/// <param name="machine">The machine.</param>
/// <param name="booted">The booted deployment.</param>
/// <param name="bootedEntry">Its boot entry; null where it has none.</param>
internal sealed class SoftReboot(Machine machine, DeploymentStatus booted, BootEntryFile? bootedEntry)
{
    private const string Unit = "usr/lib/systemd/system/soft-reboot.target";
    private const string SelinuxConfig = "etc/selinux/config";
    private const string TypeKey = "SELINUXTYPE=";

    public bool CanReach(DeploymentStatus deployment, BootEntryFile entry) =>
        machine.Root.Exists(Unit)
        && booted.BootDigest is not null && booted.BootDigest == deployment.BootDigest
        && bootedEntry is not null && SameArguments(bootedEntry, entry)
        && PolicyOf(booted.Id) == PolicyOf(deployment.Id);

    private static bool SameArguments(BootEntryFile one, BootEntryFile other) => ArgumentsOf(one).SequenceEqual(ArgumentsOf(other));

    private static IEnumerable<string> ArgumentsOf(BootEntryFile file) =>
        BootImageArgument.Remove(file.With(attempts: null).Entry!.Options).Arguments.Order(StringComparer.Ordinal);

    /// <summary>The digest of the newest policy in the <c>/etc</c> of a deployment; null where it has none.</summary>
    private string? PolicyOf(ObjectId id)
    {
        using Dir? deployment = machine.Sysroot.TryOpenDir(StateLayout.Deployment(id));
        string? type = deployment?.TryReadText(SelinuxConfig)?.Split('\n', StringSplitOptions.TrimEntries)
            .LastOrDefault(line => line.StartsWith(TypeKey, StringComparison.Ordinal))?[TypeKey.Length..];
        using Dir? folder = type is null || type.Contains('/', StringComparison.Ordinal) ? null : deployment!.TryOpenDir($"etc/selinux/{type}/policy");
        string? newest = (folder?.Entries() ?? []).Select(entry => entry.Text)
            .Where(name => name.StartsWith("policy.", StringComparison.Ordinal))
            .MaxBy(name => int.TryParse(name["policy.".Length..], out int version) ? version : 0);
        return newest is null ? null : Convert.ToHexStringLower(SHA256.HashData(folder!.ReadBytes(newest)));
    }
}
