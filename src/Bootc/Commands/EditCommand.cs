using System.CommandLine;
using Bootc.Documents;
using Bootc.Host;
using Bootc.Host.Operations;
using Bootc.Rendering;

namespace Bootc.Commands;

/// <summary><c>bootc edit</c>: change what is asked of this machine, as a document.</summary>
internal static class EditCommand
{
    public static Command Create()
    {
        Option<string?> file = new("--filename", "-f")
        {
            Description = "Take the document from this file, YAML or JSON, instead of opening an editor",
            HelpName = "FILE",
        };
        Option<bool> quiet = MachineCommand.Quiet();
        Command command = new(
            "edit",
            """
            Change what is asked of this machine: the member "spec" of its document, as bootc status shows it.

            Another spec.image is what bootc switch does, another spec.bootOrder what bootc rollback does; both at once are refused. The
            rest of the document is not looked at. Without a file $EDITOR is opened. Exit code 0 says that the machine is as the document
            wants it, or will be after a reboot.
            """)
        {
            file, quiet,
        };

        command.SetAction(async (parse, cancellationToken) =>
        {
            InvocationConfiguration console = parse.InvocationConfiguration;
            (HostSpec? before, HostSpec wanted) = parse.GetValue(file) is { } path
                ? (null, HostSpecReader.ReadFile(path))
                : await AskAsync(console, cancellationToken);
            await MachineCommand.RunAsync(
                console,
                parse.GetValue(quiet),
                progressFd: null,
                async tools =>
                {
                    HostSpec current = HostSpec.Of(HostStatus.From(tools.Machine));
                    if (before is not null && before != current)
                    {
                        throw new BootcException("another bootc changed the machine meanwhile, so nothing was done; run bootc edit again");
                    }

                    await ChangeAsync(HostSpecChange.Between(current, wanted), tools, console, cancellationToken);
                    return true;
                },
                cancellationToken);
            return 0;
        });
        return command;
    }

    /// <summary>Has the user edit the document, while other bootcs are free to do what they like.</summary>
    private static async Task<(HostSpec? Before, HostSpec Wanted)> AskAsync(InvocationConfiguration console, CancellationToken cancellationToken)
    {
        (HostStatus host, Programs programs) = await MachineCommand.RunAsync(
            console, quiet: true, progressFd: null, tools => Task.FromResult((HostStatus.From(tools.Machine), tools.Programs)), cancellationToken);
        byte[] edited = await new TextEditor(programs).EditAsync("host.yaml", HostDocument.From(host).ToYaml(), cancellationToken);
        return (HostSpec.Of(host), HostSpecReader.Read(edited, "the edited document"));
    }

    private static async Task ChangeAsync(HostSpecChange change, MachineTools tools, InvocationConfiguration console, CancellationToken cancellationToken)
    {
        switch (change)
        {
            case HostSpecChange.Switch { Image: var image }:
                UpdateText.Write(await new Update(tools.Machine, tools.Programs, tools.Steps).SwitchAsync(image, cancellationToken), console);
                break;
            case HostSpecChange.Reorder:
                RollbackText.Write(new Rollback(tools.Machine, tools.Steps).Run(), console);
                break;
            default:
                console.Output.WriteLine("Edit cancelled, no changes made.");
                break;
        }
    }
}
