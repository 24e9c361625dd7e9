using System.Net.Sockets;
using System.Text;
using Bootc.Host.Operations;
using Bootc.Linux.Mounts;
using Bootc.Oci;
using Bootc.Testing;

namespace Bootc.Host.Tests.Operations;

/// <summary>What others can see of a change: the file that asks for a reboot, and the time of the folder that systemd watches.</summary>
public sealed class StatusChangeTests : IAsyncLifetime
{
    private static readonly DateTime LongAgo = new(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private MachineFolders _machine = null!;

    private string RebootRequired => _machine["root/run/reboot-required"];

    public async Task InitializeAsync()
    {
        _machine = await MachineFolders.CreateAsync();
        Directory.CreateDirectory(_machine["sysroot/composefs/bootc"]);
        Forget();
    }

    public Task DisposeAsync()
    {
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task A_staged_update_asks_for_a_reboot()
    {
        UpdateResult result = await _machine.SwitchAsync(_machine.Publish(2));

        File.ReadAllText(RebootRequired).Should().Be($"bootc staged {result.Image!.Digest}\n");
        IsTold().Should().BeTrue();
    }

    [Fact]
    public async Task What_is_locked_asks_for_none_until_it_is_unlocked()
    {
        await _machine.SwitchAsync(_machine.Publish(2));
        Forget();

        (await _machine.UpgradeAsync(new() { DownloadOnly = true })).Outcome.Should().Be(UpdateOutcome.Locked);
        File.Exists(RebootRequired).Should().BeFalse();
        IsTold().Should().BeTrue();

        await _machine.UpgradeAsync(new() { FromDownloaded = true });
        File.ReadAllText(RebootRequired).Should().StartWith("bootc staged sha256:");
    }

    [Fact]
    public async Task An_upgrade_that_finds_nothing_new_tells_nothing()
    {
        await _machine.SwitchAsync(_machine.Publish(2));
        Forget();

        (await _machine.UpgradeAsync(new())).Outcome.Should().Be(UpdateOutcome.AlreadyStaged);

        IsTold().Should().BeFalse();
    }

    [Fact]
    public async Task An_update_that_was_found_is_told_once_and_asks_for_no_reboot()
    {
        ImageReference stable = _machine.Publish(2);
        await _machine.SwitchAsync(stable);
        _machine.Finalize();
        _machine.Reboot();
        Directory.Delete(stable.Name, recursive: true);
        Directory.Move(_machine.Publish(3).Name, stable.Name);
        Forget();

        (await _machine.UpgradeAsync(new() { Check = true })).Outcome.Should().Be(UpdateOutcome.Available);
        IsTold().Should().BeTrue();

        Forget();
        await _machine.UpgradeAsync(new() { Check = true });
        IsTold().Should().BeFalse();
        File.Exists(RebootRequired).Should().BeFalse();
    }

    [Fact]
    public async Task A_rollback_asks_for_a_reboot_and_taking_it_back_does_not()
    {
        string first = _machine.Status().Booted!.Image!.Digest;
        await _machine.SwitchAsync(_machine.Publish(2));
        _machine.Finalize();
        _machine.Reboot();
        Forget();

        _machine.Rollback();
        File.ReadAllText(RebootRequired).Should().Be($"bootc rolled back to {first}\n");
        IsTold().Should().BeTrue();

        Forget();
        _machine.Rollback();
        File.Exists(RebootRequired).Should().BeFalse();
        IsTold().Should().BeTrue();
    }

    [Fact]
    public async Task A_rollback_is_in_the_journal_by_the_id_that_watchers_know()
    {
        string first = _machine.Status().Booted!.Image!.Digest;
        await _machine.SwitchAsync(_machine.Publish(2));
        _machine.Finalize();
        _machine.Reboot();
        string second = _machine.Status().Booted!.Image!.Digest;
        using Socket journal = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 10_000 };
        Directory.CreateDirectory(_machine["root/run/systemd/journal"]);
        journal.Bind(new UnixDomainSocketEndPoint(_machine["root/run/systemd/journal/socket"]));

        _machine.Rollback();
        Receive().Should().Be(
            $"""
            MESSAGE=Rolling back to image: {first}
            MESSAGE_ID=26f3b1eb24464d12aa5e7b544a6b5468
            PRIORITY=6
            SYSLOG_IDENTIFIER=bootc
            BOOTC_MANIFEST_DIGEST={first}
            BOOTC_ROLLBACK_TYPE=rollback
            BOOTC_CURRENT_MANIFEST_DIGEST={second}

            """);
        _machine.Rollback();
        Receive().Should().Contain("\nBOOTC_ROLLBACK_TYPE=revert\n");

        string Receive()
        {
            byte[] datagram = new byte[4096];
            return Encoding.UTF8.GetString(datagram, 0, journal.Receive(datagram));
        }
    }

    [Fact]
    public async Task A_release_that_was_taken_back_is_not_staged_any_more()
    {
        ImageReference stable = _machine.Publish(2);
        UpdateResult staged = await _machine.SwitchAsync(stable);
        Directory.Delete(stable.Name, recursive: true);
        Directory.Move(Directory.GetDirectories(_machine[""], "image-1-*").Single(), stable.Name);

        UpdateResult result = await _machine.UpgradeAsync(new() { IsAutomatic = true });

        (result.Outcome, result.IsRebootWanted).Should().Be((UpdateOutcome.UpToDate, false));
        result.Warnings.Should().Equal($"what was staged, {staged.Image!.Digest}, was dropped, as {stable} stands for what runs");
        _machine.Status().Staged.Should().BeNull();
        _machine.Status().Booted!.Image!.Reference.Should().Be(stable, "the switch is kept");
        File.Exists(RebootRequired).Should().BeFalse();
        _machine.Finalize().Should().BeNull();
    }

    [Fact]
    public async Task What_is_staged_is_dropped_by_a_switch_back_to_what_runs()
    {
        ImageReference first = _machine.Status().Booted!.Image!.Reference;
        await _machine.SwitchAsync(_machine.Publish(2));

        (await _machine.SwitchAsync(first)).Outcome.Should().Be(UpdateOutcome.UpToDate);

        _machine.Status().Staged.Should().BeNull();
        _machine.Finalize().Should().BeNull();
        File.Exists(RebootRequired).Should().BeFalse();
    }

    [Fact]
    public async Task A_soft_reboot_that_was_prepared_is_forgotten_when_something_else_is_to_boot()
    {
        await _machine.SwitchAsync(_machine.Publish(2));
        _machine.Finalize();
        _machine.Reboot();
        string prepared = _machine["root/run/nextroot"];
        Directory.CreateDirectory(prepared);
        foreach (Func<Task> change in (Func<Task>[])
            [() => Task.FromResult(_machine.Rollback()), () => Task.FromResult(_machine.Rollback()), () => _machine.SwitchAsync(_machine.Publish(3))])
        {
            await LabProgram.RunAsync("mount", ["-t", "tmpfs", "none", prepared]);
            try
            {
                await change();

                MountInfo.At(prepared).Should().BeNull();
            }
            finally
            {
                if (MountInfo.At(prepared) is not null)
                {
                    await LabProgram.RunAsync("umount", [prepared]);
                }
            }
        }
    }

    private void Forget() => Directory.SetLastWriteTimeUtc(_machine["sysroot/composefs/bootc"], LongAgo);

    private bool IsTold() => Directory.GetLastWriteTimeUtc(_machine["sysroot/composefs/bootc"]) != LongAgo;
}
