using System.Globalization;
using System.Text;

namespace Bootc.CrashStates;

/// <summary>A write that reached the disk since the last flush.</summary>
/// <param name="Index">Which request.</param>
/// <param name="Sectors">Which of its sectors did; null for all.</param>
public sealed record LooseWrite(int Index, bool[]? Sectors = null)
{
    public override string ToString() => Sectors is null
        ? Index.ToString(CultureInfo.InvariantCulture)
        : $"{Index}/{string.Concat(Sectors.Select(there => there ? '1' : '0'))}";
}

/// <summary>What a disk may hold after a power cut.</summary>
/// <param name="Durable">All requests before this one are on the disk.</param>
/// <param name="Loose">Of the later ones, these are too.</param>
public sealed record CrashState(int Durable, IReadOnlyList<LooseWrite> Loose)
{
    public override string ToString() => $"{Durable}+{string.Join(',', Loose)}";

    /// <summary>Names what the state holds of a part of the disk: equal names, equal bytes.</summary>
    public string NameOf(Slice part, Recording recording)
    {
        LooseWrite[] loose = [.. Loose.Where(write => part.Contains(recording[write.Index].Offset))];

        // What follows the durable writes without a gap is durable by another name.
        int last = Durable;
        int taken = 0;
        for (int i = Durable; i < recording.Count && taken <= loose.Length; i++)
        {
            if (!recording[i].IsWrite || !part.Contains(recording[i].Offset))
            {
                continue;
            }

            if (taken == loose.Length || loose[taken].Index != i || loose[taken].Sectors is not null)
            {
                last = i;
                break;
            }

            taken++;
        }

        StringBuilder name = new(last.ToString(CultureInfo.InvariantCulture));
        foreach (LooseWrite write in loose.Skip(taken))
        {
            name.Append(CultureInfo.InvariantCulture, $"+{write}");
        }

        return name.ToString();
    }
}
