using System.Text.RegularExpressions;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>
/// Debian, installed through podman on a machine that was started by UEFI, three times to the same disk. efibootmgr says what the
/// firmware was told, and then the firmware itself does, with nothing but that.
/// </summary>
public sealed partial class FirmwareTests(FirmwareTests.Installs installs) : IClassFixture<FirmwareTests.Installs>
{
    private const string Loader = @"\EFI\systemd\systemd-bootx64.efi";

    /// <summary>What efibootmgr says after each of the installs, and what a guest says that was started after the last.</summary>
    public sealed class Installs : IAsyncLifetime
    {
        private const string Variables = "/sys/firmware/efi/efivars";
        private const long DiskSize = 4L << 30;

        private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);

        public string Untouched { get; private set; } = "";

        public string AfterGenericImage { get; private set; } = "";

        /// <summary>With another entry, which is there from then on.</summary>
        public string BeforeInstall { get; private set; } = "";

        public string AfterInstall { get; private set; } = "";

        /// <summary>The GUID of the ESP of that install.</summary>
        public string EspOfInstall { get; private set; } = "";

        public string AfterSecondInstall { get; private set; } = "";

        public string EspOfSecondInstall { get; private set; } = "";

        public GuestReport Booted { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            DirectoryInfo folder = Directory.CreateTempSubdirectory("bootc-firmware");
            try
            {
                string image = await LabImages.Debian;
                MachineState target = await MachineState.NewAsync(folder.FullName, DiskSize);
                await using (InstallerVm vm = await InstallerVm.StartAsync(image, target))
                {
                    await InstallAsync(vm, image);
                    await vm.PowerOffAsync();
                }

                Booted = (await Guest.BootAsync(target, Probe(), "firmware")).Report;
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        }

        public Task DisposeAsync() => Task.CompletedTask;

        private async Task InstallAsync(InstallerVm vm, string image)
        {
            const string menu = "efibootmgr --verbose";
            const string esp = $"sfdisk --part-uuid {InstallerVm.Target} 1";
            string install =
                $"podman run --rm --privileged --pid=host --network=none -v /dev:/dev -v /var/lib/containers:/var/lib/containers {image} "
                + $"bootc install to-disk --filesystem ext4 --target-imgref {LabInstall.TargetImage} --karg console=ttyS0";

            Untouched = await AskAsync(vm, menu);
            await AskAsync(vm, $"{install} --generic-image {InstallerVm.Target}");
            AfterGenericImage = await AskAsync(vm, menu);
            await AskAsync(vm, $@"efibootmgr --create --disk {InstallerVm.Target} --part 1 --label Another --loader '\EFI\another.efi'");
            BeforeInstall = await AskAsync(vm, menu);
            await AskAsync(vm, $"{install} --wipe {InstallerVm.Target}");
            AfterInstall = await AskAsync(vm, menu);
            EspOfInstall = await AskAsync(vm, esp);
            await AskAsync(vm, $"{install} --wipe {InstallerVm.Target}");
            AfterSecondInstall = await AskAsync(vm, menu);
            EspOfSecondInstall = await AskAsync(vm, esp);
        }

        private static async Task<string> AskAsync(InstallerVm vm, string command)
        {
            GuestAnswer answer = await vm.RunAsync(command, Long);
            answer.ExitCode.Should().Be(0, $"{command}: {answer.Output}{answer.Error}");
            return answer.Text;
        }

        private static GuestProbe Probe() => new GuestProbe()
            // After four bytes of attributes; text is UTF-16. The files cannot be sought in.
            .Ask("loader", $"cat {Variables}/LoaderImageIdentifier-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f | tail -c +5 | tr -d '\\0'")
            .Ask("booted", $"od -An -v -tx2 -j4 {Variables}/BootCurrent-8be4df61-93ca-11d2-aa0d-00e098032b8c")
            .Ask("failed", "systemctl --failed --no-legend --plain");
    }

    [Fact]
    public void A_generic_image_leaves_the_firmware_alone() =>
        installs.AfterGenericImage.Should().Be(installs.Untouched);

    [Fact]
    public void Our_entry_comes_first_and_names_the_loader_on_the_ESP()
    {
        Entry[] entries = Entries(installs.AfterInstall);

        Entry ours = entries.Should().ContainSingle(e => e.Device.Contains(Loader)).Subject;
        ours.Title.Should().StartWith("Debian GNU/Linux 13");
        ours.Device.Should().StartWithEquivalentOf($"HD(1,GPT,{installs.EspOfInstall},");
        Order(installs.AfterInstall).Should().Equal([ours.Number, .. Order(installs.BeforeInstall)]);
        entries.Except([ours]).Should().Equal(Entries(installs.BeforeInstall), "others stay");
    }

    [Fact]
    public void A_second_install_to_the_disk_takes_the_place_of_the_first()
    {
        Entry ours = Entries(installs.AfterSecondInstall).Should().ContainSingle(e => e.Device.Contains(Loader)).Subject;

        ours.Device.Should().StartWithEquivalentOf($"HD(1,GPT,{installs.EspOfSecondInstall},");
        installs.EspOfSecondInstall.Should().NotBe(installs.EspOfInstall);
        Order(installs.AfterSecondInstall).Should().Equal(Order(installs.AfterInstall));
    }

    [Fact]
    public void The_firmware_starts_what_the_entry_names()
    {
        installs.Booted["loader"].Text.Should().BeEquivalentTo(Loader, "the loader is at the place for removable disks too");
        installs.Booted["booted"].Text.Should().BeEquivalentTo(Order(installs.AfterSecondInstall)[0]);
        installs.Booted["failed"].Text.Should().BeEmpty();
    }

    private static string[] Order(string menu) => BootOrder().Match(menu).Groups["order"].Value.Split(',');

    private static Entry[] Entries(string menu) =>
        [.. BootEntry().Matches(menu).Select(m => new Entry(m.Groups["number"].Value, m.Groups["title"].Value, m.Groups["device"].Value))];

    /// <param name="Number">Four hexadecimal digits.</param>
    private sealed record Entry(string Number, string Title, string Device);

    [GeneratedRegex(@"^BootOrder: (?<order>[0-9A-F,]*)$", RegexOptions.Multiline)]
    private static partial Regex BootOrder();

    [GeneratedRegex(@"^Boot(?<number>[0-9A-F]{4})[* ] (?<title>[^\t\n]*)\t(?<device>.*)$", RegexOptions.Multiline)]
    private static partial Regex BootEntry();
}
