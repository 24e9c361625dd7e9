using Bootc.Host.Etc;
using Bootc.Rendering;

namespace Bootc.Tests.Rendering;

public class EtcTextTests
{
    [Fact]
    public void Has_a_line_for_each_path_whatever_its_name() =>
        EtcText.Render(new(
            [new(EtcChangeKind.Added, "a"u8.ToArray(), Inode: null), new(EtcChangeKind.Modified, "b/c"u8.ToArray(), Inode: null), new(EtcChangeKind.Removed, "d\ne"u8.ToArray(), Inode: null)],
            [new("f", "a file that was changed here is a directory in the new image")]))
            .Should().Be("""
                added       /etc/a
                modified    /etc/b/c
                removed     /etc/d e
                unmergeable /etc/f: a file that was changed here is a directory in the new image

                """);
}
