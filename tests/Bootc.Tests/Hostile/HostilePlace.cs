using System.Text.RegularExpressions;
using Bootc.Testing;
using static Bootc.Tests.Hostile.SavedImageBytes;

namespace Bootc.Tests.Hostile;

/// <summary>
/// A repository with a good image in it, and around it files that hostile images reach for. What was written where is said
/// by find and sha256sum: times of directories give away even what was removed again.
/// </summary>
public sealed class HostilePlace : IAsyncLifetime
{
    private const string Listing =
        """
        cd "$1"; shift
        find "$@" -printf '%p %y %m %U:%G %n %T@ -> %l\n' | sort
        find "$@" -type f -print0 | sort -z | xargs -0r sha256sum
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-hostile-");

    /// <summary>A folder that nothing must be written to.</summary>
    public string Outside => Path.Join(_folder.FullName, "outside");

    public string Repo => Path.Join(_folder.FullName, "work", "repo");

    public string Archive => Path.Join(_folder.FullName, "work", "archive.tar");

    public async Task InitializeAsync()
    {
        await HostPackages.EnsureAsync();
        Directory.CreateDirectory(Path.Join(Outside, "empty"));
        Directory.CreateDirectory(Path.GetDirectoryName(Repo)!);
        await File.WriteAllTextAsync(Path.Join(Outside, "victim"), "untouched");
        await File.WriteAllBytesAsync(Archive, Docker(Layer(Content("usr/good", new byte[1000]))));
        (int code, string error) = await PullAsync("docker-archive");
        code.Should().Be(0, error);
    }

    /// <summary>Imports an archive and checks that nothing was written outside the repository, and nothing strange in it.</summary>
    /// <returns>The line that says why it was refused; null where it was not.</returns>
    public async Task<string?> ImportAsync(string transport, byte[] archive)
    {
        await File.WriteAllBytesAsync(Archive, archive);
        string around = await ListAsync("outside", "work", "-path", "work/repo", "-prune", "-o");
        string inside = await ListAsync("work/repo");

        (int code, string error) = await PullAsync(transport);

        (await ListAsync("outside", "work", "-path", "work/repo", "-prune", "-o")).Should().Be(around, "nothing is written outside the repository");
        await ShouldBeSoundAsync();
        string[] lines = error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (code == 0)
        {
            return null;
        }

        code.Should().Be(1, error);
        lines.Where(line => line.StartsWith("error: ", StringComparison.Ordinal)).Should().ContainSingle().Which.Should().Be(lines[^1]);
        Named(await ListAsync("work/repo")).Should().Equal(Named(inside), "what is refused gets no name");
        return lines[^1];
    }

    public Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>Lines of a listing that are of anything but objects, which have no name before an image is whole, and folders, whose times change.</summary>
    private static string[] Named(string listing) =>
        [.. listing.Split('\n').Where(line => !line.Contains("work/repo/objects/", StringComparison.Ordinal) && !Regex.IsMatch(line, "^work/repo[^ ]* d "))];

    private async Task ShouldBeSoundAsync()
    {
        string strange = await LabProgram.RunAsync("sh", ["-ec", "find \"$1\" ! -type f ! -type d ! -type l; find \"$1\" -type f -perm /7022", "find", Repo]);
        strange.Should().BeEmpty();
        string away = await LabProgram.RunAsync("sh", ["-ec", "cd \"$1\"; find . -type l -exec realpath {} + | grep -v \"^$1/\" || :", "find", Repo]);
        away.Should().BeEmpty();
        using StringWriter output = new(), error = new();
        await Program.RunAsync(["internals", "composefs", "fsck", "--repo", Repo], output, error, CancellationToken.None);
        $"{output}{error}".Should().Be("ok\n");
    }

    private Task<string> ListAsync(params string[] what) => LabProgram.RunAsync("sh", ["-ec", Listing, "list", _folder.FullName, .. what]);

    private async Task<(int Code, string Error)> PullAsync(string transport)
    {
        using StringWriter output = new(), error = new();
        string[] pull = ["internals", "oci", "pull", "--insecure", "--repo", Repo, $"{transport}:{Archive}"];
        return (await Program.RunAsync(pull, output, error, CancellationToken.None), error.ToString());
    }
}
