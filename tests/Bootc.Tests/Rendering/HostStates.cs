using Bootc.Composefs;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;
using Bootc.Oci;

namespace Bootc.Tests.Rendering;

/// <summary>Every state that a machine's status can show, by name.</summary>
internal static class HostStates
{
    private static readonly ImageReference Edge = ImageReference.Parse("docker://quay.io/os/edge:7");
    private static readonly DeployedImage Second = Image(Edge, '2', "7.2", new DateTimeOffset(2026, 7, 30, 8, 15, 0, TimeSpan.Zero));
    private static readonly DeploymentStatus Booted = Deployment('a', Image(Edge, '1', "7.1", new DateTimeOffset(2026, 7, 2, 8, 15, 0, TimeSpan.Zero)));
    private static readonly DeploymentStatus Staged = Deployment('b', Second) with { SoftRebootCapable = true };
    private static readonly DeploymentStatus Older =
        Deployment('c', Image(ImageReference.Parse("oci:/var/mnt/stick/edge"), '4', version: null, new DateTimeOffset(2026, 6, 1, 2, 0, 0, TimeSpan.FromHours(2))));

    /// <summary>The states.</summary>
    public static IReadOnlyDictionary<string, HostStatus> All { get; } = new SortedDictionary<string, HostStatus>(StringComparer.Ordinal)
    {
        ["booted"] = new(Booted),
        ["damaged"] = new(Booted with { Image = null, BootDigest = null, Damage = "the origin names no image" })
        {
            Rollback = Older with { Image = null, Damage = "/sysroot/state/deploy/x/x.origin is missing" },
        },
        ["download-only"] = new(Booted) { Staged = Staged with { DownloadOnly = true, SoftRebootCapable = false } },
        ["download-only-rollback-queued"] = new(Booted) { Staged = Staged with { DownloadOnly = true }, Rollback = Older, RollbackQueued = true },
        ["hostile"] = new(Booted with { Image = Booted.Image! with { Version = "7\u001b[2J\n● Booted image: 'x' # \"y\": z" } }),
        ["not-deployed"] = HostStatus.NotDeployed,
        ["others"] = new(Booted) { Rollback = Older, Others = [Deployment('d', Second), Deployment('e', Image(Edge, '5', "6", built: null))] },
        ["problems"] = new(Booted)
        {
            Problems = ["the boot entry x.conf cannot be understood: boot entry has no \"linux\"", "the update to a was not applied at the last shutdown: b\nc"],
        },
        ["read-only"] = new(Booted) { IsReadOnly = true, UsrOverlay = new(IsReadOnly: true) },
        ["rollback"] = new(Booted) { Rollback = Older },
        ["rollback-queued"] = new(Booted) { Rollback = Older, RollbackQueued = true },
        ["staged"] = new(Booted with { CachedUpdate = Second }) { Staged = Staged, Rollback = Older },
        ["unprivileged"] = new(Booted with { Image = Booted.Image! with { Version = null, Timestamp = null, Architecture = null } }),
        ["update"] = new(Booted with { CachedUpdate = Second }),
        ["update-same-digest"] = new(Booted with { CachedUpdate = Booted.Image }),
        ["update-without-version"] = new(Booted with { CachedUpdate = Second with { Version = null, Timestamp = null } }),
        ["usr-overlay"] = new(Booted with { MissingVerityAllowed = false }) { UsrOverlay = new(IsReadOnly: false) },
    };

    private static DeployedImage Image(ImageReference reference, char digit, string? version, DateTimeOffset? built) =>
        new(reference, $"sha256:{new string(digit, 64)}", version, built, "amd64");

    private static DeploymentStatus Deployment(char digit, DeployedImage image) =>
        new(ObjectId.Parse(new string(digit, 128)), image, "bls", new string(digit, 64), "systemd", MissingVerityAllowed: true, Damage: null);
}
