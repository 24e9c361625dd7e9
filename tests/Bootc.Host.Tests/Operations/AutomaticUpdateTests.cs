using Bootc.Composefs;
using Bootc.Host.Operations;
using Bootc.Oci;

namespace Bootc.Host.Tests.Operations;

/// <summary>What the timer takes of what is published where the machine follows.</summary>
public sealed class AutomaticUpdateTests : IAsyncLifetime
{
    private static readonly UpgradeOptions Automatic = new() { IsAutomatic = true };

    private MachineFolders _machine = null!;

    public async Task InitializeAsync() => _machine = await MachineFolders.CreateAsync();

    public Task DisposeAsync()
    {
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task What_a_rollback_left_is_not_taken_again_and_the_next_image_is()
    {
        ObjectId first = _machine.Booted;
        ImageReference tag = _machine.Publish(2);
        await _machine.FollowAsync(tag);
        (await _machine.UpgradeAsync(Automatic)).Outcome.Should().Be(UpdateOutcome.Staged);
        _machine.Finalize();
        _machine.Reboot();
        ObjectId second = _machine.Booted;

        _machine.Rollback();
        _machine.Reboot();
        _machine.Booted.Should().Be(first);
        (await _machine.UpgradeAsync(Automatic)).Outcome.Should().Be(UpdateOutcome.LeftByRollback);
        (await _machine.UpgradeAsync(Automatic)).Outcome.Should().Be(UpdateOutcome.LeftByRollback, "the timer comes again and again");
        _machine.Status().Staged.Should().BeNull();
        _machine.Finalize().Should().BeNull();

        // The same tag, by which another image is published.
        CopyOver(_machine.Publish(3), tag);
        (await _machine.UpgradeAsync(Automatic)).Outcome.Should().Be(UpdateOutcome.Staged);
        ObjectId third = _machine.Status().Staged!.Id;
        _machine.ReadEtc(third, "version").Should().Be("3");
        _machine.Finalize().Should().Be(third);
        _machine.Reboot();

        _machine.Booted.Should().Be(third).And.NotBe(second);
        _machine.Status().Rollback!.Id.Should().Be(first, "that is what ran before");
        (await _machine.UpgradeAsync(Automatic)).Outcome.Should().Be(UpdateOutcome.UpToDate);
    }

    private static void CopyOver(ImageReference image, ImageReference tag)
    {
        foreach (string blob in Directory.GetFiles(Path.Join(image.Name, "blobs/sha256")))
        {
            File.Copy(blob, Path.Join(tag.Name, "blobs/sha256", Path.GetFileName(blob)), overwrite: true);
        }

        File.Copy(Path.Join(image.Name, "index.json"), Path.Join(tag.Name, "index.json"), overwrite: true);
    }
}
