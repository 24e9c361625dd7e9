using System.CommandLine;
using Bootc.Composefs;
using Bootc.Host;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;
using Bootc.Oci;
using Bootc.Rendering;
using Microsoft.Extensions.Logging;

namespace Bootc.Commands;

/// <summary><c>bootc switch</c>: follow another update source.</summary>
internal static class SwitchCommand
{
    private const string DefaultTransport = "registry";

    public static Command Create()
    {
        Argument<string> target = new("TARGET") { Description = "The image, without a transport in front" };
        Option<string?> transport = new("--transport")
        {
            Description = "How it is reached: registry (unless set), oci, oci-archive, docker-archive, dir, containers-storage",
            HelpName = "TRANSPORT",
        };
        transport.AcceptOnlyFromAmong("registry", "docker", "oci", "oci-archive", "docker-archive", "dir", "containers-storage", "docker-daemon");
        Option<bool> quiet = MachineCommand.Quiet();
        Option<bool> apply = MachineCommand.Apply();
        Option<SoftRebootMode?> softReboot = MachineCommand.SoftReboot();
        Option<bool> retain = new("--retain") { Description = "Accepted and ignored: the image that runs is kept as the one to go back to" };
        Option<bool> inPlace = InPlace();
        Option<bool> noVerification = new("--no-signature-verification") { Description = "Accepted and ignored", Hidden = true };
        Option<bool> enforce = new("--enforce-container-sigpolicy") { Description = "From now on, take no image that the signature policy of this machine does not vouch for (/etc/containers/policy.json)" };
        Option<int?> progressFd = MachineCommand.ProgressFd();
        UpdateLimitOptions limits = new();
        UnavailableOptions unavailable = new();
        Command command = new(
            "switch",
            """
            Stage another image, and follow it from now on.

            It may be run again and again: where the machine follows TARGET already, nothing is done. Exit code 0 says that it does.
            """)
        {
            target, transport, quiet, apply, softReboot, retain, inPlace, noVerification, enforce, progressFd,
        };
        limits.AddTo(command);
        unavailable.Add(command, new Option<bool>("--experimental-unified-storage") { Description = "Keep the image in container storage too", Hidden = true });
        MachineCommand.Conflict(command, inPlace, [apply, softReboot, .. limits.All]);
        RequireName(command, transport, target);

        command.SetAction(async (parse, cancellationToken) =>
        {
            unavailable.Check(parse);
            ImageReference.TryCreate(parse.GetValue(transport) ?? DefaultTransport, parse.GetValue(target)!, out ImageReference? reference);
            FollowedImage followed = new(reference!, parse.GetValue(enforce));
            if (parse.GetValue(inPlace))
            {
                await ChangeInPlaceAsync(parse.InvocationConfiguration, followed, cancellationToken);
                return 0;
            }

            await MachineCommand.RunAsync(
                parse.InvocationConfiguration,
                parse.GetValue(quiet),
                parse.GetValue(progressFd),
                async tools =>
                {
                    UpdateResult update = await new Update(tools.Machine, tools.Programs, tools.Steps) { Overrides = limits.Read(parse) }.SwitchAsync(followed, cancellationToken);
                    await MachineCommand.FinishAsync(
                        update, tools, parse.InvocationConfiguration, parse.GetValue(softReboot), parse.GetValue(apply), cancellationToken);
                    return update;
                },
                cancellationToken);
            return 0;
        });
        return command;
    }

    private static Option<bool> InPlace() => new("--mutate-in-place")
    {
        Description = "Only change what is recorded of the deployment that boots next, and fetch nothing; for installers",
        Hidden = true,
    };

    private static void RequireName(Command command, Option<string?> transport, Argument<string> target) => command.Validators.Add(result =>
    {
        string wanted = result.GetValue(transport) ?? DefaultTransport;
        if (result.GetValue(target) is { } name && !ImageReference.TryCreate(wanted, name, out _))
        {
            result.AddError($"\"{name}\" is not the name of an image in transport {wanted}");
        }
    });

    private static async Task ChangeInPlaceAsync(InvocationConfiguration console, FollowedImage followed, CancellationToken cancellationToken)
    {
        using LoggerFactory loggers = Composition.CreateLoggers();
        ObjectId changed = await UpdateSourceInPlace.ChangeAsync(new(loggers.CreateLogger<Programs>()), Steps.Silent, followed, cancellationToken);
        console.Output.WriteLine($"Deployment {changed} follows {followed} from now on");
    }
}
