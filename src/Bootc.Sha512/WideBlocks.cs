using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Bootc.Sha512;

/// <summary>
/// SHA-512 (FIPS 180-4) of several blocks of 4096 bytes at once: each of the 64-bit elements of a vector belongs to a block. What one block would
/// wait for in its chain of rounds, the processor does for the others.
/// </summary>
/// <typeparam name="TLanes">What the processor has for it.</typeparam>
/// <typeparam name="TVector">Its vector.</typeparam>
internal static class WideBlocks<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const int Rounds = 80;
    private const int ChunkSize = Wide.Words * sizeof(ulong);

    /// <summary>Hashes them.</summary>
    /// <param name="blocks">As many as there are lanes, one after the other.</param>
    /// <param name="digests">Gets their digests in the same order.</param>
    [SkipLocalsInit]
    public static void Hash(ReadOnlySpan<byte> blocks, Span<byte> digests)
    {
        Span<TVector> state = stackalloc TVector[8];
        Span<TVector> words = stackalloc TVector[Wide.Words];
        for (int i = 0; i < state.Length; i++)
        {
            state[i] = TLanes.Create(Wide.Initial[i]);
        }

        for (int offset = 0; offset < Wide.BlockSize; offset += ChunkSize)
        {
            TLanes.Load(blocks[offset..], words);
            Compress(state, words);
        }

        // The padding, section 5.1.2: a bit, zeros, and the length in bits.
        words.Clear();
        words[0] = TLanes.Create(1UL << 63);
        words[^1] = TLanes.Create(Wide.BlockSize * 8UL);
        Compress(state, words);
        Span<ulong> numbers = MemoryMarshal.Cast<TVector, ulong>(state);
        for (int i = 0; i < digests.Length / sizeof(ulong); i++)
        {
            ulong number = numbers[(i % state.Length * TLanes.Count) + (i / state.Length)];
            BinaryPrimitives.WriteUInt64BigEndian(digests[(i * sizeof(ulong))..], number);
        }
    }

    /// <summary>Section 6.4.2.</summary>
    private static void Compress(Span<TVector> state, Span<TVector> words)
    {
        ref ulong k = ref MemoryMarshal.GetReference(Wide.Constants);
        ref TVector w = ref MemoryMarshal.GetReference(words);
        TVector a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
        for (int round = 0; ;)
        {
            // Eight rounds in a row give each variable its own name back.
            for (int i = 0; i < Wide.Words; i += 8, k = ref Unsafe.Add(ref k, 8))
            {
                ref TVector x = ref Unsafe.Add(ref w, i);
                Round(a, b, c, ref d, e, f, g, ref h, x, k);
                Round(h, a, b, ref c, d, e, f, ref g, Unsafe.Add(ref x, 1), Unsafe.Add(ref k, 1));
                Round(g, h, a, ref b, c, d, e, ref f, Unsafe.Add(ref x, 2), Unsafe.Add(ref k, 2));
                Round(f, g, h, ref a, b, c, d, ref e, Unsafe.Add(ref x, 3), Unsafe.Add(ref k, 3));
                Round(e, f, g, ref h, a, b, c, ref d, Unsafe.Add(ref x, 4), Unsafe.Add(ref k, 4));
                Round(d, e, f, ref g, h, a, b, ref c, Unsafe.Add(ref x, 5), Unsafe.Add(ref k, 5));
                Round(c, d, e, ref f, g, h, a, ref b, Unsafe.Add(ref x, 6), Unsafe.Add(ref k, 6));
                Round(b, c, d, ref e, f, g, h, ref a, Unsafe.Add(ref x, 7), Unsafe.Add(ref k, 7));
            }

            round += Wide.Words;
            if (round == Rounds)
            {
                break;
            }

            Extend(words);
        }

        state[0] = TLanes.Add(state[0], a);
        state[1] = TLanes.Add(state[1], b);
        state[2] = TLanes.Add(state[2], c);
        state[3] = TLanes.Add(state[3], d);
        state[4] = TLanes.Add(state[4], e);
        state[5] = TLanes.Add(state[5], f);
        state[6] = TLanes.Add(state[6], g);
        state[7] = TLanes.Add(state[7], h);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(
        TVector a, TVector b, TVector c, ref TVector d,
        TVector e, TVector f, TVector g, ref TVector h, TVector word, ulong constant)
    {
        h = TLanes.Add(TLanes.Add(h, TLanes.Add(word, TLanes.Create(constant))), TLanes.Add(TLanes.BigSigma1(e), TLanes.Ch(e, f, g)));
        d = TLanes.Add(d, h);
        h = TLanes.Add(h, TLanes.Add(TLanes.BigSigma0(a), TLanes.Maj(a, b, c)));
    }

    /// <summary>The next sixteen words of the message schedule in place of the last.</summary>
    private static void Extend(Span<TVector> words)
    {
        ref TVector w = ref MemoryMarshal.GetReference(words);
        for (int i = 0; i < Wide.Words; i++)
        {
            TVector next = Unsafe.Add(ref w, (i + 1) & (Wide.Words - 1));
            TVector last = Unsafe.Add(ref w, (i + 14) & (Wide.Words - 1));
            Unsafe.Add(ref w, i) = TLanes.Add(
                TLanes.Add(Unsafe.Add(ref w, i), TLanes.SmallSigma0(next)),
                TLanes.Add(Unsafe.Add(ref w, (i + 9) & (Wide.Words - 1)), TLanes.SmallSigma1(last)));
        }
    }
}
