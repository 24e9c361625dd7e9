using CliWrap;

namespace Bootc.Testing;

/// <summary>
/// The file system of some Debian release, as a folder. Its programs run here, on whatever release this machine has,
/// through the tree's own dynamic loader and libraries.
/// </summary>
public sealed class DebianTree(string root)
{
    /// <summary>The folder.</summary>
    public string Root { get; } = root;

    /// <summary>The tree's dynamic loader.</summary>
    public string Loader => Path.Join(Libraries, "ld-linux-x86-64.so.2");

    private string Libraries => PathOf("usr/lib/x86_64-linux-gnu");

    /// <summary>A path inside the tree, as this machine sees it.</summary>
    public string PathOf(string path) => Path.Join(Root, path);

    /// <summary>A call of one of the tree's programs.</summary>
    /// <param name="program">The name of a program in <c>/usr/bin</c> or <c>/usr/sbin</c> of the tree.</param>
    public Command Program(string program, params IEnumerable<string> arguments) =>
        Cli.Wrap(Loader).WithArguments(ArgumentsOf(program, arguments));

    /// <summary>The arguments with which <see cref="Loader"/> runs one of the tree's programs.</summary>
    public string[] ArgumentsOf(string program, params IEnumerable<string> arguments)
    {
        string file = PathOf($"usr/bin/{program}");
        return ["--library-path", Libraries, "--argv0", program, File.Exists(file) ? file : PathOf($"usr/sbin/{program}"), .. arguments];
    }

    /// <summary>Runs one of the tree's programs, which has to succeed, and returns what it printed.</summary>
    public Task<string> RunAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken = default) =>
        LabProgram.RunAsync(Program(program, arguments), cancellationToken);
}
