using Bootc.Composefs.Store;
using Bootc.Linux;

namespace Bootc.Composefs.Tests.Store;

/// <summary>A repository in a directory of its own on /dev/shm, a tmpfs, where fs-verity never exists; removed at the end.</summary>
internal sealed class RepositoryFixture : IDisposable
{
    private readonly Dir _parent;

    public RepositoryFixture(VerityAlgorithm algorithm = VerityAlgorithm.Sha512, string folder = "/dev/shm")
    {
        Folder = Path.Join(folder, $"bootc-store-{Guid.NewGuid():N}");
        Directory.CreateDirectory(Folder);
        _parent = Dir.Open(Folder);
        Repository = Repository.Ensure(_parent, "composefs", VerityMode.Optional, algorithm);
    }

    public Repository Repository { get; }

    public ObjectStore Objects => Repository.Objects;

    /// <summary>The folder that holds the repository, for other files of the test.</summary>
    public string Folder { get; }

    /// <summary>The repository's own folder.</summary>
    public string Root => Path.Join(Folder, "composefs");

    public string this[string path] => Path.Join(Root, path);

    public string PathOf(ObjectId id) => this[$"objects/{id.ObjectPath}"];

    /// <summary>All files and links below the repository but directories, relative to it.</summary>
    public IEnumerable<string> Files() =>
        Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Root, f)).Order(StringComparer.Ordinal);

    public void Dispose()
    {
        Repository.Dispose();
        _parent.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
