using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Bootc.Composefs.Store;
using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.Composefs.Tests.Store;

public class SplitStreamTests
{
    /// <summary>The vector of specification §10: files of 0, 4095, 4096 and 4097 zeros; the digests are upstream's.</summary>
    [Fact]
    public async Task Splits_a_layer_into_the_chunks_that_composefs_makes()
    {
        using RepositoryFixture fixture = new(VerityAlgorithm.Sha256);
        using SplitStreamWriter writer = new(fixture.Objects, "ocilayer");
        string[] sizes = ["0", "4095", "4096", "4097"];
        foreach (string size in sizes)
        {
            writer.WriteInline(Header(size));
            byte[] content = new byte[int.Parse(size)];
            if (content.Length > 0)
            {
                writer.WriteObject(fixture.Objects.Ensure(content), content.Length);
            }

            writer.WriteInline(new byte[-content.Length & 511]);
        }

        writer.WriteInline(new byte[1024]);
        ObjectId id = writer.Finish();

        JudgedStream stream = await SplitStreamJudge.ShowAsync(fixture.PathOf(id));
        stream.ContentType.Should().Be("ocilayer");
        stream.Size.Should().Be(512 + (512 + 4096) + (512 + 4096) + (512 + 4608) + 1024);
        stream.StreamReferences.Should().BeEmpty();
        stream.Names.Should().BeEmpty();
        stream.ObjectReferences.Should().Equal(
            "5372beb83c78537c8970c8361e3254119fafdf1763854ecd57d3f0fe2da7c719",
            "babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97e",
            "093756e4ea9683329106d4a16982682ed182c14bf076463a9e7f97305cbac743");
        stream.Chunks.Select(c => c.Digest?[..4] ?? $"{c.Bytes.Length}")
            .Should().Equal("1024", "5372", "513", "babc", "512", "0937", "1535");

        static byte[] Header(string name)
        {
            byte[] header = new byte[512];
            Encoding.ASCII.GetBytes("file" + name, header);
            return header;
        }
    }

    [Fact]
    public void Refers_to_as_many_objects_as_can_be_read_again_and_to_no_more()
    {
        using RepositoryFixture fixture = new(VerityAlgorithm.Sha256);
        using SplitStreamWriter writer = new(fixture.Objects, "ocilayer");
        for (int i = 0; i < SplitStreamFormat.MaxReferences; i++)
        {
            writer.WriteObject(Numbered(i), 1);
        }

        writer.Invoking(w => w.WriteObject(Numbered(-1), 1)).Should().Throw<SplitStreamLimitException>().WithMessage("*more than 1048576 different objects*");
        writer.WriteObject(Numbered(0), 1);

        using SplitStreamReader reader = SplitStreamReader.Open(fixture.Objects, writer.Finish());
        reader.ObjectReferences.Should().HaveCount(1_048_576);
        reader.ObjectReferences[^1].Should().Be(Numbered(SplitStreamFormat.MaxReferences - 1));

        static ObjectId Numbered(int number)
        {
            byte[] digest = new byte[32];
            BinaryPrimitives.WriteInt32LittleEndian(digest, number);
            return ObjectId.FromDigest(digest);
        }
    }

    [Fact]
    public async Task Keeps_its_order_whichever_object_is_stored_first()
    {
        using RepositoryFixture fixture = new();
        ObjectId[] ids = [.. Enumerable.Range(0, 2).Select(i => fixture.Objects.Ensure(new byte[100 + i]))];
        TaskCompletionSource<ObjectId> late = new();
        using SplitStreamWriter writer = new(fixture.Objects, "ocilayer");
        writer.WriteInline("one"u8);
        writer.WriteObject(late.Task, 100);
        writer.WriteInline("two!"u8);
        writer.WriteObject(Task.FromResult(ids[1]), 101);
        await writer.SettleAsync(most: 2);
        writer.Invoking(w => w.Finish()).Should().Throw<InvalidOperationException>();
        late.SetResult(ids[0]);
        await writer.SettleAsync();

        JudgedStream stream = await SplitStreamJudge.ShowAsync(fixture.PathOf(writer.Finish()));
        stream.Chunks.Select(c => c.Digest ?? $"{c.Bytes.Length}").Should().Equal("3", $"{ids[0]}", "4", $"{ids[1]}");
    }

