using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>images/debian-selinux, installed through podman and booted with SELinux on. This machine's kernel has none.</summary>
[Trait("Category", "All")]
public sealed class SelinuxTests(SelinuxTests.Boot boot) : IClassFixture<SelinuxTests.Boot>
{
    // find's condition for what was there before the machine was started. systemd-tmpfiles makes the last one by its name in /root.
    private const string OfTheInstall = "! -newermt @$(sed -n 's/^btime //p' /proc/stat) ! -path /var/roothome/.ssh";

    /// <summary>One boot; all tests look at what the guest reported.</summary>
    public sealed class Boot : IAsyncLifetime
    {
        public GuestReport Report { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            InstalledMachine machine = await LabInstall.InstallAsync(
                await LabImages.EnsureDebianSelinuxAsync(), "selinux", "--filesystem", "ext4", "--allow-missing-verity");
            GuestProbe probe = new GuestProbe()
                .Ask("mode", "getenforce")
                .Ask("init", "cat /proc/1/attr/current | tr -d '\\0'")
                // The type tells the root's own files from what is mounted on them.
                .Ask("root", Verify("/ -xdev -fstype overlay"))
                .Ask("count", "find / -xdev | wc -l")
                // What the boot itself writes gets its labels from the running policy.
                .Ask("etc", Verify($"/etc -xdev {OfTheInstall}"))
                .Ask("var", Verify($"/var -xdev {OfTheInstall}"))
                .Ask("failed", "systemctl --failed --no-legend --plain");
            Report = (await Guest.BootAsync(machine.State, probe, "selinux")).Report;
        }

        public Task DisposeAsync() => Task.CompletedTask;

        // matchpathcon prints a line for each file and says of good ones that they are verified.
        private static string Verify(string what) => $"find {what} -print0 | xargs -0 -n 2000 matchpathcon -V | grep -v ' verified\\.$'";
    }

    [Fact]
    public void The_policy_of_the_image_is_loaded()
    {
        boot.Report["mode"].Text.Should().Be("Permissive");
        // The label of the program that runs as process 1 decides this.
        boot.Report["init"].Text.Should().Be("system_u:system_r:init_t:s0");
        boot.Report["failed"].Text.Should().BeEmpty();
    }

    [Fact]
    public void Every_file_of_the_root_has_the_label_that_matchpathcon_wants()
    {
        int.Parse(boot.Report["count"].Text).Should().BeGreaterThan(5000);
        boot.Report["root"].Should().Be(new GuestAnswer(1, "", ""), "grep finds nothing else");
    }

    [Fact]
    public void Files_copied_to_etc_and_var_have_their_labels_too()
    {
        boot.Report["etc"].Output.Should().BeEmpty();
        boot.Report["var"].Output.Should().BeEmpty();
    }
}
