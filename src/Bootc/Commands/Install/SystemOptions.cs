using System.CommandLine;
using Bootc.Host.Operations;

namespace Bootc.Commands.Install;

/// <summary>Options of every install verb that say how the installed system is set up.</summary>
internal sealed class SystemOptions
{
    public Option<bool> GenericImage { get; } = new("--generic-image")
    {
        Description = "The disk is for other machines: leave this machine's firmware variables alone",
    };

    public Option<string[]> Kargs { get; } = new("--karg") { Description = "Add kernel arguments; may be given several times", HelpName = "ARGS" };

    public Option<string[]> KargDeletes { get; } = new("--karg-delete")
    {
        Description = "Leave out a kernel argument that would be there by default or by the image: KEY=VALUE that one, KEY all of this key",
        HelpName = "KARG",
    };

    public Option<string?> RootSshKeys { get; } = new("--root-ssh-authorized-keys")
    {
        Description = "Let the keys in this file log in as root; the image's /root has to be a link to a directory in /var",
        HelpName = "FILE",
    };

    public Option<string?> Stateroot { get; } = new("--stateroot")
    {
        Description = "Name of the state root, which holds /var; \"default\", unless set here or by the image",
        HelpName = "NAME",
    };

    public Option<bool> DisableSelinux { get; } = new("--disable-selinux") { Description = "Turn SELinux off in the installed system (selinux=0)" };

    public Option<string?> Bootloader { get; } = new("--bootloader") { Description = "systemd (unless set); grub, grub-cc, none", HelpName = "LOADER" };

    public Option<string?> BoundImages { get; } = new("--bound-images")
    {
        Description = "Images that the image binds: stored (unless set) copies them out of podman's storage, pull fetches them, skip leaves them out",
        HelpName = "MODE",
    };

    /// <summary>What <see cref="BoundImages"/> says.</summary>
    public BoundImageMode ReadBoundImages(ParseResult parse) => parse.GetValue(BoundImages) switch
    {
        "pull" => BoundImageMode.Pull,
        "skip" => BoundImageMode.Skip,
        _ => BoundImageMode.Stored,
    };

    public void AddTo(Command command, UnavailableOptions unavailable)
    {
        command.Add(GenericImage);
        command.Add(Kargs);
        command.Add(KargDeletes);
        command.Add(RootSshKeys);
        command.Add(Stateroot);
        command.Add(DisableSelinux);
        unavailable.Add(command, Bootloader, unless: value => value == "systemd");
        BoundImages.AcceptOnlyFromAmong("stored", "pull", "skip");
        command.Add(BoundImages);
        unavailable.Add(command, new Option<bool>("--bootupd-skip-boot-uuid") { Description = "Let bootupd write no file system UUID" });
    }
}
