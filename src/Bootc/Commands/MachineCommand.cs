using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Operations;
using Bootc.Rendering;
using Microsoft.Extensions.Logging;

namespace Bootc.Commands;

/// <summary>What an operation on the running machine works with.</summary>
/// <param name="Machine">The machine, opened for writing.</param>
/// <param name="Programs">Runs other programs.</param>
/// <param name="Steps">Shown to the user.</param>
internal sealed record MachineTools(Machine Machine, Programs Programs, Steps Steps);

/// <summary>What the commands that change the running machine have in common: progress, and the order in which things are opened.</summary>
internal static class MachineCommand
{
    public static Option<bool> Quiet() => new("--quiet") { Description = "Show no progress" };

    public static Option<bool> Apply() => new("--apply") { Description = "Reboot into it right away" };

    public static Option<SoftRebootMode?> SoftReboot() => new("--soft-reboot")
    {
        Description = "Prepare a reboot of user space only: \"required\" fails where that is not possible, \"auto\" falls back to a reboot of the machine",
        HelpName = "required|auto",
        CustomParser = result =>
        {
            switch (result.Tokens[0].Value)
            {
                case "required":
                    return SoftRebootMode.Required;
                case "auto":
                    return SoftRebootMode.Auto;
                default:
                    result.AddError($"--soft-reboot \"{result.Tokens[0].Value}\" is neither required nor auto");
                    return null;
            }
        },
    };

    public static Option<int?> ProgressFd()
    {
        Option<int?> descriptor = new("--progress-fd")
        {
            Description = "Tell of the progress on this file descriptor, a pipe, in lines of JSON (upstream's progress protocol)",
            HelpName = "N",
            Hidden = true,
        };

        // The first three may be pipes, too, but what is written to them is for people.
        descriptor.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && int.TryParse(token.Value, out int number) && number < 3)
            {
                result.AddError($"--progress-fd {token.Value} is not a descriptor of its own; from 3 on it can be one");
            }
        });
        return descriptor;
    }

    /// <summary>Refuses two options that contradict each other, as a mistake on the command line.</summary>
    public static void Conflict(Command command, Option one, params Option[] others) =>
        command.Validators.Add(result =>
        {
            foreach (Option other in others)
            {
                if (result.GetResult(one) is { Implicit: false } && result.GetResult(other) is { Implicit: false })
                {
                    result.AddError($"{one.Name} cannot be used with {other.Name}");
                }
            }
        });

    /// <summary>Opens the machine, runs an operation on it, and ends its progress before anything else is printed.</summary>
    public static async Task<T> RunAsync<T>(
        InvocationConfiguration console, bool quiet, int? progressFd, Func<MachineTools, Task<T>> operation, CancellationToken cancellationToken)
    {
        using LoggerFactory loggers = Composition.CreateLoggers();
        using ProgressProtocol? protocol = progressFd is { } fd ? ProgressProtocol.On(fd, console.Error) : null;
        using ProgressLine progress = ProgressLine.On(quiet ? TextWriter.Null : console.Error, protocol);
        Programs programs = new(loggers.CreateLogger<Programs>());
        using Machine machine = await Machine.OpenForWritingAsync(programs, progress.Steps, cancellationToken);
        return await operation(new(machine, programs, progress.Steps));
    }

    /// <summary>Says what came of an update, and goes over to it as far as that was asked for.</summary>
    public static async Task FinishAsync(
        UpdateResult update, MachineTools tools, InvocationConfiguration console, SoftRebootMode? softReboot, bool apply, CancellationToken cancellationToken)
    {
        UpdateText.Write(update, console);
        if (update.IsRebootWanted)
        {
            await new Reboot(tools.Machine, tools.Programs, tools.Steps).RunAsync(softReboot, apply, cancellationToken);
        }
    }
}
