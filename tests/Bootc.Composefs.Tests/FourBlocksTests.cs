using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using Bootc.Sha512;

namespace Bootc.Composefs.Tests;

/// <summary>The wide SHA-512, by the just-in-time compiler; as a library it is tested with the published program.</summary>
public class FourBlocksTests
{
    [Fact]
    public void Each_block_has_the_digest_that_OpenSSL_gives_it()
    {
        // The library is not loaded by processors without.
        for (int seed = 0; seed < 100 && Avx2.IsSupported; seed++)
        {
            byte[] blocks = new byte[FourBlocks.Count * FourBlocks.BlockSize];
            new Random(seed).NextBytes(blocks);
            byte[] digests = new byte[FourBlocks.Count * FourBlocks.DigestSize];

            FourBlocks.Hash(blocks, digests);

            digests.Should().Equal(blocks.Chunk(FourBlocks.BlockSize).SelectMany(block => SHA512.HashData(block)), $"of seed {seed}");
        }
    }
}