    [Fact]
    public async Task Keeps_few_bytes_in_memory_while_an_object_is_stored_however_few_pieces_they_are()
    {
        using RepositoryFixture fixture = new();
        TaskCompletionSource<ObjectId> late = new();
        using SplitStreamWriter writer = new(fixture.Objects, "ocilayer");
        writer.WriteObject(late.Task, 100);

        int written = 0;
        Task settled = Task.CompletedTask;
        for (; settled.IsCompletedSuccessfully && written < 100; written++)
        {
            writer.WriteInline(new byte[1 << 20]);
            settled = writer.SettleAsync(most: int.MaxValue).AsTask();
        }

        written.Should().BeLessThan(20, "with that many MiB the writer waits for the object");
        late.SetResult(fixture.Objects.Ensure(new byte[100]));
        await settled;

        JudgedStream stream = await SplitStreamJudge.ShowAsync(fixture.PathOf(writer.Finish()));
        stream.Size.Should().Be(100 + ((long)written << 20));
        stream.Chunks.Sum(chunk => chunk.Digest is null ? chunk.Bytes.Length : 0).Should().Be(written << 20);
    }

    [Fact]
    public async Task Has_what_was_put_off_begun_before_it_waits_for_it()
    {
        using RepositoryFixture fixture = new();
        TaskCompletionSource<ObjectId> putOff = new();
        using SplitStreamWriter writer = new(fixture.Objects, "ocilayer");
        writer.WriteObject(putOff.Task, 100);

        await writer.SettleAsync(most: 1, () => throw new InvalidOperationException("there is no need to wait yet"));
        await writer.SettleAsync(most: 0, () => putOff.SetResult(fixture.Objects.Ensure(new byte[100])));

        (await SplitStreamJudge.ShowAsync(fixture.PathOf(writer.Finish()))).Chunks.Should().ContainSingle();
    }

    [Fact]
    public async Task Writes_references_once_in_order_of_use_and_their_names_sorted()
    {
        using RepositoryFixture fixture = new();
        ObjectId[] ids = [.. Enumerable.Range(0, 3).Select(i => fixture.Objects.Ensure(new byte[100 + i]))];
        using SplitStreamWriter writer = new(fixture.Objects, "ociconfg");
        writer.AddNamedReference("sha256:b", ids[1]);
        writer.AddNamedReference("sha256:a", ids[0]);
        writer.AddNamedReference("composefs.image", ids[1]);
        writer.AddNamedReference("sha256:b", ids[1]);
        writer.WriteObject(ids[2], 102);
        writer.WriteObject(ids[2], 102);
        ObjectId id = writer.Finish();

        JudgedStream stream = await SplitStreamJudge.ShowAsync(fixture.PathOf(id));
        stream.StreamReferences.Should().Equal($"{ids[1]}", $"{ids[0]}");
        stream.ObjectReferences.Should().Equal($"{ids[2]}");
        stream.Names.Should().Equal($"composefs.image={ids[1]}", $"sha256:a={ids[0]}", $"sha256:b={ids[1]}");
        stream.Chunks.Select(c => c.Digest).Should().Equal($"{ids[2]}", $"{ids[2]}");

        using SplitStreamReader reader = SplitStreamReader.Open(fixture.Objects, id);
        reader.ContentType.Should().Be("ociconfg");
        reader.Size.Should().Be(204);
        reader.StreamReferences.Should().Equal(ids[1], ids[0]);
        reader.NamedReferences.Should().Equal(new Dictionary<string, ObjectId>
        {
            ["composefs.image"] = ids[1],
            ["sha256:a"] = ids[0],
            ["sha256:b"] = ids[1],
        });
    }

    [Fact]
    public async Task Writes_an_empty_stream()
    {
        using RepositoryFixture fixture = new();
        using SplitStreamWriter writer = new(fixture.Objects, "oci_blob");
        ObjectId id = writer.Finish();

        (await SplitStreamJudge.ShowAsync(fixture.PathOf(id))).Chunks.Should().BeEmpty();
        using SplitStreamReader reader = SplitStreamReader.Open(fixture.Objects, id);
        reader.IsAtEnd.Should().BeTrue();
    }

    [Fact]
    public async Task Parts_a_long_run_of_inline_bytes_only_between_blocks()
    {
        using RepositoryFixture fixture = new();
        using SplitStreamWriter writer = new(fixture.Objects, "ocilayer");
        Random random = new(1);
        List<byte[]> pieces = [];
        for (int i = 0; i < 6000; i++)
        {
            // as the importer writes them: padding of the last content with the next header, then the content
            byte[] content = new byte[random.Next(1, 65)];
            random.NextBytes(content);
            byte[] header = new byte[(i == 0 ? 0 : -pieces[^1].Length & 511) + 512];
            random.NextBytes(header);
            pieces.AddRange([header, content]);
        }

        foreach (byte[] piece in pieces)
        {
            writer.WriteInline(piece);
        }

        ObjectId id = writer.Finish();

        JudgedStream stream = await SplitStreamJudge.ShowAsync(fixture.PathOf(id));
        byte[][] chunks = [.. stream.Chunks.Select(c => c.Bytes)];
        chunks.Should().HaveCountGreaterThan(4);
        chunks[..^1].Should().OnlyContain(c => c.Length % 512 == 0 && c.Length < (1 << 20) + 2048);
        chunks.SelectMany(c => c).Should().Equal(pieces.SelectMany(p => p));
    }

