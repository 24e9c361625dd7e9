using System.Security.Cryptography;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Tree;
using Bootc.Testing;
using Xunit.Abstractions;

namespace Bootc.Composefs.Tests.Erofs;

/// <summary>Images compared with those that the real <c>mkcomposefs</c> (Debian sid) makes of the same tree, here and now.</summary>
public sealed class MkcomposefsTests(ITestOutputHelper log) : IDisposable
{
    private const int FixedTrees = 100;
    private const int FreshTrees = 100;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-mkcomposefs-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Writes_the_same_bytes_as_mkcomposefs_for_random_trees()
    {
        int fresh = Random.Shared.Next(FixedTrees, int.MaxValue - FreshTrees);
        log.WriteLine($"fresh seeds from {fresh}");
        DebianTree sid = await Lab.SidTree;

        IEnumerable<int> seeds = [.. Enumerable.Range(0, FixedTrees), .. Enumerable.Range(fresh, FreshTrees)];
        await Parallel.ForEachAsync(seeds, new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (seed, cancellationToken) =>
        {
            FileTree tree = RandomTree.Create(seed);
            string dump = PathOf($"{seed}.dump");
            File.WriteAllText(dump, Dumpfile.ToText(tree));
            foreach (ErofsVersion version in (ErofsVersion[])[ErofsVersion.V0, ErofsVersion.V1])
            {
                string ours = Write(tree, version, $"{seed}.ours");
                string theirs = PathOf($"{seed}.theirs");
                await sid.RunAsync("mkcomposefs", ["--from-file", .. Versions(version), dump, theirs], cancellationToken);

                Hash(ours).Should().Be(Hash(theirs), $"tree {seed} as {version} has to be what mkcomposefs makes of it");
                await sid.RunAsync("fsck.erofs", [ours], cancellationToken);
            }
        });
    }

    /// <summary>The tail of the root's entries would cross the end of the first block, so the root begins behind where roots do.</summary>
    [Theory]
    [InlineData(ErofsVersion.V0)]
    [InlineData(ErofsVersion.V1)]
    public async Task Writes_the_same_bytes_as_mkcomposefs_for_a_root_that_is_not_at_the_beginning(ErofsVersion version)
    {
        DebianTree sid = await Lab.SidTree;
        string files = string.Concat(Enumerable.Range(0, 80).Select(i => $"/file-{i:d3} 0 100644 1 0 0 0 0.0 - - -\n"));
        FileTree tree = Dumpfile.Parse($"/ 0 40755 2 0 0 0 0.0 - - - user.long={new string('x', 2500)}\n{files}");
        File.WriteAllText(PathOf("dump"), Dumpfile.ToText(tree));

        string ours = Write(tree, version, "ours");

        await sid.RunAsync("mkcomposefs", ["--from-file", .. Versions(version), PathOf("dump"), PathOf("theirs")]);
        Hash(ours).Should().Be(Hash(PathOf("theirs")));
        BitConverter.ToUInt16(File.ReadAllBytes(ours), ErofsFormat.SuperblockOffset + 14).Should().BeGreaterThan(ErofsFormat.FirstNid);
        Dumpfile.ToText(ErofsReader.Read(File.ReadAllBytes(ours))).Should().Be(Dumpfile.ToText(tree));
    }

    /// <summary>What composefs-info reads in our image is what we wrote into it.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Writes_images_that_composefs_info_reads_back(int seed)
    {
        FileTree tree = RandomTree.Create(seed);
        string image = Write(tree, ErofsVersion.V1, "image");

        string theirs = await (await Lab.SidTree).RunAsync("composefs-info", ["dump", image]);

        string again = Write(Dumpfile.Parse(theirs), ErofsVersion.V1, "again");
        Hash(again).Should().Be(Hash(image));
    }

    private static string[] Versions(ErofsVersion version) =>
        version == ErofsVersion.V0 ? ["--max-version=0"] : ["--min-version=1"];

    private static string Hash(string file) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));

    private string Write(FileTree tree, ErofsVersion version, string name)
    {
        using FileStream image = File.Create(PathOf(name));
        ErofsWriter.Write(tree, version, VerityAlgorithm.Sha512, image);
        return image.Name;
    }

    private string PathOf(string name) => Path.Join(_folder.FullName, name);
}
