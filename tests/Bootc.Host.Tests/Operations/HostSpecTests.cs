using Bootc.Composefs;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;
using Bootc.Oci;

namespace Bootc.Host.Tests.Operations;

public class HostSpecTests
{
    private const string Old = "docker://quay.io/os/edge:7";
    private const string New = "oci:/srv/edge:8";

    [Theory]
    [InlineData(Old, false, Old, false, "None")]
    [InlineData(Old, true, Old, true, "None")]
    [InlineData(null, false, null, false, "None")]
    [InlineData(Old, false, New, false, "Switch { Image = oci:/srv/edge:8 }")]
    [InlineData(Old, true, New, true, "Switch { Image = oci:/srv/edge:8 }")]
    [InlineData(null, false, New, false, "Switch { Image = oci:/srv/edge:8 }")]
    [InlineData(Old, false, Old, true, "Reorder")]
    [InlineData(Old, true, Old, false, "Reorder")]
    public void Changes_one_thing_or_nothing(string? image, bool isRollbackNext, string? wantedImage, bool wantsRollback, string change) =>
        HostSpecChange.Between(Spec(image, isRollbackNext), Spec(wantedImage, wantsRollback)).ToString()!.Replace(" { }", "", StringComparison.Ordinal)
            .Should().Be(change);

    [Theory]
    [InlineData(Old, New, true, null, "spec.image and spec.bootOrder cannot both be changed at once*")]
    [InlineData(null, New, true, null, "spec.image and spec.bootOrder cannot both be changed at once*")]
    [InlineData(Old, null, false, null, "spec.image is missing*")]
    [InlineData(Old, null, true, null, "spec.image is missing*")]
    [InlineData(null, null, true, null, "spec.image is missing*")]
    [InlineData(Old, New, false, "a", "spec.image.signature: the keys of the ostree remote a are of no use without ostree*")]
    public void Refuses_what_cannot_be_done(string? image, string? wantedImage, bool wantsRollback, string? remote, string message) =>
        FluentActions.Invoking(() => HostSpecChange.Between(Spec(image, isRollbackNext: false), Spec(wantedImage, wantsRollback) with { OstreeRemote = remote }))
            .Should().Throw<BootcException>().WithMessage(message);

    [Fact]
    public void A_policy_that_is_to_vouch_from_now_on_is_a_change()
    {
        HostSpec enforced = new(new(ImageReference.Parse(Old), IsPolicyEnforced: true), IsRollbackNext: false);

        HostSpecChange.Between(Spec(Old, isRollbackNext: false), enforced).Should().Be(new HostSpecChange.Switch(enforced.Image!));
        HostSpecChange.Between(enforced, enforced).Should().BeOfType<HostSpecChange.None>();
    }

    [Fact]
    public void What_is_staged_counts_and_not_what_runs()
    {
        HostStatus host = new(Deployment('a', Old)) { RollbackQueued = true };

        HostSpec.Of(host).Should().Be(Spec(Old, isRollbackNext: true));
        HostSpec.Of(host with { Staged = Deployment('b', New), RollbackQueued = false }).Should().Be(Spec(New, isRollbackNext: false));
        HostSpec.Of(HostStatus.NotDeployed).Should().Be(Spec(null, isRollbackNext: false));
    }

    private static HostSpec Spec(string? image, bool isRollbackNext) => new(image is null ? null : new(ImageReference.Parse(image)), isRollbackNext);

    private static DeploymentStatus Deployment(char digit, string image) => new(
        ObjectId.Parse(new string(digit, 128)),
        new(ImageReference.Parse(image), $"sha256:{new string(digit, 64)}", Version: null, Timestamp: null, Architecture: null),
        "bls",
        BootDigest: null,
        "systemd",
        MissingVerityAllowed: false,
        Damage: null);
}
