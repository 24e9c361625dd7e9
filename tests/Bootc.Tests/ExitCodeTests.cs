using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.Tests;

public class ExitCodeTests
{
    private const string DeploymentId =
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    [Theory]
    [InlineData("--no-such-option")]
    [InlineData("no-such-verb")]
    [InlineData("install", "to-disk")]
    [InlineData("install", "to-disk", "/dev/null", "--filesystem")]
    [InlineData("install", "to-disk", "/dev/null", "--filesystem", "zfs")]
    [InlineData("install", "to-disk", "/dev/null", "--root-size", "much")]
    [InlineData("install", "to-disk", "/dev/null", "--target-transport", "floppy")]
    [InlineData("help", "no-such-verb")]
    [InlineData("help", "install", "no-such-verb")]
    [InlineData("status", "--format-version", "7")]
    [InlineData("upgrade", "--check", "--apply")]
    [InlineData("upgrade", "--download-only", "--from-downloaded")]
    [InlineData("upgrade", "--soft-reboot", "perhaps")]
    [InlineData("upgrade", "--max-rate", "1023")]
    [InlineData("upgrade", "--max-rate", "0")]
    [InlineData("upgrade", "--max-bytes", "much")]
    [InlineData("upgrade", "--from-downloaded", "--max-rate", "1M")]
    [InlineData("switch", "--mutate-in-place", "--allow-downgrade", "quay.io/os/edge:7")]
    [InlineData("switch")]
    [InlineData("switch", "blah://")]
    [InlineData("switch", "\e[2J")]
    [InlineData("upgrade", "--max-rate", "\e[2J")]
    [InlineData("upgrade", "--from-downloaded", "--tag", "2")]
    [InlineData("switch", "--transport", "floppy", "quay.io/os/edge")]
    [InlineData("delete-deployment", "xyz")]
    [InlineData("internals", "prep-soft-reboot", "xyz")]
    [InlineData("image", "copy-to-storage", "--source", "blah://")]
    [InlineData("image", "copy-to-storage", "--target", "two words")]
    [InlineData("loader-entries", "set-options-for-source", "--options", "quiet")]
    [InlineData("loader-entries", "set-options-for-source", "--source", "two words")]
    [InlineData("loader-entries", "set-options-for-source", "--source", "")]
    public async Task A_wrong_command_line_is_a_usage_error_that_points_to_the_help(params string[] args)
    {
        (int code, string output, string error) = await RunAsync(args);

        code.Should().Be(2);
        output.Should().BeEmpty();
        error.Should().StartWith("error: ").And.Contain("--help").And.NotContain("\e", "a terminal obeys that");
    }

    /// <summary>Nothing that changes a machine does anything where no deployment runs, and each says so.</summary>
    [Theory]
    [InlineData("upgrade")]
    [InlineData("update", "--check", "--quiet")]
    [InlineData("upgrade", "--max-rate", "500K", "--max-bytes", "none", "--allow-downgrade")]
    [InlineData("switch", "quay.io/os/edge:7")]
    [InlineData("switch", "--max-rate", "none", "--max-bytes", "2G", "--allow-downgrade", "quay.io/os/edge:7")]
    [InlineData("switch", "--transport", "oci", "/var/mnt/stick/edge:7", "--apply", "--soft-reboot", "auto")]
    [InlineData("rollback")]
    [InlineData("doctor")]
    [InlineData("doctor", "--fix")]
    [InlineData("image", "cmd", "list", "--format", "{{.ID}}")]
    [InlineData("image", "cmd", "pull", "localhost/app:1")]
    [InlineData("image", "list", "--type", "host")]
    [InlineData("image", "pull-from-default-storage", "localhost/app:1")]
    [InlineData("internals", "fsck")]
    [InlineData("usroverlay")]
    [InlineData("image", "copy-to-storage", "--target", "localhost/mine")]
    [InlineData("composefs-finalize-staged")]
    [InlineData("internals", "prep-soft-reboot", "--reboot")]
    [InlineData("internals", "prep-soft-reboot", DeploymentId)]
    public async Task Elsewhere_a_verb_for_booted_machines_says_that_it_needs_one(params string[] args)
    {
        (int code, string output, string error) = await RunAsync(args);

        code.Should().Be(1);
        output.Should().BeEmpty();
        error.Should().StartWith("error: this command requires a booted host system");
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("--version")]
    [InlineData("install", "to-disk", "--help")]
    public async Task Asking_for_help_succeeds(params string[] args) => (await RunAsync(args)).Code.Should().Be(0);

    [Theory]
    [InlineData("-V", "--version")]
    [InlineData("help", "--help")]
    [InlineData("help install to-disk", "install to-disk --help")]
    [InlineData("help internals", "internals --help")]
    [InlineData("help update", "upgrade --help")]
    public async Task There_are_two_ways_to_ask_for_the_same(string one, string other)
    {
        (int code, string output, string error) = await RunAsync(one.Split(' '));

        (code, output, error).Should().Be(await RunAsync(other.Split(' ')));
        (code, error).Should().Be((0, ""));
    }

    [Fact]
    public async Task An_argument_with_an_at_sign_in_front_is_no_file_to_read_more_from()
    {
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "--version");

