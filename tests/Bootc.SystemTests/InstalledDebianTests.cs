using System.Text.Json;
using System.Text.RegularExpressions;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>images/debian, installed by the bootc inside it through podman, and booted by UEFI from its own disk.</summary>
public sealed partial class InstalledDebianTests(InstalledDebianTests.TwoBoots boots) : IClassFixture<InstalledDebianTests.TwoBoots>
{
    /// <summary>
    /// Boots the machine twice, the second time as another one, with its disk on another bus; all tests look at what the guest reported with
    /// the probe's nonce.
    /// </summary>
    public sealed class TwoBoots : IAsyncLifetime
    {
        public GuestReport First { get; private set; } = null!;

        public GuestReport Second { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            GuestProbe probe = new();
            Facts(probe)
                .Ask("mark", "echo of-this-machine > /etc/mark && echo of-this-machine > /var/mark")
                .Ask("yaml", "bootc status")
                .Ask("edit", "bootc status > /run/host.yaml && bootc edit --filename /run/host.yaml")
                .Ask("edit-both", "sed -e 's/^    transport: .*/    transport: oci/' -e 's|^    image: .*|    image: /x|' -e 's/bootOrder: .*/bootOrder: rollback/' /run/host.yaml > /run/both.yaml; bootc edit -f /run/both.yaml")
                .Ask("edit-order", "sed 's/bootOrder: .*/bootOrder: rollback/' /run/host.yaml > /run/order.yaml; bootc edit -f /run/order.yaml")
                .Ask("editor", "EDITOR='sed -i s/kind:.*/kind:/' bootc edit")
                .Ask("config-diff", "bootc config-diff")
                .Ask("unprivileged", "setpriv --reuid=65534 --regid=65534 --clear-groups bootc status --format humanreadable")
                .Ask("write-usr", "touch /usr/x")
                .Ask("write-sysroot", "touch /sysroot/x")
                .Ask("timer", "systemctl enable --quiet --now bootc-fetch-apply-updates.timer; systemctl list-timers --no-legend --plain bootc-fetch-apply-updates.timer")
                .Ask("order", "systemctl show --property=After --value bootc-finalize-staged.service")
                .Ask("told", Told)
                .Ask("forget", "mkdir -p /run/nextroot && mount --bind /usr /run/nextroot && bootc internals prep-soft-reboot --reset && ! mountpoint /run/nextroot && bootc internals prep-soft-reboot --reset")
                .Ask("packages", "dpkg-query --show --showformat '${Package}\\n'")
                .Ask("programs", "ls /usr/bin /usr/sbin /usr/lib /usr/libexec")
                .Ask("machine-id", "tr -d - < /proc/sys/kernel/random/uuid > /etc/machine-id")
                .Ask("failed", "systemctl --failed --no-legend --plain");
            BootResult first = await Guest.BootAsync(await LabInstall.Debian, probe, "installed-1");
            First = first.Report;

            // The firmware of another machine, too: that of the first looks for the disk where it was.
            GuestProbe again = new();
            Facts(again)
                .Ask("marks", "cat /etc/mark /var/mark")
                .Ask("moved", "findmnt -n -v -o SOURCE /sysroot && bootc loader-entries set-options-for-source --source lab --options moved=1 && grep -ho moved=1 /boot/loader/entries/* | sort -u")
                .Ask("waits", Waits)
                .Ask("timer", "systemctl is-active bootc-fetch-apply-updates.timer");
            Second = (await Guest.BootAsync(first.After with { Bus = "nvme", FirmwareVariables = null }, again, "installed-2")).Report;
        }

        public Task DisposeAsync() => Task.CompletedTask;

        private static GuestProbe Facts(GuestProbe probe) => probe
            .Ask("root", "findmnt -n -o SOURCE,FSTYPE,OPTIONS /")
            .Ask("cmdline", "cat /proc/cmdline")
            .Ask("status", "bootc status --json")
            .Ask("text", "bootc status --format humanreadable --verbose")
            .Ask("origin", "cat /sysroot/state/deploy/*/*.origin")
            .Ask("aleph", "cat /sysroot/.bootc-aleph.json")
            .Ask("loader", "cat /sys/firmware/efi/efivars/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f | tail -c +5 | tr -d '\\0'")
            .Ask("generated", "find /run/systemd/generator -name 'bootc-*' -printf '%P -> %l\n' | sort; systemctl is-active bootc-status-updated.path bootc-status-updated-onboot.target")
            .Ask("build-id", "sha256sum < /usr/bin/bootc");

        // The one that has the lock goes on when the other has said that it waits, however long it takes to say so.
        private const string Waits =
            """
            bootc doctor --fix > /run/doctor 2>&1 &
            until grep -q doctor /run/bootc/holder; do sleep 0.1; done
            kill -STOP $!
            (until test -s /run/waits; do sleep 0.2; done; kill -CONT $!) &
            timeout 100 bootc loader-entries set-options-for-source --source lab --options moved=2 2> /run/waits
            code=$?
            cat /run/waits >&2
            test $code = 0
            """;

