using System.CommandLine;

namespace Bootc.Commands.Container;

/// <summary><c>bootc container</c>: what is done while an image is built.</summary>
internal static class ContainerCommand
{
    public static Command Create() => new("container", "Commands for building images")
    {
        ComputeComposefsDigestCommand.Create(),
    };
}
