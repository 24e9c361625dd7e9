using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Bootc.Composefs;
using Bootc.Host.Diagnosis;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Images.Import;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Testing;

namespace Bootc.Host.Tests.Operations;

/// <summary>
/// A machine that was installed with version 1 and runs version 2, damaged in one way at a time by a shell. What was there before the
/// damage, file by file, judges what is there after the repair.
/// </summary>
public sealed partial class DoctorTests : IAsyncLifetime
{
    // $1 the folders, $2 the booted deployment, $3 the one to fall back to. Files of images are known by their content.
    private const string Parts =
        """
        cd "$1"
        booted=$2 other=$3
        repo=sysroot/composefs state=sysroot/state
        link() { echo $repo/$(readlink "$1" | cut -c 4-); }
        object() { echo $repo/objects/$(echo $1 | cut -c 1-2)/$(echo $1 | cut -c 3-); }
        large=$(grep -rlx 'x\{1000\}' $repo/objects)
        initrd=$(grep -rlx 'i\{500\}' $repo/objects)
        kernel=$(grep -rlx 'kernel 2k\{500\}' $repo/objects)
        digest=$(sed -n 's/manifest_digest=//p' $state/deploy/$booted/$booted.origin)
        manifest=$repo/streams/oci-manifest-$digest
        document=$(grep -rl '"schemaVersion":2,"config"' $repo/objects | xargs sha256sum | grep ^${digest#sha256:} | cut -c 67-)
        config=$repo/streams/oci-config-$(grep -o 'sha256:[0-9a-f]*' $document | head -1)
        layer=$(ls -d $repo/streams/oci-layer-* | head -1)
        entry=esp/loader/entries/bootc_lab-2-1.conf fallback=esp/loader/entries/bootc_lab-1-0.conf
        kernels=esp/EFI/Linux/bootc_composefs-
        nobody=$(printf %0128d 7)

        """;

    private const string Much =
        "rm $fallback $large $kernel $(link $layer) $repo/meta.json $state/deploy/$booted/$booted.origin; rm -r ${kernels}$other $state/deploy/$other/etc";

    private MachineFolders _machine = null!;
    private ObjectId _first = null!;