        // As bootc does it: by a writable mount of its own, while systemd watches the read-only one.
        private const string Told =
            """
            mkdir -p /run/own /run/systemd/system/bootc-status-updated.target.wants
            printf '[Service]\nType=oneshot\nExecStart=/bin/sh -c "echo told >> /run/told"\n' > /run/systemd/system/told.service
            ln -s ../told.service /run/systemd/system/bootc-status-updated.target.wants/told.service
            systemctl daemon-reload
            mount --bind /sysroot /run/own && mount -o remount,bind,rw /run/own
            touch /run/told
            for times in 1 2; do
              touch --no-create /run/own/composefs/bootc
              timeout 60 sh -c "until [ \$(wc -l < /run/told) = $times ] && ! systemctl --quiet is-active bootc-status-updated.target; do sleep 0.2; done"
            done
            umount /run/own
            cat /run/told
            """;
    }

    private string Id => RootSource().Match(boots.First["root"].Text).Groups["id"].Value;

    [Fact]
    public void The_root_is_the_image_that_the_command_line_names()
    {
        Id.Should().HaveLength(128);
        boots.First["root"].Text.Should().MatchRegex(@"^composefs:\S+ +overlay +ro,");
        boots.First["cmdline"].Text.Split(' ').Should().Contain($"composefs=?{Id}")
            .And.Contain("rw").And.Contain("console=ttyS0").And.Contain(a => a.StartsWith("root=UUID="));
    }

    [Fact]
    public void Usr_is_read_only_and_so_is_the_physical_root()
    {
        boots.First["write-usr"].ExitCode.Should().NotBe(0);
        boots.First["write-usr"].Error.Should().Contain("Read-only file system");
        boots.First["write-sysroot"].Error.Should().Contain("Read-only file system");
    }

    [Fact]
    public void Etc_and_var_are_writable_and_survive_a_reboot()
    {
        boots.First["mark"].ExitCode.Should().Be(0, boots.First["mark"].Error);
        boots.Second["marks"].Text.Should().Be("of-this-machine\nof-this-machine");
    }

    [Fact]
    public void A_disk_that_moved_to_another_bus_of_another_machine_boots_and_its_entries_are_found()
    {
        boots.First["machine-id"].ExitCode.Should().Be(0, boots.First["machine-id"].Error);
        boots.Second["moved"].Text.Should().MatchRegex(@"^/dev/nvme\S+\n(.*\n)?moved=1$", boots.Second["moved"].Error);
        boots.Second["status"].Text.Should().Contain($"\"verity\":\"{Id}\"");
    }

    [Fact]
    public void One_that_comes_while_another_is_at_work_waits_and_says_for_what()
    {
        boots.Second["waits"].ExitCode.Should().Be(0, boots.Second["waits"].Error);
        boots.Second["waits"].Error.Should().MatchRegex(@"Waiting for bootc doctor --fix \(process \d+\) to end");
    }

    [Fact]
    public void No_unit_failed() => boots.First["failed"].Text.Should().BeEmpty();

    [Fact]
    public void One_enable_schedules_automatic_updates_and_that_is_kept()
    {
        boots.First["timer"].Text.Should().MatchRegex(@"^\S.* bootc-fetch-apply-updates\.timer +bootc-fetch-apply-updates\.service$").And.NotStartWith("-");
        boots.Second["timer"].Text.Should().Be("active");
    }

    [Fact]
    public void Units_of_status_wait_for_changes_and_a_change_starts_what_wants_to_know_each_time()
    {
        boots.First["generated"].Text.Should().Be(
            """
            multi-user.target.wants/bootc-status-updated-onboot.target -> /usr/lib/systemd/system/bootc-status-updated-onboot.target
            multi-user.target.wants/bootc-status-updated.path -> /usr/lib/systemd/system/bootc-status-updated.path
            active
            active
            """);
        boots.First["told"].Text.Should().Be("told\ntold", boots.First["told"].Error);
    }

    [Fact]
    public void What_a_shutdown_does_with_an_update_is_done_while_the_disk_is_mounted() =>
        boots.First["order"].Text.Split(' ').Should().Contain("sysroot.mount");

    [Fact]
    public void Systemd_boot_started_the_entry_that_was_installed() =>
        boots.First["loader"].Text.Should().Be("bootc_debian-13-1.conf");

    [Fact]
    public void The_origin_names_the_update_source_and_what_was_deployed() =>
        boots.First["origin"].Text.Should().MatchRegex(
            $@"^\[origin\]\ncontainer-image-reference=ostree-unverified-image:docker://{Regex.Escape(LabInstall.TargetImage)}\n\n"
            + @"\[boot\]\nboot_type=bls\ndigest=[0-9a-f]{64}\n\n\[image\]\nmanifest_digest=sha256:[0-9a-f]{64}$");

