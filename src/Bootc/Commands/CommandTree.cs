using System.CommandLine;
using System.CommandLine.Help;
using Bootc.Commands.Container;
using Bootc.Commands.Image;
using Bootc.Commands.Install;
using Bootc.Commands.Internals;

namespace Bootc.Commands;

/// <summary>All verbs of <c>bootc</c>. Making the tree opens nothing, so <c>--help</c> works anywhere.</summary>
internal static class CommandTree
{
    // Unless told otherwise the library takes "@FILE" for a file with more arguments. Here it is what was typed: another
    // program may pass on a name that begins so, and no file may be read on its behalf.
    private static readonly ParserConfiguration Configuration = new() { ResponseFileTokenReplacer = null };

    public static Command Create()
    {
        Command bootc = CreateAvailable();
        UnavailableVerbs.AddTo(bootc);
        return bootc;
    }

    /// <summary>The one way to read a command line.</summary>
    public static ParseResult Parse(IReadOnlyList<string> args) => Create().Parse(args, Configuration);

    // Not a RootCommand: that takes its name from the running program, which in tests is another.
    private static Command CreateAvailable() => new("bootc", "Install and update operating systems shipped as container images")
    {
        new HelpOption { Action = new AnyCommandHelpAction() },
        new VersionOption("--version", "-V") { Action = new VersionAction() },
        UpgradeCommand.Create(),
        SwitchCommand.Create(),
        RollbackCommand.Create(),
        EditCommand.Create(),
        StatusCommand.Create(),
        DoctorCommand.Create(),
        UsrOverlayCommand.Create(),
        InstallCommand.Create(),
        ContainerCommand.Create(),
        ImageCommand.Create(),
        LoaderEntriesCommand.Create(),
        FinalizeStagedCommand.Create(),
        ConfigDiffCommand.Create(),
        DeleteDeploymentCommand.Create(),
        InternalsCommand.Create(),
        HelpCommand.Create(),
    };
}
