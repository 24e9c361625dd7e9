using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Operations;
using Bootc.Rendering;
using Microsoft.Extensions.Logging;

namespace Bootc.Commands.Install;

/// <summary><c>bootc install to-disk</c>: partition a disk and install the image to it.</summary>
internal static class ToDiskCommand
{
    public static Command Create()
    {
        Command command = new(
            "to-disk",
            """
            Partition a disk and install the running container image to it.

            Run it from the image that is to be installed:
              podman run --rm --privileged --pid=host -v /dev:/dev -v /var/lib/containers:/var/lib/containers \
                --security-opt label=type:unconfined_t IMAGE bootc install to-disk --filesystem ext4 /dev/DISK
            """);
        DiskOptions disk = new();
        SourceOptions source = new();
        SystemOptions system = new();
        Option<int?> progressFd = MachineCommand.ProgressFd();
        progressFd.Hidden = false;
        UnavailableOptions unavailable = new();

        disk.AddTo(command, unavailable);
        source.AddTo(command);
        system.AddTo(command, unavailable);
        command.Add(progressFd);
        AddUnavailable(command, unavailable);

        command.SetAction(async (parse, cancellationToken) =>
        {
            unavailable.Check(parse);
            InstallOptions options = Read(parse, disk, source, system);
            InstallResult result;
            using (LoggerFactory loggers = Composition.CreateLoggers())
            using (ProgressProtocol? protocol = parse.GetValue(progressFd) is { } fd ? ProgressProtocol.On(fd, parse.InvocationConfiguration.Error) : null)
            using (ProgressLine progress = ProgressLine.On(parse.InvocationConfiguration.Error, protocol))
            {
                result = await new Host.Operations.Install(new Programs(loggers.CreateLogger<Programs>()), progress.Steps).RunAsync(options, InstallEnvironment.Read(), cancellationToken);
            }

            Describe(result, parse.InvocationConfiguration);
            return 0;
        });
        return command;
    }

    private static InstallOptions Read(ParseResult parse, DiskOptions disk, SourceOptions source, SystemOptions system) => new(
        parse.GetRequiredValue(disk.Device),
        parse.GetValue(disk.ViaLoopback),
        parse.GetValue(disk.Wipe),
        parse.GetValue(system.GenericImage),
        parse.GetValue(disk.Filesystem),
        [.. parse.GetValue(system.Kargs) ?? []],
        parse.GetValue(source.Source),
        parse.GetValue(source.Target),
        parse.GetValue(disk.AllowMissingVerity))
    {
        BoundImages = system.ReadBoundImages(parse),
        BlockSetup = parse.GetValue(disk.BlockSetup),
        Bootloader = parse.GetValue(system.Bootloader),
        CheckTarget = parse.GetValue(source.RunFetchCheck),
        EnforcePolicy = parse.GetValue(source.EnforcePolicy) ? true : null,
        DisableSelinux = parse.GetValue(system.DisableSelinux),
        KargDeletes = [.. parse.GetValue(system.KargDeletes) ?? []],
        RootSize = parse.GetValue(disk.RootSize),
        RootSshKeys = parse.GetValue(system.RootSshKeys),
        Stateroot = parse.GetValue(system.Stateroot),
        TargetTransport = parse.GetValue(source.TargetTransport),
    };

    private static void Describe(InstallResult result, InvocationConfiguration console)
    {
        foreach (string warning in result.Warnings)
        {
            console.Error.WriteLine($"warning: {warning}");
        }

        console.Output.WriteLine($"Installed image: {result.TargetImage}");
        console.Output.WriteLine($"  Digest: {result.ManifestDigest}");
        console.Output.WriteLine($"  Verity: {result.Deployment}");
        console.Output.WriteLine("Installation complete!");
    }

    private static void AddUnavailable(Command command, UnavailableOptions unavailable)
    {
        // The only backend there is; upstream's flag for it changes nothing.
        command.Add(new Option<bool>("--composefs-backend") { Description = "Accepted and ignored: composefs is the only backend", Hidden = true });

        unavailable.Add(command, new Option<string[]>("--uki-addon") { Description = "Install an addon of the unified kernel image", HelpName = "NAME" });
        unavailable.Add(command, new Option<bool>("--experimental-unified-storage") { Description = "Keep the image in container storage too", Hidden = true });
    }
}
