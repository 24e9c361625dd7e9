using System.Net.Sockets;
using Bootc.Host.Etc;
using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.Host.Tests.Etc;

/// <summary>
/// What <c>/etc</c> becomes, by a table written by hand from upstream's rules, and by random trees against another program.
/// Trees in the table: <c>f=1</c> a file and its content, <c>f=1!600</c> with a mode, <c>d/</c> a directory, <c>l>t</c> a link,
/// <c>p|</c> a pipe.
/// </summary>
public sealed class EtcMergeTests : IDisposable
{
    private readonly EtcFolders _etc = new();

    public void Dispose() => _etc.Dispose();

    [Theory]
    // Nobody changed anything, or only the image did.
    [InlineData("f=1", "f=1", "f=1", "f=1")]
    [InlineData("f=1", "f=1", "f=2", "f=2")]
    [InlineData("f=1", "f=1", "", "")]
    [InlineData("", "", "f=1", "f=1")]
    [InlineData("f=1", "f=1", "f=1!600", "f=1!600")]
    [InlineData("l>a", "l>a", "l>b", "l>b")]
    [InlineData("f=1", "f=1", "f>a", "f>a")]
    [InlineData("f=1", "f=1", "f/ f/x=2", "f/ f/x=2")]
    [InlineData("d/ d/x=1", "d/ d/x=1", "d=2", "d=2")]
    [InlineData("d/ d/x=1", "d/ d/x=1", "", "")]
    [InlineData("d/", "d/", "d/!700 d/new=1", "d/!700 d/new=1")]
    // The machine added something.
    [InlineData("", "f=1", "", "f=1")]
    [InlineData("", "f=1", "g=2", "f=1 g=2")]
    [InlineData("", "f=1", "f=2", "f=1")]
    [InlineData("", "l>a", "l=2", "l>a")]
    [InlineData("", "d/ d/x=1", "", "d/ d/x=1")]
    [InlineData("", "d/ d/x=1", "d/!700 d/y=2", "d/ d/x=1 d/y=2")]
    [InlineData("d/", "d/ d/x=1", "d/ d/y=2", "d/ d/x=1 d/y=2")]
    [InlineData("d/", "d/ d/x=1", "", "d/ d/x=1")]
    [InlineData("d/!700 d/e/!711", "d/!700 d/e/!711 d/e/x=1", "", "d/!700 d/e/!711 d/e/x=1")]
    [InlineData("", "p|", "", "p|")]
    // The machine changed something.
    [InlineData("f=1", "f=2", "f=1", "f=2")]
    [InlineData("f=1", "f=2", "f=3", "f=2")]
    [InlineData("f=1", "f=2", "", "f=2")]
    [InlineData("f=1", "f=2", "f=2", "f=2")]
    [InlineData("f=1", "f=1!600", "f=3", "f=1!600")]
    [InlineData("f=1", "f>t", "f=3", "f>t")]
    [InlineData("l>a", "l>b", "l>c", "l>b")]
    [InlineData("l>a", "l=1", "l>a", "l=1")]
    [InlineData("f=1", "p|", "f=2", "p|")]
    [InlineData("d/", "d/!700", "d/ d/x=1", "d/!700 d/x=1")]
    [InlineData("d/", "d/!700", "", "d/!700")]
    [InlineData("f=1", "f/ f/x=2", "f=1", "f/ f/x=2")]
    [InlineData("f=1", "f/ f/x=2", "", "f/ f/x=2")]
    [InlineData("d/ d/x=1", "d=2", "", "d=2")]
    [InlineData("d/ d/x=1 d/y=1", "d/ d/x=2 d/y=1", "d/ d/x=1 d/y=3", "d/ d/x=2 d/y=3")]
    // The machine removed something.
    [InlineData("f=1", "", "f=1", "")]
    [InlineData("f=1", "", "f=2", "")]
    [InlineData("f=1", "", "", "")]
    [InlineData("l>a", "", "l>b", "")]
    [InlineData("d/ d/x=1", "", "d/ d/x=1 d/new=2", "")]
    [InlineData("d/ d/x=1 d/y=1", "d/ d/y=1", "d/ d/x=2 d/y=2", "d/ d/y=2")]
    [InlineData("f=1", "", "f/ f/x=1", "")]
    [InlineData("d/ d/x=1", "d/", "", "")]
    public void Keeps_what_the_machine_did_and_takes_the_rest_from_the_image(string pristine, string current, string next, string merged)
    {
        Write("pristine", pristine);
        Write("current", current);
        Write("next", next);

        _etc.Merge().Should().BeEmpty();

        Write("expected", merged);
        Listing("merged").Should().Be(Listing("expected"));
    }

