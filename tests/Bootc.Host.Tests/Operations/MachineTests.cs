using Bootc.Composefs;
using Bootc.Host.Deployments;
using Bootc.Host.Health;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Images.Import;
using Bootc.Oci;
using Bootc.Testing;

namespace Bootc.Host.Tests.Operations;

/// <summary>Updates of a machine that is only folders: what is where after each step, and what damage does to the verbs.</summary>
public sealed class MachineTests : IAsyncLifetime
{
    private const string Foreign = "title Another\nlinux /vmlinuz\noptions  two  spaces\n# not ours\n";

    private MachineFolders _machine = null!;

    public async Task InitializeAsync() => _machine = await MachineFolders.CreateAsync();

    public Task DisposeAsync()
    {
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Staging_writes_beside_what_boots_and_the_shutdown_exchanges_it()
    {
        File.WriteAllText(_machine["esp/loader/entries/another.conf"], Foreign);
        Dictionary<string, string> before = _machine.Entries();
        ObjectId first = _machine.Booted;

        UpdateResult result = await _machine.SwitchAsync(_machine.Publish(2));

        result.Outcome.Should().Be(UpdateOutcome.Staged);
        _machine.Entries().Should().BeEquivalentTo(before);
        ObjectId second = _machine.Status().Staged!.Id;
        _machine.ReadEtc(second, "version").Should().Be("2");

        File.WriteAllText(_machine.PathOfEtc(first, "edited"), "after staging");
        File.WriteAllText(_machine.PathOfEtc(first, "added"), "by hand");
        File.Delete(_machine.PathOfEtc(first, "gone"));
        _machine.Finalize().Should().Be(second);

        Dictionary<string, string> after = _machine.Entries();
        after.Keys.Should().BeEquivalentTo("bootc_lab-2-1.conf", "bootc_lab-1-0.conf", "another.conf");
        after["another.conf"].Should().Be(Foreign);
        after["bootc_lab-2-1.conf"].Should().Contain("sort-key bootc-lab-0\n")
            .And.Contain($"options root=UUID=1 rw image.always=1 mine=1 image.version=2 composefs=?{second}\n");
        after["bootc_lab-1-0.conf"].Should().Contain("sort-key bootc-lab-1\n").And.Contain($"image.version=1 image.always=1 mine=1 composefs=?{first}\n");
        _machine.ReadEtc(second, "version").Should().Be("2");
        _machine.ReadEtc(second, "edited").Should().Be("after staging");
        _machine.ReadEtc(second, "added").Should().Be("by hand");
        _machine.ReadEtc(second, "gone").Should().BeNull();
        Directory.GetFileSystemEntries(_machine["esp/loader/entries.staged"]).Should().BeEmpty();

        _machine.Reboot();
        _machine.Booted.Should().Be(second);
        HostStatus status = _machine.Status();
        (status.Staged, status.Rollback!.Id, status.RollbackQueued, status.Problems.Length).Should().Be((null, first, false, 0));
    }

    [Fact]
    public async Task What_was_applied_for_a_soft_reboot_gets_the_changes_until_the_shutdown_of_that_boot()
    {
        ObjectId first = _machine.Booted;
        await _machine.SwitchAsync(_machine.Publish(2));
        CarryOverAgain().Should().BeNull("the shutdown applies it");
        ObjectId second = _machine.Finalize()!;
        File.WriteAllText(_machine.PathOfEtc(first, "edited"), "hours later");

        CarryOverAgain().Should().Be(second);

        (_machine.ReadEtc(second, "version"), _machine.ReadEtc(second, "edited")).Should().Be(("2", "hours later"));
        _machine.Rollback();
        File.WriteAllText(_machine.PathOfEtc(first, "edited"), "for the next one");
        CarryOverAgain().Should().BeNull("it does not boot next any more");
        _machine.Rollback();
        _machine.Reboot();
        CarryOverAgain().Should().BeNull("it runs");
        _machine.Rollback();
        CarryOverAgain().Should().BeNull("a rollback goes back to what was there");
        _machine.ReadEtc(first, "edited").Should().Be("for the next one");

        ObjectId? CarryOverAgain() => _machine.With(machine => new Finalization(machine, Steps.Silent).CarryOverAgain(default));
    }

    [Fact]
    public async Task What_ran_since_it_was_applied_keeps_its_own_etc()
    {
        ObjectId first = _machine.Booted;
        await _machine.SwitchAsync(_machine.Publish(2));
        ObjectId second = _machine.Finalize()!;
        _machine.SoftReboot(second);
        _machine.With(machine => new BootTrial(machine).Pass());
        File.WriteAllText(_machine.PathOfEtc(second, "edited"), "there");

        _machine.SoftReboot(first);

        _machine.With(machine => new Finalization(machine, Steps.Silent).CarryOverAgain(default)).Should().BeNull();
        _machine.ReadEtc(second, "edited").Should().Be("there");
    }

    [Theory]
    [InlineData("etc")]
    [InlineData("var")]
    public async Task What_has_lost_a_part_of_its_state_is_not_gone_back_to_until_it_was_staged_again(string part)
    {
        ImageReference image = _machine.Publish(1, more: []);
        (ObjectId first, ObjectId second) = await UpdateAsync();
        await LabProgram.RunAsync("rm", ["-rf", _machine[$"sysroot/state/deploy/{first}/{part}"]]);

        _machine.Invoking(m => m.Rollback()).Should().Throw<BootcException>().WithMessage($"the deployment to go back to cannot boot, as *{first}/{part} is missing, so nothing was changed*");

        await _machine.SwitchAsync(image);
        _machine.Finalize().Should().Be(first);
        _machine.Reboot();
        (_machine.Booted, _machine.ReadEtc(first, "version")).Should().Be((first, "1"));
        Directory.Exists(_machine[$"sysroot/state/deploy/{first}/var"]).Should().BeTrue();
        _machine.Rollback().Next.Id.Should().Be(second);
    }

    [Fact]
    public async Task What_does_not_fit_into_the_new_image_stops_the_staging_with_a_list()
    {
        Directory.CreateDirectory(_machine.PathOfEtc(_machine.Booted, "edited.d"));
        File.WriteAllText(_machine.PathOfEtc(_machine.Booted, "edited.d/x"), "x");
        Dictionary<string, string> before = _machine.Entries();
        string[] stored = Stored();

        Func<Task> staging = () => _machine.SwitchAsync(_machine.Publish(2, more: TestLayout.File("etc/edited.d", "a file there")));

        await staging.Should().ThrowAsync<BootcException>().Where(e => Chain(e).Contains("/etc/edited.d: a directory that was changed here is a file in the new image"));
        _machine.Status().Staged.Should().BeNull();
        _machine.Entries().Should().BeEquivalentTo(before);
        Directory.GetDirectories(_machine["sysroot/state/deploy"]).Should().ContainSingle();
        Stored().Should().Equal(stored, "the next version may fit no better, and the disk would fill");

        string[] Stored() => [.. Directory.GetFileSystemEntries(_machine["sysroot/composefs"], "*", SearchOption.AllDirectories).Where(path => !Directory.Exists(path)).Order(StringComparer.Ordinal)];
    }

    [Fact]
    public async Task A_shutdown_that_cannot_apply_the_update_is_told_at_the_next_boot()
    {
        await _machine.SwitchAsync(_machine.Publish(2, more: TestLayout.File("etc/edited.d", "a file there")));
        ObjectId first = _machine.Booted;
        Directory.CreateDirectory(_machine.PathOfEtc(first, "edited.d"));
        File.WriteAllText(_machine.PathOfEtc(first, "edited.d/x"), "x");

        _machine.Invoking(m => m.Finalize()).Should().Throw<BootcException>();
        _machine.Reboot();

        _machine.Booted.Should().Be(first);
        _machine.With(machine => new BootReport(machine).Run()).Should().Contain("was not applied").And.Contain("/etc/edited.d");
        _machine.Status().Problems.Should().ContainSingle(problem => problem.Contains("was not applied") && problem.Contains("/etc/edited.d"));
    }

    [Fact]
    public async Task An_update_that_a_power_cut_lost_is_told_at_the_next_boot_and_staged_again()
    {
        ImageReference image = _machine.Publish(2);
        await _machine.SwitchAsync(image);
        _machine.Reboot();

        _machine.With(machine => new BootReport(machine).Run()).Should().Contain("the machine went down without a shutdown; bootc upgrade stages it again");
        _machine.Status().Staged.Should().BeNull();
        (await _machine.SwitchAsync(image)).Outcome.Should().Be(UpdateOutcome.Staged);
        _machine.Status().Problems.Should().BeEmpty();
    }

    [Fact]
    public async Task What_a_power_cut_lost_is_staged_again_of_what_is_on_the_disk()
    {
        ImageReference image = _machine.Publish(2);
        await _machine.SwitchAsync(image);
        ObjectId lost = _machine.Status().Staged!.Id;
        _machine.Reboot();
        _machine.With(machine => new BootReport(machine).Run()).Should().Contain("--from-downloaded");
        _machine.With(machine => new MachineGarbage(machine).Collect(default)).Deployments.Should().BeEmpty("it may be wanted");
        Directory.Delete(image.Name, recursive: true);

        (await _machine.UpgradeAsync(new() { FromDownloaded = true })).Outcome.Should().Be(UpdateOutcome.Staged);

        _machine.Finalize().Should().Be(lost);
        _machine.Reboot();
        await _machine.Awaiting(m => m.UpgradeAsync(new() { FromDownloaded = true })).Should().ThrowAsync<BootcException>().WithMessage("No staged deployment found*");
    }

    [Fact]
    public async Task What_was_only_downloaded_is_left_alone_until_it_is_unlocked()
    {
        await FollowAsync(2);
        UpgradeOptions download = new() { DownloadOnly = true };
        UpdateResult downloaded = await _machine.UpgradeAsync(download);
        (downloaded.Outcome, downloaded.IsRebootWanted).Should().Be((UpdateOutcome.Locked, false));
        _machine.Finalize().Should().BeNull();
        _machine.Status().Staged!.DownloadOnly.Should().BeTrue();

        (await _machine.UpgradeAsync(download)).Outcome.Should().Be(UpdateOutcome.AlreadyStaged);
        (await _machine.UpgradeAsync(new() { FromDownloaded = true })).Outcome.Should().Be(UpdateOutcome.Unlocked);
        (await _machine.UpgradeAsync(download)).Outcome.Should().Be(UpdateOutcome.Locked);
        (await _machine.UpgradeAsync(new())).Outcome.Should().Be(UpdateOutcome.Unlocked, "a plain upgrade unlocks it, too");
        await _machine.UpgradeAsync(download);
        (await _machine.SwitchAsync(_machine.Status().Staged!.Image!.Reference)).Outcome.Should().Be(UpdateOutcome.Unlocked, "whoever asks for it by name wants it");

        ObjectId staged = _machine.Status().Staged!.Id;
        _machine.Finalize().Should().Be(staged);
    }

    [Fact]
    public async Task What_was_only_downloaded_is_still_there_after_a_reboot()
    {
        ImageReference image = _machine.Publish(2);
        await _machine.FollowAsync(image);
        await _machine.UpgradeAsync(new() { DownloadOnly = true });
        ObjectId downloaded = _machine.Status().Staged!.Id;
        _machine.Finalize().Should().BeNull();
        _machine.Reboot();
        _machine.With(machine => new BootReport(machine).Run()).Should().BeNull("nobody wanted it applied");
        _machine.Status().Problems.Should().BeEmpty();
        Directory.Delete(image.Name, recursive: true);

        (await _machine.UpgradeAsync(new() { FromDownloaded = true })).Outcome.Should().Be(UpdateOutcome.Staged);

        _machine.Finalize().Should().Be(downloaded);
    }

    [Theory]
    [InlineData("rm $state/deploy/$lost/$lost.origin")]
    [InlineData("echo damage > $objects/$image")]
    public async Task A_lost_update_that_is_damaged_is_garbage(string damage)
    {
        await _machine.SwitchAsync(_machine.Publish(2));
        ObjectId lost = _machine.Status().Staged!.Id;
        _machine.Reboot();
        _machine.With(machine => new BootReport(machine).Run());
        await LabProgram.RunAsync("sh", ["-ec", $"state={_machine["sysroot/state"]}; objects={_machine["sysroot/composefs/objects"]}; lost={lost}; image={lost.ObjectPath}; {damage}"]);

        (await _machine.HealAsync()).Left.Should().BeEmpty();

        Directory.Exists(_machine[$"sysroot/state/deploy/{lost}"]).Should().BeFalse();
        (await _machine.ExamineAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task Another_tag_is_followed_although_it_is_the_same_image()
    {
        ImageReference image = _machine.Publish(1);
        string index = Path.Join(image.Name, "index.json");
        File.WriteAllText(index, File.ReadAllText(index).Replace("}]}", ""","annotations":{"org.opencontainers.image.ref.name":"latest"}}]}"""));

        (await _machine.UpgradeAsync(new() { Tag = "latest" })).Outcome.Should().Be(UpdateOutcome.UpToDate);

        _machine.Status().Booted!.Image!.Reference.Should().Be(ImageReference.Parse($"{image}:latest"));
    }

    [Fact]
    public async Task Checking_is_remembered_and_changes_nothing_else()
    {
        await FollowAsync(2);
        Dictionary<string, string> before = _machine.Entries();

        (await _machine.UpgradeAsync(new() { Check = true })).Outcome.Should().Be(UpdateOutcome.Available);

        HostStatus status = _machine.Status();
        status.Booted!.CachedUpdate!.Digest.Should().NotBe(status.Booted.Image!.Digest);
        (status.Staged, Directory.Exists(_machine["root/run/composefs"])).Should().Be((null, false));
        _machine.Entries().Should().BeEquivalentTo(before);
    }

    [Fact]
    public async Task A_rollback_changes_the_order_and_a_second_one_takes_it_back()
    {
        (ObjectId first, ObjectId second) = await UpdateAsync();
        File.WriteAllText(_machine["esp/loader/entries/another.conf"], Foreign);
        Dictionary<string, string> before = _machine.Entries();

        _machine.Rollback().Next.Id.Should().Be(first);
        _machine.Status().RollbackQueued.Should().BeTrue();
        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-1-1.conf", "bootc_lab-2-0.conf", "another.conf");
        _machine.Rollback().IsReverted.Should().BeTrue();
        _machine.Entries().Should().BeEquivalentTo(before);

        _machine.Rollback();
        _machine.Reboot();
        _machine.Booted.Should().Be(first);
        _machine.Status().Rollback!.Id.Should().Be(second);
    }

    [Fact]
    public async Task What_a_rollback_left_is_taken_again_by_a_person_and_not_by_the_timer()
    {
        (ObjectId first, ObjectId second) = await UpdateAsync();
        _machine.Rollback();
        _machine.Reboot();
        await FollowAsync(2);
        File.WriteAllText(_machine.PathOfEtc(first, "edited"), "in the old one");

        (await _machine.UpgradeAsync(new() { IsAutomatic = true })).Outcome.Should().Be(UpdateOutcome.LeftByRollback);
        (await _machine.UpgradeAsync(new())).Outcome.Should().Be(UpdateOutcome.Staged);

        _machine.ReadEtc(second, "edited").Should().Be("as it came", "it has its own until the shutdown");
        _machine.Finalize().Should().Be(second);
        _machine.ReadEtc(second, "edited").Should().Be("in the old one");
        _machine.Reboot();
        _machine.Booted.Should().Be(second);
    }

    [Fact]
    public async Task A_rollback_drops_what_is_staged()
    {
        (ObjectId first, _) = await UpdateAsync();
        await _machine.SwitchAsync(_machine.Publish(3));

        _machine.Rollback().DroppedStaged.Should().BeTrue();

        _machine.Status().Staged.Should().BeNull();
        _machine.Finalize().Should().BeNull();
        _machine.Reboot();
        _machine.Booted.Should().Be(first);
    }

    [Fact]
    public async Task A_rollback_goes_to_what_is_there_even_if_that_is_staged_again()
    {
        ImageReference back = _machine.Publish(1, more: []);
        (ObjectId first, _) = await UpdateAsync();
        await _machine.SwitchAsync(back);
        _machine.Status().Staged!.Id.Should().Be(first);

        RollbackResult result = _machine.Rollback();

        (result.DroppedStaged, result.Next.Id).Should().Be((true, first));
        _machine.Status().Staged.Should().BeNull();
        _machine.Reboot();
        _machine.Booted.Should().Be(first);
    }

    [Fact]
    public void Without_another_deployment_there_is_nothing_to_go_back_to() =>
        _machine.Invoking(m => m.Rollback()).Should().Throw<BootcException>().WithMessage("there is no other deployment to go back to*");

    [Fact]
    public async Task The_second_update_removes_what_only_the_first_deployment_needed_and_nothing_of_others()
    {
        (ObjectId first, ObjectId second) = await UpdateAsync(kernel: "kernel 2");
        Directory.CreateDirectory(_machine["esp/EFI/Linux/other"]);
        Directory.CreateDirectory(_machine["esp/EFI/Linux/bootc_unfinished-x"]);
        await _machine.SwitchAsync(_machine.Publish(3, "kernel 3"));
        KernelsOf().Should().HaveCount(3, "the deployment to fall back to has its kernel until the shutdown");
        ObjectId third = _machine.Finalize()!;
        KernelsOf().Should().BeEquivalentTo($"bootc_composefs-{second}", $"bootc_composefs-{third}");
        _machine.Reboot();
        await _machine.SwitchAsync(_machine.Publish(4, "kernel 3"));

        Directory.GetDirectories(_machine["sysroot/state/deploy"]).Select(Path.GetFileName).Should().NotContain(first.ToString()).And.HaveCount(3);
        Directory.GetFiles(_machine["sysroot/composefs/images"]).Select(Path.GetFileName).Should().NotContain(first.ToString());
        Directory.Exists(_machine["esp/EFI/Linux/other"]).Should().BeTrue();
        Directory.Exists(_machine["esp/EFI/Linux/bootc_unfinished-x"]).Should().BeFalse();
    }

    [Fact]
    public async Task Nothing_is_removed_while_an_entry_of_ours_cannot_be_understood()
    {
        await UpdateAsync(kernel: "kernel 2");
        File.WriteAllText(_machine["esp/loader/entries/bootc_lab-0-0.conf"], "garbage");
        Directory.CreateDirectory(_machine["sysroot/state/deploy/" + new string('b', 128)]);

        _machine.With(machine => new MachineGarbage(machine).Collect(default)).Should().BeEquivalentTo(new MachineGarbageReport([], [], null));

        Directory.GetDirectories(_machine["sysroot/state/deploy"]).Should().HaveCount(3);
    }

    [Fact]
    public async Task Staging_removes_no_kernel_that_an_entry_may_boot_which_cannot_be_understood()
    {
        ObjectId first = _machine.Booted;
        await UpdateAsync(kernel: "kernel 2");
        string entry = _machine["esp/loader/entries/bootc_lab-1-0.conf"];
        await File.WriteAllLinesAsync(entry, (await File.ReadAllLinesAsync(entry)).Where(line => !line.StartsWith("version ", StringComparison.Ordinal)));

        await _machine.SwitchAsync(_machine.Publish(3, "kernel 3"));

        KernelsOf().Should().Contain($"bootc_composefs-{first}");
    }

    [Fact]
    public async Task The_same_files_under_another_name_are_followed_from_now_on_and_not_staged()
    {
        ImageReference copy = _machine.Publish(1, more: []);
        string moved = _machine["elsewhere"];
        Directory.Move(copy.Name, moved);

        (await _machine.SwitchAsync(ImageReference.Parse($"oci:{moved}"))).Outcome.Should().Be(UpdateOutcome.UpToDate);

        HostStatus status = _machine.Status();
        (status.Staged, status.Booted!.Image!.Reference.Name).Should().Be((null, moved));
    }

    [Fact]
    public async Task What_is_staged_can_be_staged_again_when_run_lost_it()
    {
        ImageReference image = _machine.Publish(2);
        await _machine.SwitchAsync(image);
        ObjectId second = _machine.Status().Staged!.Id;
        Directory.Delete(_machine["root/run/composefs"], recursive: true);
        File.Delete(_machine[$"sysroot/state/deploy/{second}/{second}.origin"]);
        _machine.Status().Staged.Should().BeNull();

        (await _machine.SwitchAsync(image)).Outcome.Should().Be(UpdateOutcome.Staged);

        _machine.Finalize().Should().Be(second);
        _machine.Reboot();
        _machine.Status().Booted!.Image!.Reference.Should().Be(image);
    }

    [Fact]
    public void An_installer_changes_what_the_machine_follows_and_nothing_else()
    {
        ImageReference next = ImageReference.Parse("docker://registry.example/os:next");
        string before = File.ReadAllText(_machine[$"sysroot/state/deploy/{_machine.Booted}/{_machine.Booted}.origin"]);
        string digest = _machine.Status().Booted!.Image!.Digest;

        _machine.With(machine => UpdateSourceInPlace.ChangeOnly(machine.Deployments, new(next))).Should().Be(_machine.Booted);

        DeploymentStatus booted = _machine.Status().Booted!;
        (booted.Image!.Reference, booted.Image.Digest).Should().Be((next, digest));
        File.ReadAllText(_machine[$"sysroot/state/deploy/{_machine.Booted}/{_machine.Booted}.origin"]).Split('\n').Except(before.Split('\n')).Should().ContainSingle();
    }

    [Fact]
    public async Task A_machine_whose_origin_was_lost_gets_one_by_a_switch_to_what_it_runs()
    {
        ImageReference image = _machine.Status().Booted!.Image!.Reference;
        string origin = _machine[$"sysroot/state/deploy/{_machine.Booted}/{_machine.Booted}.origin"];
        string before = File.ReadAllText(origin);
        File.Delete(origin);

        (await _machine.SwitchAsync(image)).Outcome.Should().Be(UpdateOutcome.UpToDate);

        File.ReadAllText(origin).Should().Be(before);
    }

    [Fact]
    public async Task A_staged_deployment_that_cannot_be_read_is_not_applied_and_that_is_told_at_the_next_boot()
    {
        ObjectId first = _machine.Booted;
        await _machine.SwitchAsync(_machine.Publish(2));
        File.WriteAllText(_machine["root/run/composefs/staged-deployment"], "{");

        _machine.Invoking(m => m.Finalize()).Should().Throw<BootcException>();
        _machine.With(machine => new MachineGarbage(machine).Collect(default)).Deployments.Should().BeEmpty();
        _machine.Reboot();

        _machine.Booted.Should().Be(first);
        _machine.With(machine => new BootReport(machine).Run()).Should().Contain("was not applied").And.Contain("staged-deployment is not JSON");
    }

    [Fact]
    public async Task An_image_that_was_not_made_to_be_booted_is_refused()
    {
        TestLayout layout = new(_machine["plain"]);
        Directory.CreateDirectory(layout.Folder);
        layout.AddLayer(TestLayout.Skeleton).Finish();

        Func<Task> staging = () => _machine.SwitchAsync(ImageReference.Parse($"oci:{layout.Folder}"));

        await staging.Should().ThrowAsync<BootcException>().WithMessage("*no label \"containers.bootc\"*");
    }

    [Theory]
    [InlineData("an entry of another system", null)]
    [InlineData("garbage", "the boot entry bootc_lab-9-0.conf cannot be understood: *")]
    [InlineData("no origin", "the deployment * is damaged: *.origin is missing")]
    [InlineData("an entry of a deployment that is not there", "the deployment bbbbbbbbbbbb… is damaged: *.origin is missing")]
    [InlineData("no state", "the deployment * is damaged: *.origin is missing")]
    [InlineData("no manifest", "the deployment * is damaged: *oci-manifest-*")]
    [InlineData("no entry of the booted one", "the booted deployment has no boot entry")]
    [InlineData("no entry at all", "the booted deployment has no boot entry")]
    [InlineData("a staged deployment that is none", "what is staged cannot be read, so nothing counts as staged: staged-deployment is not JSON")]
    [InlineData("a record that is no JSON", null)]
    public async Task Damage_is_named_and_stops_neither_status_nor_upgrade(string damage, string? problem)
    {
        (ObjectId first, ObjectId second) = await UpdateAsync();
        Damage(damage, first);

        HostStatus status = _machine.Status();

        status.Booted!.Id.Should().Be(second);
        if (problem is null)
        {
            status.Problems.Should().BeEmpty();
        }
        else
        {
            status.Problems.Should().ContainSingle().Which.Should().Match(problem);
        }

        (status.Rollback is null).Should().Be(damage is "no entry at all");
        (status.Rollback?.Damage is not null).Should().Be(damage is "no origin" or "no state" or "no manifest");
        (await _machine.SwitchAsync(_machine.Publish(3))).Outcome.Should().Be(UpdateOutcome.Staged);
        _machine.Finalize().Should().NotBeNull();
        _machine.Reboot();
        _machine.Status().Rollback!.Id.Should().Be(second, "the one that ran is what to go back to");
    }

    [Theory]
    [InlineData("no state", "*/state/deploy/*/etc is missing*")]
    [InlineData("no image", "*its image * is missing*")]
    [InlineData("no kernel", "*/vmlinuz on the boot partition is missing*")]
    public async Task A_rollback_to_what_could_not_boot_is_refused_and_changes_nothing(string damage, string message)
    {
        (ObjectId first, ObjectId second) = await UpdateAsync(kernel: "kernel 2");
        Damage(damage, first);
        Dictionary<string, string> before = _machine.Entries();

        FluentActions.Invoking(_machine.Rollback).Should().Throw<BootcException>().WithMessage(message).WithMessage("*bootc doctor --fix*");

        _machine.Entries().Should().BeEquivalentTo(before);
        _machine.Status().Booted!.Id.Should().Be(second);
    }

    [Theory]
    [InlineData("garbage", null)]
    [InlineData("no origin", "*.origin is missing")]
    [InlineData("no manifest", "*oci-manifest-*")]
    [InlineData("no meta.json", null)]
    [InlineData("an entry of another system", null)]
    public async Task A_rollback_goes_on_with_other_damage_and_names_that_of_what_boots_next(string damage, string? warning)
    {
        (ObjectId first, _) = await UpdateAsync();
        Damage(damage, first);

        RollbackResult result = _machine.Rollback();

        result.Next.Id.Should().Be(first);
        if (warning is null)
        {
            result.Warnings.Should().BeEmpty();
        }
        else
        {
            result.Warnings.Should().ContainSingle().Which.Should().Match(warning);
        }
    }

    [Fact]
    public async Task The_kernel_that_runs_is_kept_though_no_entry_names_it()
    {
        (_, ObjectId second) = await UpdateAsync(kernel: "kernel 2");
        File.Delete(_machine["esp/loader/entries/bootc_lab-2-1.conf"]);

        _machine.With(machine => new MachineGarbage(machine).Collect(default)).IsEmpty.Should().BeTrue();
        await _machine.SwitchAsync(_machine.Publish(3, "kernel 3"));
        _machine.Finalize();

        KernelsOf().Should().Contain($"bootc_composefs-{second}");
        _machine.Entries()["bootc_lab-2-0.conf"].Should().Contain($"linux /EFI/Linux/bootc_composefs-{second}/vmlinuz\n");
    }

    [Fact]
    public async Task What_the_last_shutdown_made_to_boot_is_kept_though_its_entry_was_lost()
    {
        await _machine.SwitchAsync(_machine.Publish(2));
        ObjectId made = _machine.Finalize()!;
        File.Delete(_machine["esp/loader/entries/bootc_lab-2-1.conf"]);
        _machine.Reboot();

        _machine.With(machine => new MachineGarbage(machine).Collect(default)).Deployments.Should().BeEmpty();
        Directory.Exists(_machine[$"sysroot/state/deploy/{made}"]).Should().BeTrue();
        _machine.With(machine => new DeleteDeployment(machine, Steps.Silent).Run(made, default)).Deployments.Should().Equal(made);
        Directory.Exists(_machine[$"sysroot/state/deploy/{made}"]).Should().BeFalse();
    }

    [Fact]
    public async Task A_damaged_image_of_another_deployment_keeps_garbage_and_no_update()
    {
        (ObjectId first, _) = await UpdateAsync();
        File.WriteAllText(_machine[$"sysroot/composefs/objects/{first.ObjectPath}"], "not what it was");
        _machine.Status().Problems.Should().ContainSingle().Which.Should().Match($"the deployment {first.ToString()[..12]}* is damaged: its image cannot be read: *");

        UpdateResult result = await _machine.SwitchAsync(_machine.Publish(3));

        result.Outcome.Should().Be(UpdateOutcome.Staged);
        result.Warnings.Should().HaveCount(2).And.ContainMatch($"what is not needed any more was not removed: *{first.ObjectPath}*");
        _machine.Finalize().Should().NotBeNull();
    }

    [Fact]
    public async Task Only_new_objects_are_written()
    {
        const string List = "find \"$1\" -type f -printf '%P %i %T@ %C@\\n' | sort";
        string[] before = await ListAsync();
        await _machine.SwitchAsync(_machine.Publish(2));
        string[] after = await ListAsync();

        after.Should().Contain(before, "an object that is there is neither written nor linked again");
        after.Except(before).Should().HaveCount(7, "of the layer, of config and manifest with the JSON of each, and the two EROFS images");

        async Task<string[]> ListAsync() =>
            (await LabProgram.RunAsync("sh", ["-c", List, "list", _machine["sysroot/composefs/objects"]])).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private void Damage(string damage, ObjectId first)
    {
        string live = _machine["esp/loader/entries"];
        switch (damage)
        {
            case "an entry of another system":
                File.WriteAllText(Path.Join(live, "another.conf"), Foreign);
                break;
            case "garbage":
                File.WriteAllText(Path.Join(live, "bootc_lab-9-0.conf"), "\0\0\0");
                break;
            case "no origin":
                File.Delete(_machine[$"sysroot/state/deploy/{first}/{first}.origin"]);
                break;
            case "no state":
                Directory.Delete(_machine[$"sysroot/state/deploy/{first}"], recursive: true);
                break;
            case "no meta.json":
                File.Delete(_machine["sysroot/composefs/meta.json"]);
                break;
            case "no image":
                File.Delete(_machine[$"sysroot/composefs/images/{first}"]);
                break;
            case "no kernel":
                File.Delete(_machine[$"esp/EFI/Linux/bootc_composefs-{first}/vmlinuz"]);
                break;
            case "no manifest":
                string digest = _machine.Status().Rollback!.Image!.Digest;
                File.Delete(_machine[$"sysroot/composefs/streams/oci-manifest-{digest}"]);
                File.Delete(_machine[$"sysroot/composefs/streams/refs/oci/localhost%2Fbootc-{digest}"]);
                break;
            case "no entry of the booted one":
                File.Delete(Path.Join(live, "bootc_lab-2-1.conf"));
                break;
            case "an entry of a deployment that is not there":
                File.WriteAllText(Path.Join(live, "bootc_lab-0-0.conf"), $"title x\nversion 0\nlinux /x\ninitrd /y\nsort-key bootc-lab-9\noptions composefs={new string('b', 128)}\n");
                break;
            case "no entry at all":
                Directory.Delete(live, recursive: true);
                Directory.CreateDirectory(live);
                break;
            case "a staged deployment that is none":
                Directory.CreateDirectory(_machine["root/run/composefs"]);
                File.WriteAllText(_machine["root/run/composefs/staged-deployment"], "{");
                break;
            default:
                Directory.CreateDirectory(_machine["sysroot/state/bootc"]);
                File.WriteAllText(_machine["sysroot/state/bootc/finalization.json"], "{");
                break;
        }
    }

    private Task FollowAsync(int version) => _machine.FollowAsync(_machine.Publish(version));

    private async Task<(ObjectId First, ObjectId Second)> UpdateAsync(string kernel = "kernel 1")
    {
        ObjectId first = _machine.Booted;
        await _machine.SwitchAsync(_machine.Publish(2, kernel));
        _machine.Finalize();
        _machine.Reboot();
        return (first, _machine.Booted);
    }

    private IEnumerable<string?> KernelsOf() => Directory.GetDirectories(_machine["esp/EFI/Linux"], "bootc_composefs-*").Select(Path.GetFileName);

    private static string Chain(Exception? failure) => failure is null ? "" : $"{failure.Message}: {Chain(failure.InnerException)}";
}
