using System.Collections.Immutable;
using Bootc.Composefs.Tree;
using Bootc.Linux;

namespace Bootc.Host.Images;

/// <summary>An image of an application that belongs to a bootable image.</summary>
/// <param name="Name">The image, as podman is told.</param>
/// <param name="Link">The path of the link that binds it.</param>
public sealed record BoundImage(string Name, string Link);

/// <summary>
/// The logically bound images of a bootable image: links in a folder of it lead to quadlets, each of which names one.
/// </summary>
public static class BoundImages
{
    /// <summary>Where the links are.</summary>
    public const string Folder = "/usr/lib/bootc/bound-images.d";

    /// <summary>As many may be bound; more are a mistake, or malice.</summary>
    internal const int MaxCount = 256;

    /// <summary>What a quadlet may have, in bytes.</summary>
    internal const int MaxFileSize = 64 << 10;

    private static readonly string[] Extensions = [QuadletFile.ImageExtension, QuadletFile.ContainerExtension];

    /// <summary>
    /// Reads what an image binds, in the order of the links' names, each image once. A link that cannot be followed within the image, or
    /// that leads to something else, is a <see cref="FormatException"/> that names it.
    /// </summary>
    public static ImmutableArray<BoundImage> Read(ImageFiles image) => Parse(
        image.List(Folder).Select(entry => (entry.Name.ToString(), entry.Inode is Inode.Symlink)),
        path => image.TryReadFile(path, MaxFileSize));

    /// <summary>As the other overload, of the root of a running system: the image to install, in its container.</summary>
    public static ImmutableArray<BoundImage> Read(Dir root)
    {
        using Dir? folder = root.TryOpenDir(Folder[1..]);
        return Parse((folder?.Entries() ?? []).Select(entry => (entry.Text, entry.Kind == FileKind.Symlink)).OrderBy(entry => entry.Text, StringComparer.Ordinal), ReadFile);

        byte[]? ReadFile(string path)
        {
            using Fd? file = Fd.TryOpenRead($"{folder!.Fd.ProcPath}/{Path.GetFileName(path)}");
            return file?.ReadAll(MaxFileSize, path);
        }
    }

    private static ImmutableArray<BoundImage> Parse(IEnumerable<(string Name, bool IsLink)> entries, Func<string, byte[]?> read)
    {
        List<BoundImage> found = [];
        foreach ((string name, bool isLink) in entries)
        {
            if (found.Count == MaxCount)
            {
                throw new FormatException($"{Folder} has more than the {MaxCount} links that it may have");
            }

            string path = $"{Folder}/{name}";
            string extension = isLink && Extensions.Contains(Path.GetExtension(name))
                ? Path.GetExtension(name)
                : throw new FormatException($"{path} binds no image: only symbolic links to files {string.Join(" or ", Extensions)}, of such a name themselves, may be there");
            byte[] content = read(path) ?? throw new FormatException($"{path} binds no image: it leads to no file of the image");
            try
            {
                found.Add(new(QuadletFile.ParseImage(content, extension), path));
            }
            catch (FormatException e)
            {
                throw new FormatException($"{path} binds no image: {e.Message}", e);
            }
        }

        return [.. found.DistinctBy(image => image.Name)];
    }
}