    [Fact]
    public void Gives_back_inline_bytes_and_objects_in_their_order()
    {
        using RepositoryFixture fixture = new();
        ObjectId large = fixture.Objects.Ensure(new byte[5000]);
        using SplitStreamWriter writer = new(fixture.Objects, "ocilayer");
        writer.WriteInline("head"u8);
        writer.WriteObject(large, 5000);
        writer.WriteObject(large, 5000);
        writer.WriteInline("tail"u8);
        using SplitStreamReader reader = SplitStreamReader.Open(fixture.Objects, writer.Finish());

        byte[] buffer = new byte[100];
        reader.Inline.Read(buffer.AsSpan(0, 3)).Should().Be(3);
        reader.TryTakeObject(out _, out _).Should().BeFalse("of one more inline byte");
        reader.Inline.Read(buffer.AsSpan(3)).Should().Be(1);
        reader.Inline.Read(buffer.AsSpan(4)).Should().Be(0, "of an object here");
        reader.TryTakeObject(out ObjectId? first, out long size).Should().BeTrue();
        (first, size).Should().Be((large, 5000L));
        reader.TryTakeObject(out ObjectId? second, out _).Should().BeTrue();
        second.Should().Be(large);
        reader.IsAtEnd.Should().BeFalse();
        reader.Inline.Read(buffer.AsSpan(4)).Should().Be(4);
        reader.IsAtEnd.Should().BeTrue();
        reader.TryTakeObject(out _, out _).Should().BeFalse();
        reader.Inline.Read(buffer).Should().Be(0);

        Encoding.ASCII.GetString(buffer, 0, 8).Should().Be("headtail");
    }

    [Fact]
    public void Puts_the_whole_stream_together_again()
    {
        using RepositoryFixture fixture = new();
        using MemoryStream original = new();
        using SplitStreamWriter writer = new(fixture.Objects, "ocilayer");
        Random random = new(2);
        for (int i = 0; i < 500; i++)
        {
            byte[] piece = new byte[random.Next(1, 20_000)];
            random.NextBytes(piece);
            original.Write(piece);
            if (i % 3 == 0)
            {
                writer.WriteObject(fixture.Objects.Ensure(piece), piece.Length);
            }
            else
            {
                writer.WriteInline(piece); // more than the spool keeps in memory
            }
        }

        using SplitStreamReader reader = SplitStreamReader.Open(fixture.Objects, writer.Finish());
        using MemoryStream again = new();
        reader.CopyTo(again);

        reader.Size.Should().Be(original.Length);
        SHA256.HashData(again.ToArray()).Should().Equal(SHA256.HashData(original.ToArray()));
    }

    [Fact]
    public void Leaves_nothing_of_a_stream_that_was_not_finished()
    {
        using RepositoryFixture fixture = new();
        using (SplitStreamWriter writer = new(fixture.Objects, "ocilayer"))
        {
            byte[] noise = new byte[6 << 20];
            new Random(3).NextBytes(noise);
            writer.WriteInline(noise);
            writer.WriteObject(VerityHasher.Hash(VerityAlgorithm.Sha512, noise), noise.Length);
        }

        fixture.Files().Should().Equal("meta.json");
    }

    [Fact]
    public async Task Can_be_given_up_where_no_space_is_left()
    {
        string folder = Directory.CreateTempSubdirectory("bootc-full-").FullName;
        await LabProgram.RunAsync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", folder]);
        try
        {
            using RepositoryFixture fixture = new(folder: folder);
            SplitStreamWriter writer = new(fixture.Objects, "ocilayer");
            byte[] noise = new byte[(1 << 20) - 40]; // what is kept in memory, but for what the compressor adds
            new Random(5).NextBytes(noise);
            writer.WriteInline(noise);
            writer.WriteObject(VerityHasher.Hash(VerityAlgorithm.Sha512, noise), noise.Length);

            writer.Invoking(w => w.Dispose()).Should().NotThrow();

            fixture.Files().Should().Equal("meta.json");
        }
        finally
        {
            await LabProgram.RunAsync("umount", [folder]); // fails if a file was left open
            Directory.Delete(folder);
        }
    }

