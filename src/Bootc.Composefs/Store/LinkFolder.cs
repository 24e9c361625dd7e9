using System.Text;
using Bootc.Linux;

namespace Bootc.Composefs.Store;

/// <summary>
/// <c>streams/</c> or <c>images/</c>: symbolic links to objects, and below <c>refs/</c> links to those links (specification §2).
/// </summary>
internal sealed class LinkFolder(Dir root, string folder)
{
    private const string RefsName = "refs";
    private const string ObjectsPrefix = "objects/";
    private const string TemporaryPrefix = ".symlink-";
    private const int MaxDepth = 16;

    /// <summary>The folder's name in the repository.</summary>
    public string Name => folder;

    /// <summary>The path in the repository of a name in this folder; what cannot be one is a <see cref="FormatException"/>.</summary>
    public string PathOf(string name) =>
        IsName(name) && name != RefsName
            ? $"{folder}/{name}"
            : throw new FormatException($"\"{name}\" cannot be a name in {folder}/ of a repository");

    /// <summary>The path in the repository of a reference, whose category and name must be names themselves.</summary>
    public string PathOfReference(string category, string name) =>
        IsName(category) && IsName(name)
            ? $"{folder}/{RefsName}/{category}/{name}"
            : throw new FormatException($"\"{category}/{name}\" cannot be a reference in {folder}/{RefsName}/ of a repository");

    /// <summary>The object that a name stands for; null where there is no such name.</summary>
    public ObjectId? TryFind(string name)
    {
        string path = PathOf(name);
        string? target = TryReadLink(path);
        return target is null ? null
            : TryParseObjectPath(target) ?? throw new InvalidDataException($"{root.Path}/{path} points to {target}, which is not an object");
    }

    /// <summary>The name in this folder that a reference stands for; null where there is no such reference.</summary>
    public string? TryFindReference(string path)
    {
        string? target = TryReadLink(path);
        return target is null ? null
            : target.StartsWith(folder + "/", StringComparison.Ordinal) ? target[(folder.Length + 1)..]
            : throw new InvalidDataException($"{root.Path}/{path} points to {target}, which is not in {folder}/");
    }

    /// <summary>All names but those of references, sorted.</summary>
    public IReadOnlyList<string> Names() =>
        [.. Entries().Where(e => e.Kind == FileKind.Symlink).Select(e => e.Text).Order(StringComparer.Ordinal)];

    /// <summary>The paths in the repository of what should not be in this folder.</summary>
    public IEnumerable<string> Strays() =>
        Entries().Where(e => e.Kind != FileKind.Symlink && e is not { Kind: FileKind.Directory, Text: RefsName }).Select(e => $"{folder}/{e.Text}");

    /// <summary>The paths in the repository of all references, sorted; they are what keeps objects alive.</summary>
    public IReadOnlyList<string> References()
    {
        List<string> found = [];
        Collect($"{folder}/{RefsName}", MaxDepth);
        found.Sort(StringComparer.Ordinal);
        return found;

        void Collect(string path, int depth)
        {
            using Dir? dir = root.TryOpenDir(path);
            foreach (DirEntry entry in dir?.Entries() ?? [])
            {
                string inner = $"{path}/{entry.Text}";
                if (entry.Kind == FileKind.Symlink)
                {
                    found.Add(inner);
                }
                else if (entry.Kind == FileKind.Directory)
                {
                    Collect(inner, depth > 0 ? depth - 1 : throw new InvalidDataException($"{root.Path}/{path} is nested too deeply"));
                }
            }
        }
    }

    /// <summary>Whether a name in the repository is one of those that a killed writer may have left.</summary>
    public static bool IsTemporaryName(string name) => name.StartsWith(TemporaryPrefix, StringComparison.Ordinal);

    /// <summary>Makes a link to another path of the repository, or turns an existing one to it in one step.</summary>
    public static void Put(Dir root, string path, string target)
    {
        string[] parents = path.Split('/')[..^1];
        for (int depth = 1; depth <= parents.Length; depth++)
        {
            root.TryMakeDir(string.Join('/', parents[..depth]));
        }

        string relative = RelativeTarget(path, target);
        if (root.TrySymlink(relative, path) || root.TryReadLink(path) is { } old && old.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(relative)))
        {
            return;
        }

        string temporary = $"{TemporaryPrefix}{Guid.NewGuid():N}";
        root.TrySymlink(relative, temporary);
        try
        {
            root.Rename(temporary, path);
        }
        catch
        {
            root.TryRemoveFile(temporary);
            throw;
        }
    }

    /// <summary>The path in the repository that a link points to, whether or not anything is there; null where there is no link.</summary>
    public static string? TryReadLink(Dir root, string path)
    {
        if (root.TryReadLink(path) is not { } bytes)
        {
            return null;
        }

        string text = Encoding.UTF8.GetString(bytes);
        List<string> parts = [.. path.Split('/')[..^1]];
        foreach (string part in text.Split('/'))
        {
            if (part == ".." && parts.Count > 0)
            {
                parts.RemoveAt(parts.Count - 1);
            }
            else if (part is "" or "." or "..")
            {
                throw new InvalidDataException($"{root.Path}/{path} points to {text}, out of the repository");
            }
            else
            {
                parts.Add(part);
            }
        }

        return string.Join('/', parts);
    }

    /// <summary>The object at a path of the repository; null where the path is of another form.</summary>
    public static ObjectId? TryParseObjectPath(string path) =>
        path.StartsWith(ObjectsPrefix, StringComparison.Ordinal)
        && path.Length > ObjectsPrefix.Length + 2
        && path[ObjectsPrefix.Length + 2] == '/'
        && ObjectId.TryParse(path.Remove(ObjectsPrefix.Length + 2, 1)[ObjectsPrefix.Length..], out ObjectId? id)
            ? id
            : null;

    private IReadOnlyList<DirEntry> Entries()
    {
        using Dir? dir = root.TryOpenDir(folder);
        return dir?.Entries() ?? [];
    }

    private string? TryReadLink(string path) => TryReadLink(root, path);

    /// <summary>One ".." for each parent that the two paths do not share.</summary>
    private static string RelativeTarget(string path, string target)
    {
        string[] from = path.Split('/');
        string[] to = target.Split('/');
        int shared = 0;
        while (shared < Math.Min(from.Length, to.Length) - 1 && from[shared] == to[shared])
        {
            shared++;
        }

        return string.Join('/', [.. Enumerable.Repeat("..", from.Length - 1 - shared), .. to[shared..]]);
    }

    private static bool IsName(string name) =>
        Tree.FileName.IsValid(Encoding.UTF8.GetBytes(name));
}