            (int code, string output, string error) = await RunAsync($"@{file}");

            (code, output).Should().Be((2, ""));
            error.Should().Contain($"@{file}");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("--bootloader", "grub")]
    [InlineData("--block-setup", "tpm2-luks")]
    public async Task An_option_that_is_not_available_yet_is_refused_and_not_ignored(params string[] option)
    {
        (int code, _, string error) = await RunAsync(["install", "to-disk", "/dev/null", .. option]);

        code.Should().Be(1);
        error.Should().Be($"error: {string.Join(' ', option)} is not available yet in this version of bootc; leave it out\n");
    }

    [Theory]
    [InlineData("install to-filesystem", " is not available yet in this version of bootc; see /usr/share/doc/bootc/compatibility.md", "--root-mount-spec", "UUID=1", "/mnt")]
    [InlineData("install reset", " is not available yet in this version of bootc; see /usr/share/doc/bootc/compatibility.md", "--experimental", "--apply")]
    [InlineData("container ukify", " is not available yet in this version of bootc; see /usr/share/doc/bootc/compatibility.md", "--rootfs", "/target", "--", "--signtool", "sbsign")]
    [InlineData("internals bootc-install-completion", " is for systems deployed by ostree, which this bootc does not manage", "/sysroot", "default")]
    [InlineData("state wipe-ostree", " is for systems deployed by ostree, which this bootc does not manage")]
    [InlineData("exec-in-host-mount-namespace", " is not available; \"nsenter --target 1 --mount --\" does the same", "ls", "-l", "/")]
    public async Task A_verb_that_is_not_available_says_so_whatever_follows_it_and_in_its_help(string verb, string why, params string[] rest)
    {
        (await RunAsync([.. verb.Split(' '), .. rest])).Should().Be((1, "", $"error: bootc {verb}{why}\n"));

        (int code, string help, string error) = await RunAsync([.. verb.Split(' '), "--help"]);
        (code, error).Should().Be((0, ""));
        help.Should().Contain($"bootc {verb}{why}");
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("install", "--help")]
    [InlineData("container", "--help")]
    [InlineData("internals", "--help")]
    public async Task Lists_of_commands_have_none_that_is_not_available(params string[] args) =>
        (await RunAsync(args)).Output.Should().NotContainAny("to-filesystem", "ukify", "relabel", "\n  state ", "exec-in-host");

    [Theory]
    [InlineData("composefs=x", "error: --options: the kernel argument composefs says which deployment is booted; bootc sets it by itself\n")]
    [InlineData("a=\"b", "error: --options: the kernel argument a=\"b has an opening quote without a closing one\n")]
    [InlineData("a\nb", "error: --options: a kernel argument has a control character in it\n")]
    public async Task Kernel_arguments_that_would_not_arrive_are_refused(string options, string message)
    {
        (int code, _, string error) = await RunAsync("loader-entries", "set-options-for-source", "--source", "tuned", "--options", options);

        (code, error).Should().Be((1, message));
    }

    [Fact]
    public void What_an_image_says_cannot_move_the_cursor_or_fill_the_screen()
    {
        using StringWriter error = new();

        ErrorReport.Write(error, new InvalidDataException($"a\u001b[2Jb\u009bc\rd\ne{new string('f', 100_000)}g"));

        error.ToString().Should().StartWith("error: a\\x1b[2Jb\\x9bc d ef").And.EndWith("fg\n").And.HaveLength("error: ".Length + 4000 + 3 + 6 + 1);
    }

    [Fact]
    public async Task An_interrupted_command_exits_with_130()
    {
        using CancellationTokenSource interrupted = new();
        await interrupted.CancelAsync();
        using StringWriter output = new();
        using StringWriter error = new();

        int code = await Program.RunAsync(["install", "to-disk", "/dev/null"], output, error, interrupted.Token);

        code.Should().Be(130);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int code = await Program.RunAsync(args, output, error, CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>As root that is one that is too large; for others it is any that root wrote.</summary>
    [Fact]
    public async Task A_file_of_logins_that_cannot_be_read_stands_in_the_way_of_no_other_command()
    {
        const string WithLogins = "mount -t tmpfs tmpfs /run && mkdir -p /run/ostree && truncate -s 2M /run/ostree/auth.json && exec \"$@\"";

        string help = await LabProgram.RunAsync("unshare", ["-m", "sh", "-ec", WithLogins, "sh", .. BuiltProgram.Command, "--help"]);

        help.Should().Contain("upgrade");
    }

    [Fact]
    public async Task Files_have_the_modes_that_they_are_made_with_whatever_the_umask_of_the_user_is()
    {
        string folder = Directory.CreateTempSubdirectory("bootc-umask-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Join(folder, "dump"), "/ 4096 40755 2 0 0 0 0.0 - - -\n");

            await LabProgram.RunAsync(
                "sh", ["-c", "umask 077; exec \"$@\"", "sh", .. BuiltProgram.Command, "internals", "composefs", "mkimage", Path.Join(folder, "dump"), Path.Join(folder, "image")]);

            using Dir made = Dir.Open(folder);
            (made.Status("image").Permissions & 0x24).Should().Be(0x24, "all may read it");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
