using System.CommandLine;
using Bootc.Host;
using Bootc.Host.Lints;
using Bootc.Rendering;

namespace Bootc.Commands.Container;

/// <summary><c>bootc container lint</c></summary>
internal static class LintCommand
{
    public static Command Create()
    {
        Option<string> root = ContainerCommand.RootOption();
        Option<bool> fatalWarnings = new("--fatal-warnings") { Description = "Fail where there is a warning, too" };
        Option<bool> list = new("--list") { Description = "List all lints as YAML, and look at nothing" };
        Option<string[]> skip = new("--skip") { Description = "Leave out a lint; may be given several times", HelpName = "NAME", DefaultValueFactory = _ => [] };
        Option<bool> noTruncate = new("--no-truncate") { Description = "Show all files that a finding is about, not the first five" };
        Command command = new(
            "lint",
            """
            Look for mistakes in a bootable image, as the last step of its build: RUN bootc container lint

            What makes an image that would not boot, or not update well, is a failed lint; what had better not be in an image is a warning.
            What is mounted into the build, such as caches and secrets, is not looked at. Exit code 1 says that a lint failed.
            """)
        {
            root, fatalWarnings, list, skip, noTruncate,
        };
        command.SetAction(parse =>
        {
            TextWriter output = parse.InvocationConfiguration.Output;
            if (parse.GetValue(list))
            {
                output.Write(LintText.RenderList());
                return 0;
            }

            LintReport report = LintReport.Of(parse.GetRequiredValue(root), parse.GetRequiredValue(skip));
            output.Write(LintText.Render(report, parse.GetValue(noTruncate)));
            int failed = report.Count(LintLevel.Fatal) + (parse.GetValue(fatalWarnings) ? report.Count(LintLevel.Warning) : 0);
            return failed == 0 ? 0 : throw new BootcException($"Checks failed: {failed}");
        });
        return command;
    }
}
