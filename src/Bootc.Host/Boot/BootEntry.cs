using System.Collections.Immutable;
using System.Text;
using Bootc.Linux;

namespace Bootc.Host.Boot;

/// <summary>
/// A type 1 entry of the Boot Loader Specification (uapi-group.org). <see cref="ToString"/> writes back what
/// <see cref="Parse"/> reads; keys this program does not know are kept.
/// </summary>
/// <param name="Title">What the menu shows; null where the entry has none.</param>
/// <param name="Version">The version of the operating system.</param>
/// <param name="Linux">Path of the kernel on the boot file system.</param>
/// <param name="Initrd">Paths of the initrds, in order.</param>
/// <param name="Options">Kernel arguments.</param>
/// <param name="SortKey">Entries are shown by it, ascending.</param>
/// <param name="Other">Lines with other keys, in order.</param>
public sealed record BootEntry(
    string? Title,
    string Version,
    string Linux,
    ImmutableArray<string> Initrd,
    KernelCommandLine Options,
    string? SortKey,
    ImmutableArray<(string Key, string Value)> Other)
{
    public static BootEntry Parse(string text)
    {
        string? title = null, version = null, linux = null, sortKey = null;
        ImmutableArray<string>.Builder initrd = ImmutableArray.CreateBuilder<string>();
        ImmutableArray<(string, string)>.Builder other = ImmutableArray.CreateBuilder<(string, string)>();
        List<string> options = [];
        foreach (string line in text.Split('\n', StringSplitOptions.TrimEntries))
        {
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            int space = line.AsSpan().IndexOfAny(' ', '\t');
            string key = space < 0 ? line : line[..space];
            string value = space < 0 ? "" : line[space..].TrimStart();
            switch (key)
            {
                case "title": title = value; break;
                case "version": version = value; break;
                case "linux": linux = value; break;
                case "sort-key": sortKey = value; break;
                case "initrd": initrd.Add(value); break;
                case "options": options.Add(value); break;
                default: other.Add((key, value)); break;
            }
        }

        return new(
            title,
            version ?? throw new FormatException("boot entry has no \"version\""),
            linux ?? throw new FormatException("boot entry has no \"linux\""),
            initrd.ToImmutable(),
            // Joined before they are taken apart, as boot loaders do: a quote may begin in one line and end in another.
            KernelCommandLine.Parse(string.Join(' ', options).TrimEnd()),
            sortKey,
            other.ToImmutable());
    }

    /// <summary>The entry as a file: one space after each key, one options line.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        Line("title", Title);
        Line("version", Version);
        Line("linux", Linux);
        foreach (string path in Initrd)
        {
            Line("initrd", path);
        }

        Line("options", Options.ToString());
        Line("sort-key", SortKey);
        foreach ((string key, string value) in Other)
        {
            Line(key, value);
        }

        return text.ToString();

        void Line(string key, string? value)
        {
            if (value is not null)
            {
                text.Append(key).Append(' ').Append(value).Append('\n');
            }
        }
    }
}
