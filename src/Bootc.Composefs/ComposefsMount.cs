using System.Text;
using Bootc.Composefs.Store;
using Bootc.Linux;
using Bootc.Linux.Block;
using Bootc.Linux.Mounts;
using Bootc.Linux.Verity;

namespace Bootc.Composefs;

/// <summary>
/// A composefs image as a file system: an overlay whose visible layer is the EROFS image and whose data-only layer is the
/// repository's objects. Nothing is hashed here; digests come from the kernel.
/// </summary>
public static class ComposefsMount
{
    /// <summary>What mountinfo shows as the source of an image, before its id.</summary>
    public const string SourcePrefix = "composefs:";

    /// <summary>The same where an overlay in memory takes the changes to the root.</summary>
    public const string TransientSourcePrefix = "transient:composefs=";

    // EROFS images are made of such blocks, and a loop device with smaller sectors would only split its requests.
    private const uint LoopSectorSize = 4096;

    /// <summary>
    /// Mounts an image of a repository read-only, attached nowhere.
    /// </summary>
    /// <param name="repository">The repository, with <c>images/</c> and <c>objects/</c>.</param>
    /// <param name="id">The image; it is opened by this name.</param>
    /// <param name="verity">
    /// Required: the digest that the kernel measures must be the id, and overlay checks each object it opens. Optional: neither.
    /// </param>
    /// <param name="underOverlay">
    /// Whether another overlay is to be put on top. File systems may be stacked two high, and an image mounted straight from a
    /// file counts as one, so it then gets a loop device.
    /// </param>
    /// <exception cref="InvalidDataException">The image is missing or is not what its name says.</exception>
    public static DetachedMount Mount(Dir repository, ObjectId id, VerityMode verity, bool underOverlay = false)
    {
        using Fd image = OpenImage(repository, id);
        if (verity == VerityMode.Required)
        {
            CheckMeasuredDigest(image, id);
        }

        try
        {
            return MountOverlay(repository, image, id, verity, underOverlay);
        }
        catch (MountException e)
        {
            throw new IOException($"mount {Path.Join(repository.Path, "images", id.ToString())}: {e.Message}", e);
        }
    }

    /// <summary>What a repository itself asks for: it is sealed where its <c>meta.json</c> has fs-verity.</summary>
    public static VerityMode ModeOf(Dir repository)
    {
        using Fd? metadata = repository.TryOpenFile("meta.json");
        return metadata is not null && FsVerity.TryMeasure(metadata) is not null ? VerityMode.Required : VerityMode.Optional;
    }

    /// <summary>Mounts an EROFS image from its file, or through a loop device where the kernel (before Linux 6.12) cannot.</summary>
    internal static DetachedMount MountErofs(Fd image, bool onLoopDevice)
    {
        if (!onLoopDevice)
        {
            try
            {
                return MountErofs(image.ProcPath);
            }
            catch (MountException e) when (e.Errno == Errno.ENOTBLK)
            {
            }
        }

        using LoopDevice loop = LoopDevice.Attach(image, readOnly: true, LoopSectorSize);
        return MountErofs(loop.Path);
    }

    private static DetachedMount MountOverlay(Dir repository, Fd image, ObjectId id, VerityMode verity, bool underOverlay)
    {
        using Dir objects = repository.OpenDir("objects");
        using DetachedMount metadata = MountErofs(image, onLoopDevice: underOverlay);
        using Dir lower = metadata.OpenRoot();
        Overlay overlay = new()
        {
            Source = SourcePrefix + id,
            Lower = lower,
            DataOnlyLower = objects,
            RequireVerity = verity == VerityMode.Required,
        };
        return overlay.Mount(MountFlags.ReadOnly, metadata);
    }

    private static DetachedMount MountErofs(string source)
    {
        using FilesystemContext context = FilesystemContext.Open("erofs");
        return context.SetFlag("ro").Set("source", source).Mount(MountFlags.ReadOnly);
    }

    /// <summary>
    /// Opens the file of an image as a boot finds it. Only what <c>images/</c> names is one: an object that somebody managed to store must not be
    /// mountable by its digest alone.
    /// </summary>
    /// <exception cref="InvalidDataException">The image is missing or is not what its name says.</exception>
    public static Fd OpenImage(Dir repository, ObjectId id)
    {
        string name = $"images/{id}";
        string wanted = $"../objects/{id.ObjectPath}";
        if (repository.TryReadLink(name) is not { } target)
        {
            throw new InvalidDataException(
                $"{Path.Join(repository.Path, name)} is {(repository.Exists(name) ? "not a symbolic link" : "missing")}; wanted a link to {wanted}");
        }

        if (Encoding.UTF8.GetString(target) is var found && found != wanted)
        {
            throw new InvalidDataException($"{Path.Join(repository.Path, name)} leads to {found}, not to {wanted}");
        }

        return repository.TryOpenFile($"objects/{id.ObjectPath}")
            ?? throw new InvalidDataException($"{Path.Join(repository.Path, "objects", id.ObjectPath)} is missing; it is the image {id}");
    }

    private static void CheckMeasuredDigest(Fd image, ObjectId id)
    {
        if (FsVerity.TryMeasure(image) is not { } measured)
        {
            throw new InvalidDataException(
                $"{image.Path} has no fs-verity, which the image {id} must have unless the kernel command line says composefs=?");
        }

        if (measured.Algorithm != (uint)id.Algorithm || !id.Digest.SequenceEqual(measured.Digest))
        {
            throw new InvalidDataException(
                $"{image.Path} has the fs-verity digest {Convert.ToHexStringLower(measured.Digest)}, not {id}: it is not the image that the kernel command line names");
        }
    }
}
