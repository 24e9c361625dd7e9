using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Bootc.Sha512;

/// <summary>Four blocks, with AVX2.</summary>
internal readonly struct FourLanes : ILanes<Vector256<ulong>>
{
    public static int Count => 4;

    private static Vector256<byte> BigEndian =>
        Vector256.Create((byte)7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> Create(ulong value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> Add(Vector256<ulong> left, Vector256<ulong> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> Ch(Vector256<ulong> x, Vector256<ulong> y, Vector256<ulong> z) => z ^ (x & (y ^ z));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> Maj(Vector256<ulong> x, Vector256<ulong> y, Vector256<ulong> z) => (x & y) | (z & (x | y));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> BigSigma0(Vector256<ulong> x) => RotateRight(x, 28) ^ RotateRight(x, 34) ^ RotateRight(x, 39);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> BigSigma1(Vector256<ulong> x) => RotateRight(x, 14) ^ RotateRight(x, 18) ^ RotateRight(x, 41);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> SmallSigma0(Vector256<ulong> x) => RotateRight(x, 1) ^ RotateRight(x, 8) ^ (x >>> 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> SmallSigma1(Vector256<ulong> x) => RotateRight(x, 19) ^ RotateRight(x, 61) ^ (x >>> 6);

    public static void Load(ReadOnlySpan<byte> blocks, Span<Vector256<ulong>> words)
    {
        for (int i = 0; i < Wide.Words; i += 4)
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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Row(ReadOnlySpan<byte> blocks, int block, int word) =>
        Avx2.Shuffle(Vector256.Create(blocks.Slice((block * Wide.BlockSize) + (word * sizeof(ulong)), Vector256<byte>.Count)), BigEndian).AsUInt64();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> RotateRight(Vector256<ulong> value, int bits) => (value >>> bits) | (value << (64 - bits));
}
