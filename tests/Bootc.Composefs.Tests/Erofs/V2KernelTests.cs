using Bootc.Composefs.Erofs;
using Bootc.Composefs.Tree;
using Bootc.Testing;
using Xunit.Abstractions;

namespace Bootc.Composefs.Tests.Erofs;

/// <summary>
/// The C tool cannot write V2, so its judges are the kernel and fsck.erofs: mounted, our image has to be the same as the one that
/// <c>mkcomposefs</c> makes of the same tree in its own layout.
/// </summary>
public sealed class V2KernelTests(ITestOutputHelper log) : IDisposable
{
    private const int FixedTrees = 100;
    private const int FreshTrees = 100;

    /// <summary>A tree whose root does not fit where roots begin.</summary>
    private const int TreeWithMovedRoot = 806440806;

    /// <summary>
    /// All that the kernel says of two images, without what only the C tool's layout has: whiteouts for 00 to ff in the root, which
    /// change its length, and its mark of opacity. Files are read if they are small: the others are holes of up to terabytes. The
    /// access control lists are noise, with which the kernel would let nobody in.
    /// </summary>
    private const string Compare = """
        list() {
            mkdir "$1.mnt"
            mount -t erofs -o ro,loop,noacl "$1" "$1.mnt"
            cd "$1.mnt"
            find . -mindepth 1 -regextype egrep -regex '\./[0-9a-f]{2}' -type c -prune -o -print0 | sort -z > "$1.names"
            sed -z '/^\.$/d' "$1.names" > "$1.below"
            stat --printf '%n\0%f %h %u %g %Y\n' .
            [ ! -s "$1.below" ] || xargs -0 -a "$1.below" stat --printf '%n\0%f %h %u %g %Y %s %t:%T\n'
            find . -type l -printf '%p\0%l\n' | sort
            xargs -0 -a "$1.names" getfattr -h -d -m - -e hex 2>&1 | sed '/^trusted.overlay.opaque=0x79$/d'
            find . -type f -size -17 -print0 | sort -z | xargs -0 -r sha256sum -z
            cd /
            umount "$1.mnt"
        }
        export LC_ALL=C
        list "$1" > "$1.list"
        list "$2" > "$2.list"
        cmp "$1.list" "$2.list"
        wc -l < "$1.list"
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-v2-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Is_the_same_to_the_kernel_as_what_mkcomposefs_makes_of_random_trees()
    {
        await HostPackages.EnsureAsync();
        int fresh = Random.Shared.Next(FixedTrees, int.MaxValue - FreshTrees);
        log.WriteLine($"fresh seeds from {fresh}");
        DebianTree sid = await Lab.SidTree;

        IEnumerable<int> seeds = [TreeWithMovedRoot, .. Enumerable.Range(0, FixedTrees), .. Enumerable.Range(fresh, FreshTrees)];
        await Parallel.ForEachAsync(seeds, new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (seed, cancellationToken) =>
        {
            FileTree tree = WithoutWhiteouts(RandomTree.Create(seed, forV2: true));
            string dump = PathOf($"{seed}.dump"), ours = PathOf($"{seed}.ours"), theirs = PathOf($"{seed}.theirs");
            File.WriteAllText(dump, Dumpfile.ToText(tree));
            using (FileStream image = File.Create(ours))
            {
                ErofsWriter.Write(tree, ErofsVersion.V2, VerityAlgorithm.Sha512, image);
            }

            await sid.RunAsync("fsck.erofs", [ours], cancellationToken);
            await sid.RunAsync("mkcomposefs", ["--from-file", "--max-version=0", dump, theirs], cancellationToken);

            ProgramOutput compared = await LabProgram.TryRunAsync(
                "unshare", ["--mount", "bash", "-euc", Compare, "compare", ours, theirs], cancellationToken);
            compared.ExitCode.Should().Be(0, $"tree {seed} has to look the same: {compared}");
            int.Parse(compared.Output).Should().BeGreaterThan(tree.Walk().Count() - 1, "of every file that was compared");
        });
    }

    /// <summary>The other layout turns them into files with attributes, so there they cannot look the same.</summary>
    private static FileTree WithoutWhiteouts(FileTree tree)
    {
        foreach (TreeEntry entry in tree.Walk())
        {
            if (entry.Inode is Inode.Directory directory)
            {
                foreach (DirectoryEntry child in directory.Entries.Where(e => e.Inode is Inode.Device { IsWhiteout: true }).ToArray())
                {
                    directory.Remove(child.Name.Bytes);
                }
            }
        }

        return tree;
    }

    private string PathOf(string name) => Path.Join(_folder.FullName, name);
}
