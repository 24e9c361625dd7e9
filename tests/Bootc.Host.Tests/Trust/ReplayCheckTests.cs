using Bootc.Host.Configuration;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Images.Import;
using Bootc.Host.Tests.Operations;
using Bootc.Oci;

namespace Bootc.Host.Tests.Trust;

/// <summary>A registry whose tag goes back to an older image, and a machine that is told not to follow.</summary>
public sealed class ReplayCheckTests : IAsyncLifetime
{
    private const string Monday = "2026-03-02T08:00:00Z";
    private const string Tuesday = "2026-03-03T08:00:00Z";
    private const string Wednesday = "2026-03-04T08:00:00Z";

    private MachineFolders _machine = null!;
    private LayoutRegistry _registry = null!;

    public async Task InitializeAsync()
    {
        _machine = await MachineFolders.CreateAsync();
        _registry = LayoutRegistry.Start(_machine.PublishBuilt(2, Tuesday).Name);
        await SwitchAsync();
        _machine.Finalize();
        _machine.Reboot();
        Configure("refuse-older = true");
    }

    public Task DisposeAsync()
    {
        _registry.Dispose();
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData(Monday, "sha256:* of docker://* was built 2026-03-02T08:00:00Z, before what runs, sha256:*, which was built 2026-03-03T08:00:00Z; refuse-older takes it for*--allow-downgrade*")]
    [InlineData(null, "sha256:* of docker://* does not say when it was built, so it may be an old image that is replayed*--allow-downgrade*")]
    [InlineData("yesterday", "*does not say when it was built*")]
    [InlineData("2026-03-03T08:00:00+01:00", "*was built 2026-03-03T07:00:00Z, before what runs*")]
    [InlineData(Tuesday, null)]
    [InlineData(Wednesday, null)]
    public async Task An_image_that_is_older_than_what_runs_is_refused_before_anything_is_staged(string? created, string? refusal)
    {
        Publish(3, created);

        if (refusal is null)
        {
            (await UpgradeAsync()).Outcome.Should().Be(UpdateOutcome.Staged);
        }
        else
        {
            await Refused(() => UpgradeAsync(), refusal);
            await Refused(() => UpgradeAsync(new() { Check = true }), refusal);
            _machine.Status().Staged.Should().BeNull();
            _machine.Status().Booted!.CachedUpdate.Should().BeNull("what is refused is no update");
            _registry.Asked.Should().NotContain(path => path.EndsWith(LayerOf(_registry.Layout), StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task It_is_taken_where_a_person_says_so_and_then_kept()
    {
        Publish(3, Monday);

        (await UpgradeAsync(overrides: new(AllowDowngrade: true))).Outcome.Should().Be(UpdateOutcome.Staged);

        (await UpgradeAsync()).Outcome.Should().Be(UpdateOutcome.AlreadyStaged, "it was let in");
        _machine.Finalize();
        _machine.Reboot();
        (await UpgradeAsync()).Outcome.Should().Be(UpdateOutcome.UpToDate);
    }

    [Fact]
    public async Task It_is_taken_where_nothing_says_not_to()
    {
        Configure("refuse-older = false");
        Publish(3, Monday);

        (await UpgradeAsync()).Outcome.Should().Be(UpdateOutcome.Staged);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_staged_stays_so_where_an_older_image_or_what_runs_comes_back(bool whatRuns)
    {
        string booted = _registry.Layout;
        Publish(4, Wednesday);
        await UpgradeAsync();
        string staged = _machine.Status().Staged!.Id.ToString();
        if (whatRuns)
        {
            _registry.Layout = booted;
        }
        else
        {
            Publish(3, "2026-03-03T23:00:00Z");
        }

        await Refused(() => UpgradeAsync(new() { IsAutomatic = true }), "* was built 2026-03-03T*, before what is staged, sha256:*, which was built 2026-03-04T08:00:00Z; *");

        _machine.Status().Staged!.Id.ToString().Should().Be(staged);
        _machine.Finalize()!.ToString().Should().Be(staged);
    }

    [Fact]
    public async Task A_switch_is_no_way_round_it()
    {
        ImageReference other = _machine.PublishBuilt(3, Monday);

        await Refused(() => _machine.SwitchAsync(other), "* of oci:* was built 2026-03-02T08:00:00Z, before what runs, *");

        (await _machine.WithAsync(machine => On(machine, new(AllowDowngrade: true)).SwitchAsync(new(other), default))).Outcome.Should().Be(UpdateOutcome.Staged);
    }

    [Fact]
    public async Task Nothing_is_taken_where_the_records_of_what_runs_are_damaged()
    {
        foreach (string config in Directory.GetFiles(_machine["sysroot/composefs/streams"], "oci-config-*"))
        {
            File.Delete(config);
        }

        await Refused(() => _machine.SwitchAsync(_machine.PublishBuilt(3, Wednesday)), "when the image that runs was built cannot be read (*), so refuse-older cannot tell*--allow-downgrade*");
    }

    [Fact]
    public async Task Nothing_is_older_than_what_does_not_say_when_it_was_built()
    {
        Configure("refuse-older = false");
        Publish(3, null);
        await UpgradeAsync();
        _machine.Finalize();
        _machine.Reboot();
        Configure("refuse-older = true");
        Publish(4, Monday);

        (await UpgradeAsync()).Outcome.Should().Be(UpdateOutcome.Staged);
    }

    private static async Task Refused(Func<Task<UpdateResult>> update, string message) =>
        (await update.Should().ThrowAsync<BootcException>()).WithMessage(message);

    private static string LayerOf(string layout)
    {
        using Bootc.Oci.Sources.OciLayout source = Bootc.Oci.Sources.OciLayout.Open(layout);
        return $"{source.ResolveAsync(default).AsTask().GetAwaiter().GetResult().Layers[1].Blob.Digest}";
    }

    private void Publish(int version, string? created) => _registry.Layout = _machine.PublishBuilt(version, created).Name;

    private Task<UpdateResult> SwitchAsync() =>
        _machine.WithAsync(machine => On(machine, new()).SwitchAsync(new(ImageReference.Parse(_registry.Reference)), default));

    private Task<UpdateResult> UpgradeAsync(UpgradeOptions? options = null, UpdateOverrides? overrides = null) =>
        _machine.WithAsync(machine => On(machine, overrides ?? new()).UpgradeAsync(options ?? new(), default));

    private Update On(Machine machine, UpdateOverrides overrides) =>
        new(machine, MachineFolders.Programs, Steps.Silent) { Overrides = overrides, Registries = () => _registry.Access };

    private void Configure(string keys) =>
        File.WriteAllText(Path.Join(Directory.CreateDirectory(_machine["root/etc/bootc/update.d"]).FullName, "50.toml"), $"[update]\n{keys}\n");
}
