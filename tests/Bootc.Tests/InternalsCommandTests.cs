using Bootc.Linux;

namespace Bootc.Tests;

/// <summary>Small hidden verbs that other programs call.</summary>
public sealed class InternalsCommandTests : IDisposable
{
    private static readonly DirectoryInfo Bin = Directory.CreateTempSubdirectory("bootc-programs");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-internals");

    // On tmpfs, which has no fs-verity under any kernel.
    private readonly string _file = $"/dev/shm/bootc-tests-{Guid.NewGuid():N}";

    static InternalsCommandTests()
    {
        // Nothing here is to be started; what matters is what is called.
        using (Dir folder = Dir.Open(Bin.FullName))
        {
            folder.WriteAtomically("systemd-run", "#!/bin/sh\necho \"$@\" > \"$(dirname \"$0\")/called\"\n", mode: 0x1ED);
        }

        Environment.SetEnvironmentVariable("PATH", $"{Bin.FullName}:{Environment.GetEnvironmentVariable("PATH")}");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Bin.Delete(recursive: true);
    }

    public InternalsCommandTests() => File.WriteAllText(_file, "content");

    public void Dispose()
    {
        File.Delete(_file);
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Reboot_leaves_it_to_systemd_outside_of_this_session()
    {
        (await RunAsync("reboot")).Should().Be((0, "", ""));

        (await File.ReadAllTextAsync(Path.Join(Bin.FullName, "called"))).Should().Be("--quiet -- systemctl reboot --message=Initiated by bootc\n");
    }

    [Theory]
    [InlineData("measure", "is not sealed with fs-verity")]
    [InlineData("enable", "cannot be sealed: its file system or the running kernel has no fs-verity")]
    public async Task A_file_that_has_no_seal_or_cannot_have_one_is_named(string verb, string message) =>
        (await RunAsync("fsverity", verb, _file)).Should().Be((1, "", $"error: {_file} {message}\n"));

    [Fact]
    public async Task A_file_that_is_not_there_is_named() =>
        (await RunAsync("fsverity", "measure", Path.Join(_folder.FullName, "none"))).Should().Be((1, "", $"error: open {_folder.FullName}/none: No such file or directory\n"));

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int code = await Program.RunAsync(["internals", .. args], output, error, CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }
}
