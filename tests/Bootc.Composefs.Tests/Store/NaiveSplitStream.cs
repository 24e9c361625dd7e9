using System.Text;
using Bootc.Testing;
using CliWrap;

namespace Bootc.Composefs.Tests.Store;

/// <summary>
/// A splitstream taken apart by the words of the format, with the zstd program: shares no code with the product. Every field is
/// checked for the only value that a writer may give it.
/// </summary>
internal sealed record NaiveSplitStream(
    string ContentType, ulong StreamSize, string[] StreamReferences, string[] ObjectReferences, string Names, IReadOnlyList<object> Chunks)
{
    /// <summary>Chunks are inline bytes (byte[]) or the hex digest of an object (string).</summary>
    public static async Task<NaiveSplitStream> ReadAsync(byte[] file, int digestSize)
    {
        Encoding.ASCII.GetString(file, 0, 11).Should().Be("SplitStream");
        file[11..16].Should().Equal(0, 0, 0, (byte)(digestSize == 32 ? 1 : 2), 12);
        U64(16).Should().Be(32);
        U64(24).Should().Be(112);

        // the sections follow each other without gaps, the stream last
        (ulong Start, ulong End) streams = Range(32), objects = Range(48), stream = Range(64), names = Range(80);
        streams.Start.Should().Be(112);
        objects.Start.Should().Be(streams.End);
        names.Start.Should().Be(objects.End);
        stream.Start.Should().Be(names.End);
        stream.End.Should().Be((ulong)file.Length);

        string[] objectIds = Digests(objects);
        byte[] chunks = await DecompressAsync(stream);
        List<object> found = [];
        for (int at = 0; at < chunks.Length;)
        {
            long n = BitConverter.ToInt64(chunks, at);
            at += 8;
            if (n < 0)
            {
                found.Add(chunks[at..(at + (int)-n)]);
                at += (int)-n;
            }
            else
            {
                found.Add(objectIds[n]);
            }
        }

        return new(
            Encoding.ASCII.GetString(file, 96, 8),
            U64(104),
            Digests(streams),
            objectIds,
            Encoding.UTF8.GetString(await DecompressAsync(names)).Replace('\0', '\n'),
            found);

        ulong U64(int at) => BitConverter.ToUInt64(file, at);

        (ulong Start, ulong End) Range(int at) => (U64(at), U64(at + 8));

        byte[] Section((ulong Start, ulong End) range) => file[(int)range.Start..(int)range.End];

        string[] Digests((ulong Start, ulong End) range) => [.. Section(range).Chunk(digestSize).Select(Convert.ToHexStringLower)];

        async Task<byte[]> DecompressAsync((ulong Start, ulong End) range)
        {
            using MemoryStream output = new();
            await Cli.Wrap("zstd").WithArguments(["-d", "-c"])
                .WithStandardInputPipe(PipeSource.FromBytes(Section(range)))
                .WithStandardOutputPipe(PipeTarget.ToStream(output))
                .ExecuteAsync();
            return output.ToArray();
        }
    }
}
