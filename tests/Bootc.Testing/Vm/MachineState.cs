namespace Bootc.Testing.Vm;

/// <summary>
/// A virtual machine that is switched off: its disk and what its firmware remembers. Booting leaves it as it is and
/// makes another, so that many tests can go on from one.
/// </summary>
/// <param name="Disk">The disk image.</param>
/// <param name="Format">Its format: <c>raw</c>, or <c>qcow2</c> for what a boot left.</param>
/// <param name="FirmwareVariables">The file of the UEFI variables; null for a machine that never ran.</param>
public sealed record MachineState(string Disk, string Format = "raw", string? FirmwareVariables = null)
{
    /// <summary>What the disk is attached to: <c>virtio</c> or <c>nvme</c>.</summary>
    public string Bus { get; init; } = "virtio";

    private const string VariablesFile = "variables.fd";

    /// <summary>A machine that its own firmware can start, with an empty disk; both are files in <paramref name="folder"/>.</summary>
    public static async Task<MachineState> NewAsync(string folder, long diskSize)
    {
        MachineState machine = new(LabInstall.NewDisk(folder, size: diskSize), FirmwareVariables: Path.Join(folder, VariablesFile));
        File.Copy(await BlankVariablesAsync(), machine.FirmwareVariables!);
        return machine;
    }

    /// <summary>The disk as one raw file at <paramref name="path"/>, for programs of this machine.</summary>
    public async Task<string> ToRawAsync(string path, CancellationToken cancellationToken = default)
    {
        DebianTree tools = await Lab.ToolsTree;
        await tools.RunAsync("qemu-img", ["convert", "-f", Format, "-O", "raw", Disk, path], cancellationToken);
        return path;
    }

    /// <summary>A copy to write on: only what is written takes space. Files go to <paramref name="folder"/>.</summary>
    internal async Task<MachineState> BranchAsync(string folder, CancellationToken cancellationToken)
    {
        DebianTree tools = await Lab.ToolsTree;
        MachineState branch = new(Path.Join(folder, "disk.qcow2"), "qcow2", Path.Join(folder, VariablesFile)) { Bus = Bus };
        await tools.RunAsync(
            "qemu-img",
            ["create", "-q", "-f", "qcow2", "-b", Path.GetFullPath(Disk), "-F", Format, branch.Disk],
            cancellationToken);
        File.Copy(FirmwareVariables ?? await BlankVariablesAsync(), branch.FirmwareVariables!, overwrite: true);
        return branch;
    }

    private static async Task<string> BlankVariablesAsync() => (await Lab.ToolsTree).PathOf("usr/share/OVMF/OVMF_VARS_4M.fd");
}
