using Bootc.Linux.Mounts;

namespace Bootc.Linux.Tests;

/// <summary>Each way to name layers works on a new kernel, so all of them can be tried on one.</summary>
public sealed class OverlayTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("overlay").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Theory]
    [InlineData(Overlay.Layering.Descriptors)]
    [InlineData(Overlay.Layering.Paths)]
    [InlineData(Overlay.Layering.List)]
    internal void Every_way_to_name_layers_takes_detached_mounts(Overlay.Layering way)
    {
        using DetachedMount memory = MountTmpfs();
        using Dir root = memory.OpenRoot();
        using Dir lower = root.EnsureDir("lower");
        lower.WriteAtomically("file", "below");
        using Dir data = root.EnsureDir("data");

        using DetachedMount mount = new Overlay { Source = "test:source", Lower = lower, DataOnlyLower = data }
            .Mount([way], MountFlags.ReadOnly, [memory]);

        using Dir overlay = mount.OpenRoot();
        overlay.ReadText("file").Should().Be("below");
        overlay.Invoking(o => o.CreateFile("x").Dispose()).Should().Throw<SyscallException>().Which.Errno.Should().Be(Errno.EROFS);
        Directory.EnumerateDirectories("/run", "bootc-mount-*").Should().BeEmpty("mount points for a moment are gone after it");
    }

    [Theory]
    [InlineData(Overlay.Layering.Descriptors)]
    [InlineData(Overlay.Layering.Paths)]
    [InlineData(Overlay.Layering.List)]
    internal void Changes_go_to_the_upper_layer(Overlay.Layering way)
    {
        string lowerPath = Directory.CreateDirectory(Path.Join(_path, "lower")).FullName;
        File.WriteAllText(Path.Join(lowerPath, "file"), "below");
        using Dir lower = Dir.Open(lowerPath);
        using DetachedMount memory = MountTmpfs();
        using Dir state = memory.OpenRoot();
        using Dir upper = state.EnsureDir("upper");
        using Dir work = state.EnsureDir("work");

        using DetachedMount mount = new Overlay { Source = "test", Lower = lower, Upper = upper, Work = work }
            .Mount([way], MountFlags.None, [memory]);
        using Dir overlay = mount.OpenRoot();
        overlay.WriteAtomically("file", "above");

        upper.ReadText("file").Should().Be("above");
        File.ReadAllText(Path.Join(lowerPath, "file")).Should().Be("below");
    }

    [Fact]
    public void A_layer_that_no_way_can_take_is_an_error_in_the_kernels_words()
    {
        using Dir lower = Dir.Open(_path);
        using Dir notEmpty = Dir.Open("/proc");

        new Overlay { Source = "test", Lower = lower, Upper = notEmpty, Work = notEmpty }
            .Invoking(o => o.Mount(MountFlags.None))
            .Should().Throw<MountException>().WithMessage("overlay: *: Invalid argument*");
    }

    private static DetachedMount MountTmpfs()
    {
        using FilesystemContext context = FilesystemContext.Open("tmpfs");
        return context.Set("source", "overlay-test").Mount();
    }
}
