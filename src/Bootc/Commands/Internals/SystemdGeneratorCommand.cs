using System.CommandLine;
using Bootc.Host.Operations;
using Bootc.Linux;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals systemd-generator</c>: what systemd runs at boot, through a stub in <c>system-generators</c>.</summary>
internal static class SystemdGeneratorCommand
{
    public static Command Create()
    {
        Argument<string> normal = new("NORMAL") { Description = "The folder for units of normal priority" };
        Argument<string[]> others = new("OTHERS") { Description = "The folders for other priorities; nothing is put there", Arity = new(0, 2) };
        Command command = new("systemd-generator", "Enable the units that every machine deployed by bootc has (systemd.generator(7))") { normal, others };
        command.SetAction(parse =>
        {
            using Dir root = Dir.Open("/");
            using Dir folder = Dir.Open(parse.GetRequiredValue(normal));
            new UnitGenerator(root).Run(folder);
            return 0;
        });
        return command;
    }
}
