namespace Bootc.Testing.Vm;

/// <summary>What a boot brought: the guest's answers, all it said on the console, and the machine as it was left.</summary>
public sealed record BootResult(GuestReport Report, string Console, MachineState After);

/// <summary>Boots machines with UEFI firmware from their own disk: firmware, loader, kernel, as on a real one.</summary>
public static class Guest
{
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(8);
    private static readonly TimeSpan PowerOffLimit = TimeSpan.FromMinutes(4);

    /// <summary>Boots a machine, has it answer the probe and switch itself off.</summary>
    /// <remarks>Tried once more when it takes too long: emulated processors do get stuck now and then.</remarks>
    public static async Task<BootResult> BootAsync(
        MachineState machine, GuestProbe probe, string name, CancellationToken cancellationToken = default)
    {
        try
        {
            return await BootOnceAsync(machine, probe, name, cancellationToken);
        }
        catch (TimeoutException slow)
        {
            LabLog.Write($"{name}: booting once more: {slow.Message}");
            return await BootOnceAsync(machine, probe, name, cancellationToken);
        }
    }

    /// <summary>The arguments for QEMU that give it the machine's firmware and disk.</summary>
    internal static async Task<string[]> ArgumentsAsync(MachineState machine) =>
        [.. await FirmwareArgumentsAsync(machine), .. DiskArguments(machine)];

    /// <summary>The arguments for QEMU that give it the machine's firmware.</summary>
    internal static async Task<string[]> FirmwareArgumentsAsync(MachineState machine)
    {
        DebianTree tools = await Lab.ToolsTree;
        return
        [
            "-drive", $"if=pflash,format=raw,readonly=on,file={tools.PathOf("usr/share/OVMF/OVMF_CODE_4M.fd")}",
            "-drive", $"if=pflash,format=raw,file={machine.FirmwareVariables}",
        ];
    }

    /// <summary>The arguments for QEMU that give it the machine's disk.</summary>
    internal static string[] DiskArguments(MachineState machine)
    {
        string file = $"format={machine.Format},file={machine.Disk},cache=unsafe";
        return machine.Bus == "nvme"
            ? ["-drive", $"if=none,id=disk,{file}", "-device", "nvme,drive=disk,serial=lab"]
            : ["-drive", $"if={machine.Bus},{file}"];
    }

    /// <summary>A new folder for the files of one run, kept for whoever has to find out what went wrong.</summary>
    internal static string NewFolder(string name)
    {
        string folder = Path.Join(Checkout.Artifacts, "vm", $"{name}-{DateTime.UtcNow:HHmmss}-{Guid.NewGuid().ToString("N")[..4]}");
        Directory.CreateDirectory(folder);
        return folder;
    }

    private static async Task<BootResult> BootOnceAsync(
        MachineState machine, GuestProbe probe, string name, CancellationToken cancellationToken)
    {
        string folder = NewFolder(name);
        string port = Path.Join(folder, "report");
        MachineState after = await machine.BranchAsync(folder, cancellationToken);
        await using Qemu qemu = await Qemu.StartAsync(
            [.. await ArgumentsAsync(after), "-serial", $"file:{port}", .. GuestScript.Arguments(probe.ToScript())],
            Path.Join(folder, "console.log"));

        await qemu.WaitAsync("the report of the guest", () => Read().IsComplete, BootLimit, cancellationToken);
        await qemu.Exited.WaitAsync(PowerOffLimit, cancellationToken);
        return new(Read(), qemu.Console.Text, after);

        GuestReport Read() => probe.Read(File.Exists(port) ? File.ReadAllText(port) : "");
    }
}
