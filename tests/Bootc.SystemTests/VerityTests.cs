using System.Text.RegularExpressions;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>
/// Debian, installed through podman on a machine whose kernel has fs-verity, without allowing that verity is missing; then
/// booted as it is, and after tampering.
/// </summary>
public sealed partial class VerityTests(VerityTests.Machines machines) : IClassFixture<VerityTests.Machines>
{
    /// <summary>Installs once, and boots the result and two altered copies of it.</summary>
    public sealed class Machines : IAsyncLifetime
    {
        private const string Changed = "/usr/bin/tac";
        private const string Unsealed = "/usr/bin/shuf";
        private const long DiskSize = 4L << 30;

        private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);

        private string _folder = "";
        private string _image = "";

        public GuestAnswer Install { get; private set; } = null!;

        /// <summary>What <c>fsverity measure</c> says of every object: <c>sha512:DIGEST PATH</c>.</summary>
        public string Measured { get; private set; } = "";

        public string ObjectCount { get; private set; } = "";

        /// <summary>What <c>fsck</c> says of the repository as it was installed, on a kernel that has fs-verity.</summary>
        public GuestAnswer FsckOfSound { get; private set; } = null!;

        public GuestAnswer FsckOfTampered { get; private set; } = null!;

        /// <summary>The object that was changed and sealed again, as a path in the repository.</summary>
        public string ChangedObject { get; private set; } = "";

        /// <summary>The object that lost its seal.</summary>
        public string UnsealedObject { get; private set; } = "";

        public GuestReport Sound { get; private set; } = null!;

        public GuestReport Tampered { get; private set; } = null!;

        /// <summary>All that the machine with another image under the deployment's name said.</summary>
        public string ConsoleOfReplaced { get; private set; } = "";

        public async Task InitializeAsync()
        {
            _folder = Directory.CreateTempSubdirectory("bootc-verity").FullName;
            _image = await LabImages.Debian;
            string disk = LabInstall.NewDisk(_folder, size: DiskSize);
            await using (InstallerVm vm = await InstallerVm.StartAsync(_image, new(disk)))
            {
                Install = await vm.RunAsync(
                    $"podman run --rm --privileged --pid=host --network=none --security-opt label=type:unconfined_t -v /dev:/dev -v /var/lib/containers:/var/lib/containers {_image} "
                    + $"bootc install to-disk --filesystem ext4 --target-imgref {LabInstall.TargetImage} --karg console=ttyS0 {InstallerVm.Target}",
                    Long);
                Install.ExitCode.Should().Be(0, Install.Error);
                await AskAsync(vm, $"mount -o ro {InstallerVm.Target}2 /mnt");
                Measured = await AskAsync(vm, "cd /mnt/composefs/objects && find . -type f | xargs fsverity measure");
                ObjectCount = await AskAsync(vm, "cd /mnt/composefs/objects && find . -type f | wc -l");
                await AskAsync(vm, "umount /mnt");
                await vm.PowerOffAsync();
            }

            Sound = (await Guest.BootAsync(new(disk), Probe(), "verity-sound")).Report;
            Tampered = (await Guest.BootAsync(new(await TamperAsync(disk)), Probe(), "verity-tampered")).Report;
            ConsoleOfReplaced = await BootReplacedAsync(disk);
        }

        public Task DisposeAsync()
        {
            Directory.Delete(_folder, recursive: true);
            return Task.CompletedTask;
        }

        private static GuestProbe Probe() => new GuestProbe()
            .Ask("root", "findmnt -n -o SOURCE,OPTIONS /")
            .Ask("cmdline", "cat /proc/cmdline")
            .Ask("aleph", "cat /sysroot/.bootc-aleph.json")
            .Ask("status", "bootc status --format humanreadable --verbose")
            .Ask("failed", "systemctl --failed --no-legend --plain")
            .Ask("changed", $"cat {Changed} | wc -c")
            .Ask("read-changed", $"cat {Changed} > /dev/null")
            .Ask("read-unsealed", $"cat {Unsealed} > /dev/null");

        private static async Task<string> AskAsync(InstallerVm vm, string command)
        {
            GuestAnswer answer = await vm.RunAsync(command, Long);
            answer.ExitCode.Should().Be(0, $"{command}: {answer.Output}{answer.Error}");
            return answer.Text;
        }

        /// <summary>One object is replaced by a changed one that is sealed too, another by a copy without a seal.</summary>
        private async Task<string> TamperAsync(string disk)
        {
            string copy = Path.Join(_folder, "tampered.img");
            await LabProgram.RunAsync("cp", ["--sparse=always", disk, copy]);
            await using InstallerVm vm = await InstallerVm.StartAsync(_image, new(copy));
            string bootc = $"podman run --rm --network=none -v /mnt:/mnt:ro {_image} bootc internals composefs";
            const string fsck = "fsck --repo /mnt/composefs";
            await AskAsync(vm, $"mount {InstallerVm.Target}2 /mnt && {bootc} dump /mnt/composefs/images/$(ls /mnt/state/deploy) > /run/dump");
            ChangedObject = await AskAsync(vm, ObjectOf(Changed));
            UnsealedObject = await AskAsync(vm, ObjectOf(Unsealed));

            FsckOfSound = await vm.RunAsync($"{bootc} {fsck}", Long);
            await AskAsync(vm, $"""
                set -e
                cd /mnt/composefs
                o={ChangedObject}; cp $o /run/x; printf X >> /run/x; rm $o; cp /run/x $o; fsverity enable --hash-alg=sha512 $o
                o={UnsealedObject}; cp $o /run/x; rm $o; cp /run/x $o
                """);
            FsckOfTampered = await vm.RunAsync($"{bootc} {fsck}", Long);

            await AskAsync(vm, "umount /mnt");
            await vm.PowerOffAsync();
            return copy;

            static string ObjectOf(string file) => $"grep '^{file} ' /run/dump | cut -d' ' -f9 | sed s,^,objects/,";
        }

