using System.Collections.Immutable;
using System.CommandLine;
using Bootc.Host.Images;

namespace Bootc.Commands.Image;

/// <summary><c>bootc image cmd</c>: podman, on the storage that holds bound images.</summary>
internal static class ImagePodmanCommand
{
    public static Command Create() => new("cmd", "Run podman on bootc's own storage, which holds bound images")
    {
        Create("list", "Run podman image list there", () => ["image", "list"], ArgumentArity.ZeroOrMore),
        Create("build", "Run podman image build there", () => BoundImageStorage.WithLogins("image", "build"), ArgumentArity.ZeroOrMore),
        Create("push", "Run podman image push there", () => BoundImageStorage.WithLogins("image", "push"), ArgumentArity.ZeroOrMore),
        Create("pull", "Run podman image pull there", () => BoundImageStorage.WithLogins("image", "pull"), ArgumentArity.OneOrMore),
    };

    // Logins are looked for when podman runs: who may not read them may use every other command.
    private static Command Create(string name, string description, Func<ImmutableArray<string>> podman, ArgumentArity arity)
    {
        Argument<string[]> arguments = new("ARGS") { Description = "Passed to podman as they are; after -- also what bootc would take for its own", Arity = arity };
        Command command = new(name, description) { arguments };
        command.SetAction((parse, cancellationToken) => MachineCommand.RunAsync(
            parse.InvocationConfiguration,
            quiet: false,
            progressFd: null,
            tools => BoundImageStorage.Of(tools.Programs, tools.Machine.Sysroot)
                .RunOnTerminalAsync([.. podman(), .. parse.GetValue(arguments) ?? []], cancellationToken),
            cancellationToken));
        return command;
    }
}
