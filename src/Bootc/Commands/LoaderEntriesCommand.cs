using System.CommandLine;
using Bootc.Host.Boot;
using Bootc.Host.Operations;
using Bootc.Linux;

namespace Bootc.Commands;

/// <summary><c>bootc loader-entries</c>: boot entries of this machine.</summary>
internal static class LoaderEntriesCommand
{
    public static Command Create() => new("loader-entries", "Change boot entries of this machine")
    {
        CreateSetOptions(),
    };

    private static Command CreateSetOptions()
    {
        Option<OptionsSource> source = new("--source")
        {
            Description = "Whose arguments: a name of letters, digits, dashes and underscores",
            HelpName = "NAME",
            Required = true,
            CustomParser = result =>
            {
                if (!OptionsSource.TryParse(result.Tokens[0].Value, out OptionsSource? parsed))
                {
                    result.AddError($"\"{result.Tokens[0].Value}\" cannot be the name of a source; use letters, digits, dashes and underscores");
                }

                return parsed;
            },
        };
        Option<string> options = new("--options")
        {
            Description = "All kernel arguments of the source, in one argument; none forgets the source",
            HelpName = "OPTIONS",
        };
        Command command = new(
            "set-options-for-source",
            """
            Set the kernel arguments that a program keeps, without touching those of anybody else.

            They apply from the next boot on, also where that is into a staged update. Deployments to roll back to keep theirs.
            """)
        {
            source, options,
        };
        command.SetAction(async (parse, cancellationToken) =>
        {
            OptionsSource name = parse.GetRequiredValue(source);
            KernelCommandLine arguments = KernelArguments.Split([parse.GetValue(options) ?? ""], "--options");
            bool isChanged = await MachineCommand.RunAsync(
                parse.InvocationConfiguration,
                quiet: false,
                progressFd: null,
                tools => Task.FromResult(new SetSourceOptions(tools.Machine, tools.Steps).Run(name, arguments)),
                cancellationToken);
            parse.InvocationConfiguration.Output.WriteLine(isChanged
                ? $"The kernel arguments of source {name} apply from the next boot on"
                : $"The kernel arguments of source {name} are unchanged");
            return 0;
        });
        return command;
    }
}
