using System.Formats.Tar;
using Bootc.Composefs;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Images.Import;
using Bootc.Oci;

namespace Bootc.Host.Tests.Operations;

/// <summary>
/// Where a running kernel may go without a reboot of the machine: to what has the same kernel, initrd, kernel arguments and SELinux policy, and
/// to nothing else. Version 1 with a policy runs.
/// </summary>
public sealed class SoftRebootTests : IAsyncLifetime
{
    private const string Target = "root/usr/lib/systemd/system/soft-reboot.target";
    private const string Differs = "a soft reboot cannot go to the new deployment: its kernel, initrd, kernel arguments or SELinux policy differ, or systemd has no soft-reboot.target; reboot the machine";

    private readonly StartedPrograms _started = new();
    private MachineFolders _machine = null!;

    public async Task InitializeAsync()
    {
        _machine = await MachineFolders.CreateAsync();
        Directory.CreateDirectory(Path.GetDirectoryName(_machine[Target])!);
        File.WriteAllText(_machine[Target], "");
        await _machine.SwitchAsync(_machine.Publish(1, more: Policy("one")));
        _machine.Finalize();
        _machine.Reboot();
    }

    public Task DisposeAsync()
    {
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData("nothing that a kernel sees", true)]
    [InlineData("the kernel", false)]
    [InlineData("the initrd", false)]
    [InlineData("a kernel argument", false)]
    [InlineData("the SELinux policy", false)]
    [InlineData("a type without an SELinux policy", false)]
    [InlineData("a newer version of the SELinux policy", false)]
    [InlineData("an older version of the SELinux policy", true)]
    [InlineData("no SELinux policy", false)]
    public async Task Only_what_needs_no_other_kernel_can_be_reached_there_and_back(string difference, bool canReach)
    {
        await _machine.SwitchAsync(Publish(difference));
        _machine.Status().Staged!.SoftRebootCapable.Should().Be(canReach);

        _machine.Finalize();
        _machine.Reboot();

        _machine.Status().Rollback!.SoftRebootCapable.Should().Be(canReach, "the way back is as far");
    }

    [Fact]
    public async Task A_systemd_that_has_no_soft_reboot_can_reach_nothing()
    {
        File.Delete(_machine[Target]);

        await _machine.SwitchAsync(Publish("nothing that a kernel sees"));

        _machine.Status().Staged!.SoftRebootCapable.Should().BeFalse();
    }

    [Fact]
    public async Task A_kernel_argument_that_was_edited_here_comes_along_and_forbids_nothing()
    {
        string entry = _machine["esp/loader/entries/bootc_lab-1-1.conf"];
        File.WriteAllText(entry, File.ReadAllText(entry).Replace(" mine=1", " mine=1 added=here"));

        await _machine.SwitchAsync(Publish("nothing that a kernel sees"));

        _machine.Status().Staged!.SoftRebootCapable.Should().BeTrue();
    }

    [Fact]
    public async Task A_reboot_of_user_space_or_else_of_the_machine_is_one_of_the_machine_where_the_kernel_differs()
    {
        await _machine.SwitchAsync(Publish("the kernel"));

        await RebootAsync(SoftRebootMode.Auto, apply: true);

        _started.Should().Equal("systemd-run --quiet -- systemctl reboot --message=Initiated by bootc");
        _machine.Status().Staged.Should().NotBeNull("the shutdown applies it");
    }

    [Fact]
    public async Task It_is_started_only_where_that_is_asked_for()
    {
        await _machine.SwitchAsync(Publish("the kernel"));

        await RebootAsync(SoftRebootMode.Auto, apply: false);

        _started.Should().BeEmpty();
    }

    [Fact]
    public async Task A_reboot_of_user_space_and_nothing_else_is_refused_where_the_kernel_differs()
    {
        await _machine.SwitchAsync(Publish("the kernel"));

        (await Required().Should().ThrowAsync<BootcException>()).WithMessage(Differs);

        _started.Should().BeEmpty();
        _machine.Status().Staged.Should().NotBeNull();
    }

