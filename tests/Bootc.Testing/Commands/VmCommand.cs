using System.CommandLine;
using Bootc.Testing.Vm;

namespace Bootc.Testing.Commands;

/// <summary><c>lab vm DISK</c>: a root shell in a guest that boots from a disk; the disk itself is not changed.</summary>
internal static class VmCommand
{
    public static Command Create()
    {
        Argument<FileInfo> disk = new("disk") { Description = "A raw disk image, or one left by a test (*.qcow2)" };
        disk.AcceptExistingOnly();
        Command command = new("vm", "Boot a disk and open a root shell in the guest") { disk };
        command.SetAction((parse, cancellationToken) => RunAsync(parse.GetValue(disk)!.FullName, cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(string disk, CancellationToken cancellationToken)
    {
        string folder = Guest.NewFolder("shell");
        string socket = Path.Join(folder, "shell");
        MachineState machine = new(disk, disk.EndsWith(".qcow2", StringComparison.Ordinal) ? "qcow2" : "raw");
        MachineState copy = await machine.BranchAsync(folder, cancellationToken);
        await using Qemu qemu = await Qemu.StartAsync(
            [.. await Guest.ArgumentsAsync(copy), "-serial", "null", .. GuestShell.Arguments(socket, prompt: true)],
            Path.Join(folder, "console.log"));

        LabLog.Write($"booting a copy of {disk}; the prompt comes in about half a minute, Ctrl-D ends (console: {folder}/console.log)");
        await qemu.WaitAsync("QEMU", () => File.Exists(socket), TimeSpan.FromSeconds(10), cancellationToken);
        using Stream input = Console.OpenStandardInput();
        using Stream output = Console.OpenStandardOutput();
        await Task.WhenAny(GuestShell.AttachAsync(socket, input, output, cancellationToken), qemu.Exited);
        return 0;
    }
}
