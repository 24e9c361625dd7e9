using System.Text;
using Bootc.Host.Configuration;
using Bootc.Linux;

namespace Bootc.Host.Tests.Configuration;

public sealed class InstallConfigTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-config");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void Reads_every_key()
    {
        InstallConfig config = Parse(
            """
            [install]
            root-fs-type = "ext4"
            block = ["direct", "tpm2-luks"]
            kargs = ["a=1", "b"]
            karg-deletes = ["rw"]
            match-architectures = ["x86_64", "aarch64"]
            stateroot = "main"
            root-mount-spec = "LABEL=root"
            boot-mount-spec = ""
            bootloader = "systemd"
            discoverable-partitions = true
            enforce-container-sigpolicy = false
            [install.filesystem.root]
            type = "btrfs"
            [install.bootupd]
            skip-boot-uuid = true
            [install.ostree]
            bls-append-except-default = "x"
            """);

        config.Should().BeEquivalentTo(new InstallConfig
        {
            RootType = "btrfs",
            RootFsType = "ext4",
            BlockSetups = ["direct", "tpm2-luks"],
            Kargs = ["a=1", "b"],
            KargDeletes = ["rw"],
            Stateroot = "main",
            RootMountSpec = "LABEL=root",
            BootMountSpec = "",
            Bootloader = "systemd",
            DiscoverablePartitions = true,
            EnforceSignaturePolicy = false,
            SkipBootUuid = true,
            BlsAppendExceptDefault = "x",
        });
    }

    [Theory]
    [InlineData("root-fs-type = 'ext4'", "root-fs-type = 'xfs'", "xfs")]
    [InlineData("filesystem.root.type = 'ext4'", "filesystem.root.type = 'xfs'", "xfs")]
    [InlineData("filesystem.root.type = 'ext4'", "root-fs-type = 'xfs'", "ext4")]
    [InlineData("root-fs-type = 'ext4'", "filesystem.root.type = 'xfs'", "xfs")]
    [InlineData("filesystem.root.type = 'ext4'", "stateroot = 'x'", "ext4")]
    public void The_newer_spelling_of_the_type_of_the_root_wins_whichever_file_it_is_in(string first, string later, string type) =>
        Parse($"[install]\n{first}").With(Parse($"[install]\n{later}")).RootFilesystem.Should().Be(type);

    [Fact]
    public void A_later_file_adds_kernel_arguments_and_replaces_all_else()
    {
        InstallConfig first = Parse("[install]\nkargs = [\"a\"]\nkarg-deletes = [\"x\"]\nstateroot = \"one\"\nblock = [\"direct\", \"tpm2-luks\"]\nroot-mount-spec = \"LABEL=r\"");
        InstallConfig later = Parse("[install]\nkargs = [\"b\"]\nkarg-deletes = [\"y\"]\nstateroot = \"two\"\nblock = [\"direct\"]");

        first.With(later).Should().BeEquivalentTo(new InstallConfig
        {
            Kargs = ["a", "b"],
            KargDeletes = ["x", "y"],
            Stateroot = "two",
            BlockSetups = ["direct"],
            RootMountSpec = "LABEL=r",
        });
    }

    [Fact]
    public void A_file_in_a_later_folder_hides_one_of_the_same_name_and_names_give_the_order()
    {
        Write("usr/lib", "20-a.toml", "kargs = [\"hidden\"]");
        Write("usr/lib", "30-b.toml", "kargs = [\"lib\"]\nstateroot = \"lib\"");
        Write("usr/local/lib", "25-c.toml", "kargs = [\"local\"]");
        Write("etc", "20-a.toml", "kargs = [\"etc\"]\nstateroot = \"etc\"");
        Write("run", "40-d.toml", "kargs = [\"run\"]");
        Write("usr/lib", ".50.toml", "kargs = [\"dot\"]");
        Write("usr/lib", "60.conf", "kargs = [\"conf\"]");
        using Dir root = Dir.Open(_root.FullName);

        InstallConfig config = InstallConfig.Read(root, "x86_64");

        config.Kargs.Should().Equal("etc", "local", "lib", "run");
        config.Stateroot.Should().Be("lib");
    }

    [Fact]
    public void A_link_to_nothing_hides_a_file_of_the_image()
    {
        Write("usr/lib", "20-a.toml", "stateroot = \"lib\"");
        Directory.CreateDirectory(Path.Join(_root.FullName, "etc/bootc/install"));
        File.CreateSymbolicLink(Path.Join(_root.FullName, "etc/bootc/install/20-a.toml"), "/dev/null");
        using Dir root = Dir.Open(_root.FullName);

        InstallConfig.Read(root, "x86_64").Should().BeEquivalentTo(InstallConfig.Empty);
    }

    [Fact]
    public void A_file_for_other_machines_does_not_count()
    {
        const string arm = "[install]\nmatch-architectures = [\"aarch64\"]\nstateroot = \"arm\"";

        InstallConfig.Parse(Encoding.UTF8.GetBytes(arm), "f", "x86_64").Should().Be(InstallConfig.Empty);
        InstallConfig.Parse(Encoding.UTF8.GetBytes(arm), "f", "aarch64").Stateroot.Should().Be("arm");
    }

    [Theory]
    [InlineData("[install]\nstateroot = 7", "/x.toml:2: install.stateroot: wanted a text in quotes")]
    [InlineData("[install]\n\nkargs = \"a\"", "/x.toml:3: install.kargs: wanted a list of texts in quotes")]
    [InlineData("[install]\nkargs = [\"a\",\n  1]", "/x.toml:2: install.kargs: wanted a list of texts in quotes")]
    [InlineData("[install]\ndiscoverable-partitions = \"yes\"", "/x.toml:2: install.discoverable-partitions: wanted true or false")]
    [InlineData("[install]\nfilesystem = \"ext4\"", "/x.toml:2: install.filesystem: wanted a table")]
    [InlineData("[install.filesystem.root]\ntype = \"zfs\"", "/x.toml:2: install.filesystem.root.type: wanted xfs, ext4, btrfs")]
    [InlineData("[install]\nbootloader = \"lilo\"", "/x.toml:2: install.bootloader: wanted grub, grub-cc, systemd, none")]
    [InlineData("[install]\nblock = []", "/x.toml:2: install.block: wanted one or both of*")]
    [InlineData("[install]\nstaterot = \"x\"", "/x.toml:2: install.staterot: there is no such key; known here are *stateroot")]
    [InlineData("[install.filesystem]\nboot = 1", "/x.toml:2: install.filesystem.boot: there is no such key; known here are root")]
    [InlineData("[instal]", "/x.toml:1: instal: there is no such key; known here are install")]
    [InlineData("[install]\nstateroot = \"a\"\nstateroot = \"b\"", "/x.toml:3: install.stateroot: this key was given before")]
    [InlineData("[install]\nstateroot = \"a", "/x.toml:2: *")]
    [InlineData("[install]\nx = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "/x.toml:2: *")]
    public void A_mistake_is_named_with_file_line_and_key(string toml, string message) =>
        FluentActions.Invoking(() => Parse(toml)).Should().Throw<FormatException>().WithMessage(message);

    [Fact]
    public void Bytes_that_are_no_text_are_named_with_file_and_line() =>
        FluentActions.Invoking(() => InstallConfig.Parse([.. "[install]\nstateroot = \""u8, 0xFF, .. "\""u8], "/x.toml", "x86_64"))
            .Should().Throw<FormatException>().WithMessage("/x.toml:2: the text is not UTF-8");

    [Fact]
    public void Only_the_table_of_ostree_may_hold_what_nobody_knows() =>
        Parse("[install.ostree]\nlater = 1").Warnings.Should().Equal("/x.toml: unknown key install.ostree.later");

    private static InstallConfig Parse(string toml) => InstallConfig.Parse(Encoding.UTF8.GetBytes(toml), "/x.toml", "x86_64");

    private void Write(string @base, string name, string keys)
    {
        string folder = Path.Join(_root.FullName, @base, "bootc/install");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Join(folder, name), $"[install]\n{keys}\n");
    }
}
