using System.Text.Json;
using Bootc.Testing;

namespace Bootc.Tests.Commands;

/// <summary><c>bootc container lint</c> and <c>inspect</c>, on a root directory that has nothing wrong but what a test does to it.</summary>
public sealed class ContainerCommandsTests : IAsyncLifetime
{
    private const string Good =
        """
        mkdir -p boot/EFI dev etc proc run/systemd/resolve sys sysroot tmp usr/lib/modules/6.1 usr/lib/sysusers.d var/log
        touch usr/lib/modules/6.1/vmlinuz usr/lib/modules/6.1/initramfs.img var/log/empty
        ln -s ../run var/run
        ln -s sysroot/ostree ostree
        printf 'root:x:0:0::/root:/bin/sh\nbin:x:1:1::/:/bin/false\n' > etc/passwd
        printf 'root:x:0:\nadm:x:4:\nbin:x:1:\n' > etc/group
        printf '# who is there\nu! root 0 - /root\ng adm 4\nu bin 1\n' > usr/lib/sysusers.d/base.conf
        """;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-lint-");

    public Task InitializeAsync() => ShellAsync(Good);

    public Task DisposeAsync() => LabProgram.RunAsync("rm", ["-rf", _root.FullName]);

    [Fact]
    public async Task A_good_image_passes_all_lints_but_those_for_a_running_container()
    {
        (await RunAsync("lint", "--fatal-warnings")).Should().Be((0, "Checks passed: 12\nChecks skipped: 2\n", ""));
        (await RunAsync("lint", "--skip", "utf8", "--skip", "kernel", "--skip", "no-such-lint")).Output.Should().Be("Checks passed: 10\nChecks skipped: 4\n");
    }

    [Theory]
    [InlineData("rm -r tmp proc", "api-base-directories: there has to be a directory /proc, /tmp")]
    [InlineData("rmdir dev && ln -s /dev dev", "api-base-directories: there has to be a directory /dev")]
    [InlineData("rmdir sysroot", "baseimage-root: there has to be a directory /sysroot")]
    [InlineData("ln -sfn /sysroot/ostree ostree", "baseimage-root: /ostree has to be a link to sysroot/ostree, or not there")]
    [InlineData("rm ostree && mkdir ostree", "baseimage-root: /ostree has to be a link to sysroot/ostree, or not there")]
    [InlineData("mkdir -p usr/share/doc/bootc/baseimage/base", "baseimage-root: there has to be a directory /usr/share/doc/bootc/baseimage/base/sysroot")]
    [InlineData("mkdir -p usr/lib/bootc/kargs.d && echo 'kargs = 1' > usr/lib/bootc/kargs.d/1.toml", "bootc-kargs: /usr/lib/bootc/kargs.d/1.toml:1: kargs: wanted a list of texts in quotes")]
    [InlineData("mkdir usr/etc", "etc-usretc: there are both /etc and /usr/etc; an image has its configuration in /etc")]
    [InlineData("cp -r usr/lib/modules/6.1 usr/lib/modules/6.2", "kernel: an image has one kernel, and here are:\n  /usr/lib/modules/6.1/vmlinuz\n  /usr/lib/modules/6.2/vmlinuz")]
    [InlineData("rm usr/lib/modules/6.1/initramfs.img", "kernel: /usr/lib/modules/6.1 has a kernel and no initramfs.img")]
    [InlineData("rm var/run && mkdir var/run", "var-run: /var/run has to be a link to /run")]
    [InlineData("touch \"$(printf 'usr/lib/\\344')\"", "utf8: the name of /usr/lib/\uFFFD is not UTF-8")]
    [InlineData("ln -s \"$(printf '\\344')\" usr/lib/link", "utf8: what /usr/lib/link leads to is not UTF-8")]
    public async Task What_makes_an_image_that_is_no_good_fails(string spoil, string finding)
    {
        await ShellAsync(spoil);

        (int code, string output, string error) = await RunAsync("lint");

        (code, error).Should().Be((1, "error: Checks failed: 1\n"));
        output.Should().Be($"Failed lint: {finding}\nChecks passed: 11\nChecks skipped: 2\n");
    }