    public static TheoryData<string, string, string> Damages() => new()
    {
        // the repository
        { "an object is cut short", "truncate -s 999 $large", "the image of the booted deployment is damaged: objects/*: has other content than its name says" },
        { "an object is missing", "rm $large", "the image of the booted deployment is damaged: images/*: names object *, which is missing" },
        { "an object has other bytes", "printf y | dd of=$large conv=notrunc status=none", "*is damaged: objects/*: has other content than its name says" },
        { "an object of one image only is missing", "rm $kernel", "the image of the booted deployment is damaged: *" },
        { "another file took the place of an object", "cp $large $initrd", "*is damaged: objects/*: has other content than its name says" },
        { "the image is missing", "rm $(object $booted)", "the image of the booted deployment is damaged: images/*" },
        { "the image was cut short", "truncate -s 4096 $(object $booted)", "the image of the booted deployment is damaged: objects/*: has other content than its name says" },
        { "the link of the image is missing", "rm $repo/images/$booted", "the image of the booted deployment is damaged: images/*: is missing" },
        { "the link of the image leads to another", "ln -sf ../objects/${other%%${other#??}}/${other#??} $repo/images/$booted", "*: stands for image *" },
        { "the link of the image leads nowhere", "ln -sf ../objects/00/$(printf %0126d 0) $repo/images/$booted", "*is damaged: images/*" },
        { "a layer's stream is missing", "rm $(link $layer)", "*is damaged: streams/oci-layer-*: object * is missing*" },
        { "a layer's name is missing", "rm $layer", "*is damaged: streams/oci-layer-*: is missing" },
        { "a layer's stream is that of the manifest", "ln -sf $(readlink $manifest) $layer", "*is damaged: streams/oci-layer-*: has content whose digest is *" },
        { "the manifest is missing", "rm $manifest", "*is damaged: streams/oci-manifest-*: is missing" },
        { "the manifest's stream is garbage", "echo garbage > $(link $manifest)", "*is damaged: *" },
        { "the config is missing", "rm $config $(link $config)", "*is damaged: streams/oci-config-*: is missing" },
        { "the reference that keeps the image is missing", "rm $repo/streams/refs/oci/*$digest", "*is damaged: streams/refs/oci/*: is missing" },
        { "a reference of somebody leads nowhere", "ln -s ../../oci-manifest-gone $repo/streams/refs/oci/somebody", "streams/refs/oci/somebody of the repository stands for something that is missing" },
        { "an image of nobody leads nowhere", "ln -s ../objects/00/$(printf %0126d 0) $repo/images/$nobody", "images/* of the repository stands for something that is missing" },
        { "an object that nobody needs is damaged", "mkdir -p $(dirname $(object $nobody)); echo x > $(object $nobody)", "objects/*: has other content than its name says, and no deployment is known to need it" },
        { "a writer was killed", "touch $repo/objects/.tmp-object-0123456789ab", "1 files in the repository are of writers that were killed" },
        { "meta.json is missing", "rm $repo/meta.json", "meta.json of the repository is missing" },
        { "meta.json is empty", "> $repo/meta.json", "meta.json of the repository cannot be read as JSON" },
        // deployments
        { "the origin is empty", "> $state/deploy/$booted/$booted.origin", "the origin of the booted deployment names no update source" },
        { "the origin is missing", "rm $state/deploy/$booted/$booted.origin", "the origin of the booted deployment is missing" },
        { "the origin of the other is missing", "rm $state/deploy/$other/$other.origin", "the origin of deployment *… is missing" },
        { "the origin names no manifest", "sed -i /manifest_digest/d $state/deploy/$booted/$booted.origin", "the origin of the booted deployment does not say which image was deployed" },
        { "the origin names another kernel", "sed -i s/^digest=.*/digest=00/ $state/deploy/$booted/$booted.origin", "the origin of the booted deployment states the digest of another kernel*" },
        { "the state of the other is gone", "rm -r $state/deploy/$other", "deployment *… has no state directory *" },
        { "etc of the other is gone", "rm -r $state/deploy/$other/etc", "deployment *… has no /etc in its state directory *" },
        { "the link to /var is gone", "rm $state/deploy/$booted/var", "the link of the booted deployment to the shared /var is missing" },
        { "all links to /var are gone", "rm $state/deploy/*/var", "the link of deployment *… to the shared /var is missing" },
        { "a state was never finished", "mkdir -p $state/deploy/.new-$nobody/etc", "state/deploy/.new-*was never finished" },
        { "a deployment is of nobody", "mkdir -p $state/deploy/$nobody/etc", "deployment * has state, but no boot entry and nobody who needs it" },
        // boot entries
        { "the entry of the booted one is garbage", "printf '\\0\\0' > $entry", "the boot entry bootc_lab-2-1.conf cannot be understood: *" },
        { "the entry of the other is garbage", "printf '\\0\\0' > $fallback", "the boot entry bootc_lab-1-0.conf cannot be understood: *" },
        { "there is a further entry of garbage", "echo x > esp/loader/entries/bootc_lab-9-0.conf", "the boot entry bootc_lab-9-0.conf cannot be understood: *" },
        { "the booted one has no entry", "rm $entry", "the booted deployment has no boot entry" },
        { "the other has no entry, and it ran", "echo x > $state/deploy/$other/etc/machine-id; rm $fallback", "deployment *… has lost its boot entry*" },
        { "the other has no entry, its image is damaged, and it ran", "echo x > $state/deploy/$other/etc/machine-id; rm $fallback $(object $other)", "deployment *… has lost its boot entry*" },
        { "there is no entry at all", "rm $entry $fallback", "deployment *… has lost its boot entry*" },
        { "the folder of the entries is gone", "rm -r esp/loader/entries", "the booted deployment has no boot entry" },
        { "entries wait for nothing", "cp $entry esp/loader/entries.staged/", "loader/entries.staged on the boot partition holds boot entries of what is not staged any more" },
        // kernels
        { "a kernel is half written", "truncate -s 100 $kernels$booted/initrd", "the kernel of the booted deployment is not the one of its image in EFI/Linux/bootc_composefs-* on the boot partition" },
        { "a kernel is another", "printf y | dd of=$kernels$booted/vmlinuz conv=notrunc status=none", "the kernel of the booted deployment is not the one of its image*" },
        { "an initrd is missing", "rm $kernels$other/initrd", "the kernel of deployment *… is missing from, or not whole in, EFI/Linux/bootc_composefs-*" },
        { "a kernel is missing", "rm -r $kernels$booted", "the kernel of the booted deployment is missing from*" },
        { "a kernel was never finished", "mkdir esp/EFI/Linux/bootc_unfinished-$nobody", "nothing boots by EFI/Linux/bootc_unfinished-* on the boot partition" },
        { "a kernel is of nobody", "cp -r $kernels$booted $kernels$nobody", "nothing boots by EFI/Linux/bootc_composefs-* on the boot partition" },
        // what is remembered
        { "a record is no JSON", "echo { > $state/bootc/left.json", "the record left.json in * cannot be read, so it counts as absent" },
        { "a staged record is stale", """echo '{"deployment":"7","image":"oci:/x","bootId":"7","isLocked":false}' > $state/bootc/staged.json""", "the update to oci:/x was staged before the last boot and is not any more" },
        { "a staged record is of nothing", """echo '{"deployment":"7","image":"oci:/x","bootId":"'$(cat root/proc/sys/kernel/random/boot_id)'","isLocked":false}' > $state/bootc/staged.json""", "the disk remembers the update to oci:/x as staged, but it is not" },
        { "what is staged cannot be read", "mkdir root/run/composefs; echo { > root/run/composefs/staged-deployment", "what is staged cannot be read, so nothing counts as staged: staged-deployment is not JSON*" },
        { "what is staged has no entry", """mkdir root/run/composefs; echo '{"depl_id":"'$other'","finalization_locked":false}' > root/run/composefs/staged-deployment""", "the boot entry of the staged deployment is lost*" },
        // much at once: each hides the next
        { "a whole boot partition is gone", "rm -r esp/EFI esp/loader", "the booted deployment has no boot entry" },
        { "much is gone", "rm $entry $fallback $large $kernel $(link $layer) $repo/meta.json $state/deploy/$booted/$booted.origin; rm -r ${kernels}* $state/deploy/$other/etc", "meta.json of the repository is missing" },
    };

