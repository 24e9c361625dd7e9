using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Operations;
using Bootc.Linux;
using Bootc.Rendering;
using Microsoft.Extensions.Logging;

namespace Bootc.Commands;

/// <summary><c>bootc upgrade</c>: stage the newest image of the update source.</summary>
internal static class UpgradeCommand
{
    public static Command Create()
    {
        Option<bool> quiet = MachineCommand.Quiet();
        Option<bool> check = new("--check") { Description = "Only say whether there is an update; nothing is downloaded" };
        Option<bool> apply = MachineCommand.Apply();
        Option<SoftRebootMode?> softReboot = MachineCommand.SoftReboot();
        Option<bool> downloadOnly = new("--download-only") { Description = "Stage the update, but do not apply it at the next shutdown" };
        Option<bool> fromDownloaded = new("--from-downloaded") { Description = "Apply at the next shutdown what was downloaded, without asking for a newer one" };
        Option<string?> tag = new("--tag") { Description = "Follow this tag of the image from now on", HelpName = "TAG" };
        Option<bool> automatic = Automatic();
        UpdateLimitOptions limits = new();
        Option<int?> progressFd = MachineCommand.ProgressFd();
        Command command = new(
            "upgrade",
            """
            Fetch the newest image of this machine's update source and stage it beside the running one.

            The next shutdown carries the changes of /etc over and makes it the one that boots; until then, nothing that boots is touched.
            Exit code 0 says that all went well, whether or not there was an update.
            """)
        {
            quiet, check, apply, softReboot, downloadOnly, fromDownloaded, tag, automatic, progressFd,
        };
        limits.AddTo(command);
        command.Aliases.Add("update");
        MachineCommand.Conflict(command, check, apply, softReboot, downloadOnly, fromDownloaded);
        MachineCommand.Conflict(command, downloadOnly, apply, fromDownloaded);
        MachineCommand.Conflict(command, fromDownloaded, [tag, .. limits.All]);

        command.SetAction(async (parse, cancellationToken) =>
        {
            UpgradeOptions options = new()
            {
                Check = parse.GetValue(check),
                DownloadOnly = parse.GetValue(downloadOnly),
                FromDownloaded = parse.GetValue(fromDownloaded),
                Tag = parse.GetValue(tag),
                IsAutomatic = parse.GetValue(automatic),
            };
            bool mayBePostponed = options.IsAutomatic && parse.GetValue(apply);
            UpdateResult result = await MachineCommand.RunAsync(
                parse.InvocationConfiguration, parse.GetValue(quiet), parse.GetValue(progressFd),
                async tools =>
                {
                    UpdateResult update = await new Update(tools.Machine, tools.Programs, tools.Steps) { Overrides = limits.Read(parse) }.UpgradeAsync(options, cancellationToken);
                    await MachineCommand.FinishAsync(
                        update, tools, parse.InvocationConfiguration, mayBePostponed ? null : parse.GetValue(softReboot), parse.GetValue(apply) && !mayBePostponed, cancellationToken);
                    return update;
                },
                cancellationToken);
            if (result.IsRebootWanted && mayBePostponed)
            {
                await RebootUnlessPostponedAsync(parse.InvocationConfiguration, parse.GetValue(quiet), parse.GetValue(softReboot), cancellationToken);
            }

            return 0;
        });
        return command;
    }

    private static Option<bool> Automatic() => new("--automatic")
    {
        Description = "Nobody asked: do not go back to what a person left by bootc rollback, and run before-reboot.d before a reboot",
        Hidden = true,
    };

    /// <summary>The hooks may take long, so meanwhile the machine is open to others, who may take back what was staged.</summary>
    private static async Task RebootUnlessPostponedAsync(
        InvocationConfiguration console, bool quiet, SoftRebootMode? softReboot, CancellationToken cancellationToken)
    {
        using LoggerFactory loggers = Composition.CreateLoggers();
        using Dir root = Dir.Open("/");
        if (await new RebootHooks(root, new(loggers.CreateLogger<Programs>())).RunAsync(cancellationToken) is { } postponed)
        {
            console.Output.WriteLine($"Reboot postponed by {postponed}");
            return;
        }

        await MachineCommand.RunAsync(
            console,
            quiet,
            progressFd: null,
            async tools =>
            {
                bool isStillStaged = tools.Machine.Staged is { IsLocked: false };
                if (isStillStaged)
                {
                    await new Reboot(tools.Machine, tools.Programs, tools.Steps).RunAsync(softReboot, apply: true, cancellationToken);
                }

                return isStillStaged;
            },
            cancellationToken);
    }
}
