using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>
/// Machines that forget: one all but /etc and /var, the others /etc. The command line tells those with dracut nothing of their root, and ssh
/// lets into the first; all are booted twice.
/// </summary>
[Trait("Category", "All")]
public sealed class TransientTests(TransientTests.Machines machines) : IClassFixture<TransientTests.Machines>
{
    private const string Marks = "/mark /usr/mark /etc/mark /var/mark";

    /// <summary>What was asked of both boots; the first writes.</summary>
    public sealed class Machines : IAsyncLifetime
    {
        private DirectoryInfo _folder = null!;

        public (GuestReport First, GuestReport Second) TransientRoot { get; private set; }

        public (GuestReport First, GuestReport Second) TransientEtc { get; private set; }

        /// <summary>As <see cref="TransientEtc"/>, with the scripts of initramfs-tools in place of systemd in the initrd.</summary>
        public (GuestReport First, GuestReport Second) TransientEtcByScripts { get; private set; }

        public async Task InitializeAsync()
        {
            _folder = Directory.CreateTempSubdirectory("bootc-transient");
            TransientRoot = await InstallAndBootAsync("root", "dracut", "--root-ssh-authorized-keys", "/output/friend.pub");
            TransientEtc = await InstallAndBootAsync("etc", "dracut");
            TransientEtcByScripts = await InstallAndBootAsync("etc", "initramfs-tools");
        }

        public Task DisposeAsync()
        {
            _folder.Delete(recursive: true);
            return Task.CompletedTask;
        }

        private async Task<(GuestReport First, GuestReport Second)> InstallAndBootAsync(string transient, string initrd, params string[] options)
        {
            string image = await BuildAsync(transient, initrd);
            string disk = LabInstall.NewDisk(_folder.FullName);
            // Of the two only the friend is let in.
            string install = string.Join(' ', LabInstall.ToDisk("disk.img", ["--allow-missing-verity", "--karg", "console=ttyS0", .. options]));
            Podman podman = await Podman.Instance;
            const string makeKeys =
                "cd /output; rm -f friend* stranger*; for name in friend stranger; do ssh-keygen -q -t ed25519 -N '' -f $name; done";
            await podman.RunAsync(LabInstall.Arguments(image, _folder.FullName, "sh", "-ec", $"{makeKeys}; {install}"));

            BootResult first = await Guest.BootAsync(new(disk), Probe(), $"transient-{transient}-{initrd}-1");
            BootResult second = await Guest.BootAsync(first.After, Probe(), $"transient-{transient}-{initrd}-2");
            return (first.Report, second.Report);
        }

        private static async Task<string> BuildAsync(string transient, string initrd)
        {
            // Only systemd finds a root by the type of its partition.
            (string discoverable, string make) = initrd == "dracut"
                ? ("true", "dracut --quiet --force /usr/lib/modules/$kver/initramfs.img $kver")
                : ("false", "mkinitramfs -o /usr/lib/modules/$kver/initramfs.img $kver");
            return await LabImages.BuildAsync(
                "transient",
                $"""
                FROM {await LabImages.DebianWithAsync(initrd, "openssh-client", "openssh-server")}
                RUN mkdir -p /usr/lib/bootc/install /usr/lib/composefs && \
                    printf '[install]\nroot-fs-type = "ext4"\ndiscoverable-partitions = {discoverable}\n' > /usr/lib/bootc/install/10.toml && \
                    printf '[{transient}]\ntransient = true\n' > /usr/lib/composefs/setup-root-conf.toml && \
                    kver=$(ls /usr/lib/modules) && {make} && \
                    rm -rf /var/log/* /var/tmp/*

                """);
        }

        private GuestProbe Probe() => new GuestProbe()
            .Ask("cmdline", "cat /proc/cmdline")
            .Ask("root", "findmnt -n -o SOURCE,FSTYPE,OPTIONS /")
            .Ask("etc", "findmnt -n -o FSTYPE,OPTIONS /etc")
            .Ask("sysroot", "findmnt -n -v -o SOURCE,FSTYPE /sysroot; lsblk -nro PATH,PARTLABEL")
            .Ask("kept", $"ls {Marks} 2>/dev/null | xargs echo")
            .Ask("write", $"touch {Marks} 2>&1")
            .Ask("friend", Ssh("friend"))
            .Ask("stranger", Ssh("stranger"))
            .Ask("failed", "systemctl --failed --no-legend --plain");

        private string Ssh(string name) =>
            $"""
            umask 077; cat > /run/{name} <<'END'
            {File.ReadAllText(Path.Join(_folder.FullName, name)).TrimEnd()}
            END
            ssh -i /run/{name} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@127.0.0.1 id -un
            """;
    }

    [Fact]
    public void Without_root_on_the_command_line_it_is_found_by_the_type_of_its_partition()
    {
        GuestReport report = machines.TransientRoot.First;

        report["cmdline"].Text.Should().NotContain("root=").And.MatchRegex(@"(^| )composefs=\?[0-9a-f]{128}( |$)");
        string[] sysroot = report["sysroot"].Text.Split('\n');
        sysroot[0].Should().MatchRegex(@"^/dev/\S+ +ext4$");
        sysroot.Should().Contain($"{sysroot[0].Split(' ')[0]} root");
    }

    [Fact]
    public void A_transient_root_takes_changes_and_forgets_them()
    {
        (GuestReport first, GuestReport second) = machines.TransientRoot;

        first["root"].Text.Should().MatchRegex("overlay +rw,");
        first["write"].Should().Be(new GuestAnswer(0, "", ""));
        second["kept"].Text.Should().Be("/etc/mark /var/mark");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_transient_etc_takes_changes_and_forgets_them(bool isByScripts)
    {
        (GuestReport first, GuestReport second) = isByScripts ? machines.TransientEtcByScripts : machines.TransientEtc;

        first["root"].Text.Should().MatchRegex("overlay +ro,");
        first["etc"].Text.Should().MatchRegex("overlay +rw,");
        first["write"].Text.Split('\n').Should().HaveCount(2).And.OnlyContain(line => line.Contains("Read-only file system"));
        second["kept"].Text.Should().Be("/var/mark");
    }

    [Fact]
    public void No_unit_failed() =>
        new[] { machines.TransientRoot, machines.TransientEtc, machines.TransientEtcByScripts }
            .SelectMany(boots => new[] { boots.First, boots.Second }).Select(report => report["failed"].Text).Should().AllBe("");

    [Fact]
    public void Sshd_lets_in_who_has_a_key_that_was_given_to_the_install()
    {
        GuestReport report = machines.TransientRoot.First;

        report["friend"].Should().BeEquivalentTo(new { ExitCode = 0, Text = "root" }, report["friend"].Error);
        report["stranger"].ExitCode.Should().Be(255);
        report["stranger"].Error.Should().Contain("Permission denied");
    }
}
