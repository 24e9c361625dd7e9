using Bootc.Composefs;
using Bootc.Composefs.Tree;
using Bootc.Host.Boot;
using Bootc.Host.Disks;
using Bootc.Host.Tests.Images;
using Bootc.Linux;
using Bootc.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests.Boot;

/// <summary>
/// The file names by which firmware and systemd know a boot loader: UEFI specification 2.10, 3.5.1.1 (removable media), and
/// systemd-boot(7).
/// </summary>
public sealed class SystemdBootTests : IDisposable
{
    private const string Directory = "/usr/lib/systemd/boot/efi";

    private static readonly ObjectId Deployment = ObjectId.Parse(new string('a', 128));

    private readonly FileTree _tree = TestTree.Of(Directory);
    private readonly string _esp = Path.GetTempFileName();

    public static TheoryData<MachineArchitecture, string, string, string> Names() => new()
    {
        { MachineArchitecture.X64, $"{Directory}/systemd-bootx64.efi", "EFI/systemd/systemd-bootx64.efi", "EFI/BOOT/BOOTX64.EFI" },
        { MachineArchitecture.Arm64, $"{Directory}/systemd-bootaa64.efi", "EFI/systemd/systemd-bootaa64.efi", "EFI/BOOT/BOOTAA64.EFI" },
    };

    public void Dispose() => File.Delete(_esp);

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_loader_has_the_names_of_the_architecture(MachineArchitecture architecture, string inImage, string own, string removable)
    {
        // As an image for several machines might have it.
        _tree.AddFile($"{Directory}/systemd-bootx64.efi", $"{Directory}/systemd-bootx64.efi");
        _tree.AddFile($"{Directory}/systemd-bootaa64.efi", $"{Directory}/systemd-bootaa64.efi");

        SystemdBoot loader = SystemdBoot.Find(_tree.Files(), architecture);
        await InstallAsync(loader);

        loader.LoaderPath.Should().Be(own);
        (await ReadAsync(own)).Should().Be(inImage);
        (await ReadAsync(removable)).Should().Be(inImage);
        (await MtoolsAsync("mdir", "-b", "::/EFI/BOOT", "::/EFI/systemd")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Should().BeEquivalentTo($"::/{removable}", $"::/{own}");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_signed_loader_is_taken_where_there_is_no_other(MachineArchitecture architecture, string inImage, string own, string removable)
    {
        _tree.AddFile($"{inImage}.signed", "signed");

        await InstallAsync(SystemdBoot.Find(_tree.Files(), architecture));

        (await ReadAsync(own)).Should().Be("signed");
        (await ReadAsync(removable)).Should().Be("signed");
    }

    [Fact]
    public async Task Keys_for_secure_boot_come_along_and_nothing_else_from_beside_them()
    {
        const string Keys = "/usr/lib/bootc/install/secureboot-keys";
        _tree.AddFile($"{Directory}/systemd-bootx64.efi");
        _tree.AddFile($"{Keys}/lab/PK.auth", "platform");
        _tree.AddFile($"{Keys}/lab/db.auth", "allowed");
        _tree.AddFile($"{Keys}/lab/db.key", "secret");
        _tree.AddFile($"{Keys}/README", "read me");

        await InstallAsync(SystemdBoot.Find(_tree.Files(), MachineArchitecture.X64));

        (await ReadAsync("loader/keys/lab/PK.auth")).Should().Be("platform");
        (await ReadAsync("loader/keys/lab/db.auth")).Should().Be("allowed");
        (await MtoolsAsync("mdir", "-b", "-/", "::/loader/keys")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Should().BeEquivalentTo("::/loader/keys/lab/", "::/loader/keys/lab/PK.auth", "::/loader/keys/lab/db.auth");
    }

    [Theory]
    [InlineData("arm64", "systemd-bootx64.efi", "neither /usr/lib/systemd/boot/efi/systemd-bootaa64.efi nor *aa64.efi.signed*")]
    [InlineData("x64", "systemd-bootaa64.efi", "neither /usr/lib/systemd/boot/efi/systemd-bootx64.efi nor *x64.efi.signed*")]
    public void A_loader_for_another_architecture_is_none(string architecture, string loader, string message)
    {
        _tree.AddFile($"{Directory}/{loader}");

        FluentActions.Invoking(() => SystemdBoot.Find(_tree.Files(), architecture == "arm64" ? MachineArchitecture.Arm64 : MachineArchitecture.X64))
            .Should().Throw<BootcException>().WithMessage($"the image has no boot loader: {message}");
    }

    private async Task InstallAsync(SystemdBoot loader)
    {
        await LabProgram.RunAsync("truncate", ["--size=64M", _esp]);
        await LabProgram.RunAsync("mkfs.vfat", ["-F", "32", _esp]);
        KernelFiles kernel = new("6.12", _tree.AddFile("/kernel", "kernel"), _tree.AddFile("/initrd", "initrd"));
        BootEntry entry = new("Lab", "1", "/kernel", ["/initrd"], KernelCommandLine.Empty, null, []);
        using MtoolsBootFilesystem esp = new(_esp, new Programs(NullLogger<Programs>.Instance));
        await loader.InstallAsync(esp, Deployment, kernel, BootEntryFile.Of(new("lab", "1", 1), entry), withRandomSeed: false, default);
    }

    private Task<string> ReadAsync(string path) => MtoolsAsync("mtype", $"::/{path}");

    private Task<string> MtoolsAsync(string program, params string[] arguments) =>
        LabProgram.RunAsync("env", ["MTOOLS_SKIP_CHECK=1", program, "-i", _esp, .. arguments]);
}
