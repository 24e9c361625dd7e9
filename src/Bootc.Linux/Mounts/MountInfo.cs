using System.Globalization;
using System.Text;

namespace Bootc.Linux.Mounts;

/// <summary>One line of /proc/PID/mountinfo (proc(5)).</summary>
/// <param name="Id">The mount's number.</param>
/// <param name="Device">major:minor of the file system.</param>
/// <param name="Root">The path within the file system that is mounted.</param>
/// <param name="MountPoint">Where it is mounted.</param>
/// <param name="Options">Options of this mount.</param>
/// <param name="Type">File system type.</param>
/// <param name="Source">What was mounted, in the file system's words.</param>
/// <param name="SuperOptions">Options of the file system.</param>
public sealed record MountInfo(
    int Id,
    string Device,
    string Root,
    string MountPoint,
    string Options,
    string Type,
    string Source,
    string SuperOptions)
{
    /// <summary>All mounts of a process, in mount order; <c>self</c> or a process id.</summary>
    public static IReadOnlyList<MountInfo> Read(string process = "self")
    {
        using Dir proc = Dir.Open($"/proc/{process}");
        return [.. proc.ReadText("mountinfo").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse)];
    }

    /// <summary>The mount that is on top at a mount point; null where it is none.</summary>
    public static MountInfo? At(string mountPoint) => Read().LastOrDefault(m => m.MountPoint == mountPoint);

    public static MountInfo Parse(string line)
    {
        string[] halves = line.Split(" - ", 2);
        string[] left = halves[0].Split(' ');
        string[] right = halves.Length == 2 ? halves[1].Split(' ') : [];
        if (left.Length < 6 || right.Length < 3 || !int.TryParse(left[0], NumberStyles.None, CultureInfo.InvariantCulture, out int id))
        {
            throw new FormatException($"\"{line}\" is not a line of mountinfo");
        }

        return new(id, left[2], Unescape(left[3]), Unescape(left[4]), left[5], right[0], Unescape(right[1]), right[2]);
    }

    // Space, tab, newline and backslash appear as three octal digits.
    private static string Unescape(string field)
    {
        if (!field.Contains('\\', StringComparison.Ordinal))
        {
            return field;
        }

        StringBuilder plain = new();
        for (int i = 0; i < field.Length; i++)
        {
            if (field[i] == '\\' && i + 3 < field.Length && field.AsSpan(i + 1, 3).IndexOfAnyExceptInRange('0', '7') < 0)
            {
                plain.Append((char)(((field[i + 1] - '0') << 6) | ((field[i + 2] - '0') << 3) | (field[i + 3] - '0')));
                i += 3;
            }
            else
            {
                plain.Append(field[i]);
            }
        }

        return plain.ToString();
    }
}
