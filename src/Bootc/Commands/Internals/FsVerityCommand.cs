using System.CommandLine;
using Bootc.Host;
using Bootc.Linux;
using Bootc.Linux.Verity;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals fsverity</c>: the kernel's seal of one file.</summary>
internal static class FsVerityCommand
{
    /// <summary>FS_VERITY_HASH_ALG_SHA256, which is upstream's choice here.</summary>
    private const uint Sha256 = 1;

    public static Command Create() => new("fsverity", "Look at the fs-verity seal of a file, or put one on it")
    {
        Verb("measure", "Print the digest that the kernel enforces", (file, output) =>
            output.WriteLine(FsVerity.TryMeasure(file) is { } measured
                ? Convert.ToHexStringLower(measured.Digest)
                : throw new BootcException($"{file.Path} is not sealed with fs-verity"))),
        Verb("enable", "Seal the file with SHA-256, so that it cannot be changed any more", (file, _) =>
        {
            if (!FsVerity.TryEnable(file, Sha256))
            {
                throw new BootcException($"{file.Path} cannot be sealed: its file system or the running kernel has no fs-verity");
            }
        }),
    };

    private static Command Verb(string name, string description, Action<Fd, TextWriter> run)
    {
        Argument<string> path = new("PATH") { Description = "The file" };
        Command command = new(name, description) { path };
        command.SetAction(parse =>
        {
            using Fd file = Fd.OpenRead(parse.GetRequiredValue(path));
            run(file, parse.InvocationConfiguration.Output);
        });
        return command;
    }
}
