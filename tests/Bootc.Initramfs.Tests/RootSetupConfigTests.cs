using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.Initramfs.Tests;

/// <summary><c>setup-root-conf.toml</c>: what it means, and what the kernel then has mounted.</summary>
public sealed class RootSetupConfigTests(InstalledDisk disk) : IClassFixture<InstalledDisk>
{
    [Theory]
    [InlineData("", false, "Bind", "Bind")]
    [InlineData("[root]\ntransient = true", true, "Bind", "Bind")]
    [InlineData("root.transient = true", true, "Bind", "Bind")]
    [InlineData("root = { transient = true }", true, "Bind", "Bind")]
    [InlineData("[etc]\nmount = \"overlay\"\n[var]\nmount = \"none\"", false, "Overlay", "None")]
    [InlineData("[etc]\nmount = 'volatile'\n[var]\nmount = 'root'", false, "Transient", "None")]
    [InlineData("[etc]\ntransient = true", false, "Transient", "Bind")]
    [InlineData("[etc]\ntransient = true\nmount = 'bind'", false, "Bind", "Bind")]
    [InlineData("[etc]\nnew = [1, { mount = 'none' }]\nmore.mount = 'none'\n[future]\nmount = 'none'\n[[list]]\nmount = 'x'", false, "Bind", "Bind")]
    public void The_file_decides_where_changes_go(string toml, bool transientRoot, string etc, string var) =>
        RootSetupConfig.Parse(toml, KernelCommandLine.Empty)
            .Should().Be(new RootSetupConfig(transientRoot, Enum.Parse<StateMount>(etc), Enum.Parse<StateMount>(var)));

    [Theory]
    [InlineData("systemd.volatile=state", "", "None")]
    [InlineData("systemd.volatile=overlay", "", "None")]
    [InlineData("systemd.volatile=no", "", "Bind")]
    [InlineData("systemd.volatile=state", "[var]\nmount = 'bind'", "Bind")]
    public void Systemd_may_own_var(string commandLine, string toml, string var) =>
        RootSetupConfig.Parse(toml, KernelCommandLine.Parse(commandLine)).Var.Should().Be(Enum.Parse<StateMount>(var));

    [Theory]
    [InlineData("[etc", "*")]
    [InlineData("f\"\\u", "a string holds an escape that is no character")]
    [InlineData("[etc]\nmount = 'elsewhere'", "etc.mount is elsewhere; wanted none, bind, overlay or transient")]
    [InlineData("[etc]\nmount = true", "etc.mount is True; wanted *")]
    [InlineData("[root]\ntransient = 'yes'", "root.transient is yes; wanted true or false")]
    [InlineData("[var]\nmount = 3", "var.mount is *; wanted *")]
    public void A_file_that_cannot_be_understood_is_an_error(string toml, string message) =>
        toml.Invoking(t => RootSetupConfig.Parse(t, KernelCommandLine.Empty)).Should().Throw<FormatException>().WithMessage(message);

    [Fact]
    public async Task A_broken_file_stops_the_boot()
    {
        ProgramOutput result = await RunAsync("[etc]\nmount = \"elsewhere\"\n", "");

        result.ExitCode.Should().Be(1);
        result.Error.Should().Be("bootc-root-setup: cannot set up the root: conf: etc.mount is elsewhere; wanted none, bind, overlay or transient\n");
    }

    [Fact]
    public async Task A_transient_root_takes_changes_that_no_disk_sees()
    {
        ProgramOutput result = await RunAsync("[root]\ntransient = true\n", """
            findmnt -n -o SOURCE sysroot | tail -1
            echo changed > sysroot/usr/lib/os-release
            cat sysroot/usr/lib/os-release
            cmp sysroot/usr/bin/big $image_tree/usr/bin/big
            touch sysroot/etc/kept
            umount --recursive sysroot
            find sysroot -name kept
            find sysroot -newer conf -type f
            """);

        result.Output.Should().Be(
            $"transient:composefs={disk.Id}\nchanged\nsysroot/state/deploy/{disk.Id}/etc/kept\nsysroot/state/deploy/{disk.Id}/etc/kept\n", result.ToString());
    }

    [Fact]
    public async Task A_transient_etc_starts_as_the_images()
    {
        ProgramOutput result = await RunAsync("[etc]\nmount = \"transient\"\n", """
            cat sysroot/etc/hostname
            echo changed > sysroot/etc/hostname
            cat sysroot/etc/hostname
            findmnt -n -o SOURCE sysroot/etc
            umount --recursive sysroot
            cat sysroot/state/deploy/$id/etc/hostname
            """);

        result.Output.Should().Be("of the image\nchanged\ntransient\nof the deployment\n", result.ToString());
    }

    [Fact]
    public async Task An_etc_overlay_keeps_changes_in_the_deployment()
    {
        ProgramOutput result = await RunAsync("[etc]\nmount = \"overlay\"\n[var]\nmount = \"none\"\n", """
            cat sysroot/etc/hostname
            echo changed > sysroot/etc/hostname
            touch sysroot/var/x 2>&1 || :
            umount --recursive sysroot
            cat sysroot/state/deploy/$id/etc/upper/hostname
            """);

        result.Output.Should().Match("of the image\ntouch: *sysroot/var/x*: Read-only file system\nchanged\n", result.ToString());
    }

    [Fact]
    public async Task A_var_overlay_keeps_changes_in_what_all_deployments_share()
    {
        ProgramOutput result = await RunAsync("[var]\nmount = \"overlay\"\n", """
            touch sysroot/var/new
            umount --recursive sysroot
            find sysroot -name new
            """);

        result.Output.Should().Be("sysroot/state/os/default/var/upper/new\n", result.ToString());
    }

    [Fact]
    public async Task All_of_the_root_may_be_transient_at_once()
    {
        ProgramOutput result = await RunAsync("root.transient = true\netc.mount = \"transient\"\nvar.transient = true\n", """
            for directory in etc usr var; do echo changed > sysroot/$directory/new; done
            cat sysroot/etc/hostname sysroot/*/new
            findmnt -n -o SOURCE sysroot/etc
            findmnt -n -o SOURCE sysroot/var
            umount --recursive sysroot
            find sysroot -name new
            """);

        result.Output.Should().Be("of the image\nchanged\nchanged\nchanged\ntransient\ntransient\n", result.ToString());
    }

    [Fact]
    public async Task A_transient_root_leaves_what_is_kept_to_the_deployment()
    {
        ProgramOutput result = await RunAsync("root.transient = true\n[etc]\nmount = 'overlay'\n[var]\nmount = 'bind'\n", """
            for directory in etc usr var; do echo changed > sysroot/$directory/new; done
            umount --recursive sysroot
            find sysroot -name new | sort
            """);

        result.Output.Should().Be($"sysroot/state/deploy/{disk.Id}/etc/upper/new\nsysroot/state/os/default/var/new\n", result.ToString());
    }

    private Task<ProgramOutput> RunAsync(string toml, string script) => disk.RunAsync($"""
        cat > conf <<'end'
        {toml}
        end
        $setup setup-root --sysroot sysroot --config conf --cmdline composefs=?$id
        {script}
        """);
}
