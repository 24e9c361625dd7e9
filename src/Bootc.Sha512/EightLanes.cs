using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Bootc.Sha512;

/// <summary>Eight blocks, with AVX-512, which also rotates in one instruction and has any function of three bits.</summary>
internal readonly struct EightLanes : ILanes<Vector512<ulong>>
{
    // Truth tables of three bits for VPTERNLOG.
    private const byte XorOfThree = 0x96;
    private const byte Choice = 0xca;
    private const byte Majority = 0xe8;

    // Of two vectors the parts of 128 bits with an even number, or with an odd one, for VSHUFI64X2.
    private const byte EvenParts = 0x88;
    private const byte OddParts = 0xdd;

    public static int Count => 8;

    /// <summary>Whether the processor can do it.</summary>
    public static bool IsSupported => Avx512F.IsSupported && Avx512BW.IsSupported;

    private static Vector512<byte> BigEndian => Vector512.Create(Vector256.Create(
        (byte)7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Create(ulong value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Add(Vector512<ulong> left, Vector512<ulong> right) => Avx512F.Add(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Ch(Vector512<ulong> x, Vector512<ulong> y, Vector512<ulong> z) => Avx512F.TernaryLogic(x, y, z, Choice);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Maj(Vector512<ulong> x, Vector512<ulong> y, Vector512<ulong> z) => Avx512F.TernaryLogic(x, y, z, Majority);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> BigSigma0(Vector512<ulong> x) =>
        Avx512F.TernaryLogic(Avx512F.RotateRight(x, 28), Avx512F.RotateRight(x, 34), Avx512F.RotateRight(x, 39), XorOfThree);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> BigSigma1(Vector512<ulong> x) =>
        Avx512F.TernaryLogic(Avx512F.RotateRight(x, 14), Avx512F.RotateRight(x, 18), Avx512F.RotateRight(x, 41), XorOfThree);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> SmallSigma0(Vector512<ulong> x) =>
        Avx512F.TernaryLogic(Avx512F.RotateRight(x, 1), Avx512F.RotateRight(x, 8), Avx512F.ShiftRightLogical(x, 7), XorOfThree);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> SmallSigma1(Vector512<ulong> x) =>
        Avx512F.TernaryLogic(Avx512F.RotateRight(x, 19), Avx512F.RotateRight(x, 61), Avx512F.ShiftRightLogical(x, 6), XorOfThree);

    public static void Load(ReadOnlySpan<byte> blocks, Span<Vector512<ulong>> words)
    {
        for (int i = 0; i < Wide.Words; i += 8)
        {
            Vector512<ulong> first = Row(blocks, 0, i), second = Row(blocks, 1, i), third = Row(blocks, 2, i), fourth = Row(blocks, 3, i);
            Vector512<ulong> fifth = Row(blocks, 4, i), sixth = Row(blocks, 5, i), seventh = Row(blocks, 6, i), eighth = Row(blocks, 7, i);
            Spread(
                Avx512F.UnpackLow(first, second), Avx512F.UnpackLow(third, fourth), Avx512F.UnpackLow(fifth, sixth), Avx512F.UnpackLow(seventh, eighth), words[i..]);
            Spread(
                Avx512F.UnpackHigh(first, second), Avx512F.UnpackHigh(third, fourth), Avx512F.UnpackHigh(fifth, sixth), Avx512F.UnpackHigh(seventh, eighth), words[(i + 1)..]);
        }
    }

    /// <summary>Every other word of eight, from four vectors that have these words of two blocks each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Spread(Vector512<ulong> first, Vector512<ulong> second, Vector512<ulong> third, Vector512<ulong> fourth, Span<Vector512<ulong>> words)
    {
        Vector512<ulong> evenLow = Avx512F.Shuffle4x128(first, second, EvenParts);
        Vector512<ulong> evenHigh = Avx512F.Shuffle4x128(third, fourth, EvenParts);
        Vector512<ulong> oddLow = Avx512F.Shuffle4x128(first, second, OddParts);
        Vector512<ulong> oddHigh = Avx512F.Shuffle4x128(third, fourth, OddParts);
        words[0] = Avx512F.Shuffle4x128(evenLow, evenHigh, EvenParts);
        words[2] = Avx512F.Shuffle4x128(oddLow, oddHigh, EvenParts);
        words[4] = Avx512F.Shuffle4x128(evenLow, evenHigh, OddParts);
        words[6] = Avx512F.Shuffle4x128(oddLow, oddHigh, OddParts);
    }

    /// <summary>Eight words of one block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Row(ReadOnlySpan<byte> blocks, int block, int word) =>
        Avx512BW.Shuffle(Vector512.Create(blocks.Slice((block * Wide.BlockSize) + (word * sizeof(ulong)), Vector512<byte>.Count)), BigEndian).AsUInt64();
}