    public async Task InitializeAsync()
    {
        _machine = await MachineFolders.CreateAsync();
        _first = _machine.Booted;
        await UpdateAsync(2);
        Directory.Delete(_machine["esp/loader/entries.staged"]);
        Directory.CreateDirectory(_machine["esp/loader/entries.staged"]);
    }

    public Task DisposeAsync()
    {
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task Finds_and_heals(string what, string damage, string sentence)
    {
        Dictionary<string, string> sound = Contents();
        await DamageAsync(damage);
        string[] damaged = await ListAsync();

        (await _machine.ExamineAsync()).Select(finding => finding.Sentence).Should().ContainMatch(sentence, what);
        (await ListAsync()).Should().Equal(damaged, "looking changes nothing");

        DoctorReport report = await _machine.HealAsync();
        report.Failures.Should().BeEmpty();
        report.Left.Should().BeEmpty();
        report.Healed.Select(finding => finding.Sentence).Should().ContainMatch(sentence);
        Contents().Should().BeEquivalentTo(sound, "the machine is what it was");
        (await _machine.ExamineAsync()).Should().BeEmpty();

        ObjectId second = _machine.Booted;
        ObjectId third = await UpdateAsync(3);
        _machine.Booted.Should().Be(third);
        _machine.Status().Rollback!.Id.Should().Be(second);
        _machine.Status().Problems.Should().BeEmpty();
        (await _machine.ExamineAsync()).Should().NotContain(finding => finding.IsDamage);
    }

    [Fact]
    public async Task A_sound_machine_has_nothing_and_gets_nothing()
    {
        await File.WriteAllTextAsync(_machine["esp/loader/entries/another.conf"], "title Another\nlinux /vmlinuz\n");
        string[] before = await ListAsync();

        (await _machine.ExamineAsync()).Should().BeEmpty();
        DoctorReport report = await _machine.HealAsync();

        (report.Healed.Length, report.Left.Length, report.Failures.Length).Should().Be((0, 0, 0));
        (await ListAsync()).Should().Equal(before);
    }

    [Fact]
    public async Task What_is_staged_is_sound_and_stays_staged_whatever_is_healed()
    {
        await _machine.SwitchAsync(_machine.Publish(3, "kernel 3"));
        (await _machine.ExamineAsync()).Should().BeEmpty();
        ObjectId staged = _machine.Status().Staged!.Id;

        await DamageAsync("rm $fallback $entry $large; truncate -s 3 ${kernels}*/initrd");
        DoctorReport report = await _machine.HealAsync();

        report.Left.Should().BeEmpty();
        _machine.Status().Staged!.Id.Should().Be(staged);
        _machine.Finalize().Should().Be(staged);
        _machine.Reboot();
        _machine.Booted.Should().Be(staged);
        (await _machine.ExamineAsync()).Should().NotContain(finding => finding.IsDamage);
    }

    [Fact]
    public async Task What_updates_leave_for_the_next_one_is_left_over_and_no_damage()
    {
        await UpdateAsync(3);

        ImmutableArray<Finding> findings = await _machine.ExamineAsync();

        findings.Should().OnlyContain(finding => !finding.IsDamage && finding.Sentence.Contains("has state, but no boot entry"));
        (await _machine.HealAsync()).Left.Should().BeEmpty();
        Directory.Exists(_machine[$"sysroot/state/deploy/{_first}"]).Should().BeFalse();
    }

    [Fact]
    public async Task Only_layers_of_which_something_is_damaged_are_fetched()
    {
        await DamageAsync("rm $kernel");
        RemoveBlobs(keep: "kernel 2");

        (await _machine.HealAsync()).Left.Should().BeEmpty();
    }

    [Fact]
    public async Task What_needs_no_layer_is_healed_without_the_update_source()
    {
        await DamageAsync("rm $(object $booted) $repo/images/$booted $repo/streams/refs/oci/*$digest; rm -r ${kernels}*");
        foreach (string image in Directory.GetDirectories(_machine[""], "image-*"))
        {
            Directory.Delete(image, recursive: true);
        }

        (await _machine.HealAsync()).Left.Should().BeEmpty();
    }

    [Fact]
    public async Task What_no_source_has_any_more_is_said_and_left_and_the_rest_is_healed()
    {
        await DamageAsync("rm $kernel; rm $fallback; mkdir esp/EFI/Linux/bootc_unfinished-x; mkdir -p $state/deploy/$nobody; echo x > $state/deploy/$other/etc/machine-id");
        RemoveBlobs(keep: "none");

        DoctorReport report = await _machine.HealAsync();

        report.Left.Where(finding => finding.IsDamage).Should().OnlyContain(finding => finding.Sentence.StartsWith("the image of the booted deployment is damaged") || finding.Sentence.Contains("has lost its boot entry"));
        report.Failures.Should().ContainSingle(failure => failure.StartsWith("Restoring the image sha256:"));
        Directory.Exists(_machine["esp/EFI/Linux/bootc_unfinished-x"]).Should().BeTrue("a lost entry may name any kernel");
        Directory.GetDirectories(_machine["sysroot/state/deploy"]).Should().HaveCount(3, "nothing is removed while something is damaged");
    }

    [Fact]
    public async Task An_update_source_that_only_ostree_can_verify_is_not_replaced_by_another()
    {
        await DamageAsync("sed -i s,ostree-unverified-image:.*,ostree-remote-registry:lab:quay.io/os/edge, $state/deploy/$booted/$booted.origin");

        DoctorReport report = await _machine.HealAsync();

        report.Left.Select(finding => finding.Sentence).Should().ContainMatch("the origin of the booted deployment names no update source, and nothing here tells*");
        File.ReadAllText(_machine[$"sysroot/state/deploy/{_machine.Booted}/{_machine.Booted}.origin"]).Should().Contain("ostree-remote-registry:lab:quay.io/os/edge");
    }

    [Theory]
    [InlineData("rm $state/deploy/$booted/$booted.origin")]
    [InlineData(": > $state/deploy/$booted/$booted.origin")]
    [InlineData("sed -i /container-image-reference/d $state/deploy/$booted/$booted.origin")]
    public async Task An_origin_that_a_policy_had_to_vouch_for_is_one_again(string damage)
    {
        string other = _machine[$"sysroot/state/deploy/{_first}/{_first}.origin"];
        await File.WriteAllTextAsync(other, (await File.ReadAllTextAsync(other)).Replace("ostree-unverified-image:", "ostree-image-signed:"));
        await DamageAsync(damage);

        (await _machine.HealAsync()).Left.Should().BeEmpty();

        (await File.ReadAllTextAsync(_machine[$"sysroot/state/deploy/{_machine.Booted}/{_machine.Booted}.origin"])).Should().Contain("=ostree-image-signed:");
    }

    [Fact]
    public async Task The_source_is_never_taken_for_what_it_has_by_now()
    {
        // The layout has version 3 under the name, and of version 2 only the layers are left, which have digests.
        string source = _machine.Status().Booted!.Image!.Reference.Name;
        string newer = _machine.Publish(3).Name;
        await DamageAsync("rm $kernel");
        File.Copy(Path.Join(newer, "index.json"), Path.Join(source, "index.json"), overwrite: true);
        foreach (string blob in Directory.GetFiles(Path.Join(newer, "blobs/sha256")))
        {
            File.Copy(blob, Path.Join(source, "blobs/sha256", Path.GetFileName(blob)), overwrite: true);
        }

        (await _machine.HealAsync()).Left.Should().BeEmpty();
        await DamageAsync("rm $kernel $manifest");
        DoctorReport report = await _machine.HealAsync();

        report.Left.Should().NotBeEmpty();
        report.Failures.Should().ContainMatch("*stands for sha256:* by now, and sha256:* cannot be had there any more");
    }

    [Fact]
    public async Task A_repair_that_is_killed_anywhere_is_finished_by_the_next_and_what_boots_still_does()
    {
        File.WriteAllText(_machine.PathOfEtc(_machine.Booted, "machine-id"), "7");
        File.WriteAllText(_machine.PathOfEtc(_first, "machine-id"), "7");
        Dictionary<string, string> sound = Contents();
        bool wasKilled = true;
        for (int news = 3; wasKilled; news += 3)
        {
            await DamageAsync(Much);
            int heard = 0;
            Steps killing = new(_ => { if (++heard == news) { throw new OperationCanceledException(); } });
            try
            {
                await _machine.WithAsync(machine => new Doctor(machine, MachineFolders.Programs, killing).HealAsync(default));
                wasKilled = false;
            }
            catch (Exception e) when (e is OperationCanceledException or AggregateException)
            {
            }

            _machine.Entries().Keys.Should().Contain("bootc_lab-2-1.conf");
            Directory.GetFiles(_machine[$"esp/EFI/Linux/bootc_composefs-{_machine.Booted}"]).Should().HaveCount(2);
            (await _machine.HealAsync()).Left.Should().BeEmpty($"it was killed at the {news}th news");
            Contents().Should().BeEquivalentTo(sound);
        }
    }

    [Theory]
    [InlineData(Errno.EIO, false, Much)]
    [InlineData(Errno.EIO, true, Much)]
    [InlineData(Errno.ENOSPC, true, Much)]
    [InlineData(Errno.EIO, true, "rm -r $state/deploy/$other")]
    public async Task A_repair_in_which_writes_fail_is_finished_by_the_next_and_what_boots_still_does(Errno errno, bool goesOn, string damage)
    {
        File.WriteAllText(_machine.PathOfEtc(_machine.Booted, "machine-id"), "7");
        File.WriteAllText(_machine.PathOfEtc(_first, "machine-id"), "7");
        Dictionary<string, string> sound = Contents();
        int failures = 0;
        for (int number = 1; ; number += 1 + (number / 2))
        {
            await DamageAsync(damage);
            CallFault fault = new(errno, number, goesOn, _machine[""]);
            DoctorReport? report = null;
            Exception? failure = await FailingCalls.RunAsync(fault, async () => report = await _machine.HealAsync());
            if (fault.First is null)
            {
                break;
            }

            string what = $"call {number} failed: {fault.First}; it ended with: {failure?.ToString() ?? string.Join('\n', report!.Failures)}";
            (failure is null || Failure.IsExpected(failure)).Should().BeTrue(what);
            _machine.Entries().Keys.Should().Contain("bootc_lab-2-1.conf", what);
            Directory.GetFiles(_machine[$"esp/EFI/Linux/bootc_composefs-{_machine.Booted}"]).Should().HaveCount(2, what);
            (await _machine.HealAsync()).Left.Should().BeEmpty(what);
            Contents().Should().BeEquivalentTo(sound, what);
            failures++;
        }

        failures.Should().BePositive();
    }

    [Fact]
    public async Task What_the_machine_changed_in_etc_comes_back_with_a_lost_state()
    {
        File.WriteAllText(_machine.PathOfEtc(_machine.Booted, "machine-id"), "7");
        File.Delete(_machine.PathOfEtc(_machine.Booted, "gone"));

        await DamageAsync("rm -r $state/deploy/$other");
        await _machine.HealAsync();

        _machine.ReadEtc(_first, "machine-id").Should().Be("7");
        _machine.ReadEtc(_first, "gone").Should().BeNull();
        _machine.ReadEtc(_first, "version").Should().Be("1");
    }

    [Fact]
    public async Task An_update_that_was_dropped_is_not_lost_even_if_its_image_has_a_mark_in_etc()
    {
        using MachineFolders machine = await MachineFolders.CreateAsync();
        ImageReference first = machine.Status().Booted!.Image!.Reference;
        await machine.SwitchAsync(machine.Publish(2, "kernel 1", TestLayout.File("etc/.updated")));
        (await machine.SwitchAsync(first)).Outcome.Should().Be(UpdateOutcome.UpToDate);

        (await machine.ExamineAsync()).Should().NotContain(finding => finding.Sentence.Contains("has lost its boot entry"));
    }

    [Fact]
    public async Task The_state_of_what_runs_is_not_invented()
    {
        await DamageAsync("rm -r $state/deploy/$booted/etc");

        DoctorReport report = await _machine.HealAsync();

        report.Left.Should().ContainSingle().Which.Sentence.Should().Match("the booted deployment has no /etc in its state directory *, so it will not boot again; copy /etc there");
        Directory.Exists(_machine[$"sysroot/state/deploy/{_machine.Booted}/etc"]).Should().BeFalse();
    }

    [Fact]
    public async Task Entries_that_wait_and_may_be_the_live_ones_by_another_name_are_set_aside()
    {
        Dictionary<string, string> before = _machine.Entries();
        await DamageAsync("cp esp/loader/entries/* esp/loader/entries.staged/");

        (await _machine.HealAsync()).Left.Should().BeEmpty();

        _machine.Entries().Should().BeEquivalentTo(before);
        Directory.GetFiles(_machine["esp/loader/entries.shared-1"]).Should().HaveCount(2, "unlinking them could empty the live directory");
    }

    [Fact]
    public async Task A_queued_rollback_stays_queued()
    {
        _machine.Rollback();
        await DamageAsync("rm esp/loader/entries/bootc_lab-2-0.conf");

        (await _machine.HealAsync()).Left.Should().BeEmpty();

        _machine.Status().RollbackQueued.Should().BeTrue();
        _machine.Entries().Keys.Should().BeEquivalentTo("bootc_lab-1-1.conf", "bootc_lab-2-0.conf");
    }

    [Fact]
    public async Task A_dropped_update_is_no_deployment_that_lost_its_entry()
    {
        using MachineFolders fresh = await MachineFolders.CreateAsync();
        await fresh.SwitchAsync(fresh.Publish(2));
        ObjectId dropped = fresh.Status().Staged!.Id;
        fresh.With(machine => { machine.Unstage(); return true; });

        (await fresh.ExamineAsync()).Should().ContainSingle().Which.Sentence.Should().Match($"deployment {dropped.ToString()[..12]}… has state, but no boot entry*");
    }

    [Fact]
    public async Task Files_of_others_are_not_touched()
    {
        await File.WriteAllTextAsync(_machine["esp/loader/entries/another.conf"], "garbage of another");
        Directory.CreateDirectory(_machine["esp/EFI/Linux/other"]);
        await File.WriteAllTextAsync(_machine["sysroot/composefs/notes"], "mine");
        await File.WriteAllTextAsync(_machine["sysroot/state/deploy/notes"], "mine");
        await File.WriteAllTextAsync(_machine["sysroot/state/bootc/notes"], "mine");
        Dictionary<string, string> before = Contents();
        await DamageAsync("rm $entry $large");

        DoctorReport report = await _machine.HealAsync();

        report.Left.Should().ContainSingle().Which.Sentence.Should().StartWith("notes: is not part of a repository");
        Contents().Should().BeEquivalentTo(before);
    }

    private async Task<ObjectId> UpdateAsync(int version)
    {
        await _machine.SwitchAsync(_machine.Publish(version, $"kernel {version}"));
        ObjectId next = _machine.Finalize()!;
        _machine.Reboot();
        return next;
    }

    private async Task DamageAsync(string damage) =>
        await LabProgram.RunAsync("bash", ["-euc", Parts + damage, "damage", _machine[""], _machine.Booted.ToString(), _first.ToString()]);

    /// <summary>Removes all blobs of the update sources but layers that have this text in them.</summary>
    private void RemoveBlobs(string keep)
    {
        foreach (string blob in Directory.GetFiles(_machine[""], "*", SearchOption.AllDirectories).Where(path => path.Contains("/blobs/")))
        {
            if (!Unzipped(blob).Contains(keep))
            {
                File.Delete(blob);
            }
        }

        static string Unzipped(string path)
        {
            using FileStream file = File.OpenRead(path);
            if (file.ReadByte() != 0x1f)
            {
                return "";
            }

            file.Position = 0;
            using System.IO.Compression.GZipStream gzip = new(file, System.IO.Compression.CompressionMode.Decompress);
            using StreamReader reader = new(gzip);
            return reader.ReadToEnd();
        }
    }

    /// <summary>All that is on the disks but records, by path: what links point to, and what is in files; kernel arguments in any order.</summary>
    private Dictionary<string, string> Contents() =>
        new[] { "esp", "sysroot" }
            .SelectMany(folder => Directory.EnumerateFileSystemEntries(_machine[folder], "*", SearchOption.AllDirectories))
            // What a repair had fetched when it was interrupted is left to the next import.
            .Where(path => !path.Contains("/state/bootc") && !path.EndsWith("/etc/machine-id") && !path.Contains("/composefs/partial"))
            .ToDictionary(path => Path.GetRelativePath(_machine[""], path), path => new FileInfo(path) switch
            {
                { LinkTarget: { } target } => target,
                { Exists: false } => "a directory",
                _ when path.EndsWith(".conf") => OptionsLine().Replace(File.ReadAllText(path), line => string.Join(' ', line.Value.Split(' ').Order())),
                _ => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path))),
            });

    /// <summary>All files of the machine with whatever changes when they are written, as find(1) tells.</summary>
    private async Task<string[]> ListAsync() =>
        (await LabProgram.RunAsync("sh", ["-c", "cd \"$1\" && find . -printf '%p %i %m %s %T@ %C@ %l\\n' | sort", "list", _machine[""]])).Split('\n');

    [GeneratedRegex("^options .*$", RegexOptions.Multiline)]
    private static partial Regex OptionsLine();
}
