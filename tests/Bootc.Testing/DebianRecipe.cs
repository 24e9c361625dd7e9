using System.Collections.Immutable;
using CliWrap;

namespace Bootc.Testing;

/// <summary>How to make the file system of a Debian release with mmdebstrap.</summary>
/// <param name="Name">What the tree is for.</param>
/// <param name="Suite">The release.</param>
/// <param name="Packages">What to install beside apt and the essential packages.</param>
/// <param name="Options">More options of mmdebstrap.</param>
public sealed record DebianRecipe(string Name, string Suite, ImmutableArray<string> Packages, params ImmutableArray<string> Options)
{
    private const string Mirror = "http://deb.debian.org/debian";

    private static readonly ImmutableArray<string> CommonOptions =
    [
        "--quiet", "--mode=root", "--variant=apt", "--components=main",
        "--aptopt=Apt::Install-Recommends \"false\"",
        // Halves the number of files; nobody reads them here.
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        // mmdebstrap copies these two from the machine it runs on.
        "--customize-hook=rm -f \"$1/etc/resolv.conf\" \"$1/etc/hostname\"",
    ];

    // Downloading and unpacking balance at two: more of them only fight for the processors.
    private static readonly SemaphoreSlim AtOnce = new(2);

    /// <summary>The tree made by this recipe, from the cache of the machine where it is there already.</summary>
    public async Task<DebianTree> EnsureAsync(CancellationToken cancellationToken = default)
    {
        string[] arguments = [.. CommonOptions, .. Options, $"--include={string.Join(',', Packages)}", Suite];
        string part = await LabCache.OfMachine.EnsureAsync(
            Name, string.Join('\n', arguments), folder => MakeAsync(folder, arguments, cancellationToken), cancellationToken);
        return new DebianTree(Path.Join(part, "root"));
    }

    private static async Task MakeAsync(string folder, string[] arguments, CancellationToken cancellationToken)
    {
        await HostPackages.EnsureAsync(cancellationToken);
        await AtOnce.WaitAsync(cancellationToken);
        try
        {
            await LabProgram.RunAsync(
                Cli.Wrap("mmdebstrap")
                    .WithArguments([.. arguments, Path.Join(folder, "root"), Mirror])
                    // Images make their own initrd; the one of the package's script would be thrown away.
                    .WithEnvironmentVariables(e => e.Set("INITRD", "No")),
                cancellationToken);
        }
        finally
        {
            AtOnce.Release();
        }
    }
}
