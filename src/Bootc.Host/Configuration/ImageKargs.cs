using System.Collections.Immutable;
using Bootc.Host.Boot;
using Bootc.Linux;

namespace Bootc.Host.Configuration;

/// <summary>The kernel arguments that an image brings: <c>/usr/lib/bootc/kargs.d/*.toml</c>.</summary>
public static class ImageKargs
{
    /// <summary>Where the files are, relative to the root.</summary>
    public const string Folder = "usr/lib/bootc/kargs.d";

    /// <summary>All arguments for an architecture, in the order of the files' names.</summary>
    /// <exception cref="FormatException">A file says something that cannot be understood; file, line and key are named.</exception>
    public static KernelCommandLine Parse(IEnumerable<ConfigFile> files, string architecture) =>
        files.Aggregate(KernelCommandLine.Empty, (all, file) => all.AppendMissing(Parse(file, architecture)));

    private static KernelCommandLine Parse(ConfigFile file, string architecture)
    {
        TomlTable table = TomlTable.Parse(file.Content, file.Path);
        ImmutableArray<string> kargs = table.Strings("kargs") ?? throw table.Wrong("kargs", "a list of kernel arguments, which every such file has");
        ImmutableArray<string>? architectures = table.Strings("match-architectures");
        table.RefuseUnknown();
        return architectures?.Contains(architecture) == false ? KernelCommandLine.Empty : KernelArguments.Split(kargs, file.Path);
    }
}
