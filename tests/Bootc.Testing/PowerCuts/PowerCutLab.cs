using System.Text.Json;
using Bootc.Testing.Vm;

namespace Bootc.Testing.PowerCuts;

/// <summary>
/// Machines whose power is cut: a registry that has version 2 of an image, one machine that runs version 1, and one that runs version 2 and has
/// garbage. Each cut is made to a copy of one of them, frozen while it was up; or to the disk of an install on this machine. What had not been
/// written is lost; what the disk had been given is not.
/// </summary>
public sealed class PowerCutLab : IAsyncDisposable
{
    private const string Repository = "os/debian";
    private const string Version = "cat /usr/share/lab-version";

    private readonly LabRegistry _registry;
    private readonly string _image;
    private readonly FrozenMachine _first;
    private readonly Lazy<Task<FrozenMachine>> _updated;

    private PowerCutLab(LabRegistry registry, string image, FrozenMachine first)
    {
        _registry = registry;
        _image = image;
        _first = first;
        _updated = new(UpdateAsync);
    }

    /// <summary>Makes the registry and the first machine; the other is made when a cut needs it.</summary>
    public static async Task<PowerCutLab> StartAsync()
    {
        LabRegistry registry = await LabRegistry.StartAsync();
        Podman podman = await Podman.Instance;
        string first = await BuildAsync(1);
        await registry.PushAsync(podman, await BuildAsync(2, UpdateImages.OtherInitrd), $"{Repository}:stable");
        InstalledMachine installed = await LabInstall.InstallAsync(
            first, "cut", "--filesystem", "ext4", "--allow-missing-verity", "--target-imgref", $"{registry.HostOfGuests}/{Repository}:stable");
        return new(registry, first, await KeptMachine.FreezeAsync(installed.State, "cuts", async machine =>
        {
            await machine.RunAsync(registry.ScriptForGuests);
            await machine.RunAsync("echo mine > /etc/lab-edited");
        }));
    }

    /// <summary>Cuts the power of a machine, and looks at what becomes of it.</summary>
    public async Task<PowerCutOutcome> RunAsync(PowerCut cut)
    {
        LabLog.Write($"power cut {cut.Seed}: {cut.Operation.Name} after {cut.After.TotalSeconds:F2} s");
        if (cut.Operation.Command is null)
        {
            return await InstallCut.RunAsync(cut, _image);
        }

        KeptMachine machine = await KeptMachine.ThawAsync(cut.Operation.StartsUpdated ? await _updated.Value : _first, $"cut-{cut.Seed}");
        try
        {
            List<string> problems = [];
            int? version = null;
            try
            {
                await CutAsync(machine, cut);
                version = await LookAsync(machine, cut, problems);
                if (cut.Operation.Recovery is { } recovery)
                {
                    await machine.RunAsync(recovery);
                }

                await ConvergeAsync(machine, version.Value, problems);
            }
            catch (Exception e) when (e is InvalidOperationException or TimeoutException or IOException)
            {
                problems.Add(e.Message);
            }

            return new(cut, version, problems, problems.Count == 0 ? null : Path.GetDirectoryName((await machine.KillAsync()).Disk));
        }
        finally
        {
            await machine.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _registry.DisposeAsync();
        // Hundreds of megabytes each, of use to nobody without the registry.
        File.Delete(_first.Memory);
        if (_updated is { IsValueCreated: true, Value: { IsCompletedSuccessfully: true, Result: var updated } })
        {
            File.Delete(updated.Memory);
        }
    }

    private static async Task<string> BuildAsync(int version, string more = "") =>
        await UpdateImages.BuildAsync(await LabImages.Debian, version, karg: version, more);

    private async Task<FrozenMachine> UpdateAsync()
    {
        await _registry.PushAsync(await Podman.Instance, await BuildAsync(3, UpdateImages.OtherInitrd), $"{Repository}:garbage");
        return await KeptMachine.FreezeAsync(_first.State, "cuts-updated", async machine =>
        {
            await machine.RebootAsync("bootc upgrade --quiet --apply && sleep 300");
            // What is staged and dropped leaves its objects, its state and its kernel.
            await machine.RunAsync($"bootc switch --quiet {_registry.HostOfGuests}/{Repository}:garbage && bootc rollback && bootc rollback");
        });
    }

    private static async Task CutAsync(KeptMachine machine, PowerCut cut)
    {
        if (cut.Operation.Preparation is { } preparation)
        {
            await machine.RunAsync(preparation);
        }

        await machine.RunAsync($"systemd-run --quiet --no-block sh -c '{cut.Operation.Command}'");
        await Task.Delay(cut.After);
        await machine.CutPowerAsync();
    }

    /// <summary>What runs, and whether the machine says the same of itself, with all its files whole.</summary>
    private static async Task<int> LookAsync(KeptMachine machine, PowerCut cut, List<string> problems)
    {
        int version = int.Parse(await machine.RunAsync(Version));
        if (!cut.Operation.Allowed.Contains(version))
        {
            problems.Add($"version {version} runs");
        }

        string etc = await machine.RunAsync("cat /etc/lab-version /etc/lab-edited");
        if (etc != $"{version}\nmine")
        {
            problems.Add($"/etc is not that of version {version}: {etc}");
        }

        JsonElement status = JsonDocument.Parse(await machine.RunAsync("bootc status --json")).RootElement.GetProperty("status");
        JsonElement booted = status.GetProperty("booted");
        if (booted.GetProperty("image").ValueKind == JsonValueKind.Null || booted.GetProperty("image").GetProperty("version").GetString() != $"{version}")
        {
            problems.Add($"the status does not know what runs: {status}");
        }

        if (status.GetProperty("staged").ValueKind != JsonValueKind.Null)
        {
            problems.Add("something counts as staged");
        }

        // Whether an update was lost is told by a unit that fails; nothing else may.
        string failed = await machine.RunAsync("systemctl --failed --no-legend --plain | grep -v ^bootc-boot-complete.service || :");
        if (failed.Length > 0)
        {
            problems.Add($"units failed: {failed}");
        }

        GuestAnswer read = await machine.TryRunAsync("find /usr -xdev -type f -print0 | xargs -0 cat > /dev/null");
        if (read.ExitCode != 0)
        {
            problems.Add($"files of the system cannot be read: {read.Error}");
        }

        return version;
    }

    /// <summary>The next upgrade comes to version 2, unless that is what runs, and leaves a sound repository.</summary>
    private static async Task ConvergeAsync(KeptMachine machine, int runs, List<string> problems)
    {
        GuestAnswer upgrade = await machine.TryRunAsync("bootc upgrade --quiet");
        if (upgrade.ExitCode != 0)
        {
            problems.Add($"bootc upgrade: {upgrade.Output}{upgrade.Error}");
            return;
        }

        if (runs != 2)
        {
            await machine.RebootAsync();
            string version = await machine.RunAsync(Version);
            if (version != "2")
            {
                problems.Add($"version {version} runs after the next upgrade");
            }
        }

        GuestAnswer fsck = await machine.TryRunAsync("bootc internals composefs fsck --repo /sysroot/composefs");
        if (fsck.ExitCode != 0)
        {
            problems.Add($"fsck after the next upgrade: {fsck.Output}{fsck.Error}");
        }
    }
}
