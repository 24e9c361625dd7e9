using System.Text.Json;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>A machine that follows an image of its own.</summary>
public sealed class FollowingMachine(UpdateLab lab, string name, KeptMachine machine) : IAsyncDisposable
{
    private StatusGoldens? _goldens;

    /// <summary>What it follows, as it names it.</summary>
    public string Source => SourceAt("stable");

    /// <summary>Another tag of the image that it follows.</summary>
    public string SourceAt(string tag) => $"{lab.Registry.HostOfGuests}/os/{name}:{tag}";

    /// <summary>Makes a version of the image the one that a tag stands for.</summary>
    public async Task PublishAsync(int version, int karg, string more = "", string tag = "stable") =>
        await PublishImageAsync(await UpdateLab.BuildAsync(version, karg, more), tag);

    /// <summary>Makes an image the one that a tag stands for.</summary>
    public async Task PublishImageAsync(string image, string tag = "stable") =>
        await lab.Registry.PushAsync(await Podman.Instance, image, $"os/{name}:{tag}");

    public Task<string> RunAsync(string command) => machine.RunAsync(command);

    public Task<GuestAnswer> TryRunAsync(string command) => machine.TryRunAsync(command);

    public Task RebootAsync(string command = KeptMachine.Reboot) => machine.RebootAsync(command);

    /// <summary>Upgrades it, and leaves it alone until it runs a version.</summary>
    public Task UpgradeUntilAsync(int version) => RebootUntilAsync("bootc upgrade --quiet --apply", version);

    /// <summary>As <see cref="UpgradeUntilAsync"/>, with two of the three attempts of the new deployment counted as used, which saves two boots.</summary>
    public Task UpgradeInTheLastAttemptUntilAsync(int version) => RebootUntilAsync($"bootc upgrade --quiet && {KeptMachine.RebootIntoTheLastAttempt}", version);

    /// <summary>As <see cref="UpgradeInTheLastAttemptUntilAsync(int)"/>, until a command succeeds.</summary>
    public Task UpgradeInTheLastAttemptUntilAsync(string isThere) => machine.RebootUntilAsync($"bootc upgrade --quiet && {KeptMachine.RebootIntoTheLastAttempt}", isThere);

    /// <summary>Reboots it, and leaves it alone until it runs a version.</summary>
    public Task RebootUntilAsync(int version) => RebootUntilAsync(KeptMachine.Reboot, version);

    /// <summary>As <see cref="UpgradeInTheLastAttemptUntilAsync(int)"/>, until a kernel has panicked and stays there, which it says with its last line.</summary>
    public Task UpgradeInTheLastAttemptUntilPanicAsync() =>
        machine.RebootUntilItStopsAsync($"bootc upgrade --quiet && {KeptMachine.RebootIntoTheLastAttempt}", "---[ end Kernel panic");

    public Task SoftRebootAsync(string command) => machine.SoftRebootAsync(command);

    public Task CutPowerAsync() => machine.CutPowerAsync();

    /// <summary>The status member of its status, which has to be a document that upstream's schema allows.</summary>
    public async Task<JsonElement> StatusAsync()
    {
        string document = await RunAsync("bootc status --json");
        // JSON is YAML, so that it is the same document twice.
        ProgramOutput judged = await HostDocumentJudge.CheckAsync(document, document, HostDocumentJudge.Schema);
        judged.ExitCode.Should().Be(0, "{0}", judged);
        return JsonDocument.Parse(document).RootElement.GetProperty("status");
    }

    /// <summary>
    /// Its status at a stop of a walk. The text for people is compared with the golden of that name; <see cref="ShouldHaveShownWhatWasAgreed"/> fails
    /// for all stops together.
    /// </summary>
    /// <returns>The status member of the document, as <see cref="StatusAsync"/> gives it.</returns>
    public async Task<JsonElement> StopAsync(string stop)
    {
        GuestAnswer shown = await TryRunAsync("bootc status --format humanreadable 2>&1");
        await Goldens.CompareAsync(stop, shown.Output);
        return await StatusAsync();
    }

    /// <summary>Looks whether at every stop so far its status was, whole, what was agreed.</summary>
    public void ShouldHaveShownWhatWasAgreed() => Goldens.ShouldHaveNoDifference();

    /// <summary>Edits its specification by sed, and gives what comes of it.</summary>
    public Task<GuestAnswer> TryEditAsync(string sed) =>
        TryRunAsync($"bootc status > /run/host.yaml && sed -i '{sed}' /run/host.yaml && bootc edit --filename /run/host.yaml");

    /// <summary>Looks whether it runs a version and can go back to another, with this machine's changes in /etc.</summary>
    public async Task ShouldRunAsync(int version, int rollback, string etc)
    {
        (await RunAsync("cat /usr/share/lab-version")).Should().Be($"{version}");
        (await RunAsync("cat /etc/lab-version /etc/lab-edited")).Should().Be(etc);
        JsonElement status = await StatusAsync();
        VersionOf(status, "booted").Should().Be($"{version}");
        VersionOf(status, "rollback").Should().Be($"{rollback}");
        status.GetProperty("staged").ValueKind.Should().Be(JsonValueKind.Null);
        status.GetProperty("rollbackQueued").GetBoolean().Should().BeFalse();
        (await RunAsync("systemctl --failed --no-legend --plain")).Should().BeEmpty(
            await RunAsync("systemctl --failed --no-legend --plain | cut -d' ' -f1 | xargs -rn 1 journalctl -b -n 20 --no-pager -u"));
    }

    /// <summary>Looks whether a version failed here, and why; it is what can be gone back to by hand.</summary>
    public async Task ShouldHaveLeftAsync(int version, string reason)
    {
        VersionOf(await StatusAsync(), "rollback").Should().Be($"{version}");
        (await TryRunAsync("bootc status --format humanreadable")).Error.Should().MatchRegex("(?m)^warning: the update to sha256:[0-9a-f]{64} failed and is not tried again: ")
            .And.Contain(reason);
    }

    /// <summary>The version of what is staged; null for nothing.</summary>
    public async Task<string?> StagedVersionAsync() => VersionOf(await StatusAsync(), "staged");

    public ValueTask DisposeAsync() => machine.DisposeAsync();

    private StatusGoldens Goldens => _goldens ??= new(name, lab.Registry.HostOfGuests);

    private Task RebootUntilAsync(string command, int version) => machine.RebootUntilAsync(command, $"grep -qx {version} /usr/share/lab-version");

    private static string? VersionOf(JsonElement status, string slot) =>
        status.GetProperty(slot) is { ValueKind: JsonValueKind.Object } deployment ? deployment.GetProperty("image").GetProperty("version").GetString() : null;
}
