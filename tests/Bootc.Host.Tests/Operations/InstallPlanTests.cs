using Bootc.Composefs;
using Bootc.Host.Disks;
using Bootc.Host.Operations;

namespace Bootc.Host.Tests.Operations;

public class InstallPlanTests
{
    private const long Gibibyte = 1L << 30;

    private static readonly Guid Uuid = new("0b9d1ad4-7f3b-4a5e-9a36-000102030405");

    private static readonly InstallOptions Options = new(
        "/dev/vdx", ViaLoopback: false, Wipe: false, GenericImage: false, "ext4", ["console=ttyS0 quiet"], null, null, AllowMissingVerity: false);

    private static readonly InstallFacts Facts = new(
        new DiskFacts("/dev/vdx", 10 * Gibibyte, [], [], []), Gibibyte, CanSeal: true, MachineArchitecture.X64);

    private static readonly ObjectId Deployment = ObjectId.Parse(new string('a', 128));

    [Fact]
    public void Requires_verity_where_the_kernel_can_seal_files()
    {
        InstallPlan plan = Decide(Options, Facts);

        plan.RequireVerity.Should().BeTrue();
        plan.MissingVerityReason.Should().BeNull();
        plan.CommandLineFor(Deployment).ToString().Should().Be($"root=UUID={Uuid} rw console=ttyS0 quiet composefs={Deployment}");
    }

    [Fact]
    public void Refuses_missing_verity_and_names_the_option_that_accepts_it() =>
        Refusal(Options, Facts with { CanSeal = false }).Should().Contain("--allow-missing-verity");

    [Fact]
    public void Marks_verity_as_optional_only_where_the_kernel_cannot_seal_files()
    {
        Decide(Options with { AllowMissingVerity = true }, Facts).RequireVerity.Should().BeTrue();

        InstallPlan plan = Decide(Options with { AllowMissingVerity = true }, Facts with { CanSeal = false });
        plan.RequireVerity.Should().BeFalse();
        plan.MissingVerityReason.Should().NotBeNull();
        plan.CommandLineFor(Deployment).ToString().Should().EndWith($"composefs=?{Deployment}");
    }

    [Fact]
    public void Refuses_a_disk_that_holds_something_unless_told_to_wipe()
    {
        InstallFacts used = Facts with { Disk = Facts.Disk with { Signatures = ["gpt", "ext4"] } };

        Refusal(Options, used).Should().Contain("gpt, ext4").And.Contain("--wipe");
        Decide(Options with { Wipe = true }, used).Should().NotBeNull();
    }

    [Fact]
    public void Refuses_a_mounted_disk_even_when_told_to_wipe() =>
        Refusal(Options with { Wipe = true }, Facts with { Disk = Facts.Disk with { MountPoints = ["/mnt"] } }).Should().Contain("mounted at /mnt");

    [Fact]
    public void Refuses_a_disk_that_something_holds_even_when_told_to_wipe() =>
        Refusal(Options with { Wipe = true }, Facts with { Disk = Facts.Disk with { Holders = ["/dev/dm-0"] } }).Should().Contain("in use by /dev/dm-0");

    [Fact]
    public void Refuses_a_disk_that_is_too_small_and_says_how_large_it_must_be() =>
        Refusal(Options, Facts with { Disk = Facts.Disk with { Size = Gibibyte } }).Should().Contain("has 1024 MiB").And.Contain("needs at least 2306 MiB");

    [Theory]
    [InlineData(null, "add --filesystem ext4")]
    [InlineData("xfs", "not available yet")]
    public void Names_the_file_systems_it_can_make(string? filesystem, string message) =>
        Refusal(Options with { Filesystem = filesystem }, Facts).Should().Contain(message);

    [Theory]
    [InlineData(false, false, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    public void Leaves_the_firmware_alone_when_the_disk_is_for_other_machines(bool generic, bool loopback, bool writes) =>
        Decide(Options with { GenericImage = generic, ViaLoopback = loopback }, Facts).WriteFirmwareEntry.Should().Be(writes);

    private static InstallPlan Decide(InstallOptions options, InstallFacts facts) => InstallPlan.Decide(options, facts, "docker://quay.io/os/edge:7", Uuid);

    private static string Refusal(InstallOptions options, InstallFacts facts) =>
        FluentActions.Invoking(() => Decide(options, facts)).Should().Throw<BootcException>().Which.Message;
}
