using System.Numerics;
using System.Runtime.InteropServices;
using SharpFuzz.Common;

namespace Bootc.Fuzz.Engine;

/// <summary>
/// Which branches an input took, and how often: the instrumented assemblies count each pair of branches in it, as AFL's do.
/// </summary>
internal sealed unsafe class CoverageMap
{
    private const int Size = 1 << 16;

    private readonly byte* _counts = (byte*)NativeMemory.AlignedAlloc(Size, 64);
    private readonly byte[] _seen = new byte[Size];

    public CoverageMap()
    {
        NativeMemory.Clear(_counts, Size);
        Trace.SharedMem = _counts;
    }

    /// <summary>Pairs of branches that any input took.</summary>
    public int Seen { get; private set; }

    public void Clear()
    {
        NativeMemory.Clear(_counts, Size);
        Trace.PrevLocation = 0;
    }

    /// <summary>Whether the input since <see cref="Clear"/> took a new branch, or one that was known more often by an order.</summary>
    public bool TakeNews()
    {
        bool news = false;
        ReadOnlySpan<ulong> words = new(_counts, Size / sizeof(ulong));
        for (int word = 0; word < words.Length; word++)
        {
            if (words[word] != 0)
            {
                for (int i = word * sizeof(ulong); i < (word + 1) * sizeof(ulong); i++)
                {
                    news |= Take(i);
                }
            }
        }

        return news;
    }

    private bool Take(int branch)
    {
        // A bit for each power of two: that a loop ran 5 times or 6 is no news, that it ran 50 times is.
        byte order = _counts[branch] == 0 ? (byte)0 : (byte)(1 << BitOperations.Log2(_counts[branch]));
        if ((order & ~_seen[branch]) == 0)
        {
            return false;
        }

        Seen += _seen[branch] == 0 ? 1 : 0;
        _seen[branch] |= order;
        return true;
    }
}
