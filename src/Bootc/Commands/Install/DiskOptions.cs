using System.CommandLine;
using Bootc.Host.Disks;

namespace Bootc.Commands.Install;

/// <summary>What <c>install to-disk</c> is told of the disk.</summary>
internal sealed class DiskOptions
{
    public Argument<string> Device { get; } = new("DEVICE") { Description = "The disk, or with --via-loopback a disk image file" };

    public Option<bool> ViaLoopback { get; } = new("--via-loopback") { Description = "DEVICE is a regular file; implies --generic-image" };

    public Option<bool> Wipe { get; } = new("--wipe") { Description = "Destroy what is on the disk" };

    public Option<string?> Filesystem { get; } = new("--filesystem")
    {
        Description = "Type of the root file system: ext4, xfs or btrfs; needed unless the image's install configuration has one",
        HelpName = "TYPE",
    };

    public Option<PartitionSize?> RootSize { get; } = new("--root-size")
    {
        Description = "Size of the root file system: a number with M, G or T, MiB without; the rest of the disk, unless set",
        HelpName = "SIZE",
        CustomParser = result =>
        {
            if (!PartitionSize.TryParse(result.Tokens[0].Value, out PartitionSize? size))
            {
                result.AddError($"--root-size \"{result.Tokens[0].Value}\" is not a size such as 20G");
            }

            return size;
        },
    };

    public Option<string?> BlockSetup { get; } = new("--block-setup") { Description = "direct (unless set); tpm2-luks", HelpName = "SETUP" };

    public Option<bool> AllowMissingVerity { get; } = new("--allow-missing-verity")
    {
        Description = "Install although this kernel cannot protect files with fs-verity",
    };

    public void AddTo(Command command, UnavailableOptions unavailable)
    {
        command.Add(Device);
        command.Add(ViaLoopback);
        command.Add(Wipe);
        Filesystem.AcceptOnlyFromAmong([.. RootFilesystem.All.Select(type => type.Name)]);
        command.Add(Filesystem);
        command.Add(RootSize);
        command.Add(AllowMissingVerity);
        unavailable.Add(command, BlockSetup, unless: value => value == "direct");
    }
}
