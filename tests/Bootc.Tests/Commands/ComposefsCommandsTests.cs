using System.Security.Cryptography;
using Bootc.Testing;
using CliWrap;

namespace Bootc.Tests.Commands;

/// <summary><c>bootc internals composefs mkimage|dump|digest</c>.</summary>
public sealed class ComposefsCommandsTests : IDisposable
{
    private static readonly string Simple = Checkout.PathOf("tests", "vectors", "composefs", "simple.dump");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-commands-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("0", "850f94a6374fc4a920e8bc65d10bac1d1e2f3dd7b5c203d351e3ed74c08398aa", "9f3f5620ee0c54708516467d0d58741e7963047c7106b245d94c298259d0fa01")]
    [InlineData("1", "c2ef36f4493efe3d15c85789b2ead2b0ece9917ef663339484c8ae35927bc1a1", "ad6db6427568a1e4fdc772cbab7b6063f5eb4b33cb62982a740ba9213e5962b5")]
    public async Task Makes_the_image_of_the_C_tool_and_prints_its_digest(string version, string sha256, string verity)
    {
        CommandResult result = await RunAsync("mkimage", "--format-version", version, "--digest", "sha256", Simple, PathOf("image"));

        result.Should().Be(new CommandResult(0, verity + "\n", ""));
        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(PathOf("image")))).Should().Be(sha256);
    }

    [Fact]
    public async Task Reads_the_dumpfile_from_standard_input()
    {
        string[] command = [Path.Join(AppContext.BaseDirectory, "bootc.dll"), "internals", "composefs", "mkimage", "--digest", "sha256", "-", PathOf("image")];

        string output = await LabProgram.RunAsync(PipeSource.FromFile(Simple) | Cli.Wrap("dotnet").WithArguments(command));

        output.Should().Be("ad6db6427568a1e4fdc772cbab7b6063f5eb4b33cb62982a740ba9213e5962b5\n");
        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(PathOf("image")))).Should().Be("c2ef36f4493efe3d15c85789b2ead2b0ece9917ef663339484c8ae35927bc1a1");
    }

    [Fact]
    public async Task Makes_version_1_and_prints_SHA_512_unless_told_otherwise()
    {
        File.WriteAllText(PathOf("dump"), "/ 0 40755 2 0 0 0 0.0 - - -\n");

        CommandResult result = await RunAsync("mkimage", PathOf("dump"), PathOf("image"));

        result.Output.Should().Be("ee192e5a91c70428c8f2ca7abf8274b695494c70a9ffb277598ffbacf46e2cebd7de172c6d44a84c20f3f13cc97e7691ccce4974937fe866c2f6c83ddccd3f72\n");
    }

    [Fact]
    public async Task Prints_a_tree_that_makes_the_same_image_again()
    {
        await RunAsync("mkimage", Simple, PathOf("image"));
        CommandResult dump = await RunAsync("dump", PathOf("image"));
        File.WriteAllText(PathOf("dump"), dump.Output);

        await RunAsync("mkimage", PathOf("dump"), PathOf("again"));

        File.ReadAllBytes(PathOf("again")).Should().Equal(File.ReadAllBytes(PathOf("image")));
    }

    [Fact]
    public async Task Prints_a_line_with_the_fsverity_digest_of_each_file()
    {
        File.WriteAllText(PathOf("a"), "hello world");
        File.WriteAllBytes(PathOf("b"), new byte[4097]);

        CommandResult result = await RunAsync("digest", "--digest", "sha256", PathOf("a"), PathOf("b"));

        result.Output.Should().Be(
            $"1e2eaa4202d750a41174ee454970b92c1bc2f925b1e35076d8c7d5f56362ba64 {PathOf("a")}\n"
            + $"093756e4ea9683329106d4a16982682ed182c14bf076463a9e7f97305cbac743 {PathOf("b")}\n");
    }

    [Fact]
    public async Task Replaces_an_older_output_and_leaves_nothing_beside_it()
    {
        File.WriteAllText(PathOf("image"), "old");

        await RunAsync("mkimage", Simple, PathOf("image"));

        Directory.GetFileSystemEntries(_folder.FullName).Should().Equal(PathOf("image"));
        new FileInfo(PathOf("image")).Length.Should().Be(16384);
    }

    /// <summary>The digest is pinned by composefs-rs, which alone writes this version.</summary>
    [Fact]
    public async Task Makes_version_2_as_composefs_rs_does_and_reads_it()
    {
        CommandResult made = await RunAsync("mkimage", "--format-version", "2", "--digest", "sha256", Simple, PathOf("image"));
        CommandResult dump = await RunAsync("dump", PathOf("image"));

        made.Should().Be(new CommandResult(0, "a8fcd41f8b313bede69f462f2af0a38d64b99a6333f5df884ea9ab4037fac722\n", ""));
        dump.Output.Should().Be(File.ReadAllText(Simple));
    }

    [Fact]
    public async Task Says_why_no_image_can_be_made_and_leaves_nothing_behind()
    {
        File.WriteAllText(PathOf("dump"), "/ 0 40755 2 0 0 0 0.0 - - -\n/a/b 0 40755 2 0 0 0 0.0 - - -\n");

        CommandResult result = await RunAsync("mkimage", PathOf("dump"), PathOf("image"));

        result.Should().Be(new CommandResult(1, "", "error: line 2 of the dumpfile: there is no directory /a in the lines above\n"));
        Directory.GetFileSystemEntries(_folder.FullName).Should().Equal(PathOf("dump"));
    }

    [Fact]
    public async Task Says_that_a_file_is_no_image()
    {
        CommandResult result = await RunAsync("dump", Simple);

        result.ExitCode.Should().Be(1);
        result.Error.Should().Be($"error: {Simple} is not a sound composefs image: image of 430 bytes is not a positive number of 4096-byte blocks\n");
    }

    [Theory]
    [InlineData("mkimage", "--format-version", "3", "in", "out")]
    [InlineData("mkimage", "--digest", "md5", "in", "out")]
    [InlineData("mkimage", "in")]
    [InlineData("digest")]
    [InlineData("dump")]
    public async Task Exits_with_2_on_a_wrong_command_line(params string[] arguments) =>
        (await RunAsync(arguments)).ExitCode.Should().Be(2);

    private static async Task<CommandResult> RunAsync(params string[] arguments)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int exitCode = await Program.RunAsync(["internals", "composefs", .. arguments], output, error, CancellationToken.None);
        return new(exitCode, output.ToString(), error.ToString());
    }

    private string PathOf(string name) => Path.Join(_folder.FullName, name);

    private sealed record CommandResult(int ExitCode, string Output, string Error);
}