    [Fact]
    public async Task A_reboot_of_user_space_is_refused_where_there_is_nothing_to_go_to()
    {
        (await Required().Should().ThrowAsync<BootcException>()).WithMessage("nothing is staged that a soft reboot could go to");

        _started.Should().BeEmpty();
    }

    [Fact]
    public async Task A_rollback_to_another_kernel_is_refused_too()
    {
        await _machine.SwitchAsync(Publish("the kernel"));
        _machine.Finalize();
        _machine.Reboot();
        _machine.Invoking(RequireWayBack).Should().Throw<BootcException>("a second rollback would take the first one back").WithMessage(Differs);
        _machine.Rollback();

        (await Required().Should().ThrowAsync<BootcException>()).WithMessage(Differs);

        _started.Should().BeEmpty();
        RequireWayBack(_machine);
    }

    [Fact]
    public async Task What_was_only_downloaded_is_no_place_to_go_to()
    {
        ImageReference image = Publish("nothing that a kernel sees");
        await _machine.FollowAsync(image);
        await _machine.UpgradeAsync(new() { DownloadOnly = true });

        (await Required().Should().ThrowAsync<BootcException>()).WithMessage("a soft reboot cannot go to what was only downloaded; bootc upgrade --from-downloaded has it applied");
    }

    private static void RequireWayBack(MachineFolders folders) => folders.With(machine =>
    {
        new Reboot(machine, new(new StartedPrograms()), Steps.Silent).RequireWayBack(SoftRebootMode.Required);
        return true;
    });

    private Func<Task> Required() => () => RebootAsync(SoftRebootMode.Required, apply: true);

    private Task<bool> RebootAsync(SoftRebootMode mode, bool apply) => _machine.WithAsync(async machine =>
    {
        await new Reboot(machine, new(_started), Steps.Silent).RunAsync(mode, apply, default);
        return apply;
    });

    private ImageReference Publish(string difference) => difference switch
    {
        "the kernel" => _machine.Publish(1, "kernel 2", Next("one")),
        // Of two files of a name the later one is there.
        "the initrd" => _machine.Publish(1, more: Next("one", more: TestLayout.File("usr/lib/modules/6/initramfs.img", "another initrd"))),
        "a kernel argument" => _machine.Publish(2, more: Next("one")),
        "the SELinux policy" => _machine.Publish(1, more: Next("another")),
        "a type without an SELinux policy" => _machine.Publish(1, more: Next("one", more: TestLayout.File("etc/selinux/config", "SELINUXTYPE=none\n"))),
        "a newer version of the SELinux policy" => _machine.Publish(1, more: Next("one", more: TestLayout.File("etc/selinux/lab/policy/policy.100", "newer"))),
        "an older version of the SELinux policy" => _machine.Publish(1, more: Next("one", more: TestLayout.File("etc/selinux/lab/policy/policy.9", "older"))),
        "no SELinux policy" => _machine.Publish(1, more: TestLayout.File("usr/next")),
        _ => _machine.Publish(1, more: Next("one")),
    };

    private static PaxTarEntry[] Next(string policy, params PaxTarEntry[] more) => [.. Policy(policy), TestLayout.File("usr/next"), .. more];

    private static PaxTarEntry[] Policy(string policy) =>
    [
        TestLayout.Directory("etc/selinux"), .. Contexts("lab"), .. Contexts("none"), TestLayout.Directory("etc/selinux/lab/policy"),
        TestLayout.File("etc/selinux/config", "# of the lab\nSELINUX=permissive\nSELINUXTYPE=lab\n"),
        TestLayout.File("etc/selinux/lab/policy/policy.33", policy),
    ];

    // No file of an image can be labelled without it.
    private static PaxTarEntry[] Contexts(string type) =>
    [
        .. new[] { $"etc/selinux/{type}", $"etc/selinux/{type}/contexts", $"etc/selinux/{type}/contexts/files" }.Select(TestLayout.Directory),
        TestLayout.File($"etc/selinux/{type}/contexts/files/file_contexts", "/.*\t<<none>>\n"),
    ];
}
