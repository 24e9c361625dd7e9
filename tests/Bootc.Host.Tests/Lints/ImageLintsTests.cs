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
