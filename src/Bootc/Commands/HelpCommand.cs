using System.CommandLine;

namespace Bootc.Commands;

/// <summary><c>bootc help [VERB]…</c>: another way to say <c>bootc VERB… --help</c>.</summary>
internal static class HelpCommand
{
    public static Command Create()
    {
        Argument<string[]> verbs = new("VERB") { Description = "The command, in one or more words; the list of all unless given", Arity = ArgumentArity.ZeroOrMore };
        verbs.Validators.Add(result =>
        {
            string[] words = [.. result.Tokens.Select(token => token.Value)];
            if (!Exists(words))
            {
                result.AddError($"there is no command \"bootc {string.Join(' ', words)}\"");
            }
        });
        return new("help", "Print the help of a command") { Arguments = { verbs }, Action = new HelpCommandAction(verbs) };
    }

    private static bool Exists(IEnumerable<string> words)
    {
        Command? command = CommandTree.Create();
        foreach (string word in words)
        {
            command = command?.Subcommands.FirstOrDefault(below => below.Name == word || below.Aliases.Contains(word));
        }

        return command is not null;
    }
}
