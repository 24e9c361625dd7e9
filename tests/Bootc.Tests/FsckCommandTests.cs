using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Linux;

namespace Bootc.Tests;

public sealed class FsckCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bootc-fsck-").FullName;
    private readonly ObjectId _object;

    public FsckCommandTests()
    {
        using Dir parent = Dir.Open(_folder);
        using Repository repository = Repository.Ensure(parent, "composefs", VerityMode.Optional);
        _object = repository.Objects.Ensure("content"u8);
    }

    private string ObjectFile => Path.Join(_folder, "composefs/objects", _object.ObjectPath);

    [Fact]
    public async Task Says_ok_of_a_sound_repository() => (await RunAsync("composefs")).Should().Be((0, "ok\n", ""));

    [Fact]
    public async Task Says_ok_where_something_is_only_left_over()
    {
        File.WriteAllText(Path.Join(_folder, "composefs/objects/.tmp-object-1"), "left over");

        (await RunAsync("composefs")).Should().Be((0, "objects/.tmp-object-1: is not a directory of objects\nok\n", ""));
    }

    [Fact]
    public async Task Names_what_is_damaged_and_exits_1()
    {
        File.Delete(ObjectFile); // a file under fs-verity cannot be written to
        File.WriteAllText(ObjectFile, "CONTENT");

        (await RunAsync("composefs")).Should().Be(
            (1, $"objects/{_object.ObjectPath}: has other content than its name says\ndamaged\n", ""));
    }

    [Theory]
    [InlineData("", "* is not a composefs repository*")]
    [InlineData("absent", "error: open */absent: No such file or directory\n")]
    public async Task Refuses_what_is_no_repository(string name, string message)
    {
        (int exitCode, string output, string error) = await RunAsync(name);

        (exitCode, output).Should().Be((1, ""));
        error.Should().Match(message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<(int ExitCode, string Output, string Error)> RunAsync(string name)
    {
        using StringWriter output = new(), error = new();
        int exitCode = await Program.RunAsync(
            ["internals", "composefs", "fsck", "--repo", Path.Join(_folder, name)], output, error, CancellationToken.None);
        return (exitCode, output.ToString(), error.ToString());
    }
}