    [Theory]
    [InlineData("touch etc/hostname && touch etc/resolv.conf", "buildah-injected: remove these empty files, which the build made:\n  /etc/hostname\n  /etc/resolv.conf")]
    [InlineData("rm -r boot", "nonempty-boot: there is no directory /boot")]
    [InlineData("touch boot/vmlinuz", "nonempty-boot: /boot is the machine's, where nothing of the image is seen but a unified kernel; remove:\n  /boot/vmlinuz")]
    [InlineData("mkdir run/lock && touch run/lock/x tmp/y", "nonempty-run-tmp: what is mounted there on a machine hides these; remove them:\n  /run/lock\n  /run/lock/x\n  /tmp/y")]
    [InlineData("touch run/systemd/resolve/stub-resolv.conf run/systemd/x", "nonempty-run-tmp: what is mounted there on a machine hides these; remove them:\n  /run/systemd\n  /run/systemd/x")]
    [InlineData(
        "echo 'new:x:900:900::/:/bin/sh' >> etc/passwd && echo 'new:x:900:' >> etc/group",
        "sysusers: updates do not bring these to machines that changed their own files; declare them in /usr/lib/sysusers.d:\n  user new\n  group new")]
    [InlineData("mkdir var/log/apt && echo x > var/log/apt/history.log", "var-log: machines begin with these logs of the build; remove them:\n  /var/log/apt/history.log")]
    public async Task What_had_better_not_be_in_an_image_is_a_warning(string spoil, string finding)
    {
        await ShellAsync(spoil);

        (await RunAsync("lint")).Should().Be((0, $"Lint warning: {finding}\nChecks passed: 11\nChecks skipped: 2\nWarnings: 1\n", ""));
        (int code, _, string error) = await RunAsync("lint", "--fatal-warnings");
        (code, error).Should().Be((1, "error: Checks failed: 1\n"));
    }

    [Fact]
    public async Task More_than_five_items_are_cut_unless_all_are_asked_for()
    {
        await ShellAsync("touch tmp/1 tmp/2 tmp/3 tmp/4 tmp/5 tmp/6 tmp/7");

        (await RunAsync("lint")).Output.Should().Contain("  /tmp/5\n  ...and 2 more\n");
        (await RunAsync("lint", "--no-truncate")).Output.Should().Contain("  /tmp/6\n  /tmp/7\n").And.NotContain("more");
    }

    [Fact]
    public async Task The_list_is_yaml_with_all_names()
    {
        string yaml = (await RunAsync("lint", "--list")).Output;

        string json = await LabProgram.RunAsync("python3", ["-c", "import sys, yaml, json; json.dump(yaml.safe_load(sys.argv[1]), sys.stdout)", yaml]);
        JsonElement[] lints = [.. JsonDocument.Parse(json).RootElement.EnumerateArray()];
        lints.Should().HaveCount(14).And.OnlyContain(lint => lint.GetProperty("description").GetString()!.Length > 10);
        lints.Select(lint => lint.GetProperty("type").GetString()).Distinct().Should().BeEquivalentTo("fatal", "warning");
        lints.Single(lint => lint.GetProperty("name").GetString() == "var-tmpfiles").GetProperty("root_type").GetString().Should().Be("running");
    }

    [Fact]
    public async Task Inspect_shows_the_kernel_and_the_kernel_arguments()
    {
        await ShellAsync("mkdir -p usr/lib/bootc/kargs.d && echo 'kargs = [\"quiet\", \"console=ttyS0\"]' > usr/lib/bootc/kargs.d/1.toml");

        (await RunAsync("inspect")).Should().Be((0, "Kernel: 6.1\n  Type: vmlinuz\n Kargs: quiet console=ttyS0\n", ""));
        JsonElement json = JsonDocument.Parse((await RunAsync("inspect", "--json")).Output).RootElement;
        json.GetProperty("kargs").EnumerateArray().Select(karg => karg.GetString()).Should().Equal("quiet", "console=ttyS0");
        json.GetProperty("kernel").GetRawText().Should().Be("{\n    \"version\": \"6.1\",\n    \"unified\": false\n  }");
    }

    [Fact]
    public async Task Inspect_prefers_a_unified_kernel_and_says_where_there_is_none()
    {
        await ShellAsync("mkdir -p boot/EFI/Linux && touch boot/EFI/Linux/7.0-1.efi");
        (await RunAsync("inspect")).Output.Should().Be("Kernel: 7.0-1\n  Type: UKI\n Kargs: <none>\n");

        await ShellAsync("rm -r boot/EFI/Linux usr/lib/modules");
        (await RunAsync("inspect")).Output.Should().Be("Kernel: <none>\n Kargs: <none>\n");
        JsonDocument.Parse((await RunAsync("inspect", "--format", "json")).Output).RootElement.GetProperty("kernel").ValueKind.Should().Be(JsonValueKind.Null);
    }

    private async Task ShellAsync(string script) => await LabProgram.RunAsync("sh", ["-ec", $"cd \"$1\"\n{script}", "sh", _root.FullName]);

    private async Task<(int Code, string Output, string Error)> RunAsync(string verb, params string[] options)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int code = await Program.RunAsync(["container", verb, "--rootfs", _root.FullName, .. options], output, error, CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }
}
