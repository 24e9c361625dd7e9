using Bootc.Testing;

namespace Bootc.Initramfs.Tests;

/// <summary><c>bootc internals composefs mount</c> on the repository of an installed system.</summary>
public sealed class MountCommandTests(InstalledDisk disk) : IClassFixture<InstalledDisk>
{
    [Fact]
    public async Task It_shows_the_tree_of_an_image_read_only()
    {
        ProgramOutput result = await disk.RunAsync("""
            $bootc internals composefs mount --repo sysroot/composefs $id target
            diff -r $image_tree target
            findmnt -n -o SOURCE,VFS-OPTIONS target
            """);

        result.ExitCode.Should().Be(0, result.ToString());
        result.Output.Should().MatchRegex($"^composefs:{disk.Id} +ro,relatime\n$");
    }

    [Theory]
    [InlineData("--repo sysroot/composefs 0123 target", 1, "error: \"0123\" is not an fs-verity digest *")]
    [InlineData("--repo sysroot $id target", 1, "error: sysroot/images/* is missing; *")]
    [InlineData("--repo sysroot/composefs $id nowhere", 1, "error: open nowhere: No such file or directory\n")]
    [InlineData("$id target", 2, "*--repo*")]
    public async Task It_refuses_in_one_line(string arguments, int exitCode, string message)
    {
        ProgramOutput result = await disk.RunAsync($"$bootc internals composefs mount {arguments}");

        result.ExitCode.Should().Be(exitCode, result.ToString());
        result.Error.Should().Match(message);
    }
}
