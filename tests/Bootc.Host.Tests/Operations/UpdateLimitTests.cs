using Bootc.Host.Configuration;
using Bootc.Host.Images;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Images.Import;
using Bootc.Oci;
using Bootc.Oci.Sources;
using Bootc.Testing;

namespace Bootc.Host.Tests.Operations;

/// <summary>Updates from a registry on a machine whose configuration limits what they may fetch.</summary>
public sealed class UpdateLimitTests : IAsyncLifetime
{
    private MachineFolders _machine = null!;
    private LayoutRegistry _registry = null!;

    public async Task InitializeAsync()
    {
        _machine = await MachineFolders.CreateAsync();
        _registry = LayoutRegistry.Start(_machine.Publish(2).Name);
    }

    public Task DisposeAsync()
    {
        _registry.Dispose();
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task More_than_max_bytes_is_refused_before_any_layer_is_asked_for()
    {
        ResolvedImage image = await ResolveAsync();
        long size = image.Layers[1].Blob.Size;
        Configure($"max-bytes = {size - 1}");

        await Refused(SwitchAsync, $"nothing of the image was fetched: 1 of its 2 layers are not here yet and have {size} bytes to be fetched, and max-bytes allows {size - 1}; --max-bytes none *");

        _registry.Asked.Should().NotContain(path => image.Layers.Any(layer => path.EndsWith($"{layer.Blob.Digest}", StringComparison.Ordinal)));
        _machine.Status().Staged.Should().BeNull();
        (await SwitchAsync(new(MaxBytes: ByteLimit.None))).Outcome.Should().Be(UpdateOutcome.Staged, "a person may");
    }

    [Fact]
    public async Task As_many_bytes_as_max_bytes_are_fetched()
    {
        Configure($"max-bytes = {(await ResolveAsync()).Layers[1].Blob.Size}");

        (await SwitchAsync()).Outcome.Should().Be(UpdateOutcome.Staged);
    }

    [Fact]
    public async Task What_is_staged_stays_so_when_its_successor_is_too_large()
    {
        await SwitchAsync();
        string staged = _machine.Status().Staged!.Id.ToString();
        _registry.Layout = _machine.Publish(3).Name;
        Configure("max-bytes = 1");

        await Refused(UpgradeAsync, "nothing of the image was fetched: 1 of *");

        _machine.Status().Staged!.Id.ToString().Should().Be(staged);
        _machine.Finalize()!.ToString().Should().Be(staged);
    }

    [Theory]
    [InlineData(9, false)]
    [InlineData(10, true)]
    public async Task What_an_interrupted_transfer_has_left_counts_no_more(int maxBytes, bool isTaken)
    {
        Descriptor layer = (await ResolveAsync()).Layers[1].Blob;
        string partial = Path.Join(Directory.CreateDirectory(_machine["sysroot/composefs/partial"]).FullName, $"{layer.Digest}");
        byte[] blob = File.ReadAllBytes(Path.Join(_registry.Layout, "blobs", $"{layer.Digest}".Replace(':', '/')));
        File.WriteAllBytes(partial, blob[..^10]);
        Configure($"max-bytes = {maxBytes}");

        if (isTaken)
        {
            (await SwitchAsync()).Outcome.Should().Be(UpdateOutcome.Staged);
        }
        else
        {
            await Refused(SwitchAsync, "* have 10 bytes to be fetched, and max-bytes allows 9; *");
            File.Exists(partial).Should().BeTrue("whoever raises the limit goes on with it");
        }
    }

    [Fact]
    public async Task What_is_not_fetched_is_not_limited()
    {
        Configure("max-bytes = 1");

        (await _machine.SwitchAsync(ImageReference.Parse($"oci:{_registry.Layout}"))).Outcome.Should().Be(UpdateOutcome.Staged);
    }

    [Theory]
    [InlineData("max-rate = \"1K\"", null, true)]
    [InlineData("max-rate = \"1K\"", "none", false)]
    [InlineData("", "2K", true)]
    [InlineData("", null, false)]
    public async Task Bytes_of_the_registry_take_their_time_where_a_rate_is_set(string setting, string? option, bool isLimited)
    {
        FakeTime time = new() { Jumps = true };
        Configure(setting);
        ByteLimit? rate = null;
        (option is null || ByteLimit.TryParse(option, 1024, out rate)).Should().BeTrue();

        await SwitchAsync(new(MaxRate: rate), time);

        (time.Now > TimeSpan.Zero).Should().Be(isLimited);
    }

    [Fact]
    public async Task A_mistake_in_the_configuration_stops_updates_and_nothing_is_asked_for()
    {
        Configure("max-rate = \"fast\"");

        await Refused(SwitchAsync, "/etc/bootc/update.d/50.toml:2: update.max-rate: wanted bytes per second*");

        _registry.Asked.Should().BeEmpty();
    }

    private Task<UpdateResult> SwitchAsync() => SwitchAsync(new());

    private Task<UpdateResult> SwitchAsync(UpdateOverrides overrides, TimeProvider? time = null) =>
        _machine.WithAsync(machine => On(machine, overrides, time).SwitchAsync(new(ImageReference.Parse(_registry.Reference)), default));

    private Task<UpdateResult> UpgradeAsync() => _machine.WithAsync(machine => On(machine, new(), null).UpgradeAsync(new() { IsAutomatic = true }, default));

    private Update On(Machine machine, UpdateOverrides overrides, TimeProvider? time) =>
        new(machine, MachineFolders.Programs, Steps.Silent) { Overrides = overrides, Registries = () => _registry.Access, Time = time ?? TimeProvider.System };

    private static async Task Refused(Func<Task<UpdateResult>> update, string message)
    {
        Exception failure = (await update.Should().ThrowAsync<Exception>()).WithMessage(message).Which;
        Failure.IsExpected(failure).Should().BeTrue();
    }

    private async Task<ResolvedImage> ResolveAsync()
    {
        using OciLayout layout = OciLayout.Open(_registry.Layout);
        return await layout.ResolveAsync(default);
    }

    private void Configure(string keys) =>
        File.WriteAllText(Path.Join(Directory.CreateDirectory(_machine["root/etc/bootc/update.d"]).FullName, "50.toml"), $"[update]\n{keys}\n");
}