        /// <summary>The deployment's name leads to the image that was made of the same files for containers: valid, but not the one.</summary>
        private async Task<string> BootReplacedAsync(string disk)
        {
            string copy = Path.Join(_folder, "replaced.img");
            await LabProgram.RunAsync("cp", ["--sparse=always", disk, copy]);
            const string replace = """
                mount -o loop,offset=$((1025 * 1024 * 1024)) "$1" /mnt
                cd /mnt/composefs/images
                id=$(ls /mnt/state/deploy)
                other=$(ls | grep -v "^$id$" | grep -v refs)
                ln -sfn "$(readlink "$other")" "$id"
                """;
            await LabProgram.RunAsync("unshare", ["--mount", "sh", "-ec", replace, "replace", copy]);
            await using RunningGuest guest = await RunningGuest.StartAsync(new MachineState(copy), "verity-replaced");
            await guest.Qemu.WaitAsync("the refusal", () => guest.Qemu.Console.Has(Refusal()) || guest.Qemu.Console.Has(Login()), TimeSpan.FromMinutes(4));
            return guest.Qemu.Console.Text;
        }
    }

    [Fact]
    public void Installing_needs_no_allowance_and_warns_of_nothing()
    {
        machines.Install.ExitCode.Should().Be(0, machines.Install.Error);
        machines.Install.Output.Should().Contain("Installation complete!");
        machines.Install.Error.Should().NotContain("warning:");
    }

    [Fact]
    public void Every_object_is_sealed_under_its_own_name()
    {
        string[] lines = machines.Measured.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        lines.Should().HaveCount(int.Parse(machines.ObjectCount)).And.HaveCountGreaterThan(1000);
        lines.Should().OnlyContain(line => IsNamedByDigest(line));
    }

    [Fact]
    public void The_machine_runs_with_verity_required_by_the_command_line_and_the_mount()
    {
        machines.Sound["cmdline"].Text.Should().MatchRegex(@"(^| )composefs=[0-9a-f]{128}( |$)");
        machines.Sound["root"].Text.Should().StartWith("composefs:").And.Contain("verity=require");
        machines.Sound["aleph"].Text.Should().Contain("\"fsverity\": \"required\"");
        machines.Sound["status"].Text.Should().MatchRegex("FsVerity: Enforced");
        machines.Sound["failed"].Text.Should().BeEmpty();
        machines.Sound["read-changed"].ExitCode.Should().Be(0);
        machines.Sound["read-unsealed"].ExitCode.Should().Be(0);
    }

    [Fact]
    public void An_object_that_was_changed_cannot_be_read() =>
        machines.Tampered["read-changed"].Error.Should().Contain("Input/output error");

    [Fact]
    public void An_object_without_verity_cannot_be_read() =>
        machines.Tampered["read-unsealed"].Error.Should().Contain("Input/output error");

    [Fact]
    public void Fsck_finds_nothing_in_what_was_installed() =>
        machines.FsckOfSound.Should().Be(new GuestAnswer(0, "ok\n", ""));

    [Fact]
    public void Fsck_names_an_object_without_verity_and_one_that_was_changed()
    {
        machines.FsckOfTampered.ExitCode.Should().Be(1, machines.FsckOfTampered.Error);
        string[] lines = machines.FsckOfTampered.Text.Split('\n');
        lines.Where(line => line.StartsWith("objects/", StringComparison.Ordinal)).Should().BeEquivalentTo(
            $"{machines.ChangedObject}: has the fs-verity digest of other content than its name says",
            $"{machines.ChangedObject}: has other content than its name says",
            $"{machines.UnsealedObject}: is not protected by fs-verity, although the repository is");
        // The images and the layer that the changed one is part of.
        lines.Should().Contain(line => line.StartsWith("images/")).And.Contain(line => line.StartsWith("streams/"));
        lines[^1].Should().Be("damaged");
    }

    [Fact]
    public void Another_image_under_the_same_name_is_not_booted()
    {
        machines.ConsoleOfReplaced.Should().MatchRegex(
            @"cannot set up the root: \S+/images/[0-9a-f]{128} leads to \.\./objects/[0-9a-f]{2}/[0-9a-f]{126}, not to \.\./objects/[0-9a-f]{2}/[0-9a-f]{126}\s");
        machines.ConsoleOfReplaced.Should().NotMatchRegex(Login().ToString());
    }

    private static bool IsNamedByDigest(string line)
    {
        string[] parts = line.Split(' ', 2);
        return parts[0] == $"sha512:{parts[1].Replace("./", "").Replace("/", "")}";
    }

    [GeneratedRegex(@"bootc-root-setup: cannot set up the root: .*[\r\n]")]
    private static partial Regex Refusal();

    [GeneratedRegex(@"^\S+ login: ", RegexOptions.Multiline)]
    private static partial Regex Login();
}
