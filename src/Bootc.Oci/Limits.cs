namespace Bootc.Oci;

/// <summary>How large the parts of an image may be. Nothing that arrives from outside is trusted in its size.</summary>
public static class Limits
{
    /// <summary>A manifest, an index or a config in bytes; registries refuse manifests above 4 MiB.</summary>
    public const int Document = 4 << 20;

    /// <summary>What a signature of an image is of, in bytes; cosign's has less than 1 KiB.</summary>
    public const int SignedPayload = 64 << 10;

    /// <summary>How deep JSON may nest.</summary>
    public const int JsonDepth = 32;

    /// <summary>Layers of one image; overlayfs takes 500.</summary>
    public const int Layers = 500;

    /// <summary>Manifests named by one index.</summary>
    public const int IndexEntries = 1024;

    /// <summary>An uncompressed layer in bytes, so that a small blob cannot unfold without end.</summary>
    public const long LayerSize = 256L << 30;

    /// <summary>Entries of an archive that holds images; each image has some hundred.</summary>
    public const int ArchiveEntries = 1 << 14;

    /// <summary>What compressed content of any size may unpack to, in bytes.</summary>
    private const long UnpackedAtLeast = 1L << 30;

    /// <summary>How many times its size compressed content may unpack to beyond that; file systems make two to four.</summary>
    private const long UnpackedRatio = 100;

    /// <summary>The window a zstd frame may ask for in bytes; the format allows far more memory than any layer needs.</summary>
    public const int ZstdWindow = 128 << 20;

    /// <summary>A path within a layer in bytes (PATH_MAX).</summary>
    public const int Path = 4096;

    /// <summary>One component of a path in bytes (NAME_MAX).</summary>
    public const int FileName = 255;

    /// <summary>The body of one PAX or GNU extension header in bytes.</summary>
    public const int ExtensionHeader = 1 << 20;

    /// <summary>All headers of one tar entry together, in bytes.</summary>
    public const int EntryHeaders = 4 << 20;

    /// <summary>Extended attributes of one tar entry.</summary>
    public const int Xattrs = 256;

    /// <summary>The name of an extended attribute in bytes (XATTR_NAME_MAX).</summary>
    public const int XattrName = 255;

    /// <summary>The value of an extended attribute in bytes (XATTR_SIZE_MAX).</summary>
    public const int XattrValue = 64 << 10;

    /// <summary>
    /// Entries of all layers of an image together. Some four times what the largest have; each takes some 300 bytes of memory until its image is written.
    /// </summary>
    public const int ImageEntries = 2_000_000;

    /// <summary>
    /// Names, link targets and extended attributes of all layers of an image together, in bytes: all of them are in memory at a time, and a small blob may
    /// unpack to gigabytes of them. 200,000 files have some 10 MB, and 100 MB where each has a signature (IMA).
    /// </summary>
    public const int ImageNames = 128 << 20;

    /// <summary>A list of images or layers in containers-storage, in bytes.</summary>
    public const int StorageList = 64 << 20;

    /// <summary>A line of tar-split data in bytes; the longest hold an entry's headers, or a piece of the trailer, in base64.</summary>
    public const int TarSplitLine = 8 << 20;

    /// <summary>Lines of tar-split data of one layer; an entry has two or three.</summary>
    public const int TarSplitLines = 1 << 24;

    /// <summary>How many bytes may come out of so many compressed ones, so that a small file cannot fill a disk.</summary>
    public static long Unpacked(long compressed) =>
        compressed < (LayerSize - UnpackedAtLeast) / UnpackedRatio ? UnpackedAtLeast + (compressed * UnpackedRatio) : LayerSize;
}
