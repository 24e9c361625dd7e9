using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Bootc.Sha512;

/// <summary>
/// SHA-512 (FIPS 180-4) of four blocks of 4096 bytes at once: each of the four 64-bit elements of a vector belongs to a block. What one block would
/// wait for in its chain of rounds, the processor does for the others.
/// </summary>
internal static class FourBlocks
{
    /// <summary>Blocks that are hashed at once.</summary>
    public const int Count = 4;

    /// <summary>Bytes of each.</summary>
    public const int BlockSize = 4096;

    /// <summary>Bytes of a digest.</summary>
    public const int DigestSize = 64;

    private const int Words = 16;
    private const int Rounds = 80;
    private const int ChunkSize = Words * sizeof(ulong);

    /// <summary>H(0), section 5.3.5.</summary>
    private static ReadOnlySpan<ulong> Initial =>
    [
        0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
    ];

    /// <summary>K, section 4.2.3.</summary>
    private static ReadOnlySpan<ulong> Constants =>
    [
        0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
        0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
        0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65, 0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
        0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
        0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
        0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
        0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
        0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec, 0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
        0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
        0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
    ];

    private static Vector256<byte> BigEndian =>
        Vector256.Create((byte)7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8);

    /// <summary>Hashes them.</summary>
    /// <param name="blocks">The blocks, one after the other.</param>
    /// <param name="digests">Gets their digests in the same order.</param>
    [SkipLocalsInit]
    public static void Hash(ReadOnlySpan<byte> blocks, Span<byte> digests)
    {
        Span<Vector256<ulong>> state = stackalloc Vector256<ulong>[8];
        Span<Vector256<ulong>> words = stackalloc Vector256<ulong>[Words];
        for (int i = 0; i < state.Length; i++)
        {
            state[i] = Vector256.Create(Initial[i]);
        }

        for (int offset = 0; offset < BlockSize; offset += ChunkSize)
        {
            Load(blocks[offset..], words);
            Compress(state, words);
        }

        // The padding, section 5.1.2: a bit, zeros, and the length in bits.
        words.Clear();
        words[0] = Vector256.Create(1UL << 63);
        words[Words - 1] = Vector256.Create(BlockSize * 8UL);
        Compress(state, words);
        for (int i = 0; i < digests.Length / sizeof(ulong); i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(digests[(i * sizeof(ulong))..], state[i % state.Length].GetElement(i / state.Length));
        }
    }

    /// <summary>Sixteen words of each block: the word of all four in one vector.</summary>
    private static void Load(ReadOnlySpan<byte> blocks, Span<Vector256<ulong>> words)
    {
        for (int i = 0; i < Words; i += Count)
        {
            Vector256<ulong> first = Row(blocks, 0, i);
            Vector256<ulong> second = Row(blocks, 1, i);
            Vector256<ulong> third = Row(blocks, 2, i);
            Vector256<ulong> fourth = Row(blocks, 3, i);
            Vector256<ulong> evenLow = Avx2.UnpackLow(first, second);
            Vector256<ulong> oddLow = Avx2.UnpackHigh(first, second);
            Vector256<ulong> evenHigh = Avx2.UnpackLow(third, fourth);
            Vector256<ulong> oddHigh = Avx2.UnpackHigh(third, fourth);
            words[i] = Avx2.Permute2x128(evenLow, evenHigh, 0x20);
            words[i + 1] = Avx2.Permute2x128(oddLow, oddHigh, 0x20);
            words[i + 2] = Avx2.Permute2x128(evenLow, evenHigh, 0x31);
            words[i + 3] = Avx2.Permute2x128(oddLow, oddHigh, 0x31);
        }
    }

    /// <summary>Four words of one block.</summary>
    private static Vector256<ulong> Row(ReadOnlySpan<byte> blocks, int block, int word) =>
        Avx2.Shuffle(Vector256.Create(blocks.Slice((block * BlockSize) + (word * sizeof(ulong)), Count * sizeof(ulong))), BigEndian).AsUInt64();

    /// <summary>Section 6.4.2.</summary>
    private static void Compress(Span<Vector256<ulong>> state, Span<Vector256<ulong>> words)
    {
        ref ulong k = ref MemoryMarshal.GetReference(Constants);
        ref Vector256<ulong> w = ref MemoryMarshal.GetReference(words);
        Vector256<ulong> a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
        for (int round = 0; ;)
        {
            // Eight rounds in a row give each variable its own name back.
            for (int i = 0; i < Words; i += 8, k = ref Unsafe.Add(ref k, 8))
            {
                ref Vector256<ulong> x = ref Unsafe.Add(ref w, i);
                Round(a, b, c, ref d, e, f, g, ref h, x + Vector256.Create(k));
                Round(h, a, b, ref c, d, e, f, ref g, Unsafe.Add(ref x, 1) + Vector256.Create(Unsafe.Add(ref k, 1)));
                Round(g, h, a, ref b, c, d, e, ref f, Unsafe.Add(ref x, 2) + Vector256.Create(Unsafe.Add(ref k, 2)));
                Round(f, g, h, ref a, b, c, d, ref e, Unsafe.Add(ref x, 3) + Vector256.Create(Unsafe.Add(ref k, 3)));
                Round(e, f, g, ref h, a, b, c, ref d, Unsafe.Add(ref x, 4) + Vector256.Create(Unsafe.Add(ref k, 4)));
                Round(d, e, f, ref g, h, a, b, ref c, Unsafe.Add(ref x, 5) + Vector256.Create(Unsafe.Add(ref k, 5)));
                Round(c, d, e, ref f, g, h, a, ref b, Unsafe.Add(ref x, 6) + Vector256.Create(Unsafe.Add(ref k, 6)));
                Round(b, c, d, ref e, f, g, h, ref a, Unsafe.Add(ref x, 7) + Vector256.Create(Unsafe.Add(ref k, 7)));
            }

            round += Words;
            if (round == Rounds)
            {
                break;
            }

            Extend(words);
        }

        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        state[5] += f;
        state[6] += g;
        state[7] += h;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(
        Vector256<ulong> a, Vector256<ulong> b, Vector256<ulong> c, ref Vector256<ulong> d,
        Vector256<ulong> e, Vector256<ulong> f, Vector256<ulong> g, ref Vector256<ulong> h, Vector256<ulong> wordAndConstant)
    {
        h += (RotateRight(e, 14) ^ RotateRight(e, 18) ^ RotateRight(e, 41)) + (g ^ (e & (f ^ g))) + wordAndConstant;
        d += h;
        h += (RotateRight(a, 28) ^ RotateRight(a, 34) ^ RotateRight(a, 39)) + ((a & b) | (c & (a | b)));
    }

    /// <summary>The next sixteen words of the message schedule in place of the last.</summary>
    private static void Extend(Span<Vector256<ulong>> words)
    {
        ref Vector256<ulong> w = ref MemoryMarshal.GetReference(words);
        for (int i = 0; i < Words; i++)
        {
            Vector256<ulong> next = Unsafe.Add(ref w, (i + 1) & (Words - 1));
            Vector256<ulong> last = Unsafe.Add(ref w, (i + 14) & (Words - 1));
            Unsafe.Add(ref w, i) += (RotateRight(next, 1) ^ RotateRight(next, 8) ^ (next >>> 7)) + Unsafe.Add(ref w, (i + 9) & (Words - 1))
                + (RotateRight(last, 19) ^ RotateRight(last, 61) ^ (last >>> 6));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> RotateRight(Vector256<ulong> value, int bits) => (value >>> bits) | (value << (64 - bits));
}
