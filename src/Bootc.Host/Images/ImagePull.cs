using Bootc.Composefs.Store;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Sources;

namespace Bootc.Host.Images;

/// <summary><c>bootc internals oci pull</c>: imports an image into a repository given by path.</summary>
public static class ImagePull
{
    /// <summary>Imports an image; the repository is made where there is none.</summary>
    /// <param name="repositoryPath">The directory of the repository; its parent must exist.</param>
    /// <param name="verity">Whether objects must have fs-verity.</param>
    /// <param name="reference">The image.</param>
    /// <param name="programs">Runs credential helpers of registries.</param>
    /// <param name="contentFolders">More folders, beside podman's storage, in which files of the image may be.</param>
    /// <param name="steps">Runs what is done.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    public static async Task<ImportedImage> RunAsync(
        string repositoryPath,
        VerityMode verity,
        ImageReference reference,
        Programs programs,
        IReadOnlyList<string> contentFolders,
        Steps steps,
        CancellationToken cancellationToken)
    {
        string path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(repositoryPath));
        using Dir parent = Dir.Open(Path.GetDirectoryName(path) ?? throw new FormatException("the root directory cannot be a repository"));
        using IImageSource source = ImageSources.Open(reference, () => RegistryFiles.Read(programs));
        using Repository repository = Repository.Ensure(parent, Path.GetFileName(path), verity);
        return await new ImageImporter(repository, steps, [.. contentFolders, .. LocalContents.FoldersOfPodman]).ImportAsync(source, cancellationToken);
    }
}
