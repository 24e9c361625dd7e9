using System.Text;
using Bootc.Host.Images.Selinux;
using Bootc.Testing;

namespace Bootc.Host.Tests.Images.Selinux;

public sealed class FileContextsTests
{
    // libselinux lets lines without any operator win over the others wherever they stand, so those come last here.
    private const string Rules = """
        # what a policy begins with
        /.*                                  u:r:default
        /[^/]+              -d               u:r:top
        /etc(/.*)?                           u:r:etc
        /etc/.*\.pem        --               u:r:cert
        /etc/[[:alpha:]]+[0-9]{2,3}  --      u:r:named
        /etc/(a|b)c?/x                       u:r:alternatives
        /etc/rc\.d/init\.d(/.*)?             u:r:initrc
        /usr(/.*)?                           u:r:usr
        /usr/lib(64)?/.*\.so(\.[^/]*)*  --   u:r:lib
        /usr/lib/modules(/.*)?               u:r:modules
        /usr/(s)?bin/[\w-]+  --              u:r:bin
        /usr/s?bin/mount.*   --              u:r:mount
        /dev/.*              -c              u:r:device
        /dev/[sv]d[^/]*      -b              u:r:disk
        /run/.*\.pid         --              u:r:pid
        /run/[^/]*\.sock     -s              u:r:socket
        /run/[^/]*           -p              u:r:fifo
        /etc/alternatives/.* -l              u:r:link
        /tmp/.*                              <<none>>
        /opt/a\+b(/.*)?                      u:r:plus
        /usr/share/\[x\]                     u:r:bracket
        /usr/bin/passwd      --              u:r:passwd
        /etc/shadow          --              u:r:shadow
        /root                -d              u:r:home
        """;

    private static readonly string[] Paths =
    [
        "/", "/etc", "/etc/", "/etc/passwd", "/etc/shadow", "/etc/shadow-", "/etc/ssl/a.pem", "/etc/tty12", "/etc/tty1", "/etc/tty1234",
        "/etc/ac/x", "/etc/a/x", "/etc/b/x", "/etc/bcc/x", "/etc/rc.d/init.d", "/etc/rcXd/init.d", "/etc/rc.d/init.d/x/y", "/etcetera",
        "/usr", "/usr/lib/libc.so.6", "/usr/lib64/libc.so", "/usr/lib32/libc.so", "/usr/lib/modules/6.1/x.so", "/usr/lib/modules.d",
        "/usr/bin/x", "/usr/sbin/y-z", "/usr/bin/a.b", "/usr/bin/mount.nfs", "/usr/sbin/mount", "/usr/bin/passwd", "/usr/bin/passwd2",
        "/dev/sda", "/dev/vdb1", "/dev/null", "/dev/sd/x", "/run/x.pid", "/run/a/b.pid", "/run/x.sock", "/run/a/x.sock", "/run/initctl",
        "/etc/alternatives/vi", "/tmp", "/tmp/x", "/opt/a+b", "/opt/a+b/c", "/opt/aab/c", "/usr/share/[x]", "/usr/share/x", "/root", "/root/x",
        "/usr/bin/with space", "/etc/new\nline",
    ];

    [Theory]
    [InlineData('-', "file")]
    [InlineData('d', "dir")]
    [InlineData('l', "lnk_file")]
    [InlineData('c', "chr_file")]
    [InlineData('b', "blk_file")]
    [InlineData('p', "pipe")]
    [InlineData('s', "sock_file")]
    public async Task Says_what_matchpathcon_says(char type, string typeName)
    {
        await HostPackages.EnsureAsync();
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, Rules);
            FileContexts contexts = Read(Rules);
            foreach (string path in Paths.Where(p => !p.EndsWith('/') || p == "/")) // matchpathcon cuts final slashes
            {
                string output = await LabProgram.RunAsync("matchpathcon", ["-n", "-N", "-f", file, "-m", typeName, path]);
                (Label(contexts, path, type) ?? "<<none>>").Should().Be(output.TrimEnd('\n'), "of {0} as {1}", path, typeName);
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void The_last_line_wins_even_over_one_without_operators() =>
        Label(Read("/etc/shadow u:r:first\n/etc/.* u:r:last"), "/etc/shadow").Should().Be("u:r:last");

    [Fact]
    public void Paths_are_bytes_and_classes_of_characters_are_those_of_ASCII()
    {
        FileContexts contexts = Read("/a/\\w+ u:r:word\n/b/.* u:r:any\n/c/[[:alnum:]] u:r:class\n/d/\\S u:r:seen");

        Label(contexts, "/a/abc_1").Should().Be("u:r:word");
        Label(contexts, "/a/\u00e9").Should().BeNull();
        Label(contexts, "/b/\u00ff\u0085\n").Should().Be("u:r:any");
        Label(contexts, "/c/\u00e9").Should().BeNull();
        Label(contexts, "/d/\u00a0").Should().Be("u:r:seen", "0xa0 is a space in Latin-1 only");
    }

    [Theory]
    [InlineData("/lib/(?!modules).*")]
    [InlineData("/(.*)/\\1")]
    public void Patterns_that_could_take_for_ever_are_refused(string pattern) =>
        FluentActions.Invoking(() => Label(Read($"{pattern} u:r:lib"), "/lib/x")).Should().Throw<FormatException>()
            .WithMessage("fc line 1 has no valid regular expression").WithInnerException<FormatException>().WithMessage("it cannot be matched in linear time: *");

    [Theory]
    [InlineData("[[:]", "[:", "]a")]
    [InlineData("[[:x]", "[:x", "]a")]
    public void A_class_that_is_cut_off_is_characters(string bracket, string matching, string others)
    {
        FileContexts contexts = Read($"/{bracket} u:r:t");

        matching.Where(c => Label(contexts, $"/{c}") is null).Should().BeEmpty();
        others.Where(c => Label(contexts, $"/{c}") is not null).Should().BeEmpty();
    }

    [Fact]
    public void An_alternative_at_the_top_may_begin_with_anything()
    {
        FileContexts contexts = Read("/usr/bin|/opt/x u:r:two");

        Label(contexts, "/usr/bin").Should().Be("u:r:two");
        Label(contexts, "/opt/x").Should().Be("u:r:two");
        Label(contexts, "/opt/xy").Should().BeNull();
    }

    [Theory]
    [InlineData("/etc", "fc line 1 is not*")]
    [InlineData("/etc -x u:r:t", "fc line 1 is not*")]
    [InlineData("# comment\n\n/etc -- u:r:t extra", "fc line 3 is not*")]
    public void Refuses_other_lines(string rules, string message) =>
        FluentActions.Invoking(() => Read(rules)).Should().Throw<FormatException>().WithMessage(message);

    [Theory]
    [InlineData("/a(")]
    [InlineData("/[a")]
    [InlineData(@"/a\")]
    public void Refuses_what_is_no_regular_expression(string pattern) =>
        FluentActions.Invoking(() => Label(Read($"{pattern} u:r:t"), "/a")).Should().Throw<FormatException>().WithMessage("fc line 1 has no valid*");

    private static FileContexts Read(string rules)
    {
        FileContexts contexts = new();
        contexts.AddRules(Encoding.Latin1.GetBytes(rules), "fc");
        return contexts;
    }

    private static string? Label(FileContexts contexts, string path, char type = '-') =>
        contexts.Find(path, type) is { } xattr ? Encoding.Latin1.GetString(xattr.Value) : null;
}
