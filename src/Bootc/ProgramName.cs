namespace Bootc;

/// <summary>The names that the program may be called by beside <c>bootc</c>: a link of such a name is a verb.</summary>
internal static class ProgramName
{
    private const string SystemdGenerator = "bootc-systemd-generator";

    /// <summary>The command line that is meant.</summary>
    /// <param name="program">What the program was called, with or without a path.</param>
    /// <param name="args">What followed.</param>
    public static string[] Apply(string program, string[] args) =>
        Path.GetFileName(program) == SystemdGenerator ? ["internals", "systemd-generator", .. args] : args;
}
