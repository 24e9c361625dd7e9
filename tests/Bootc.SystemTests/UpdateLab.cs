using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>
/// A real registry, and machines that run from overlays of one installed disk, each following an image of its own there.
/// </summary>
public sealed class UpdateLab : IAsyncDisposable
{
    private readonly InstalledMachine _installed;

    private UpdateLab(LabRegistry registry, InstalledMachine installed)
    {
        Registry = registry;
        _installed = installed;
    }

    public LabRegistry Registry { get; }

    /// <summary>Starts the registry, and installs version 1, with an initrd made by dracut.</summary>
    public static async Task<UpdateLab> StartAsync()
    {
        LabRegistry registry = await LabRegistry.StartAsync();
        string image = await BuildAsync(1, karg: 1);
        return new(registry, await LabInstall.InstallAsync(image, "walked", "--filesystem", "ext4", "--allow-missing-verity"));
    }

    /// <summary>Builds a version of the image.</summary>
    public static async Task<string> BuildAsync(int version, int karg, string more = "") =>
        await UpdateImages.BuildAsync(await LabImages.DebianWithAsync("dracut", "btrfs-progs"), version, karg, more);

    /// <summary>Starts a machine that runs version 1 and follows <c>os/NAME:stable</c>, as an installer would have it do.</summary>
    /// <param name="name">What it is for.</param>
    /// <param name="reboots">Whether it reboots by itself as often as it likes.</param>
    public async Task<FollowingMachine> StartMachineAsync(string name, bool reboots = false)
    {
        FollowingMachine machine = new(this, name, await KeptMachine.StartAsync(_installed.State, name, reboots));
        await machine.PublishAsync(1, karg: 1);
        await machine.RunAsync(Registry.ScriptForGuests);
        await machine.RunAsync($"bootc switch --mutate-in-place {machine.Source}");
        return machine;
    }

    public ValueTask DisposeAsync() => Registry.DisposeAsync();
}
