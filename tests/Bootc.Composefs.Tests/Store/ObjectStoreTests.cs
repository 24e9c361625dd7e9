using Bootc.Composefs.Store;
using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.Composefs.Tests.Store;

public class ObjectStoreTests
{
    [Theory]
    [InlineData(VerityAlgorithm.Sha512, "sha512")]
    [InlineData(VerityAlgorithm.Sha256, "sha256")]
    public async Task Names_every_object_as_fsverity_digest_does(VerityAlgorithm algorithm, string name)
    {
        using RepositoryFixture fixture = new(algorithm);
        foreach (int size in (int[])[1, 65, 4096, 4097, 262144, 262145, 1 << 20, (3 << 20) + 1])
        {
            byte[] content = Random(size);
            using ObjectWriter writer = fixture.Objects.CreateWriter();
            for (int at = 0, piece = 1; at < size; at += piece, piece = piece * 3 % 700_001)
            {
                piece = Math.Min(piece, size - at);
                writer.Write(content.AsSpan(at, piece));
            }

            ObjectId id = writer.Finish();

            File.ReadAllBytes(fixture.PathOf(id)).Should().Equal(content);
        }

        string[] objects = [.. fixture.Files().Where(f => f.StartsWith("objects/", StringComparison.Ordinal))];
        string printed = await (await Lab.SidTree).RunAsync("fsverity", ["digest", $"--hash-alg={name}", "--compact", .. objects.Select(o => fixture[o])]);

        objects.Should().HaveCount(8);
        printed.TrimEnd().Split('\n').Should().Equal(objects.Select(o => o["objects/".Length..].Replace("/", "")));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(5 << 20)]
    public void Leaves_nothing_of_an_object_that_was_not_finished(int size)
    {
        using RepositoryFixture fixture = new();

        using (ObjectWriter writer = fixture.Objects.CreateWriter())
        {
            writer.Write(Random(size));
        }

        fixture.Files().Should().Equal("meta.json");
    }

    [Fact]
    public void Stores_the_same_objects_from_many_threads_once()
    {
        using RepositoryFixture fixture = new();
        byte[][] contents = [.. Enumerable.Range(0, 40).Select(i => Random(100 + (i * 20_011)))];

        Parallel.For(0, 8 * contents.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            using ObjectWriter writer = fixture.Objects.CreateWriter();
            writer.Write(contents[i % contents.Length]);
            writer.Finish();
        });