    [Theory]
    [InlineData("", "f=1", "f/", "f", "a file that was changed here is a directory in the new image")]
    [InlineData("f=1", "f=2", "f/ f/x=1", "f", "a file that was changed here is a directory in the new image")]
    [InlineData("d/", "d=1", "d/", "d", "a file that was changed here is a directory in the new image")]
    [InlineData("", "d/", "d=1", "d", "a directory that was changed here is a file in the new image")]
    [InlineData("d/", "d/ d/x=1", "d=1", "d", "a directory that was changed here is a file in the new image")]
    [InlineData("d/", "d/!700", "d>a", "d", "a directory that was changed here is a file in the new image")]
    [InlineData("d/ d/x=1", "d/", "d=1", "d", "a directory that was changed here is a file in the new image")]
    [InlineData("a/ a/d/", "a/ a/d/ a/d/x=1", "a/ a/d=1", "a/d", "a directory that was changed here is a file in the new image")]
    public void Names_what_cannot_be_merged(string pristine, string current, string next, string path, string reason)
    {
        Write("pristine", pristine);
        Write("current", current);
        Write("next", next);

        _etc.Merge().Should().Equal(new EtcConflict(path, reason));
    }

    [Fact]
    public void Keeps_owners_times_long_attributes_and_hard_links_of_what_it_carries_over()
    {
        _etc.Run("sh", "-c", """
            set -e
            echo 1 >pristine/f; cp -a pristine/f next/f; cp -a pristine/f current/f
            setfattr -n user.old -v gone next/f
            echo 2 >current/f; chown 12:34 current/f; chmod 2640 current/f; touch -d @1000000000.5 current/f
            setfattr -n user.long -v 0x$(printf 'ab%.0s' $(seq 2000)) current/f
            ln current/f current/hard; ln -s nowhere current/soft; chown -h 5:6 current/soft
            mknod current/null c 1 3
            """);

        _etc.Merge().Should().BeEmpty();

        const string Judge = "find . -printf '%P %y %m %U %G %s %n %l %T@\\n' | grep -v '^ ' | sort; getfattr -dm - -e hex f; stat -c %t:%T null; cmp f ../current/f";
        _etc.Run("sh", "-c", $"cd merged && {Judge}").Should().Be(_etc.Run("sh", "-c", $"cd current && {Judge}"));
        _etc.Run("stat", "-c", "%i", "merged/f").Should().Be(_etc.Run("stat", "-c", "%i", "merged/hard"));
    }

    [Fact]
    public void Does_not_look_at_sockets_and_times()
    {
        _etc.Run("sh", "-c", "echo 1 >pristine/f; echo 1 >current/f; touch -d @1 current/f; echo 2 >next/f");
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(_etc["current/s"]));

        _etc.Merge().Should().BeEmpty();