    [Fact]
    public void The_aleph_records_how_the_machine_began_and_that_verity_is_missing()
    {
        JsonElement aleph = JsonDocument.Parse(boots.First["aleph"].Output).RootElement;

        aleph.GetProperty("image").GetString().Should().StartWith("containers-storage:");
        aleph.GetProperty("target-image").GetString().Should().Be($"docker://{LabInstall.TargetImage}");
        aleph.GetProperty("labels").GetProperty("containers.bootc").GetString().Should().Be("1");
        aleph.GetProperty("fsverity").GetString().Should().Be("optional");
        aleph.GetProperty("digest").GetString().Should().StartWith("sha256:");
    }

    [Fact]
    public void Status_knows_the_booted_deployment()
    {
        JsonElement host = JsonDocument.Parse(boots.First["status"].Output).RootElement;
        JsonElement booted = host.GetProperty("status").GetProperty("booted");

        host.GetProperty("kind").GetString().Should().Be("BootcHost");
        booted.GetProperty("composefs").GetProperty("verity").GetString().Should().Be(Id);
        booted.GetProperty("composefs").GetProperty("bootloader").GetString().Should().Be("systemd");
        booted.GetProperty("composefs").GetProperty("missingVerityAllowed").GetBoolean().Should().BeTrue();
        booted.GetProperty("image").GetProperty("image").GetProperty("image").GetString().Should().Be(LabInstall.TargetImage);
        boots.First["origin"].Text.Should().Contain(booted.GetProperty("image").GetProperty("imageDigest").GetString());
        boots.First["text"].Text.Should().StartWith($"● Booted image: {LabInstall.TargetImage}\n").And.Contain("Not Enforced");
    }

    [Fact]
    public async Task Status_is_the_same_document_as_json_and_in_a_pipe_as_yaml()
    {
        ProgramOutput judged = await HostDocumentJudge.CheckAsync(boots.First["status"].Output, boots.First["yaml"].Output, schema: null);

        judged.ExitCode.Should().Be(0, "{0}", judged);
    }

    [Fact]
    public void Status_without_root_shows_what_everybody_may_know_and_says_what_is_missing()
    {
        boots.First["unprivileged"].ExitCode.Should().Be(0, boots.First["unprivileged"].Error);
        boots.First["unprivileged"].Text.Should().StartWith($"● Booted image: {LabInstall.TargetImage}\n").And.Contain($"Verity: {Id}");
        boots.First["unprivileged"].Error.Should().Be(
            "warning: the boot entries cannot be read: only root may, so what is there beside the booted deployment is not shown; try it with sudo\n");
    }

    [Fact]
    public void Edit_does_nothing_where_nothing_changed_and_says_what_it_cannot_do()
    {
        boots.First["edit"].Text.Should().Be("Edit cancelled, no changes made.");
        boots.First["edit"].ExitCode.Should().Be(0);
        boots.First["edit-both"].Error.Should().Be("error: spec.image and spec.bootOrder cannot both be changed at once; change one, and then the other\n");
        boots.First["edit-order"].Error.Should().Be("error: there is no other deployment to go back to; one is there after the first update\n");
        boots.First["editor"].Error.Should().Be("error: the edited document: kind is not BootcHost\n");
    }

    [Fact]
    public void Config_diff_lists_what_the_machine_did_to_etc() =>
        boots.First["config-diff"].Text.Split('\n').Should().Contain("added       /etc/mark").And.NotContain(line => line.StartsWith("unmergeable"));

    [Fact]
    public void A_soft_reboot_that_was_prepared_can_be_forgotten()
    {
        boots.First["forget"].ExitCode.Should().Be(0, boots.First["forget"].Error);
        boots.First["forget"].Text.Should().Be("/run/nextroot is not a mountpoint");
    }

    [Fact]
    public void The_image_has_none_of_the_tools_that_others_do_it_with()
    {
        boots.First["packages"].Text.Split('\n').Should().Contain("systemd-boot-efi").And.HaveCountGreaterThan(50)
            .And.NotContain(package => OtherTools().IsMatch(package));
        boots.First["programs"].Text.Split('\n').Should().Contain("bootc").And.Contain("dpkg-query")
            .And.NotContain(name => OtherTools().IsMatch(name));
    }

    [Fact]
    public async Task The_bootc_in_the_image_is_the_published_one() =>
        boots.First["build-id"].Text.Should().StartWith((await LabProgram.RunAsync("sha256sum", [(await Product.Instance).Bootc])).Split(' ')[0]);

    // Programs, libraries and mount.composefs too.
    [GeneratedRegex("podman|skopeo|buildah|ostree|composefs|bootupd|bootupctl")]
    private static partial Regex OtherTools();

    [GeneratedRegex(@"^composefs:(?<id>[0-9a-f]{128}) ")]
    private static partial Regex RootSource();
}
