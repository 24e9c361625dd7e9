using Bootc.Composefs;
using Bootc.Host.Configuration;
using Bootc.Host.Disks;
using Bootc.Host.Images;
using Bootc.Host.Operations;
using Bootc.Linux;

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
        plan.CommandLineFor(Deployment, KernelCommandLine.Empty).ToString().Should().Be($"root=UUID={Uuid} rw console=ttyS0 quiet composefs={Deployment}");
    }

    [Fact]
    public void Writes_to_the_disk_that_was_looked_at_and_not_to_where_a_link_leads_later() =>
        Decide(Options with { Device = "/dev/disk/by-id/x" }, Facts).Device.Should().Be("/dev/vdx");

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
        plan.CommandLineFor(Deployment, KernelCommandLine.Empty).ToString().Should().EndWith($"composefs=?{Deployment}");
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

    [Fact]
    public void Refuses_an_image_that_binds_what_cannot_be_had_and_says_how_it_could()
    {
        BoundImage image = new("a.example/app:1", "/usr/lib/bootc/bound-images.d/app.image");
        InstallFacts bound = Facts with { Bound = new([image], HasPodman: false, []) };
        Refusal(Options, bound).Should().Contain("a.example/app:1 (/usr/lib/bootc/bound-images.d/app.image)").And.Contain("add podman").And.Contain("--bound-images skip");
        Decide(Options with { BoundImages = BoundImageMode.Skip }, bound).BoundImages.Should().Be(BoundImageMode.Skip);

        InstallFacts lacking = Facts with { Bound = new([image], HasPodman: true, [(image, "it is not there")]) };
        Refusal(Options, lacking).Should().Contain("it is not there").And.Contain("podman pull a.example/app:1").And.Contain("--bound-images pull");
        Decide(Options, lacking with { Bound = lacking.Bound with { Lacking = [] } }).BoundImages.Should().Be(BoundImageMode.Stored);
    }

    [Theory]
    [InlineData(null, "add --filesystem TYPE (ext4, xfs, btrfs), or say it in the image's install configuration")]
    [InlineData("zfs", "zfs is not known; choose one of ext4, xfs, btrfs")]
    public void Names_the_file_systems_it_can_make(string? filesystem, string message) =>
        Refusal(Options with { Filesystem = filesystem }, Facts).Should().Contain(message);

    [Fact]
    public void Installs_on_xfs_without_being_told_to_allow_missing_verity()
    {
        InstallPlan plan = Decide(Options with { Filesystem = "xfs" }, Facts with { CanSeal = false });

        plan.RequireVerity.Should().BeFalse();
        plan.MissingVerityReason.Should().Be("xfs has no fs-verity");
    }

    [Fact]
    public void Requires_verity_on_btrfs_as_on_ext4()
    {
        Decide(Options with { Filesystem = "btrfs" }, Facts).RequireVerity.Should().BeTrue();
        Refusal(Options with { Filesystem = "btrfs" }, Facts with { CanSeal = false }).Should().Contain("fs-verity on btrfs").And.Contain("--allow-missing-verity");
    }

    [Fact]
    public void Names_programs_that_the_image_lacks() =>
        Refusal(Options with { Filesystem = "xfs" }, Facts with { MissingPrograms = ["sfdisk", "mkfs.xfs"] }).Should().Contain("the image has no sfdisk, mkfs.xfs");

    [Fact]
    public void Names_a_file_system_that_the_kernel_cannot_mount() =>
        Refusal(Options with { Filesystem = "btrfs" }, Facts with { CanMount = false }).Should().Contain("the running kernel cannot mount btrfs");

    [Theory]
    [InlineData(false, false, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    public void Leaves_the_firmware_alone_when_the_disk_is_for_other_machines(bool generic, bool loopback, bool writes) =>
        Decide(Options with { GenericImage = generic, ViaLoopback = loopback }, Facts).WriteFirmwareEntry.Should().Be(writes);

    [Fact]
    public void Kernel_arguments_are_those_of_config_and_image_less_the_deleted_ones_and_then_the_users()
    {
        InstallConfig config = new() { Kargs = ["quiet", "from=config"], KargDeletes = ["rw"] };
        InstallPlan plan = Decide(
            Options with { KargDeletes = ["quiet gone=1"], Kargs = ["gone=1 from=user"] }, Facts with { Config = config });

        plan.CommandLineFor(Deployment, KernelCommandLine.Parse("from=image gone=1 gone=2 from=config")).ToString()
            .Should().Be($"root=UUID={Uuid} from=config from=image gone=2 gone=1 from=user composefs={Deployment}");
    }

    public static TheoryData<InstallConfig, string> RootSpecs() => new()
    {
        { new() { RootMountSpec = "LABEL=root", DiscoverablePartitions = true }, "root=LABEL=root rw" },
        { new() { RootMountSpec = "" }, "rw" },
        { new() { DiscoverablePartitions = true }, "rw" },
        { new() { DiscoverablePartitions = false, BootMountSpec = "" }, $"root=UUID={Uuid} rw" },
        { new() { BootMountSpec = "LABEL=x" }, $"root=UUID={Uuid} rw systemd.mount-extra=LABEL=x:/boot:auto:ro" },
    };

    [Theory]
    [MemberData(nameof(RootSpecs))]
    public void The_config_says_how_root_and_boot_are_found(InstallConfig config, string arguments) =>
        Decide(Options with { Kargs = [] }, Facts with { Config = config }).CommandLineFor(Deployment, KernelCommandLine.Empty).ToString()
            .Should().Be($"{arguments} composefs={Deployment}");

    [Fact]
    public void Options_beat_the_config()
    {
        InstallConfig config = new() { RootType = "zfs", Stateroot = "config", Bootloader = "grub", BlockSetups = ["tpm2-luks", "direct"] };

        InstallPlan plan = Decide(Options with { Stateroot = "user", Bootloader = "systemd", BlockSetup = "direct" }, Facts with { Config = config });

        plan.Stateroot.Should().Be("user");
        plan.RootFilesystem.Name.Should().Be("ext4");
    }

    public static TheoryData<InstallConfig, string> Unavailable() => new()
    {
        { new() { Bootloader = "grub" }, "*bootloader = \"grub\"*not available yet*--bootloader systemd" },
        { new() { BlockSetups = ["tpm2-luks", "direct"] }, "*tpm2-luks*not available yet*--block-setup direct" },
    };

    [Theory]
    [MemberData(nameof(Unavailable))]
    public void What_the_config_asks_for_and_is_not_available_is_refused_and_not_ignored(InstallConfig config, string message) =>
        Refusal(Options, Facts with { Config = config }).Should().Match(message);

    [Fact]
    public void A_block_setup_that_the_config_does_not_allow_is_refused() =>
        Refusal(Options with { BlockSetup = "direct" }, Facts with { Config = new() { BlockSetups = ["tpm2-luks"] } })
            .Should().Be("the image's install configuration allows only the block setup tpm2-luks, not direct");

    [Fact]
    public void A_command_line_that_the_kernel_would_cut_off_is_refused() =>
        Refusal(Options, Facts with { ImageKargs = KernelCommandLine.Parse(new string('x', 1900)) }).Should().Contain("more than the 2047 that the kernel reads less 30 for the trial of an update");

    [Theory]
    [InlineData("../x")]
    [InlineData("")]
    [InlineData(".hidden")]
    [InlineData("a b")]
    public void A_state_root_has_a_plain_name(string name) => Refusal(Options with { Stateroot = name }, Facts).Should().Contain("cannot be the name of a state root");

    [Theory]
    [InlineData(1000, "a root file system of 1000 MiB is too small: this image needs at least 1280 MiB")]
    [InlineData(20000, "it has 10240 MiB, and with a root of that size it needs at least 21026 MiB")]
    public void A_root_of_the_wrong_size_is_refused(long mebibytes, string message) =>
        Refusal(Options with { RootSize = new(mebibytes) }, Facts).Should().Contain(message);

    private static InstallPlan Decide(InstallOptions options, InstallFacts facts) => InstallPlan.Decide(options, facts, "docker://quay.io/os/edge:7", Uuid);

    private static string Refusal(InstallOptions options, InstallFacts facts) =>
        FluentActions.Invoking(() => Decide(options, facts)).Should().Throw<BootcException>().Which.Message;
}
