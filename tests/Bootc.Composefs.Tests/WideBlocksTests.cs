using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using Bootc.Sha512;

namespace Bootc.Composefs.Tests;

/// <summary>The wide SHA-512, by the just-in-time compiler; as libraries they are tested with the published program.</summary>
public class WideBlocksTests
{
    private delegate void Hash(ReadOnlySpan<byte> blocks, Span<byte> digests);

    [Fact]
    public void Each_block_has_the_digest_that_OpenSSL_gives_it()
    {
        // A library is not loaded by processors without.
        if (Avx2.IsSupported)
        {
            Judge(WideBlocks<FourLanes, Vector256<ulong>>.Hash, FourLanes.Count);
        }

        if (EightLanes.IsSupported)
        {
            Judge(WideBlocks<EightLanes, Vector512<ulong>>.Hash, EightLanes.Count);
        }
    }

    private static void Judge(Hash hash, int count)
    {
        for (int seed = 0; seed < 100; seed++)
        {
            byte[] blocks = new byte[count * Wide.BlockSize];
            new Random(seed).NextBytes(blocks);
            byte[] digests = new byte[count * Wide.DigestSize];

            hash(blocks, digests);

            digests.Should().Equal(blocks.Chunk(Wide.BlockSize).SelectMany(SHA512.HashData), $"of seed {seed}, {count} at once");
        }
    }
}
