using System.Runtime.InteropServices;

namespace Bootc.Sha512;

/// <summary>What the library is loaded for.</summary>
internal static unsafe class Export
{
    /// <summary>Hashes blocks of 4096 bytes, each by itself, as many of them as fill all lanes.</summary>
    /// <param name="blocks">The blocks, one after the other.</param>
    /// <param name="count">How many they are.</param>
    /// <param name="digests">Gets 64 bytes for each that was hashed.</param>
    /// <returns>How many were hashed, from the first on.</returns>
    [UnmanagedCallersOnly(EntryPoint = "bootc_sha512_blocks")]
    public static nint HashBlocks(byte* blocks, nint count, byte* digests)
    {
        nint hashed = count - (count % FourBlocks.Count);
        for (nint first = 0; first < hashed; first += FourBlocks.Count)
        {
            FourBlocks.Hash(
                new(blocks + (first * FourBlocks.BlockSize), FourBlocks.Count * FourBlocks.BlockSize),
                new(digests + (first * FourBlocks.DigestSize), FourBlocks.Count * FourBlocks.DigestSize));
        }

        return hashed;
    }
}
