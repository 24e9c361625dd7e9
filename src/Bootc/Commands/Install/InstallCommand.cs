using System.CommandLine;

namespace Bootc.Commands.Install;

/// <summary><c>bootc install</c>.</summary>
internal static class InstallCommand
{
    public static Command Create() => new("install", "Install the running container image to a machine")
    {
        ToDiskCommand.Create(),
        PrintConfigurationCommand.Create(),
    };
}
