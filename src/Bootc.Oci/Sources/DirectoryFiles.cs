using Bootc.Linux;

namespace Bootc.Oci.Sources;

/// <summary>The files of a directory; no symbolic link is followed in it.</summary>
internal sealed class DirectoryFiles(Dir dir) : IImageFiles
{
    public string Path => dir.Path;

    public static DirectoryFiles Open(string path) => new(Dir.Open(path));

    public Stream? TryOpen(string name)
    {
        Fd? file = dir.TryOpenBeneath(name);
        if (file is null || file.Status().Kind == FileKind.Regular)
        {
            return file?.IntoStream(FileAccess.Read);
        }

        file.Dispose();
        throw new InvalidDataException($"{file.Path} is not a regular file");
    }

    public void Dispose() => dir.Dispose();
}
