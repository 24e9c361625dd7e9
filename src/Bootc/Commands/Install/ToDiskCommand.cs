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
        Argument<string> device = new("DEVICE") { Description = "The disk, or with --via-loopback a disk image file" };
        Option<bool> viaLoopback = new("--via-loopback") { Description = "DEVICE is a regular file; implies --generic-image" };
        Option<bool> wipe = new("--wipe") { Description = "Destroy what is on the disk" };
        Option<string?> filesystem = new("--filesystem") { Description = "Type of the root file system: ext4", HelpName = "TYPE" };
        Option<bool> genericImage = new("--generic-image") { Description = "The disk is for other machines: leave this machine's firmware variables alone" };
        Option<string[]> karg = new("--karg") { Description = "Add kernel arguments; may be given several times", HelpName = "ARGS" };
        Option<bool> allowMissingVerity = new("--allow-missing-verity") { Description = "Install although this kernel cannot protect files with fs-verity" };
        SourceOptions source = new();
        UnavailableOptions unavailable = new();

        command.Add(device);
        command.Add(viaLoopback);
        command.Add(wipe);
        command.Add(filesystem);
        command.Add(genericImage);
        command.Add(karg);
        command.Add(allowMissingVerity);
        source.AddTo(command, unavailable);
        AddUnavailable(command, unavailable);

        command.SetAction(async (parse, cancellationToken) =>
        {
            unavailable.Check(parse);
            InstallOptions options = new(
                parse.GetRequiredValue(device),
                parse.GetValue(viaLoopback),
                parse.GetValue(wipe),
                parse.GetValue(genericImage),
                parse.GetValue(filesystem),
                [.. parse.GetValue(karg) ?? []],
                parse.GetValue(source.Source),
                parse.GetValue(source.Target),
                parse.GetValue(allowMissingVerity));
            InstallResult result;
            using (LoggerFactory loggers = Composition.CreateLoggers())
            using (ProgressLine progress = ProgressLine.On(parse.InvocationConfiguration.Error))
            {
                result = await new Host.Operations.Install(new Programs(loggers.CreateLogger<Programs>()), progress.Steps).RunAsync(options, InstallEnvironment.Read(), cancellationToken);
            }

            Describe(result, parse.InvocationConfiguration);
            return 0;
        });
        return command;
    }

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

        unavailable.Add(command, new Option<string[]>("--karg-delete") { Description = "Remove kernel arguments", HelpName = "KARG" });
        unavailable.Add(command, new Option<string>("--root-ssh-authorized-keys") { Description = "Let these keys log in as root", HelpName = "FILE" });
        unavailable.Add(command, new Option<string>("--root-size") { Description = "Size of the root file system, in MiB unless a unit is given", HelpName = "SIZE" });
        unavailable.Add(command, new Option<string>("--block-setup") { Description = "direct or tpm2-luks", HelpName = "SETUP" }, unless: value => value == "direct");
        unavailable.Add(command, new Option<string>("--bootloader") { Description = "systemd, grub, grub-cc or none", HelpName = "LOADER" }, unless: value => value == "systemd");
        unavailable.Add(command, new Option<string>("--bound-images") { Description = "stored, skip or pull", HelpName = "MODE" });
        unavailable.Add(command, new Option<string>("--stateroot") { Description = "Name of the state root", HelpName = "NAME" }, unless: value => value == "default");
        unavailable.Add(command, new Option<bool>("--disable-selinux") { Description = "Turn SELinux off in the installed system" });
        unavailable.Add(command, new Option<bool>("--bootupd-skip-boot-uuid") { Description = "Let bootupd write no file system UUID" });
        unavailable.Add(command, new Option<string[]>("--uki-addon") { Description = "Install an addon of the unified kernel image", HelpName = "NAME" });
        unavailable.Add(command, new Option<bool>("--experimental-unified-storage") { Description = "Keep the image in container storage too", Hidden = true });
    }
}
