using System.Runtime.InteropServices;
using System.Text;

namespace Bootc.Linux;

/// <summary>
/// SHA-512 of several blocks at once, by a library that lies beside the program and is compiled for processors with AVX2. Where the file or the
/// instructions are missing, nothing is hashed here.
/// </summary>
public static unsafe class Sha512Library
{
    /// <summary>Bytes of a block.</summary>
    public const int BlockSize = 4096;

    /// <summary>Bytes of a digest.</summary>
    public const int DigestSize = 64;

    // The program is in /usr/bin.
    private const string Place = "../lib/bootc/libbootc-sha512.so";
    private const string Symbol = "bootc_sha512_blocks";
    private const int CpuInfoSize = 1 << 13;

    /// <summary>What a compiler takes for granted with AVX2. The kernel leaves out what it does not save.</summary>
    private static readonly string[] Instructions = ["abm", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"];

    private static readonly delegate* unmanaged<byte*, nint, byte*, nint> HashBlocks = Find();

    /// <summary>Hashes blocks, each by itself, from the first on.</summary>
    /// <param name="blocks">Whole blocks, one after the other.</param>
    /// <param name="digests">Gets a digest for each that was hashed.</param>
    /// <returns>How many were hashed: not those that are left over where the library does so many at once, and none without it.</returns>
    public static int Hash(ReadOnlySpan<byte> blocks, Span<byte> digests)
    {
        if (HashBlocks == null)
        {
            return 0;
        }

        int count = Math.Min(blocks.Length / BlockSize, digests.Length / DigestSize);
        fixed (byte* from = blocks)
        fixed (byte* to = digests)
        {
            return (int)HashBlocks(from, count, to);
        }
    }

    private static delegate* unmanaged<byte*, nint, byte*, nint> Find() =>
        HasInstructions()
            && NativeLibrary.TryLoad(Path.Join(AppContext.BaseDirectory, Place), out nint library)
            && NativeLibrary.TryGetExport(library, Symbol, out nint symbol)
            ? (delegate* unmanaged<byte*, nint, byte*, nint>)symbol
            : null;

    private static bool HasInstructions()
    {
        using Fd? file = Fd.TryOpenRead("/proc/cpuinfo");
        byte[] first = new byte[CpuInfoSize];
        int read = file?.Read(first) ?? 0;
        string? flags = Encoding.ASCII.GetString(first, 0, read).Split('\n').FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal));
        return flags is not null && Instructions.All(flags.Split(' ').Contains);
    }
}
