using System.Globalization;
using System.Text.Json;
using Bootc.Testing.Vm;
using CliWrap;

namespace Bootc.Testing.PowerCuts;

/// <summary>An install on this machine whose disk loses its power: nothing boots from it, or all does, and the next install goes through.</summary>
internal static class InstallCut
{
    public static async Task<PowerCutOutcome> RunAsync(PowerCut cut, string image)
    {
        string folder = Guest.NewFolder($"cut-{cut.Seed}");
        string disk = LabInstall.NewDisk(folder);
        Podman podman = await Podman.Instance;
        await using (ExportedDisk exported = await ExportedDisk.AttachAsync(disk))
        {
            Task<ProgramOutput> install = podman.TryRunAsync(LabInstall.Arguments(image, folder, Install("--generic-image", exported.Device)));
            await Task.Delay(cut.After);
            exported.CutPower();
            await install;
        }

        List<string> problems = [];
        int? version = null;
        try
        {
            version = await HasEntryAsync(disk) ? await BootAsync(cut, disk) : null;
            if (version is not null && !cut.Operation.Allowed.Contains(version.Value))
            {
                problems.Add($"version {version} runs");
            }

            ProgramOutput again = await podman.TryRunAsync(LabInstall.Arguments(image, folder, Install("--generic-image", "--via-loopback", "--wipe", $"{LabInstall.OutputFolder}/{Path.GetFileName(disk)}")));
            if (again.ExitCode != 0 || !await HasEntryAsync(disk))
            {
                problems.Add($"the next install: {again}");
            }
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException or IOException)
        {
            problems.Add(e.Message);
        }

        if (problems.Count == 0)
        {
            Directory.Delete(folder, recursive: true);
        }

        return new(cut, version, problems, problems.Count == 0 ? null : folder);

        static string[] Install(params string[] more) =>
            ["bootc", "install", "to-disk", "--target-imgref", LabInstall.TargetImage, "--filesystem", "ext4", "--allow-missing-verity", "--karg", "console=ttyS0", .. more];
    }

    /// <summary>Whether a boot loader would find anything to boot, as sfdisk and mtools see the disk.</summary>
    private static async Task<bool> HasEntryAsync(string disk)
    {
        ProgramOutput table = await LabProgram.TryRunAsync("sfdisk", ["--json", disk]);
        if (table.ExitCode != 0)
        {
            return false;
        }

        using JsonDocument json = JsonDocument.Parse(table.Output);
        long start = json.RootElement.GetProperty("partitiontable").GetProperty("partitions")[0].GetProperty("start").GetInt64();
        ProgramOutput names = await LabProgram.TryRunAsync(Cli.Wrap("mdir")
            .WithArguments(["-b", "-i", string.Create(CultureInfo.InvariantCulture, $"{disk}@@{start * 512}"), "::/loader/entries"])
            .WithEnvironmentVariables(e => e.Set("MTOOLS_SKIP_CHECK", "1")));
        return names.ExitCode == 0 && names.Output.Split('\n').Any(name => name.Trim().EndsWith(".conf", StringComparison.Ordinal));
    }

    private static async Task<int> BootAsync(PowerCut cut, string disk)
    {
        await using KeptMachine machine = await KeptMachine.StartAsync(new(disk), $"cut-{cut.Seed}-installed");
        await machine.RunAsync("find /usr -xdev -type f -print0 | xargs -0 cat > /dev/null");
        return int.Parse(await machine.RunAsync("cat /usr/share/lab-version"));
    }
}
