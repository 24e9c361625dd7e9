using System.Text;
using Bootc.Composefs;
using Bootc.Host.Health;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Operations;
using Bootc.Oci;
using Bootc.Testing;

namespace Bootc.Host.Tests.Health;

/// <summary>New deployments on trial, on a machine that is folders, with a boot loader that counts as systemd-boot does.</summary>
public sealed class BootTrialTests : IAsyncLifetime
{
    private const string OfTrial = "panic=30 systemd.crash_reboot";

    private MachineFolders _machine = null!;

    public async Task InitializeAsync()
    {
        _machine = await MachineFolders.CreateAsync();
        _machine.GetLoader();
    }

    public Task DisposeAsync()
    {
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task A_new_deployment_has_three_attempts_and_none_is_counted_once_it_was_found_good()
    {
        await UpdateAsync(2);
        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1+3-0.conf", "bootc_lab-1-0.conf");

        _machine.Reboot();
        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1+2-1.conf", "bootc_lab-1-0.conf");
        Pass().Should().BeTrue();

        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1.conf", "bootc_lab-1-0.conf");
        Pass().Should().BeFalse("it is good already");
        _machine.Reboot();
        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1.conf", "bootc_lab-1-0.conf");
        _machine.Status().Problems.Should().BeEmpty();
    }

    [Fact]
    public async Task The_kernel_reboots_after_a_panic_only_while_that_is_counted()
    {
        await UpdateAsync(2);
        Options("bootc_lab-2-1+3-0.conf").Should().StartWith($"{OfTrial} ");
        Options("bootc_lab-1-0.conf").Should().NotContain("panic", "it would come back to the same panic for ever");

        _machine.Reboot();
        Options("bootc_lab-2-1+2-1.conf").Should().StartWith($"{OfTrial} ");
        Pass();
        Options("bootc_lab-2-1.conf").Should().StartWith("root=UUID=1 ").And.NotContain("panic");
        _machine.Entries()["bootc_lab-2-1.conf"].Should().NotContain("bootc-trial");

        await UpdateAsync(3);
        RebootIntoLastAttempt();
        _machine.Reboot();
        Conclude();
        Options("bootc_lab-2-1.conf").Should().NotContain("panic", "there is nothing else to boot");
        Options("bootc_lab-3-0+0-3.conf").Should().StartWith($"{OfTrial} root=UUID=1 ");
    }

    [Fact]
    public async Task An_entry_made_anew_during_the_trial_has_the_arguments_of_a_trial_once()
    {
        await UpdateAsync(2);
        string before = Options("bootc_lab-2-1+3-0.conf");
        _machine.Reboot();
        File.Delete(_machine["esp/loader/entries/bootc_lab-2-1+2-1.conf"]);
        await _machine.HealAsync();

        Options("bootc_lab-2-1+2-1.conf").Should().Be(before);
        Pass();
        Options("bootc_lab-2-1.conf").Should().Be(before[(OfTrial.Length + 1)..]);
    }

    [Fact]
    public async Task A_counter_that_another_tool_took_away_takes_its_arguments_along()
    {
        await UpdateAsync(2);
        _machine.Reboot();
        File.Move(_machine["esp/loader/entries/bootc_lab-2-1+2-1.conf"], _machine["esp/loader/entries/bootc_lab-2-1.conf"]);

        Pass().Should().BeTrue();

        Options("bootc_lab-2-1.conf").Should().NotContain("panic");
        _machine.Status().Problems.Should().BeEmpty("that nothing was counted is no fault of the boot loader");
        Pass().Should().BeFalse("it is good already");
    }

    [Fact]
    public async Task What_the_owner_set_for_a_panic_holds()
    {
        string entry = _machine["esp/loader/entries/bootc_lab-1-1.conf"];
        await File.WriteAllTextAsync(entry, (await File.ReadAllTextAsync(entry)).Replace("mine=1", "mine=1 panic=5", StringComparison.Ordinal));
        await UpdateAsync(2);
        Options("bootc_lab-2-1+3-0.conf").Should().StartWith($"{OfTrial} ").And.Contain(" panic=5 ", "the kernel takes the last one");

        _machine.Reboot();
        Pass();

        Options("bootc_lab-2-1.conf").Should().Contain("panic=5 ").And.NotContain("panic=30");
    }

    [Fact]
    public async Task An_entry_that_was_lost_during_the_trial_comes_back_on_trial()
    {
        await UpdateAsync(2);
        _machine.Reboot();
        File.Delete(_machine["esp/loader/entries/bootc_lab-2-1+2-1.conf"]);

        await FluentActions.Awaiting(() => _machine.SwitchAsync(_machine.Publish(3))).Should().ThrowAsync<BootcException>().WithMessage("*was not found good yet*");
        (await _machine.HealAsync()).Left.Should().BeEmpty();

        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1+2-1.conf", "bootc_lab-1-0.conf");
        Pass().Should().BeTrue();
        File.Delete(_machine["esp/loader/entries/bootc_lab-2-1.conf"]);
        await _machine.HealAsync();
        _machine.Entries().Keys.Should().BeEquivalentTo(["bootc_lab-2-1.conf", "bootc_lab-1-0.conf"], "it was found good");
        _machine.Status().Problems.Should().BeEmpty();
    }

    [Fact]
    public async Task What_cannot_be_taken_down_decides_nothing()
    {
        _machine.With(machine => machine.Records.Quarantine = [new("sha256:of-another", new string('a', 128), "it said no")]);
        await UpdateAsync(2);
        _machine.Reboot();
        string records = _machine["sysroot/state/bootc"];
        await LabProgram.RunAsync("chattr", ["+i", records]);
        try
        {
            Fail("the disk is full").Should().BeTrue("the next attempt may be better");
            _machine.Reboot();
            Pass().Should().BeTrue();
        }
        finally
        {
            await LabProgram.RunAsync("chattr", ["-i", records]);
        }

        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1.conf", "bootc_lab-1-0.conf");
    }

    [Fact]
    public async Task A_boot_loader_that_starts_a_bad_deployment_for_ever_is_left_alone_with_it_after_its_attempts()
    {
        ObjectId second = await UpdateAsync(2);
        _machine.WriteVariable("LoaderEntryDefault", "bootc_lab-2-1.conf");
        for (int attempt = 1; attempt <= 3; attempt++)
        {
            _machine.Reboot();
            Fail("the check said no").Should().BeTrue();
        }

        _machine.Reboot();

        _machine.Booted.Should().Be(second);
        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1+0-4.conf", "bootc_lab-1-0.conf");
        Fail("the check said no").Should().BeFalse("the next boot would be no other one");
        _machine.Status().Problems.Should().Contain("the boot loader is told to start bootc_lab-2-1.conf each time, so nothing goes back by itself should an update fail");
    }

    [Theory]
    [InlineData("bootc_lab-2-1.conf", false)]
    [InlineData("BOOTC_*", false)]
    [InlineData("@saved", false)]
    [InlineData("another.conf", true)]
    public async Task No_boot_is_counted_where_the_boot_loader_would_start_that_entry_all_the_same(string wanted, bool isCounted)
    {
        await File.WriteAllTextAsync(_machine["esp/loader/loader.conf"], $"default {wanted}\n");

        await UpdateAsync(2);

        _machine.Entries().Keys.Should().BeEquivalentTo(isCounted ? "bootc_lab-2-1+3-0.conf" : "bootc_lab-2-1.conf", "bootc_lab-1-0.conf");
        Options(isCounted ? "bootc_lab-2-1+3-0.conf" : "bootc_lab-2-1.conf").Contains("panic=30", StringComparison.Ordinal).Should().Be(isCounted);
    }

    /// <summary>What it and the initrds know of counters they know by a pattern.</summary>
    [Theory]
    [InlineData("+2-1", true)]
    [InlineData("+0-3", true)]
    [InlineData("+0-4", false)]
    [InlineData("+0-12", false)]
    public async Task The_unit_that_ends_a_failed_boot_does_so_until_the_attempts_are_used_up(string counter, bool reboots)
    {
        string unit = await File.ReadAllTextAsync(Checkout.PathOf("src", "Bootc.Initramfs", "bootc-reboot-counted.service"));
        string variable = _machine["count"];
        await File.WriteAllBytesAsync(variable, [6, 0, 0, 0, .. Encoding.Unicode.GetBytes($"\\loader\\entries\\bootc_lab-2-1{counter}.conf\0")]);
        string[] conditions = [.. unit.Split('\n').Where(line => line.StartsWith("ExecCondition=", StringComparison.Ordinal))];
        string script = conditions.Single().Split('\'')[1].Replace("$$", "$", StringComparison.Ordinal)
            .Replace("/sys/firmware/efi/efivars/LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", variable, StringComparison.Ordinal);

        (await LabProgram.TryRunAsync("sh", ["-c", script])).ExitCode.Should().Be(reboots ? 0 : 1);

        foreach (string path in (string[])["mkinitcpio/hooks/bootc", "initramfs-tools/scripts/init-premount/bootc"])
        {
            (await File.ReadAllTextAsync(Checkout.PathOf("src", "Bootc.Initramfs", path))).Should().Contain("*+0-[4-9]* | *+0-[1-9][0-9]*)");
        }
    }

    /// <summary>bootc-reboot-counted.service has the name of the mark.</summary>
    [Fact]
    public async Task A_boot_that_was_found_good_has_a_mark_until_the_next_one()
    {
        string unit = await File.ReadAllTextAsync(Checkout.PathOf("src", "Bootc.Initramfs", "bootc-reboot-counted.service"));
        string mark = _machine[$"root{unit.Split('\n').Single(line => line.StartsWith("ConditionPathExists=!", StringComparison.Ordinal)).Split('!')[1]}"];
        await UpdateAsync(2);
        _machine.Reboot();
        File.Exists(mark).Should().BeFalse("it is on trial");

        Pass();
        File.Exists(mark).Should().BeTrue();
        Pass();
        File.Exists(mark).Should().BeTrue("a boot that needs no trial is good, too");

        _machine.With(machine => { BootTrial.ForgetPass(machine.Root); return true; });
        File.Exists(mark).Should().BeFalse("a soft reboot leaves /run as it is, and its deployment was not found good");
    }

    [Fact]
    public async Task The_last_attempt_is_as_good_as_the_first_and_no_rollback()
    {
        ObjectId first = _machine.Booted;
        ObjectId second = await UpdateAsync(2);
        RebootIntoLastAttempt();

        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1+0-3.conf", "bootc_lab-1-0.conf");
        Conclude().Should().BeNull();
        _machine.Status().RollbackQueued.Should().BeFalse("nobody asked for one");
        Pass().Should().BeTrue();

        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1.conf", "bootc_lab-1-0.conf");
        _machine.Reboot();
        _machine.Booted.Should().Be(second);
        _machine.Rollback().Next.Id.Should().Be(first);
    }

    [Fact]
    public async Task A_person_can_go_back_from_the_last_attempt_and_take_that_back()
    {
        ObjectId first = _machine.Booted;
        ObjectId second = await UpdateAsync(2);
        RebootIntoLastAttempt();

        _machine.Rollback().Should().Match<RollbackResult>(result => !result.IsReverted && result.Next.Id.Equals(first));
        Pass().Should().BeFalse("a person went back from it");
        _machine.Rollback().Should().Match<RollbackResult>(result => result.IsReverted && result.Next.Id.Equals(second));
        Fail("the check said no").Should().BeTrue("the boot loader counts, whatever the counter is now");

        _machine.Reboot();
        _machine.Booted.Should().Be(second);
        RebootIntoLastAttempt(again: 2);
        _machine.Rollback();
        _machine.Rollback();
        Pass().Should().BeTrue();
        _machine.Status().Problems.Should().BeEmpty("that the counter is a new one is no fault of the boot loader");
    }

    [Fact]
    public async Task One_that_fails_three_times_is_left_told_of_and_not_tried_again()
    {
        ObjectId first = _machine.Booted;
        ObjectId second = await UpdateAsync(2);
        for (int attempt = 1; attempt <= 3; attempt++)
        {
            _machine.Reboot();
            _machine.Booted.Should().Be(second);
            Conclude().Should().BeNull();
            Fail("the check said no").Should().BeTrue("a reboot is the next attempt");
        }

        _machine.Reboot();

        _machine.Booted.Should().Be(first);
        Conclude().Should().MatchRegex("^the update to sha256:[0-9a-f]{64} failed and is not tried again: the check said no$");
        _machine.Entries().Keys.Should().BeEquivalentTo(["bootc_lab-1-1.conf", "bootc_lab-2-0+0-3.conf"], "what failed comes last for every boot loader");
        Conclude().Should().BeNull("it is told once");
        Fail("something else").Should().BeFalse("there is nothing to go back to");
        Pass();
        _machine.Status().Problems.Should().ContainSingle().Which.Should().EndWith("failed and is not tried again: the check said no");
    }

    [Fact]
    public async Task What_failed_is_staged_again_by_force_and_cleared_by_coming_up()
    {
        Task<UpdateResult> ForceAsync(Func<Update, Task<UpdateResult>> update) =>
            _machine.WithAsync(machine => update(new(machine, MachineFolders.Programs, Steps.Silent) { Overrides = new() { Force = true } }));
        ImageReference image = _machine.Publish(2);
        ObjectId second = await FailUpdateAsync(image);
        Follow(image);

        (await _machine.UpgradeAsync(new() { IsAutomatic = true })).Outcome.Should().Be(UpdateOutcome.Quarantined);
        await _machine.Awaiting(m => m.UpgradeAsync(new())).Should().ThrowAsync<BootcException>().WithMessage("*failed on this machine before: the check said no; bootc upgrade --force tries it again");
        await LabProgram.RunAsync("cp", ["-a", image.Name, $"{image.Name}-elsewhere"]);
        ImageReference again = ImageReference.Parse($"oci:{image.Name}-elsewhere");
        await _machine.Awaiting(m => m.SwitchAsync(again)).Should().ThrowAsync<BootcException>().WithMessage("*failed on this machine before: the check said no; bootc switch --force tries it again");
        (await ForceAsync(update => update.UpgradeAsync(new(), default))).Outcome.Should().Be(UpdateOutcome.Staged);
        _machine.Status().Problems.Should().BeEmpty("it is tried again");
        _machine.With(machine => { machine.Unstage(); return true; });
        (await ForceAsync(update => update.SwitchAsync(new(again), default))).Outcome.Should().Be(UpdateOutcome.Staged);
        _machine.Finalize().Should().Be(second);
        _machine.Reboot();
        Pass().Should().BeTrue();

        _machine.With(machine => machine.Records.Quarantine.Length).Should().Be(0);
        _machine.Status().Problems.Should().BeEmpty();
    }

    [Fact]
    public async Task One_that_a_person_tries_again_and_that_fails_for_another_reason_is_told_of_by_that()
    {
        ObjectId second = await FailUpdateAsync(_machine.Publish(2));
        _machine.Rollback().Next.Id.Should().Be(second);
        for (int attempt = 0; attempt < 3; attempt++)
        {
            _machine.Reboot();
            _machine.Booted.Should().Be(second);
            Fail("the network is gone").Should().BeTrue();
        }

        _machine.Reboot();

        Conclude().Should().EndWith("failed and is not tried again: the network is gone");
        Conclude().Should().BeNull("it is told once");
        _machine.Status().Problems.Should().ContainSingle().Which.Should().EndWith("the network is gone");
    }

    [Fact]
    public async Task The_same_files_under_another_digest_are_not_tried_again_either()
    {
        ImageReference image = _machine.Publish(2);
        await FailUpdateAsync(image);
        ImageReference rebuilt = _machine.PublishBuilt(2, "2026-11-30T00:00:00Z");
        Follow(rebuilt);

        await _machine.Awaiting(m => m.UpgradeAsync(new() { IsAutomatic = true })).Should().ThrowAsync<BootcException>().WithMessage("*has the files of an image that failed on this machine before: the check said no; --force *");
        (await _machine.UpgradeAsync(new() { IsAutomatic = true })).Outcome.Should().Be(UpdateOutcome.Quarantined, "the digest is known now");

        _machine.Status().Problems.Should().ContainSingle();
        _machine.Status().Staged.Should().BeNull();
    }

    [Fact]
    public async Task One_that_failed_is_not_tried_again_before_that_was_taken_down_nor_where_its_origin_is_gone()
    {
        ImageReference image = _machine.Publish(2);
        await _machine.SwitchAsync(image);
        ObjectId second = _machine.Finalize()!;
        RebootIntoLastAttempt();
        _machine.Reboot();
        await _machine.Awaiting(m => m.SwitchAsync(image)).Should().ThrowAsync<BootcException>().WithMessage("*it was started 3 times and never came up*");
        _machine.With(machine => machine.Records.Quarantine).Should().ContainSingle();

        File.Delete(_machine[$"sysroot/state/deploy/{second}/{second}.origin"]);
        _machine.With(machine => { machine.Records.Quarantine = []; return true; });
        Conclude().Should().Be($"the update to {second} failed and is not tried again: it was started 3 times and never came up");
        await _machine.Awaiting(m => m.SwitchAsync(image)).Should().ThrowAsync<BootcException>();
    }

    [Fact]
    public async Task An_update_that_was_applied_and_left_is_not_told_of_as_lost()
    {
        await _machine.SwitchAsync(_machine.Publish(2));
        var staged = _machine.With(machine => machine.Records.Staged);
        _machine.Finalize();
        // The power went before it could be taken down that this was done.
        _machine.With(machine => { (machine.Records.Staged, machine.Records.Finalization) = (staged, null); return true; });
        RebootIntoLastAttempt();
        _machine.Reboot();

        Conclude().Should().EndWith("it was started 3 times and never came up");

        _machine.Status().Problems.Should().ContainSingle().Which.Should().Contain("failed and is not tried again");
        await _machine.Awaiting(m => m.UpgradeAsync(new() { FromDownloaded = true })).Should().ThrowAsync<BootcException>().WithMessage("No staged deployment found*");
    }

    [Fact]
    public async Task A_kernel_that_was_started_by_another_is_no_fault_of_the_boot_loader()
    {
        ObjectId first = _machine.Booted;
        await UpdateAsync(2);
        string kernel = _machine["root/proc/sys/kernel/bootloader_type"];
        _machine.GetLoader(counts: false);
        _machine.Reboot();
        await File.WriteAllTextAsync(kernel, "208\n");
        Fail("the check said no").Should().BeTrue("the boot loader starts what there is to fall back to");
        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1+0-1.conf", "bootc_lab-1-0.conf");

        File.Delete(kernel);
        _machine.GetLoader();
        _machine.Reboot();
        _machine.Booted.Should().Be(first);
        await UpdateAsync(3);
        _machine.GetLoader(counts: false);
        _machine.Reboot();
        await File.WriteAllTextAsync(kernel, "208\n");
        Pass().Should().BeTrue();
        _machine.Status().Problems.Should().BeEmpty();
    }

    [Fact]
    public async Task A_newer_image_takes_the_place_of_what_failed()
    {
        await FailUpdateAsync(_machine.Publish(2));
        Follow(_machine.Publish(3));

        (await _machine.UpgradeAsync(new() { IsAutomatic = true })).Outcome.Should().Be(UpdateOutcome.Staged);
        _machine.Finalize();

        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-3-1+3-0.conf", "bootc_lab-1-0.conf");
        _machine.Reboot();
        Pass();
        _machine.Status().Problems.Should().BeEmpty();
    }

    [Fact]
    public async Task A_deployment_that_never_came_up_is_told_of_by_how_often_it_was_started()
    {
        await UpdateAsync(2);
        for (int attempt = 0; attempt < 4; attempt++)
        {
            _machine.Reboot();
        }

        Conclude().Should().EndWith("it was started 3 times and never came up");
    }

    [Fact]
    public async Task Nothing_is_staged_while_the_deployment_that_runs_is_on_trial()
    {
        await UpdateAsync(2);
        _machine.Reboot();

        await _machine.Awaiting(m => m.SwitchAsync(m.Publish(3))).Should().ThrowAsync<BootcException>().WithMessage("the deployment that runs was not found good yet*");

        Pass();
        (await _machine.SwitchAsync(_machine.Publish(3))).Outcome.Should().Be(UpdateOutcome.Staged);
    }

    [Fact]
    public async Task A_soft_reboot_that_fails_is_not_tried_again_by_the_boot_loader()
    {
        ObjectId first = _machine.Booted;
        ObjectId second = await UpdateAsync(2);
        _machine.SoftReboot(second);

        Fail("the check said no").Should().BeTrue();
        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1+0-1.conf", "bootc_lab-1-0.conf");
        _machine.Reboot();

        _machine.Booted.Should().Be(first);
        Conclude().Should().EndWith("the check said no");
    }

    [Fact]
    public async Task A_soft_reboot_that_comes_up_is_good()
    {
        ObjectId second = await UpdateAsync(2);
        _machine.SoftReboot(second);

        Pass().Should().BeTrue();

        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-2-1.conf", "bootc_lab-1-0.conf");
        await UpdateAsync(3);
        _machine.Entries().Keys.Should().Contain("bootc_lab-3-1+3-0.conf", "that the boot loader did not count is no fault of its own");
    }

    [Fact]
    public async Task A_soft_reboot_back_to_what_the_kernel_came_up_with_is_no_fault_of_the_boot_loader()
    {
        ImageReference image = _machine.Publish(2);
        await _machine.SwitchAsync(image);
        ObjectId second = _machine.Finalize()!;
        _machine.Reboot();
        Pass().Should().BeTrue();
        _machine.SoftReboot(await UpdateAsync(3));
        Pass().Should().BeTrue();
        await _machine.SwitchAsync(image);
        _machine.Finalize().Should().Be(second);

        _machine.SoftReboot(second);
        Pass().Should().BeTrue();

        _machine.Status().Problems.Should().BeEmpty();
        await UpdateAsync(4);
        _machine.Entries().Keys.Should().Contain("bootc_lab-4-1+3-0.conf");
    }

    [Fact]
    public async Task A_boot_loader_that_does_not_count_is_not_trusted_twice_and_that_is_told()
    {
        _machine.GetLoader(counts: false);
        await UpdateAsync(2);
        _machine.Reboot();
        Fail("the check said no").Should().BeFalse("the machine would come back here for ever");
        Pass().Should().BeTrue();

        _machine.Status().Problems.Should().ContainSingle().Which.Should().StartWith("systemd-boot 257 did not count the boots of the last update");
        await UpdateAsync(3);
        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-3-1.conf", "bootc_lab-2-0.conf");
    }

    [Fact]
    public async Task Going_back_from_a_trial_keeps_what_is_left_of_it()
    {
        ObjectId first = _machine.Booted;
        ObjectId second = await UpdateAsync(2);
        _machine.Reboot();

        _machine.Rollback().Next.Id.Should().Be(first);
        Pass().Should().BeFalse("a person went back from it");
        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-1-1.conf", "bootc_lab-2-0+2-1.conf");
        _machine.Reboot();
        Pass().Should().BeFalse();
        _machine.Rollback().Next.Id.Should().Be(second);

        _machine.Entries().Keys.Should().BeEquivalentTo(["bootc_lab-2-1+3-0.conf", "bootc_lab-1-0.conf"], "it was never found good, and is tried anew");
    }

    /// <summary>Updates to a version up to the shutdown.</summary>
    private async Task<ObjectId> UpdateAsync(int version)
    {
        await _machine.SwitchAsync(_machine.Publish(version));
        return _machine.Finalize()!;
    }

    private string Options(string entry) =>
        _machine.Entries()[entry].Split('\n').Single(line => line.StartsWith("options ", StringComparison.Ordinal))["options ".Length..];

    private void RebootIntoLastAttempt(int again = 3)
    {
        for (int attempt = 1; attempt <= again; attempt++)
        {
            _machine.Reboot();
        }
    }

    private async Task<ObjectId> FailUpdateAsync(ImageReference image)
    {
        await _machine.SwitchAsync(image);
        ObjectId failing = _machine.Finalize()!;
        for (int attempt = 0; attempt < 3; attempt++)
        {
            _machine.Reboot();
            Fail("the check said no");
        }

        _machine.Reboot();
        Conclude().Should().NotBeNull();
        Pass();
        return failing;
    }

    private void Follow(ImageReference image) => _machine.With(machine => UpdateSourceInPlace.Change(machine.Deployments, machine.Booted.Id, new(image)));

    private bool Pass() => _machine.With(machine => new BootTrial(machine).Pass());

    private bool Fail(string reason) => _machine.With(machine => new BootTrial(machine).Fail(reason));

    private string? Conclude() => _machine.With(machine => new BootReport(machine).Run());
}
