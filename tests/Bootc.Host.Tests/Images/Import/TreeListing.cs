using System.Globalization;
using System.Text;

namespace Bootc.Host.Tests.Images.Import;

/// <summary>What find, stat, sha256sum and getfattr say of every file of a tree. Names are Latin-1, a character for each byte.</summary>
internal sealed class TreeListing
{
    /// <summary>A shell script that lists the tree at <c>$1</c> on stdout.</summary>
    public const string Script =
        """
        cd "$1" || exit 1
        export LC_ALL=C
        find . -printf 'M|%p|%y %m %U:%G %T@ %l\0'
        find . -type f -printf 'S|%p|%s\0'
        find . ! -type d -links +1 -printf 'L|%p|%i\0'
        find . \( -type b -o -type c \) -exec stat --printf 'D|%n|%t:%T\0' {} +
        find . -type f -exec sha256sum -z {} +
        printf 'X\0'
        find . -exec getfattr --no-dereference --dump --match=- --encoding=hex {} +
        """;

    private readonly SortedDictionary<string, Dictionary<char, string>> _files = new(StringComparer.Ordinal);

    private TreeListing()
    {
    }

    public int Count => _files.Count;

    /// <summary>One line for each file, with all that is known of it.</summary>
    public IEnumerable<string> Lines => _files.Select(file =>
        $"{file.Key} {string.Join(' ', file.Value.OrderBy(fact => fact.Key).Select(fact => $"{fact.Key}={fact.Value}"))}");

    /// <summary>The files of several names: the first of them in byte order, and how many there are.</summary>
    public IReadOnlyDictionary<string, (string First, int Count)> Links => _files
        .Where(file => file.Value.ContainsKey('L'))
        .ToDictionary(file => file.Key, file => (file.Value['L'], int.Parse(file.Value['N'], CultureInfo.InvariantCulture)));

    public static TreeListing Parse(byte[] output)
    {
        TreeListing listing = new();
        string text = Encoding.Latin1.GetString(output);
        int xattrs = text.IndexOf("\0X\0", StringComparison.Ordinal);
        foreach (string record in text[..xattrs].Split('\0'))
        {
            if (record[1] == '|')
            {
                int bar = record.LastIndexOf('|');
                listing[record[2..bar]][record[0]] = record[(bar + 1)..];
            }
            else
            {
                (string hash, string path) = (record[..64], record[66..]);
                listing[path]['H'] = hash;
            }
        }

        listing.ReadXattrs(text[(xattrs + 3)..]);
        listing.NameLinks();
        return listing;
    }

    /// <summary>Does by hand what the composefs format asks of every image (specification §6.3).</summary>
    public void TransformForOci()
    {
        foreach (string path in _files.Keys.Where(p => p.StartsWith("./run/", StringComparison.Ordinal)).ToList())
        {
            _files.Remove(path);
        }

        _files["."] = new(_files["./usr"]);
        string[] usr = _files["./usr"]['M'].Split(' ');
        string[] run = _files["./run"]['M'].Split(' ');
        run[3] = usr[3];
        _files["./run"]['M'] = string.Join(' ', run);
        foreach (Dictionary<char, string> facts in _files.Values)
        {
            string? capability = facts.GetValueOrDefault('X')?.Split(' ').FirstOrDefault(x => x.StartsWith("security.capability=", StringComparison.Ordinal));
            facts.Remove('X');
            if (capability is not null)
            {
                facts['X'] = capability;
            }
        }
    }

    /// <summary>EROFS images of format 2 have no nanoseconds.</summary>
    public void CutTimesToSeconds()
    {
        foreach (Dictionary<char, string> facts in _files.Values)
        {
            string[] fields = facts['M'].Split(' ');
            fields[3] = $"{fields[3].Split('.')[0]}.0000000000";
            facts['M'] = string.Join(' ', fields);
        }
    }

    private Dictionary<char, string> this[string path] =>
        _files.TryGetValue(path, out Dictionary<char, string>? facts) ? facts : _files[path] = [];

    /// <summary>getfattr writes a paragraph for each file that has attributes, with unusual bytes of its name in octal.</summary>
    private void ReadXattrs(string text)
    {
        foreach (string paragraph in text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            string[] lines = paragraph.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            string path = Unescape(lines[0]["# file: ".Length..]);
            this[path == "." ? path : $"./{path}"]['X'] = string.Join(' ', lines[1..].Order(StringComparer.Ordinal));
        }
    }

    private static string Unescape(string name)
    {
        StringBuilder text = new();
        for (int i = 0; i < name.Length; i++)
        {
            bool octal = name[i] == '\\' && i + 3 < name.Length && char.IsAsciiDigit(name[i + 1]);
            text.Append(octal ? (char)Convert.ToInt32(name.Substring(i + 1, 3), 8) : name[i]);
            i += octal ? 3 : 0;
        }

        return text.ToString();
    }

    /// <summary>Inode numbers differ between file systems; the first name of an inode does not.</summary>
    private void NameLinks()
    {
        Dictionary<string, string> first = [];
        foreach ((string path, Dictionary<char, string> facts) in _files)
        {
            if (facts.TryGetValue('L', out string? inode))
            {
                first.TryAdd(inode, path);
                facts['L'] = first[inode];
            }
        }

        foreach (IGrouping<string, Dictionary<char, string>> inode in _files.Values.Where(f => f.ContainsKey('L')).GroupBy(f => f['L']))
        {
            string count = inode.Count().ToString(CultureInfo.InvariantCulture);
            foreach (Dictionary<char, string> facts in inode)
            {
                facts['N'] = count;
            }
        }
    }
}
