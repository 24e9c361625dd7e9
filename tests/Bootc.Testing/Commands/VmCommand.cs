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
        MachineState machine = new(disk, disk.EndsWith(".qcow2", StringComparison.Ordinal) ? "qcow2" : "raw");
        await using RunningGuest guest = await RunningGuest.StartAsync(machine, "shell", prompt: true, cancellationToken);
        LabLog.Write($"booting a copy of {disk}; the prompt comes in about half a minute, Ctrl-D ends (console: {guest.Folder}/console.log)");
        using Stream input = Console.OpenStandardInput();
        using Stream output = Console.OpenStandardOutput();
        await Task.WhenAny(guest.Shell.AttachAsync(input, output, cancellationToken), guest.Qemu.Exited);
        return 0;
    }
}
