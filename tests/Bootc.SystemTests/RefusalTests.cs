using System.Formats.Tar;
using Bootc.Host.Tests.Images.Import;
using Bootc.Oci;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>
/// Installs that cannot be, run as users run them: each ends with one clear line, and leaves nothing mounted, attached or
/// half-made on this machine.
/// </summary>
[Collection(ThisMachine.Collection)]
public sealed class RefusalTests : IDisposable
{
    // $1 is the signal, and the command is what follows. It takes the place of the shell, as a child of which it would ignore SIGINT.
    private const string StopWhileImporting =
        """
        signal=$1
        shift
        (
          until grep -q '^Importing layer' /seen/steps || ! kill -0 $$; do sleep 0.01; done
          cat /sys/block/loop*/loop/backing_file > /seen/loops
          kill -s "$signal" $$
        ) > /dev/null 2>&1 &
        exec "$@" 2> /seen/steps
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-refusal");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("", "^error: this container is not privileged; add --privileged to podman run$")]
    [InlineData("--privileged --pid=host -v /var/lib/containers:/var/lib/containers", "add -v /dev:/dev")]
    [InlineData("--privileged -v /dev:/dev -v /var/lib/containers:/var/lib/containers", "add --pid=host")]
    [InlineData("--privileged --pid=host -v /dev:/dev", "add -v /var/lib/containers:/var/lib/containers")]
    public async Task A_missing_part_of_the_command_line_is_named(string options, string message) =>
        await RefusedAsync(options, Refusal.ToDisk, message);

    [Theory]
    [InlineData("rm /usr/lib/modules/*/vmlinuz", "the image has no kernel")]
    [InlineData("cp -r /usr/lib/modules/* /usr/lib/modules/another", "the image has 2 kernels \\(.*another\\)")]
    [InlineData("rm /usr/lib/modules/*/initramfs.img", "has no initrd: ")]
    [InlineData("rm /usr/lib/systemd/boot/efi/*", "the image has no boot loader: ")]
    [InlineData("mkdir -p /usr/lib/bootc/kargs.d && echo 'kargs = 1' > /usr/lib/bootc/kargs.d/10.toml", "/usr/lib/bootc/kargs.d/10.toml:1: kargs: wanted a list")]
    [InlineData("mkdir -p /etc/bootc/install && printf '[install]\\nkarg = 1' > /etc/bootc/install/10.toml", "/etc/bootc/install/10.toml:2: install.karg: there is no such key")]
    [InlineData("mkdir -p /etc/bootc/install && printf '[install]\\nenforce-container-sigpolicy = true' > /etc/bootc/install/10.toml", "a signature policy has to vouch for images here, and ")]
    public async Task An_image_that_could_not_boot_is_refused(string change, string message) =>
        await RefusedAsync(Refusal.Privileged, Refusal.ToDisk, message, $"FROM {await LabImages.Debian}\nRUN {change}\n");

    [Fact]
    public async Task A_disk_that_is_too_small_is_refused_with_the_size_it_must_have() =>
        await RefusedAsync(Refusal.Privileged, Refusal.ToDisk, "is too small: it has 512 MiB, and this image needs at least [0-9]+ MiB", diskSize: 512 << 20);

    [Fact]
    public async Task Keys_for_a_root_whose_home_is_read_only_are_refused() =>
        await RefusedAsync(
            Refusal.Privileged, $"{Refusal.ToDisk} --root-ssh-authorized-keys /etc/keys", "cannot be written to /root/.ssh, .*make /root a link to a directory in /var",
            $"FROM {await LabImages.Debian}\nRUN rm /root && mkdir /root && echo ssh-ed25519 AAAA > /etc/keys\n");

    [Fact]
    public async Task A_disk_that_is_not_empty_is_refused_without_wipe() =>
        await RefusedAsync(Refusal.Privileged, Refusal.ToDisk, "is not empty \\(it holds ext4\\); to destroy what is on it add --wipe", prepare: disk => LabProgram.RunAsync("mkfs.ext4", ["-q", "-F", disk]));

    [Fact]
    public async Task An_image_name_that_no_update_could_come_from_is_refused() =>
        await RefusedAsync(Refusal.Privileged, Refusal.ToDisk.Replace(" --target-imgref registry.example/os:1", ""), "could get no updates from localhost/.*--target-imgref NAME");

    [Fact]
    public async Task A_missing_mkfs_is_named_before_anything_is_written() =>
        await RefusedAsync(Refusal.Privileged, Refusal.ToDisk.Replace("ext4", "xfs"), "the image has no mkfs\\.xfs, needed to install with --filesystem xfs; add them to the image");

    [Fact]
    public async Task Missing_verity_is_refused_unless_allowed() =>
        await RefusedAsync(Refusal.Privileged, Refusal.ToDisk.Replace(" --allow-missing-verity", ""), "cannot enable fs-verity on ext4.*--allow-missing-verity");

    [Fact]
    public async Task Outside_the_image_the_command_says_where_to_run_it()
    {
        Machine before = await Machine.LookAsync(_folder);
        ProgramOutput result = await LabProgram.TryRunAsync((await Product.Instance).Bootc, ["install", "to-disk", "--filesystem", "ext4", "/dev/null"]);

        result.ExitCode.Should().Be(1);
        Refusal.OneLine(result).Should().Contain("must be run from the target container image");
        (await before.SettledAsync(_folder)).Should().BeEquivalentTo(before);
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("KILL", 137)]
    public async Task An_install_that_is_stopped_leaves_nothing(string signal, int exitCode)
    {
        LabInstall.NewDisk(_folder.FullName);
        Machine before = await Machine.LookAsync(_folder);

        DirectoryInfo seen = Directory.CreateTempSubdirectory("bootc-steps");
        try
        {
            ProgramOutput result = await new Refusal(_folder).RunAsync(
                await Podman.Instance, $"{Refusal.Privileged} -v {seen.FullName}:/seen", await LabImages.Debian, ["sh", "-c", StopWhileImporting, "stop", signal, .. Refusal.ToDisk.Split(' ')]);

            result.ExitCode.Should().Be(exitCode, result.ToString());
            // Later steps would have been said before it ended.
            (await File.ReadAllTextAsync(Path.Join(seen.FullName, "steps"))).Should().Contain("Importing layer").And.NotContain("Laying out /etc and /var");
            (await File.ReadAllTextAsync(Path.Join(seen.FullName, "loops"))).Should().Contain("/disk.img", "the disk was attached when the install was stopped");
        }
        finally
        {
            seen.Delete(recursive: true);
        }

        (await before.SettledAsync(_folder)).Should().BeEquivalentTo(before);
        if (signal == "INT")
        {
            (await LabProgram.RunAsync("wipefs", ["--no-act", "--noheadings", Path.Join(_folder.FullName, "disk.img")])).Trim().Should().BeEmpty("a disk must not look installed");
        }
    }

    [Theory]
    [InlineData("a layer cut short", "blob sha256:[0-9a-f]{64} ended after [0-9]+ of [0-9]+ bytes$")]
    [InlineData("a layer that is not the one that the manifest names", "blob sha256:[0-9a-f]{64} has digest sha256:[0-9a-f]{64}$")]
    [InlineData("a layer that unpacks to something else", "unpacks to sha256:[0-9a-f]{64}")]
    [InlineData("a name above", "the name holds \"\\.\\.\"")]
    [InlineData("an absolute name", "the name is absolute")]
    [InlineData("a file in place of a directory", "is below a file that is not a directory$")]
    [InlineData("another architecture", "the image is for linux/s390x; linux/[a-z0-9]+ is wanted$")]
    public async Task An_image_that_is_damaged_or_hostile_is_refused(string what, string message)
    {
        MakeLayout(what);
        string disk = LabInstall.NewDisk(_folder.FullName);

        await new Refusal(_folder).ShouldBeAsync(
            await Podman.Instance, Refusal.Privileged, await SkeletonImage.Instance, $"{Refusal.ToDisk} --source-imgref oci:/output/layout", message);

        (await LabProgram.RunAsync("wipefs", ["--no-act", disk])).Should().BeEmpty("a disk must not look installed");
    }

    /// <summary>A layout with a good layer and one that is changed. What its names lead to would be seen beside the disk.</summary>
    private void MakeLayout(string what)
    {
        TestLayout layout = new(Path.Join(_folder.FullName, "layout"));
        PaxTarEntry[] more = what switch
        {
            "a name above" => [TestLayout.File("usr/../../../../output/pwned")],
            "an absolute name" => [TestLayout.File("/output/pwned")],
            "a file in place of a directory" => [TestLayout.File("usr/large/pwned")],
            _ => [TestLayout.File("usr/more", "more")],
        };
        layout.AddLayer(TestLayout.Skeleton)
            .AddLayer(more, diffId: what == "a layer that unpacks to something else" ? $"sha256:{new string('0', 64)}" : null)
            .Finish(what == "another architecture" ? "s390x" : Platform.Native.Architecture, """{"containers.bootc":"1"}""");
        if (what is "a layer cut short" or "a layer that is not the one that the manifest names")
        {
            using FileStream blob = File.Open(layout.BlobPath(1), FileMode.Open);
            if (what == "a layer cut short")
            {
                blob.SetLength(blob.Length / 2);
            }
            else
            {
                // Which system compressed it (RFC 1952): no program that unpacks it minds.
                blob.Position = 9;
                blob.WriteByte(255);
            }
        }
    }

    private async Task RefusedAsync(
        string options, string command, string message, string? containerfile = null, long diskSize = 4L << 30, Func<string, Task>? prepare = null)
    {
        string image = containerfile is null ? await LabImages.Debian : await LabImages.BuildAsync("refused", containerfile);
        string disk = LabInstall.NewDisk(_folder.FullName, size: diskSize);
        await (prepare?.Invoke(disk) ?? Task.CompletedTask);
        await new Refusal(_folder).ShouldBeAsync(await Podman.Instance, options, image, command, message);
    }
}