        fixture.Files().Should().HaveCount(1 + contents.Length);
        foreach (byte[] content in contents)
        {
            ObjectId id = VerityHasher.Hash(VerityAlgorithm.Sha512, content);
            fixture.Objects.ReadBytes(id, content.Length).Should().Equal(content);
        }
    }

    [Theory]
    [InlineData(300, false)]
    [InlineData(300, true)]
    [InlineData(600_000, false)]
    [InlineData(600_000, true)]
    public void Replaces_an_object_that_a_power_cut_left_damaged(int size, bool sameSize)
    {
        using RepositoryFixture fixture = new();
        byte[] content = Random(size);
        ObjectId id = fixture.Objects.Ensure(content);
        File.WriteAllBytes(fixture.PathOf(id), new byte[sameSize ? size : 0]);

        using ObjectWriter writer = fixture.Objects.CreateWriter();
        writer.Write(content);
        writer.Finish().Should().Be(id);

        File.ReadAllBytes(fixture.PathOf(id)).Should().Equal(content);
        fixture.Files().Should().HaveCount(2);
    }

    [Fact]
    public void Replaces_an_object_that_is_distrusted_once_and_leaves_it_until_then()
    {
        using RepositoryFixture fixture = new();
        ObjectId id = fixture.Objects.Ensure("hello world"u8);
        File.SetLastWriteTimeUtc(fixture.PathOf(id), DateTime.UnixEpoch);

        fixture.Objects.Distrust(id);
        (Fsck.IsSound(fixture.Repository, id), IsOld()).Should().Be((true, true));
        fixture.Objects.Ensure("hello world"u8);
        IsOld().Should().BeFalse();

        File.SetLastWriteTimeUtc(fixture.PathOf(id), DateTime.UnixEpoch);
        fixture.Objects.Ensure("hello world"u8);
        IsOld().Should().BeTrue("it was replaced already");

        bool IsOld() => File.GetLastWriteTimeUtc(fixture.PathOf(id)) == DateTime.UnixEpoch;
    }

    [Fact]
    public void Takes_what_somebody_else_stored_in_a_folder_that_was_made_here()
    {
        using RepositoryFixture fixture = new();
        byte folder = fixture.Objects.Ensure("hello world"u8).Digest[0];
        byte[] content = Enumerable.Range(0, 100_000).Select(BitConverter.GetBytes).First(bytes => VerityHasher.Hash(VerityAlgorithm.Sha512, bytes).Digest[0] == folder);
        ObjectId id = VerityHasher.Hash(VerityAlgorithm.Sha512, content);
        File.WriteAllBytes(fixture.PathOf(id), content);
        File.SetLastWriteTimeUtc(fixture.PathOf(id), DateTime.UnixEpoch);

        fixture.Objects.Ensure(content).Should().Be(id);

        File.GetLastWriteTimeUtc(fixture.PathOf(id)).Should().Be(DateTime.UnixEpoch, "it is there, and whole");
        fixture.Files().Should().HaveCount(3);
    }

    [Theory]
    [InlineData("printf jello > $1")]
    [InlineData("rm $1")]
    [InlineData("rm $1; mkdir $1")]
    [InlineData("rm $1; mkfifo $1")]
    public async Task Tells_an_object_that_is_not_sound(string damage)
    {
        using RepositoryFixture fixture = new();
        ObjectId id = fixture.Objects.Ensure("hello world"u8);
        Fsck.IsSound(fixture.Repository, id).Should().BeTrue();

        await LabProgram.RunAsync("sh", ["-ec", damage, "damage", fixture.PathOf(id)]);

        Fsck.IsSound(fixture.Repository, id).Should().BeFalse();
    }

    [Fact]
    public void Refuses_content_that_is_not_what_its_name_says()
    {
        using RepositoryFixture fixture = new();
        ObjectId id = fixture.Objects.Ensure("hello world"u8);
        File.WriteAllText(fixture.PathOf(id), "jello world");

        fixture.Objects.Invoking(o => o.ReadBytes(id, 100)).Should().Throw<InvalidDataException>().WithMessage("*is not what its name says");
        fixture.Objects.Invoking(o => o.OpenVerified(id)).Should().Throw<InvalidDataException>().WithMessage("*is not what its name says");
        fixture.Objects.Invoking(o => o.ReadBytes(id, 10)).Should().Throw<InvalidDataException>().WithMessage("*11 bytes, more than the 10*");
    }

    [Fact]
    public void Says_which_object_is_missing()
    {
        using RepositoryFixture fixture = new();
        ObjectId id = VerityHasher.Hash(VerityAlgorithm.Sha512, "absent"u8);

        fixture.Objects.Contains(id).Should().BeFalse();
        fixture.Objects.Invoking(o => o.Open(id)).Should().Throw<InvalidDataException>().WithMessage($"object {id} is missing*");
        fixture.Objects.Invoking(o => o.SizeOf(id)).Should().Throw<InvalidDataException>().WithMessage($"object {id} is missing*");
    }

    [Theory]
    [InlineData(10)]
    [InlineData(2_000_000)]
    public void Takes_a_file_and_shows_the_bytes_that_it_stored(int size)
    {
        using RepositoryFixture fixture = new();
        byte[] content = Random(size);
        string path = Path.Join(fixture.Folder, "source");
        File.WriteAllBytes(path, content);
        using MemoryStream seen = new();
        using Fd source = Fd.OpenRead(path);

        ObjectId id = fixture.Objects.EnsureFrom(source, size, seen.Write);

        seen.ToArray().Should().Equal(content);
        fixture.Objects.ReadBytes(id, size).Should().Equal(content);
    }

    [Fact]
    public async Task Shares_the_blocks_of_a_file_where_the_file_system_can()
    {
        await HostPackages.EnsureAsync();
        string folder = Directory.CreateTempSubdirectory("bootc-reflink-").FullName;
        string disk = folder + ".xfs";
        using (FileStream file = File.Create(disk))
        {
            file.SetLength(300 << 20);
        }

        await LabProgram.RunAsync("mkfs.xfs", ["-q", disk]);
        await LabProgram.RunAsync("mount", ["-o", "loop", disk, folder]);
        try
        {
            using RepositoryFixture fixture = new(folder: folder);
            byte[] content = Random(1 << 20);
            string path = Path.Join(fixture.Folder, "source");
            File.WriteAllBytes(path, content);
            using MemoryStream seen = new();
            ObjectId id;
            using (Fd source = Fd.OpenRead(path))
            {
                id = fixture.Objects.EnsureFrom(source, content.Length, seen.Write);
            }

            string extents = await LabProgram.RunAsync("filefrag", ["-v", "-s", fixture.PathOf(id)]);

            extents.Should().Contain("shared");
            seen.ToArray().Should().Equal(content);
            fixture.Objects.ReadBytes(id, content.Length).Should().Equal(content);
        }
        finally
        {
            await LabProgram.RunAsync("umount", [folder]);
            Directory.Delete(folder);
            File.Delete(disk);
        }
    }

    [Theory]
    [InlineData(9)]
    [InlineData(11)]
    public void Refuses_a_file_of_another_size_than_expected(int size)
    {
        using RepositoryFixture fixture = new();
        string path = Path.Join(fixture.Folder, "source");
        File.WriteAllBytes(path, new byte[10]);
        using Fd source = Fd.OpenRead(path);

        fixture.Objects.Invoking(o => o.EnsureFrom(source, size))
            .Should().Throw<InvalidDataException>().WithMessage($"*source has 10 bytes, {size} expected");
        fixture.Files().Should().Equal("meta.json");
    }

    [Fact]
    public void Uses_names_that_go_away_where_files_cannot_be_unnamed()
    {
        using RepositoryFixture fixture = new();
        using Dir objects = Dir.Open(fixture["objects"]);

        using (PendingFile file = PendingFile.CreateNamed(objects))
        {
            file.Write("content"u8);
            PendingFile.IsTemporaryName(fixture.Files().Last()["objects/".Length..]).Should().BeTrue();
            file.Close();
            file.TryLink("kept").Should().BeTrue();
            file.TryLink("kept").Should().BeFalse();
            file.LinkOver("kept");
        }

        fixture.Files().Should().Equal("meta.json", "objects/kept");
        File.ReadAllText(fixture["objects/kept"]).Should().Be("content");
    }

    [Fact]
    public async Task Says_which_repository_has_no_space_left()
    {
        string folder = Directory.CreateTempSubdirectory("bootc-full-").FullName;
        await LabProgram.RunAsync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", folder]);
        try
        {
            using RepositoryFixture fixture = new(folder: folder);
            using ObjectWriter writer = fixture.Objects.CreateWriter();

            writer.Invoking(w => w.Write(Random(4 << 20)))
                .Should().Throw<IOException>().WithMessage($"there is no space left for the repository {fixture.Root}");
            writer.Dispose();
            fixture.Files().Should().Equal("meta.json");
        }
        finally
        {
            await LabProgram.RunAsync("umount", [folder]);
            Directory.Delete(folder);
        }
    }

    private static byte[] Random(int size)
    {
        byte[] bytes = new byte[size];
        new Random(size).NextBytes(bytes);
        return bytes;
    }
}
