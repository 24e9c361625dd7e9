using System.Text.Json;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>
/// One machine, a real registry with TLS and a login: version 1 is installed, finds version 2, stages it, reboots into it, and goes back.
/// </summary>
public sealed class UpdateTests(UpdateTests.Walk walk) : IClassFixture<UpdateTests.Walk>
{
    private const string Repository = "os/debian";

    /// <summary>What a machine says of itself at one point of the walk.</summary>
    public sealed record Stop(string Version, string CommandLine, string Etc, string Status, string Entries, string Kernels, string Failed, string Panic)
    {
        public JsonElement Json => JsonDocument.Parse(Status).RootElement.GetProperty("status");
    }

    /// <summary>The walk; all tests look at what was seen on it.</summary>
    public sealed class Walk : IAsyncLifetime
    {
        private LabRegistry _registry = null!;
        private KeptMachine _machine = null!;

        public Stop Installed { get; private set; } = null!;

        public GuestAnswer Check { get; private set; } = null!;

        public Stop Checked { get; private set; } = null!;

        public GuestAnswer Upgrade { get; private set; } = null!;

        public string[] Requests { get; private set; } = [];

        public string[] NewBlobs { get; private set; } = [];

        public string[] Layers { get; private set; } = [];

        /// <summary>What ten that ran at the same time said, each different text once.</summary>
        public string Parallel { get; private set; } = "";

        public Stop Staged { get; private set; } = null!;

        public GuestAnswer Again { get; private set; } = null!;

        public string[] RequestsOfAgain { get; private set; } = [];

        public Stop Updated { get; private set; } = null!;

        public GuestAnswer Rollback { get; private set; } = null!;

        public string Journal { get; private set; } = "";

        public Stop RolledBack { get; private set; } = null!;

        public Stop Returned { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            _registry = await LabRegistry.StartAsync();
            Podman podman = await Podman.Instance;
            string first = await UpdateImages.BuildAsync(await LabImages.Debian, 1, karg: 1);
            string second = await UpdateImages.BuildAsync(await LabImages.Debian, 2, karg: 2);
            await _registry.PushAsync(podman, first, $"{Repository}:1");
            await _registry.PushAsync(podman, first, $"{Repository}:stable");
            string source = $"{_registry.HostOfGuests}/{Repository}:stable";
            InstalledMachine installed = await LabInstall.InstallAsync(
                first, "updated", "--filesystem", "ext4", "--allow-missing-verity", "--target-imgref", source, "--karg", "lab.mine=yes");

            _machine = await KeptMachine.StartAsync(installed.State, "update");
            await _machine.RunAsync(_registry.ScriptForGuests);
            await _machine.RunAsync("echo of-this-machine > /etc/lab-edited; echo new > /etc/lab-mine; rm /etc/issue.net || true");
            Installed = await LookAsync();

            await _registry.PushAsync(podman, second, $"{Repository}:2");
            await _registry.PushAsync(podman, second, $"{Repository}:stable");
            // The config comes last.
            Layers = (await _registry.BlobsAsync($"{Repository}:2"))[..^1];
            NewBlobs = await NewBlobsAsync();
            Check = await _machine.TryRunAsync("bootc upgrade --check");
            Checked = await LookAsync();

            Parallel = await _machine.RunAsync(
                "cd /run && for i in 0 1 2 3 4 5 6 7 8 9; do bootc status --json > status.$i 2>&1 & done; wait; sort -u status.?");
            await _machine.RunAsync("bootc loader-entries set-options-for-source --source lab --options lab.source=yes");
            int before = (await _registry.RequestsAsync()).Length;
            Upgrade = await _machine.TryRunAsync("bootc upgrade");
            Requests = (await _registry.RequestsAsync())[before..];
            Staged = await LookAsync();

            before = (await _registry.RequestsAsync()).Length;
            Again = await _machine.TryRunAsync("bootc upgrade");
            RequestsOfAgain = (await _registry.RequestsAsync())[before..];

            await _machine.RebootAsync();
            Updated = await LookAsync();

            Rollback = await _machine.TryRunAsync("bootc rollback");
            Journal = await _machine.RunAsync("journalctl --sync && journalctl -b -o cat MESSAGE_ID=26f3b1eb24464d12aa5e7b544a6b5468");
            RolledBack = await LookAsync();
            await _machine.RebootAsync();
            Returned = await LookAsync();
        }

        public async Task DisposeAsync()
        {
            await _machine.DisposeAsync();
            await _registry.DisposeAsync();
        }

        private async Task<Stop> LookAsync() => new(
            await _machine.RunAsync("cat /usr/share/lab-version"),
            await _machine.RunAsync("cat /proc/cmdline"),
            await _machine.RunAsync("cat /etc/lab-version /etc/lab-edited; cat /etc/lab-mine 2>/dev/null || echo none"),
            await _machine.RunAsync("bootc status --json"),
            await _machine.RunAsync("ls /boot/loader/entries"),
            await _machine.RunAsync("ls /boot/EFI/Linux"),
            await _machine.RunAsync("systemctl --failed --no-legend --plain"),
            await _machine.RunAsync("cat /proc/sys/kernel/panic; cat /boot/loader/entries/*.conf"));

        // By skopeo, from the two manifests.
        private async Task<string[]> NewBlobsAsync()
        {
            string[] before = await _registry.BlobsAsync($"{Repository}:1");
            return [.. (await _registry.BlobsAsync($"{Repository}:2")).Except(before)];
        }
    }

    [Theory]
    [MemberData(nameof(StatesWithSchema))]
    public async Task The_status_is_what_upstreams_schema_allows_in_every_state(string state, string? schema)
    {
        Stop stop = (Stop)typeof(Walk).GetProperty(state)!.GetValue(walk)!;

        // JSON is YAML, so that it is the same document twice.
        ProgramOutput judged = await HostDocumentJudge.CheckAsync(stop.Status, stop.Status, schema);

        judged.ExitCode.Should().Be(0, "{0}", judged);
    }