        Listing("merged").Should().Be(Listing("next"));
    }

    /// <summary>The judge is a program in another language that follows the same rules file by file, without plan or order.</summary>
    [Fact]
    public void Gives_what_another_program_gives_for_random_trees()
    {
        int seed = Environment.TickCount;
        Random random = new(seed);
        int merged = 0;
        for (int round = 0; round < 60; round++)
        {
            using EtcFolders etc = new();
            string pristine = RandomTree(random, "");
            WriteTree(etc, "pristine", pristine);
            WriteTree(etc, "current", Mutate(random, pristine));
            WriteTree(etc, "next", Mutate(random, pristine));

            string[] conflicts = [.. etc.Merge().Select(conflict => conflict.Path)];
            string judged = etc.Run("python3", Checkout.PathOf("tests", "Bootc.Host.Tests", "Etc", "naive_merge.py"), etc.Path);

            string.Concat(conflicts.Select(path => path + "\n")).Should().Be(judged, $"of seed {seed}, round {round}");
            if (conflicts.Length == 0)
            {
                merged++;
                ListingOf(etc, "merged").Should().Be(ListingOf(etc, "judged"), $"of seed {seed}, round {round}");
            }
        }

        merged.Should().BeGreaterThan(10, "most random trees can be merged");
    }

    private static string RandomTree(Random random, string prefix)
    {
        List<string> nodes = [];
        foreach (string name in (string[])["a", "b", "c", "d"])
        {
            switch (random.Next(prefix.Length > 4 ? 3 : 5))
            {
                case 0:
                    nodes.Add($"{prefix}{name}={random.Next(2)}");
                    break;
                case 1:
                    nodes.Add($"{prefix}{name}>{random.Next(2)}");
                    break;
                case > 2:
                    nodes.Add($"{prefix}{name}/");
                    nodes.Add(RandomTree(random, $"{prefix}{name}/"));
                    break;
            }
        }

        return string.Join(' ', nodes.Where(node => node.Length > 0));
    }

    private static string Mutate(Random random, string tree)
    {
        List<string> nodes = [.. tree.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        for (int change = random.Next(4); change > 0 && nodes.Count > 0; change--)
        {
            int at = random.Next(nodes.Count);
            string path = nodes[at].Split('=', '>', '!', '|')[0].TrimEnd('/');
            bool directory = nodes[at].Contains('/', StringComparison.Ordinal) && nodes[at].Split('!')[0].EndsWith('/');
            switch (random.Next(6))
            {
                case 0:
                    nodes.RemoveAll(node => node == nodes[at] || node.StartsWith($"{path}/", StringComparison.Ordinal));
                    break;
                case 1 when directory:
                    nodes[at] = $"{path}/!700";
                    break;
                case 2 when directory:
                    nodes.Add($"{path}/new{random.Next(2)}={random.Next(3)}");
                    break;
                case 3 when directory:
                    nodes.RemoveAll(node => node.StartsWith($"{path}/", StringComparison.Ordinal));
                    nodes.Add($"{path}={random.Next(3)}");
                    break;
                case 4 when !directory:
                    nodes[at] = $"{path}/";
                    nodes.Insert(at + 1, $"{path}/x=1");
                    break;
                default:
                    if (!directory)
                    {
                        nodes[at] = $"{path}={random.Next(3)}";
                    }

                    break;
            }
        }

        return string.Join(' ', nodes.DistinctBy(node => node.Split('=', '>', '!', '|')[0].TrimEnd('/')));
    }

    private void Write(string folder, string tree) => WriteTree(_etc, folder, tree);

    private static void WriteTree(EtcFolders etc, string folder, string tree)
    {
        Directory.CreateDirectory(etc[folder]);
        foreach (string node in tree.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            (string what, string? mode) = node.Split('!') is [var text, var given] ? (text, given) : (node, null);
            if (what.Split('>') is [var link, var target])
            {
                File.CreateSymbolicLink(etc[$"{folder}/{link}"], target);
                continue;
            }

            string path = what.Split('=', '|')[0];
            if (what.EndsWith('/'))
            {
                Directory.CreateDirectory(etc[$"{folder}/{path}"]);
            }
            else if (what.EndsWith('|'))
            {
                etc.Run("mkfifo", $"{folder}/{path}");
            }
            else
            {
                File.WriteAllText(etc[$"{folder}/{path}"], new string(what.Split('=')[1][0], 100)); // too long to be kept inline
            }

            using Dir dir = Dir.Open(etc[folder]);
            dir.SetPermissions(path, Convert.ToUInt32(mode ?? (what.EndsWith('/') ? "755" : "644"), 8));
        }
    }

    private string Listing(string folder) => ListingOf(_etc, folder);

    private static string ListingOf(EtcFolders etc, string folder) =>
        etc.Run("sh", "-c", $"cd {folder} && find . -mindepth 1 \\( -type f -printf '%P %m ' -exec cat {{}} \\; -printf '\\n' -o -type l -printf '%P -> %l\\n' -o -printf '%P %y %m\\n' \\) | sort");
}
