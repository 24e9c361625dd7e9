using Bootc.Composefs.Tree;
using Bootc.Host.Images;

namespace Bootc.Host.Tests.Images;

public sealed class TransformTests
{
    private readonly FileTree _tree = TestTree.Of("/usr", "/run/lock", "/boot/EFI/Linux/deep", "/sysroot/x");

    [Fact]
    public void The_root_directory_becomes_that_of_usr_and_run_is_emptied()
    {
        Metadata usr = new(0x1C0, 7, 8, new(1234, 567), XattrList.Empty);
        _tree.Directory("/usr").Metadata = usr;
        _tree.Directory("/run").Metadata = new(0x1FF, 1, 2, new(9, 9), XattrList.Empty);

        OciTransform.Apply(_tree);

        _tree.Root.Metadata.Should().Be(usr);
        _tree.Directory("/run").Metadata.Should().Be(new Metadata(0x1FF, 1, 2, new(1234, 567), XattrList.Empty));
        _tree.Paths().Should().NotContain("/run/lock").And.Contain("/run");
    }

    [Fact]
    public void Only_file_capabilities_survive_of_the_extended_attributes()
    {
        Inode file = _tree.AddFile("/usr/ping").With("security.capability", "caps").With("user.x", "1").With("security.selinux", "old");
        _tree.Directory("/usr").With("trusted.overlay.opaque", "y");

        OciTransform.Apply(_tree);

        file.Metadata.Xattrs.Select(x => x.ToString()).Should().Equal("security.capability");
        _tree.Root.Metadata.Xattrs.Should().BeEmpty();
        _tree.Directory("/usr").Metadata.Xattrs.Should().BeEmpty();
    }

    [Fact]
    public void An_image_without_usr_is_refused() =>
        FluentActions.Invoking(() => OciTransform.Apply(TestTree.Of("/etc"))).Should().Throw<FormatException>().WithMessage("*no directory /usr");

    [Fact]
    public void Boot_and_sysroot_become_empty_mount_points_and_what_they_held_is_remembered()
    {
        _tree.Root.Metadata = new(0x1ED, 0, 0, new(1000, 5), XattrList.Empty);
        _tree.Directory("/boot").Metadata = new(0x1C0, 3, 4, new(7, 8), XattrList.Empty);
        Inode kernel = _tree.AddFile("/usr/lib/modules/6.12.1/vmlinuz", "kernel");
        Inode initramfs = _tree.AddFile("/usr/lib/modules/6.12.1/initramfs.img", "initrd");
        _tree.AddFile("/usr/lib/modules/6.1/vmlinuz", "old");
        _tree.AddFile("/usr/lib/modules/gone/modules.dep");
        _tree.AddFile("/usr/lib/modules/6.12.1/uki.efi");
        _tree.AddFile("/boot/EFI/Linux/deep/a.efi");
        _tree.AddFile("/boot/EFI/Linux/readme");
        _tree.AddFile("/boot/loader/entries/x.conf", "title x");

        BootFiles found = BootTransform.Apply(_tree.Files());

        _tree.Paths().Where(p => p.StartsWith("/boot", StringComparison.Ordinal) || p.StartsWith("/sysroot", StringComparison.Ordinal))
            .Should().Equal("/boot", "/sysroot");
        _tree.Directory("/boot").Metadata.Should().Be(new Metadata(0x1C0, 3, 4, new(1000, 8), XattrList.Empty));
        found.Kernels.Select(k => k.Version).Should().Equal("6.1", "6.12.1");
        found.Kernels[0].Initramfs.Should().BeNull();
        found.Kernels[1].Vmlinuz.Should().BeSameAs(kernel);
        found.Kernels[1].Initramfs.Should().BeSameAs(initramfs);
        found.UnifiedKernels.Select(u => u.Path).Should().Equal("/boot/EFI/Linux/deep/a.efi", "/usr/lib/modules/6.12.1/uki.efi");
        found.Entries.Select(e => e.Path).Should().Equal("/boot/loader/entries/x.conf");
    }

    [Theory]
    [InlineData("/boot")]
    [InlineData("/sysroot")]
    public void An_image_without_a_mount_point_is_refused(string path)
    {
        _tree.Root.Remove(System.Text.Encoding.UTF8.GetBytes(path[1..]));
        FluentActions.Invoking(() => BootTransform.Apply(_tree.Files())).Should().Throw<FormatException>().WithMessage($"*no directory {path}");
    }
}
