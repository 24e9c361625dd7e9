using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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
        nint hashed = 0;

        // Known when this is compiled.
        if (EightLanes.IsSupported)
        {
            for (; count - hashed >= EightLanes.Count; hashed += EightLanes.Count)
            {
                WideBlocks<EightLanes, Vector512<ulong>>.Hash(Blocks(blocks, hashed, EightLanes.Count), Digests(digests, hashed, EightLanes.Count));
            }
        }

        for (; count - hashed >= FourLanes.Count; hashed += FourLanes.Count)
        {
            WideBlocks<FourLanes, Vector256<ulong>>.Hash(Blocks(blocks, hashed, FourLanes.Count), Digests(digests, hashed, FourLanes.Count));
        }

        return hashed;
    }

    private static ReadOnlySpan<byte> Blocks(byte* blocks, nint first, int count) => new(blocks + (first * Wide.BlockSize), count * Wide.BlockSize);

    private static Span<byte> Digests(byte* digests, nint first, int count) => new(digests + (first * Wide.DigestSize), count * Wide.DigestSize);
}
