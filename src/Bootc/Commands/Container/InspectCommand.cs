using System.CommandLine;
using Bootc.Host.Lints;
using Bootc.Rendering;

namespace Bootc.Commands.Container;

/// <summary><c>bootc container inspect</c></summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        Option<string> root = ContainerCommand.RootOption();
        Option<bool> json = new("--json") { Description = "The same as --format json" };
        Option<string?> format = new("--format") { Description = "humanreadable or json", HelpName = "FORMAT" };
        format.AcceptOnlyFromAmong("humanreadable", "json");
        Command command = new("inspect", "Show what an image boots with: its kernel, and the kernel arguments that it brings") { root, json, format };
        command.Validators.Add(result =>
        {
            if (result.GetValue(json) && result.GetResult(format) is { Implicit: false })
            {
                result.AddError("--json and --format cannot be used together");
            }
        });
        command.SetAction(parse =>
        {
            RootContents contents = RootContents.Read(parse.GetRequiredValue(root));
            bool asJson = parse.GetValue(json) || parse.GetValue(format) == "json";
            parse.InvocationConfiguration.Output.Write(asJson ? RootContentsText.RenderJson(contents) : RootContentsText.Render(contents));
            return 0;
        });
        return command;
    }
}
