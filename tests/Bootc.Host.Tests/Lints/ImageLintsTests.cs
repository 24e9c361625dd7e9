using Bootc.Host.Lints;
using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.Host.Tests.Lints;

/// <summary>What of the lints takes the root of a running container, or mounts; the others are in ContainerCommandsTests.</summary>
public sealed class ImageLintsTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-lints-");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task What_tmpfiles_does_not_make_in_var_is_found_once()
    {
        await ShellAsync(
            """
            mkdir -p usr/lib/tmpfiles.d etc/tmpfiles.d var/lib/app/data/deep var/lib/other/data var/log
            touch var/log/one var/lib/other/data/two
            ln -s ../run var/run
            ln -s log var/logs
            printf '# of the base\nd /var/log 0755\nd /var/lib - - - -\nL+ /var/run - - - - ../run\n' > usr/lib/tmpfiles.d/base.conf
            printf 'D! /var/lib/app/ 0700 root root\n' > etc/tmpfiles.d/app.conf
            printf 'd /var/lib/other\n' > usr/lib/tmpfiles.d/README
            """);

        Look("var-tmpfiles")!.Items.Should().Equal("/var/lib/app/data", "/var/lib/other", "/var/log/one", "/var/logs");
    }

    [Theory]
    [InlineData("ln -s /dev/null etc/tmpfiles.d/app.conf", "/var/app")]
    [InlineData("touch etc/tmpfiles.d/app.conf", "/var/app")]
    [InlineData("touch etc/tmpfiles.d/other.conf")]
    [InlineData("mkdir -p run/tmpfiles.d && touch run/tmpfiles.d/app.conf", "/var/app")]
    [InlineData("mkdir -p run/tmpfiles.d && touch run/tmpfiles.d/app.conf && echo 'd /var/app' > etc/tmpfiles.d/app.conf")]
    [InlineData("mkdir opt && mv usr/lib/tmpfiles.d/app.conf opt/rules && ln -s /opt/rules usr/lib/tmpfiles.d/app.conf")]
    [InlineData("mkdir opt && mv usr/lib/tmpfiles.d/app.conf opt/rules && ln -s ../../../opt/rules usr/lib/tmpfiles.d/app.conf")]
    [InlineData("ln -s /nowhere usr/lib/tmpfiles.d/lost.conf && mkfifo usr/lib/tmpfiles.d/fifo.conf && mkdir usr/lib/tmpfiles.d/folder.conf")]
    public async Task A_file_of_tmpfiles_hides_those_of_its_name_and_may_be_a_link(string change, params string[] found)
    {
        await ShellAsync($"mkdir -p var/app etc/tmpfiles.d usr/lib/tmpfiles.d && echo 'd /var/app' > usr/lib/tmpfiles.d/app.conf\n{change}");

        (Look("var-tmpfiles")?.Items ?? []).Should().Equal(found);
    }

    [Theory]
    [InlineData("usr/lib/tmpfiles.d", "ln -s 1.conf 1.conf", "var-tmpfiles", "open */usr/lib/tmpfiles.d/1.conf: Too many levels of symbolic links")]
    [InlineData("usr/lib/bootc/kargs.d", "ln -s 1.toml 1.toml", "bootc-kargs", "open */1.toml: Too many levels of symbolic links")]
    [InlineData("usr/lib/bootc/kargs.d", "echo 'kargs = [\"composefs=x\"]' > 1.toml", "bootc-kargs", "/usr/lib/bootc/kargs.d/1.toml: the kernel argument composefs says which*")]
    public async Task What_cannot_be_read_or_must_not_be_said_is_a_finding(string folder, string spoil, string lint, string finding)
    {
        await ShellAsync($"mkdir -p {folder} && cd {folder} && {spoil}");

        Look(lint)!.Text.Should().Match(finding);
    }

    [Fact]
    public async Task A_bound_image_that_cannot_be_had_is_named_by_its_link()
    {
        await ShellAsync("mkdir -p usr/lib/bootc/bound-images.d && ln -s /nowhere.image usr/lib/bootc/bound-images.d/app.image");

        Look("bound-images")!.Text.Should().Be("/usr/lib/bootc/bound-images.d/app.image binds no image: it leads to no file of the image");
    }

    [Fact]
    public async Task What_is_mounted_is_not_of_the_image()
    {
        await ShellAsync("mkdir boot run tmp tmp/cache; touch run/file; mount -t tmpfs none boot; mount -t tmpfs none tmp/cache; touch boot/x tmp/cache/x; mount --bind run/file run/file");
        try
        {
            Look("nonempty-boot").Should().BeNull();
            Look("nonempty-run-tmp").Should().BeNull();
        }
        finally
        {
            await ShellAsync("umount boot tmp/cache run/file");
        }

        Look("nonempty-run-tmp")!.Items.Should().Equal("/run/file", "/tmp/cache");
    }

    private LintFinding? Look(string name)
    {
        using Dir root = Dir.Open(_root.FullName);
        return ImageLints.All.Single(lint => lint.Name == name).Look(root);
    }

    private async Task ShellAsync(string script) => await LabProgram.RunAsync("sh", ["-ec", $"cd \"$1\"\n{script}", "sh", _root.FullName]);
}
