using System.CommandLine;
using System.Diagnostics;
using Bootc.Testing.Vm;
using CliWrap;
using Command = System.CommandLine.Command;

namespace Bootc.Testing.Commands;

/// <summary><c>lab demo</c>: from the sources to the login prompt of a machine that an image installed itself on.</summary>
internal static class DemoCommand
{
    private static readonly TimeSpan StatusLimit = TimeSpan.FromMinutes(2);

    public static Command Create()
    {
        Command command = new("demo", "Build an image with bootc inside, install it from within itself, boot it");
        command.SetAction((_, cancellationToken) => RunAsync(cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        List<(string What, TimeSpan Took)> steps = [];
        string folder = Guest.NewFolder("demo");

        await StepAsync("Prepare this machine", PrepareAsync);
        await StepAsync("Build bootc", () => Product.Instance);
        string image = await StepAsync("Build the image", () => LabImages.Debian);
        string disk = LabInstall.NewDisk(folder);
        await StepAsync("Install the image to a disk", () => InstallAsync(image, folder, cancellationToken));

        await using RunningGuest guest = await StepAsync(
            "Start the machine", () => RunningGuest.StartAsync(new MachineState(disk), "demo", cancellationToken: cancellationToken));
        string prompt = await StepAsync("Boot to the login prompt", () => guest.WaitForLoginAsync(cancellationToken));
        Console.WriteLine($"\n{prompt}\n");
        GuestAnswer status = await StepAsync(
            "Ask the machine for its status", () => guest.Shell.RunAsync("bootc status --format humanreadable", StatusLimit, cancellationToken));
        Console.WriteLine($"\n# bootc status\n{status.Output}{status.Error}");

        foreach ((string what, TimeSpan took) in steps)
        {
            Console.WriteLine($"{took.TotalSeconds,7:F1} s  {what}");
        }

        Console.WriteLine($"The disk: {disk}; a shell in it: scripts/vm {disk}");
        return status.ExitCode;

        async Task<T> StepAsync<T>(string what, Func<Task<T>> step)
        {
            Stopwatch clock = Stopwatch.StartNew();
            T result = await LabLog.StepAsync(what, step);
            steps.Add((what, clock.Elapsed));
            return result;
        }
    }

    private static async Task<DebianTree> PrepareAsync()
    {
        await Podman.Instance;
        return await Lab.ToolsTree;
    }

    private static async Task<bool> InstallAsync(string image, string folder, CancellationToken cancellationToken)
    {
        Podman podman = await Podman.Instance;
        string[] arguments = LabInstall.Arguments(image, folder, LabInstall.ToDisk("disk.img", "--filesystem", "ext4", "--allow-missing-verity", "--karg", "console=ttyS0"));
        Console.WriteLine($"\n# podman {string.Join(' ', arguments)}");
        await using Stream output = Console.OpenStandardOutput();
        await podman.Command(arguments)
            .WithStandardOutputPipe(PipeTarget.ToStream(output))
            .WithStandardErrorPipe(PipeTarget.ToStream(output))
            .ExecuteAsync(cancellationToken);
        return true;
    }
}
