using System.CommandLine;

namespace Bootc.Commands.Container;

/// <summary><c>bootc container</c>: what is done while an image is built.</summary>
internal static class ContainerCommand
{
    public static Command Create() => new("container", "Commands for building images")
    {
        InspectCommand.Create(),
        LintCommand.Create(),
        ComputeComposefsDigestCommand.Create(),
    };

    /// <summary>The option that says which root file system is meant.</summary>
    internal static Option<string> RootOption() => new("--rootfs")
    {
        Description = "The root of the image; unless set, of the container that this runs in",
        HelpName = "PATH",
        DefaultValueFactory = _ => "/",
    };
}
