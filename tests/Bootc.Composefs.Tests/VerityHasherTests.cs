using System.Security.Cryptography;
using System.Text;

namespace Bootc.Composefs.Tests;

/// <summary>Judged by digests of <c>fsverity digest</c> (fsverity-utils), pinned here.</summary>
public class VerityHasherTests
{
    public static TheoryData<string, string, string> Pinned => new()
    {
        {
            "nothing",
            "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95",
            "ccf9e5aea1c2a64efa2f2354a6024b90dffde6bbc017825045dce374474e13d10adb9dadcc6ca8e17a3c075fbd31336e8f266ae6fa93a6c3bed66f9e784e5abf"
        },
        {
            "hello world",
            "1e2eaa4202d750a41174ee454970b92c1bc2f925b1e35076d8c7d5f56362ba64",
            "18430270729d162d4e469daca123ae61893db4b0583d8f7081e3bf4f92b88ba514e7982f10733fb6aa895195c5ae8fd2eb2c47a8be05513ce5a0c51a6f570409"
        },
        {
            "4095 zeros",
            "5372beb83c78537c8970c8361e3254119fafdf1763854ecd57d3f0fe2da7c719",
            "e2397c3e051f7ab08e0133d71ef9e62cf1ce6dccefa097af3658b0ecbfe532f2f2968787d0d693ad96a1053610d7aac3b5743d13f323a69f85e804d5fca5dc27"
        },
        {
            "4096 zeros",
            "babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97e",
            "928922686c4caf32175f5236a7f964e9925d10a74dc6d8344a8bd08b23c228ff5792573987d7895f628f39c4f4ebe39a7367d7aeb16aaa0cd324ac1d53664e61"
        },
        {
            "4097 zeros",
            "093756e4ea9683329106d4a16982682ed182c14bf076463a9e7f97305cbac743",
            "4339f5da3788e60fa6857bd7040fadccd6f125b2c2334777eb14ed55179ad887d9131e9ce78485afc23051392b71e015528abbb7be07ed7073c56480b15cedf1"
        },
        {
            "1 MiB of bytes modulo 251",
            "93c995656d665b81c3a87eed032fcf06a8f9cecef51e3f5e5af7fa59fef1d439",
            "41af04461110f14941d920ec99e22353f53c2368e05d2855b3a991c5d3efa27008353a81a3c09cfa37e0c967525ec7481991133cf4249c4df70545c91cead118"
        },
    };

    [Theory]
    [MemberData(nameof(Pinned))]
    public void Computes_the_digest_that_fsverity_digest_prints(string content, string sha256, string sha512)
    {
        VerityHasher.Hash(VerityAlgorithm.Sha256, Content(content)).ToString().Should().Be(sha256);
        VerityHasher.Hash(VerityAlgorithm.Sha512, new MemoryStream(Content(content))).ToString().Should().Be(sha512);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(70001)]
    public void Does_not_care_in_what_pieces_the_data_comes(int piece)
    {
        byte[] data = Content("1 MiB of bytes modulo 251");
        VerityHasher hasher = new(VerityAlgorithm.Sha256);
        for (int at = 0; at < data.Length; at += piece)
        {
            hasher.Append(data.AsSpan(at, Math.Min(piece, data.Length - at)));
        }

        hasher.Finish().ToString().Should().Be("93c995656d665b81c3a87eed032fcf06a8f9cecef51e3f5e5af7fa59fef1d439");
    }

    /// <summary>The same definition written down naively: whole levels in memory, in the words of the kernel's documentation.</summary>
    [Theory]
    [InlineData(VerityAlgorithm.Sha256, (128 * 4096) - 1)]
    [InlineData(VerityAlgorithm.Sha256, 128 * 4096)]
    [InlineData(VerityAlgorithm.Sha256, (128 * 4096) + 1)]
    [InlineData(VerityAlgorithm.Sha512, 64 * 4096)]
    [InlineData(VerityAlgorithm.Sha512, (64 * 4096) + 1)]
    [InlineData(VerityAlgorithm.Sha512, 64 * 64 * 4096)]
    [InlineData(VerityAlgorithm.Sha512, (64 * 64 * 4096) + 1)]
    public void Grows_the_hash_tree_at_the_right_lengths(VerityAlgorithm algorithm, int length)
    {
        byte[] data = new byte[length];
        new Random(length).NextBytes(data);

        VerityHasher.Hash(algorithm, data).ToString().Should().Be(Naive(algorithm, data));
    }

    [Theory]
    [InlineData(VerityAlgorithm.Sha256)]
    [InlineData(VerityAlgorithm.Sha512)]
    public void Hashes_contents_together_as_each_by_itself(VerityAlgorithm algorithm)
    {
        int[] lengths = [1, 4096, 4095, 4097, 8192, 100, VerityHasher.MaxTogether, VerityHasher.MaxTogether - 1, 12289, 1];
        byte[][] contents = [.. lengths.Select(length => new byte[length])];
        Array.ForEach(contents, new Random(1).NextBytes);
        byte[] blocks = [.. contents.SelectMany(content => (byte[])[.. content, .. new byte[(4096 - (content.Length % 4096)) % 4096]])];

        VerityHasher.HashEach(algorithm, blocks, lengths).Select(id => id.ToString()).Should().Equal(contents.Select(content => Naive(algorithm, content)));
    }

    private static byte[] Content(string name) => name switch
    {
        "nothing" => [],
        "hello world" => Encoding.ASCII.GetBytes(name),
        "1 MiB of bytes modulo 251" => [.. Enumerable.Range(0, 1 << 20).Select(i => (byte)(i % 251))],
        _ => new byte[int.Parse(name.Split(' ')[0])],
    };

    private static string Naive(VerityAlgorithm algorithm, byte[] data)
    {
        byte[] level = data;
        int hash = algorithm == VerityAlgorithm.Sha256 ? 32 : 64;
        do
        {
            level = [.. level.Chunk(4096).SelectMany(block => Hash([.. block, .. new byte[4096 - block.Length]]))];
        }
        while (level.Length > hash);

        byte[] descriptor = [1, (byte)algorithm, 12, 0, 0, 0, 0, 0, .. BitConverter.GetBytes((long)data.Length), .. level, .. new byte[240 - hash]];
        return Convert.ToHexStringLower(Hash(descriptor));

        byte[] Hash(byte[] bytes) => algorithm == VerityAlgorithm.Sha256 ? SHA256.HashData(bytes) : SHA512.HashData(bytes);
    }
}
