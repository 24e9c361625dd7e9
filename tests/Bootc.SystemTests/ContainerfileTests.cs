using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>The Containerfile at the top compiles bootc without anything of this checkout's builds.</summary>
[Trait("Category", "All")]
public sealed class ContainerfileTests
{
    [Fact]
    public async Task Holds_just_the_files_that_belong_in_an_image()
    {
        const string image = "localhost/bootc-lab/containerfile";
        await LabImages.BuildProductAsync(image);

        Product product = await Product.Instance;
        string[] shipped = [.. Directory.EnumerateFiles(product.Root, "*", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(product.Root, f))
            .Order(StringComparer.Ordinal)];
        (await FilesAsync(image)).Should().Equal(shipped);
    }

    [Fact]
    public async Task Adds_bootc_to_a_base_image()
    {
        const string image = "localhost/bootc-lab/containerfile-on-debian";
        await LabImages.BuildProductAsync(image, await LabImages.DebianBase);

        Podman podman = await Podman.Instance;
        string help = await podman.RunAsync(["run", "--rm", "--network=none", image, "bootc", "--help"]);
        help.Should().Be(await LabProgram.RunAsync((await Product.Instance).Bootc, ["--help"]));
    }

    private static async Task<string[]> FilesAsync(string image)
    {
        Podman podman = await Podman.Instance;
        string container = (await podman.RunAsync(["create", image, "none"])).Trim();
        try
        {
            string list = await LabProgram.RunAsync(podman.Command("export", container) | CliWrap.Cli.Wrap("tar").WithArguments(["-t"]));
            return [.. list.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Where(f => !f.EndsWith('/') && f.StartsWith("usr/", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)];
        }
        finally
        {
            await podman.RunAsync(["rm", container]);
        }
    }
}