    [Fact]
    public void Reads_the_header_that_bootc_wrote_before_1_16()
    {
        using RepositoryFixture fixture = new();
        ObjectId id = Sample(fixture);
        byte[] bytes = File.ReadAllBytes(fixture.PathOf(id));
        // info range at 0, flags at 16, magic at 18, version, algorithm and block size behind it
        byte[] old = [.. bytes[16..32], 0, 0, .. bytes[..12], bytes[14], bytes[15], .. bytes[32..]];

        using SplitStreamReader reader = SplitStreamReader.Open(fixture.Objects, fixture.Objects.Ensure(old));
        using MemoryStream content = new();
        reader.CopyTo(content);

        content.Length.Should().Be(reader.Size).And.BePositive();
    }

    [Theory]
    [InlineData("magic", 0, "*is not a splitstream")]
    [InlineData("version", 11, "*version 1*")]
    [InlineData("algorithm", 14, "*hash 3*")]
    [InlineData("info range", 24, "*at least 80 expected")]
    [InlineData("object references", 58, "*object references lie at*")]
    [InlineData("stream", 64, "*")]
    [InlineData("size", 104, "*bytes, not the*")]
    public void Refuses_a_stream_with_another(string what, int offset, string message)
    {
        using RepositoryFixture fixture = new();
        byte[] bytes = File.ReadAllBytes(fixture.PathOf(Sample(fixture)));
        bytes[offset] += (byte)(what == "info range" ? -1 : 1);
        ObjectId id = fixture.Objects.Ensure(bytes);

        Action read = () => ReadAll(fixture, id);

        read.Should().Throw<InvalidDataException>().WithMessage(message);
    }

    [Fact]
    public void Refuses_a_stream_that_states_fewer_bytes_than_it_has()
    {
        using RepositoryFixture fixture = new();
        byte[] bytes = File.ReadAllBytes(fixture.PathOf(Sample(fixture)));
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(104), 7);
        ObjectId id = fixture.Objects.Ensure(bytes);

        FluentActions.Invoking(() => ReadAll(fixture, id)).Should().Throw<InvalidDataException>().WithMessage("*more than the 7 bytes*");
    }

    [Fact]
    public void Refuses_a_stream_whose_object_is_missing()
    {
        using RepositoryFixture fixture = new();
        ObjectId id = Sample(fixture);
        ObjectId gone = VerityHasher.Hash(VerityAlgorithm.Sha512, new byte[100]);
        File.Delete(fixture.PathOf(gone));

        FluentActions.Invoking(() => ReadAll(fixture, id)).Should().Throw<InvalidDataException>().WithMessage($"object {gone} is missing*");
    }

    [Fact]
    public void Answers_any_damage_with_invalid_data()
    {
        using RepositoryFixture fixture = new();
        byte[] sample = File.ReadAllBytes(fixture.PathOf(Sample(fixture)));
        Random random = new(4);
        for (int i = 0; i < 2000; i++)
        {
            byte[] mutant = Mutate(sample, random);
            ObjectId id = fixture.Objects.Ensure(mutant);
            try
            {
                ReadAll(fixture, id);
            }
            catch (Exception e) when (e is InvalidDataException)
            {
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"mutant {i}: {Convert.ToHexString(mutant)}", e);
            }

            File.Delete(fixture.PathOf(id));
            Sample(fixture);
        }
    }

    /// <summary>Changed, lost and doubled bytes, favouring the numbers at the start and their extremes.</summary>
    private static byte[] Mutate(byte[] sample, Random random)
    {
        byte[] mutant = [.. sample];
        for (int n = random.Next(1, 4); n > 0; n--)
        {
            int at = random.Next(random.Next(2) == 0 ? 112 : mutant.Length);
            mutant[Math.Min(at, mutant.Length - 1)] = random.Next(4) switch { 0 => 0xFF, 1 => 0x7F, 2 => 0, _ => (byte)random.Next(256) };
        }

        return random.Next(6) switch
        {
            0 => mutant[..random.Next(mutant.Length)],
            1 => [.. mutant, .. mutant[random.Next(mutant.Length)..]],
            _ => mutant,
        };
    }

    private static void ReadAll(RepositoryFixture fixture, ObjectId id)
    {
        using SplitStreamReader reader = SplitStreamReader.Open(fixture.Objects, id);
        reader.CopyTo(Stream.Null);
    }

    private static ObjectId Sample(RepositoryFixture fixture)
    {
        using SplitStreamWriter writer = new(fixture.Objects, "ocilayer");
        writer.AddNamedReference("sha256:1", fixture.Objects.Ensure(new byte[70]));
        writer.AddNamedReference("sha256:2", fixture.Objects.Ensure(new byte[71]));
        writer.WriteInline(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 200))));
        writer.WriteObject(fixture.Objects.Ensure(new byte[100]), 100);
        writer.WriteInline(new byte[412]);
        writer.WriteObject(fixture.Objects.Ensure(new byte[200]), 200);
        return writer.Finish();
    }
}
