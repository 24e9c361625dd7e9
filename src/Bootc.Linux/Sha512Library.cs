using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Bootc.Linux;

/// <summary>
/// SHA-512 of several blocks at once, by one of the libraries that lie beside the program, each compiled for processors with certain vectors. Where
/// the file or the instructions are missing, nothing is hashed here.
/// </summary>
public static unsafe class Sha512Library
{
    /// <summary>Bytes of a block.</summary>
    public const int BlockSize = 4096;

    /// <summary>Bytes of a digest.</summary>
    public const int DigestSize = 64;

    private const string Symbol = "bootc_sha512_blocks";
    private const int CpuInfoSize = 1 << 13;

    // CPUID leaf 80000001h, ECX
    private const int ExtendedFeatures = unchecked((int)0x80000001);
    private const int Lzcnt = 1 << 5;

    /// <summary>What a compiler takes for granted with AVX2, beside LZCNT. The kernel leaves out vectors that it does not save.</summary>
    private static readonly string[] Avx2 = ["avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"];

    /// <summary>And with AVX-512, as x86-64-v4 has it.</summary>
    private static readonly string[] Avx512 = [.. Avx2, "avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"];

    /// <summary>The widest first. The program is in /usr/bin.</summary>
    private static readonly (string Place, string[] Instructions)[] Libraries =
        [("../lib/bootc/libbootc-sha512-avx512.so", Avx512), ("../lib/bootc/libbootc-sha512-avx2.so", Avx2)];

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

    private static delegate* unmanaged<byte*, nint, byte*, nint> Find()
    {
        string[] instructions = InstructionsOfProcessor();
        foreach ((string place, string[] needed) in Libraries)
        {
            if (needed.All(instructions.Contains)
                && NativeLibrary.TryLoad(Path.Join(AppContext.BaseDirectory, place), out nint library)
                && NativeLibrary.TryGetExport(library, Symbol, out nint symbol))
            {
                return (delegate* unmanaged<byte*, nint, byte*, nint>)symbol;
            }
        }

        return null;
    }

    private static string[] InstructionsOfProcessor()
    {
        // Asked of the processor: virtual machines are told to leave it out of the kernel's list, and have it.
        if (!X86Base.IsSupported || (X86Base.CpuId(ExtendedFeatures, 0).Ecx & Lzcnt) == 0)
        {
            return [];
        }

        using Fd? file = Fd.TryOpenRead("/proc/cpuinfo");
        byte[] first = new byte[CpuInfoSize];
        int read = file?.Read(first) ?? 0;
        string? flags = Encoding.ASCII.GetString(first, 0, read).Split('\n').FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal));
        return flags?.Split(' ') ?? [];
    }
}
