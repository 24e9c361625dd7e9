using Bootc.Host.Operations;
using Bootc.Linux;

namespace Bootc.Host.Tests.Operations;

/// <summary>What find sees in the folder that a generator was given; the system is a folder, too.</summary>
public sealed class UnitGeneratorTests : IDisposable
{
    private static readonly string Id = new('5', 128);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-generator");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("composefs=")]
    [InlineData("composefs=?")]
    [InlineData("composefs.digest=v1-sha512-12:")]
    public async Task Enables_the_units_of_status_where_a_deployment_was_booted(string argument)
    {
        (await RunAsync($"root=UUID=1 {argument}{Id} rw")).Should().Equal(
            "multi-user.target.wants/bootc-status-updated-onboot.target -> /usr/lib/systemd/system/bootc-status-updated-onboot.target",
            "multi-user.target.wants/bootc-status-updated.path -> /usr/lib/systemd/system/bootc-status-updated.path");
    }

    [Fact]
    public async Task Leaves_every_other_machine_alone() => (await RunAsync("root=UUID=1 rw")).Should().BeEmpty();

    [Fact]
    public async Task Leaves_containers_alone()
    {
        Directory.CreateDirectory(Path.Join(_folder.FullName, "root/run"));
        File.WriteAllText(Path.Join(_folder.FullName, "root/run/.containerenv"), "");

        (await RunAsync($"composefs={Id}")).Should().BeEmpty();
    }

    private async Task<string[]> RunAsync(string commandLine)
    {
        Directory.CreateDirectory(Path.Join(_folder.FullName, "root/proc"));
        File.WriteAllText(Path.Join(_folder.FullName, "root/proc/cmdline"), commandLine + "\n");
        string normal = _folder.CreateSubdirectory("normal").FullName;
        using (Dir root = Dir.Open(Path.Join(_folder.FullName, "root")))
        using (Dir folder = Dir.Open(normal))
        {
            new UnitGenerator(root).Run(folder);
        }

        string found = await Testing.LabProgram.RunAsync("find", [normal, "-mindepth", "1", "!", "-type", "d", "-printf", "%P -> %l\\n"]);
        return [.. found.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];
    }
}