    /// <summary>With the schema that upstream publishes, where it is at hand.</summary>
    public static TheoryData<string, string?> StatesWithSchema()
    {
        TheoryData<string, string?> states = [];
        foreach (string state in (string[])[nameof(Walk.Installed), nameof(Walk.Checked), nameof(Walk.Staged), nameof(Walk.Updated), nameof(Walk.RolledBack), nameof(Walk.Returned)])
        {
            states.Add(state, HostDocumentJudge.Schema);
        }

        return states;
    }

    [Fact]
    public void Checking_finds_the_update_and_changes_nothing()
    {
        walk.Check.ExitCode.Should().Be(0, walk.Check.Error);
        walk.Check.Output.Should().MatchRegex(@"^Update available for: \S+/os/debian:stable\n  Version: 2\n  Digest: sha256:[0-9a-f]{64}\n");
        walk.Checked.Json.GetProperty("staged").ValueKind.Should().Be(JsonValueKind.Null);
        walk.Checked.Json.GetProperty("booted").GetProperty("cachedUpdate").GetProperty("version").GetString().Should().Be("2");
        walk.Checked.Entries.Should().Be(walk.Installed.Entries);
    }

    [Fact]
    public void Ten_that_ask_for_the_status_at_once_get_the_same_document() => walk.Parallel.Should().Be(walk.Checked.Status);

    [Fact]
    public void Only_new_blobs_are_fetched_each_once()
    {
        walk.Upgrade.ExitCode.Should().Be(0, walk.Upgrade.Error);
        walk.NewBlobs.Should().NotBeEmpty();
        walk.Requests.Where(request => request.Contains("/blobs/")).Should().BeEquivalentTo(walk.NewBlobs.Select(blob => $"GET /v2/{Repository}/blobs/{blob}"));
    }

    [Fact]
    public void Staging_leaves_what_boots_as_it_is()
    {
        walk.Upgrade.Output.Should().Contain("Queued for next boot: ").And.Contain("  Version: 2\n");
        walk.Staged.Version.Should().Be("1");
        walk.Staged.Entries.Should().Be(walk.Installed.Entries);
        walk.Staged.Json.GetProperty("staged").GetProperty("image").GetProperty("version").GetString().Should().Be("2");
        walk.Staged.Json.GetProperty("staged").GetProperty("downloadOnly").GetBoolean().Should().BeFalse();
    }

    [Fact]
    public void A_second_upgrade_moves_no_layer_and_asks_three_times_at_most()
    {
        walk.Again.Output.Should().Be("Staged update present, not changed\n");
        walk.RequestsOfAgain.Should().HaveCount(3, "the first is answered by a challenge, then come manifest and config");
        walk.RequestsOfAgain.Where(request => walk.Layers.Any(layer => request.Contains(layer))).Should().BeEmpty();
    }

    [Fact]
    public void The_reboot_is_into_the_new_version_with_this_machines_changes()
    {
        walk.Updated.Version.Should().Be("2");
        walk.Updated.Etc.Should().Be("2\nof-this-machine\nnew");
        walk.Updated.CommandLine.Split(' ').Should().Contain("lab.version=2").And.Contain("lab.always=yes").And.Contain("lab.mine=yes").And.Contain("lab.source=yes")
            .And.NotContain("lab.version=1").And.ContainSingle(argument => argument.StartsWith("composefs="));
        walk.Updated.Json.GetProperty("booted").GetProperty("image").GetProperty("version").GetString().Should().Be("2");
        walk.Updated.Json.GetProperty("rollback").GetProperty("image").GetProperty("version").GetString().Should().Be("1");
        walk.Updated.Json.GetProperty("rollbackQueued").GetBoolean().Should().BeFalse();
        walk.Updated.Failed.Should().BeEmpty();
    }

    [Fact]
    public void A_kernel_that_panics_reboots_where_that_is_counted_or_the_system_came_up()
    {
        walk.Installed.CommandLine.Should().NotContain("panic=");
        walk.Updated.CommandLine.Split(' ').Should().ContainInConsecutiveOrder("panic=30", "systemd.crash_reboot");
        walk.Updated.Panic.Should().StartWith("30\n").And.NotContain("panic=", "it was found good, and is not counted any more");
        walk.Returned.CommandLine.Should().NotContain("panic=");
        walk.Returned.Panic.Should().StartWith("30\n", "what came up comes up again");
    }

    [Fact]
    public void Deployments_with_the_same_kernel_share_it()
    {
        walk.Updated.Entries.Should().Be("bootc_debian-13-0.conf\nbootc_debian-13-1.conf");
        walk.Updated.Kernels.Should().MatchRegex("^bootc_composefs-[0-9a-f]{128}$");
    }

    [Fact]
    public void A_rollback_goes_back_with_the_etc_that_was_left()
    {
        walk.Rollback.Output.Should().Be("Next boot: rollback deployment\n");
        walk.Journal.Should().MatchRegex("^Rolling back to image: sha256:[0-9a-f]{64}$");
        walk.RolledBack.Json.GetProperty("rollbackQueued").GetBoolean().Should().BeTrue();
        walk.Returned.Version.Should().Be("1");
        walk.Returned.Etc.Should().Be("1\nof-this-machine\nnew");
        walk.Returned.CommandLine.Should().Contain("lab.version=1").And.Contain("lab.mine=yes");
        walk.Returned.Json.GetProperty("rollback").GetProperty("image").GetProperty("version").GetString().Should().Be("2");
        walk.Returned.Failed.Should().BeEmpty();
    }
}
