namespace Bootc.Oci.Sources;

/// <summary>The files of which an image is made up, by their names: those of a directory, or those of an archive.</summary>
internal interface IImageFiles : IDisposable
{
    /// <summary>The directory or archive, for messages.</summary>
    string Path { get; }

    /// <summary>
    /// Opens a regular file; null where nothing has the name. Nothing outside is ever reached; what is no regular file is
    /// an <see cref="InvalidDataException"/>.
    /// </summary>
    Stream? TryOpen(string name);
}

/// <summary>Whole documents, bounded.</summary>
internal static class ImageFileExtensions
{
    /// <summary>As <see cref="IImageFiles.TryOpen"/>, but absence is an <see cref="InvalidDataException"/>.</summary>
    public static Stream Open(this IImageFiles files, string name) =>
        files.TryOpen(name) ?? throw new InvalidDataException($"{files.Path} has no file {Layers.TarPath.Quote(name)}");

    /// <summary>A document that no descriptor describes; null where there is none.</summary>
    public static byte[]? TryReadDocument(this IImageFiles files, string name)
    {
        using Stream? file = files.TryOpen(name);
        if (file is null)
        {
            return null;
        }

        using MemoryStream document = new();
        byte[] buffer = new byte[16 << 10];
        for (int read; (read = file.Read(buffer)) > 0;)
        {
            document.Write(buffer, 0, read);
            if (document.Length > Limits.Document)
            {
                throw new InvalidDataException($"{name} in {files.Path} has more than the {Limits.Document} bytes allowed");
            }
        }

        return document.ToArray();
    }

    /// <summary>A document of which size and digest are known.</summary>
    public static byte[] ReadDocument(this IImageFiles files, string name, Descriptor descriptor)
    {
        descriptor.RequireDocument();
        using VerifyingStream blob = new(files.OpenBlob(name, descriptor.Digest), descriptor);
        return blob.ReadDocument();
    }

    /// <summary>As <see cref="Open"/>, of a file that holds a blob.</summary>
    public static Stream OpenBlob(this IImageFiles files, string name, Digest digest) =>
        files.TryOpen(name) ?? throw new InvalidDataException($"{files.Path} has no blob {digest}");
}
