using System.Text;
using Bootc.Host.Boot;

namespace Bootc.Host.Tests.Boot;

public class BootMenuTests
{
    private static readonly string One = new('1', 128);
    private static readonly string Two = new('2', 128);
    private static readonly string Three = new('3', 128);

    [Theory]
    [InlineData("bootc_debian-13-1.conf", "debian", "13", 1, null)]
    [InlineData("bootc_opensuse_leap-15.6-0+3-0.conf", "opensuse_leap", "15.6", 0, "+3-0")]
    [InlineData("bootc_debian-13-1+2-1.conf", "debian", "13", 1, "+2-1")]
    [InlineData("bootc_debian-13-1+2.conf", "debian", "13", 1, "+2-0")]
    public void Names_are_read_with_their_boot_counter(string name, string osId, string version, int priority, string? attempts)
    {
        BootEntryName.TryParse(name, out BootEntryName? parsed).Should().BeTrue();
        (parsed!.OsId, parsed.Version, parsed.Priority, parsed.Attempts?.ToString()).Should().Be((osId, version, priority, attempts));
    }

    [Theory]
    [InlineData("debian.conf")]
    [InlineData("bootc_debian-13-1.conf.bak")]
    [InlineData("bootc_debian-1.conf")]
    [InlineData("bootc_debian-13-x.conf")]
    [InlineData("bootc_debian-13-1+x.conf")]
    public void Other_names_are_not_taken_for_ours(string name) => BootEntryName.TryParse(name, out _).Should().BeFalse();

    // systemd.io/BOOT_LOADER_SPECIFICATION, "Sorting".
    [Fact]
    public void The_order_is_that_of_the_boot_loader_specification()
    {
        BootMenu menu = new(
        [
            Entry("a-none.conf", One, sortKey: null), Entry("b.conf", One, "bootc-x-1"), Entry("c.conf", One, "bootc-x-0"),
            Entry("d+0-3.conf", One, "bootc-w-0"), Entry("e.conf", One, "bootc-x-0"), Entry("f+1-0.conf", One, "bootc-x-1"),
        ]);

        menu.Files.Select(file => file.Name).Should().Equal("e.conf", "c.conf", "f+1-0.conf", "b.conf", "a-none.conf", "d+0-3.conf");
    }

    [Fact]
    public void What_boots_next_comes_first_whatever_systems_the_two_are_of()
    {
        BootEntryFile debian = Entry("bootc_debian-13-1.conf", One, "bootc-debian-0");
        BootEntryFile fedora = Entry("bootc_fedora-44-1.conf", Two, "bootc-fedora-0");
        BootMenu menu = new([debian]);

        BootMenu toFedora = menu.Booting(fedora, debian);
        BootMenu back = toFedora.Booting(toFedora.Find(debian.Deployment!)!, toFedora.Find(fedora.Deployment!));

        toFedora.Ours.Select(file => (file.Name, file.Entry!.SortKey)).Should()
            .Equal(("bootc_fedora-44-1.conf", "bootc-fedora-0"), ("bootc_fedora-13-0.conf", "bootc-fedora-1"));
        back.Ours.Select(file => file.Deployment!.ToString()).Should().Equal(One, Two);
    }

    [Fact]
    public void There_are_two_of_ours_at_most_and_boot_counters_stay()
    {
        BootMenu menu = new(
        [
            Entry("bootc_a-1-1.conf", One, "bootc-a-0"), Entry("bootc_a-2-0.conf", Two, "bootc-a-1"), new("windows.conf", Encoding.UTF8.GetBytes("title W\nefi /w\n")),
            new("bootc_a-9-0.conf", Encoding.UTF8.GetBytes("garbage")), new("README", "x"u8.ToArray()),
        ]);

        BootMenu next = menu.Booting(Entry("bootc_a-3-1+3-0.conf", Three, "bootc-a-0"), menu.Files[0]);

        next.Ours.Select(file => file.Name).Should().Equal("bootc_a-3-1+3-0.conf", "bootc_a-1-0.conf");
        next.Files.Select(file => file.Name).Should().Contain(["windows.conf", "bootc_a-9-0.conf", "README"]).And.HaveCount(5);
    }

    [Fact]
    public void No_two_entries_differ_in_their_counters_only_as_one_of_them_is_to_lose_it()
    {
        BootMenu menu = new([Entry("bootc_a-1-0.conf", One, "bootc-a-1"), new("BOOTC_a-2-1.conf", Encoding.UTF8.GetBytes("garbage"))]);

        BootMenu next = menu.Booting(Entry("bootc_a-2-1+3-0.conf", Two, "bootc-a-0"), menu.Files[0]);

        next.Files.Select(file => file.Name).Should().Equal("bootc_a-2-1+3-0.conf", "bootc_a-1-0.conf");
    }

    [Theory]
    [InlineData("bootc_a-1-1.conf", "title x\n", "boot entry has no \"version\"")]
    [InlineData("bootc_a-1-1.conf", "version 1\nlinux /k\noptions rw\n", "it names no deployment")]
    [InlineData("bootc_a-1-1.conf", "version 1\nlinux /k\noptions composefs=xyz\n", "composefs=xyz on the kernel command line*")]
    [InlineData("other.conf", "version 1\nlinux /k\noptions rw\n", null)]
    [InlineData("other.conf", "\0\0", null)]
    public void Only_what_is_ours_by_name_can_be_damaged(string name, string content, string? damage)
    {
        BootEntryFile file = new(name, Encoding.UTF8.GetBytes(content));

        file.Deployment.Should().BeNull();
        if (damage is null)
        {
            file.Damage.Should().BeNull();
        }
        else
        {
            file.Damage.Should().Match(damage);
        }
    }

    internal static BootEntryFile Entry(string name, string deployment, string? sortKey) =>
        new(name, Encoding.UTF8.GetBytes($"title T\nversion 1\nlinux /EFI/Linux/bootc_composefs-{deployment}/vmlinuz\noptions rw composefs={deployment}\n{(sortKey is null ? "" : $"sort-key {sortKey}\n")}"));
}
