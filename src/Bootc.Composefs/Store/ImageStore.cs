using Bootc.Linux;

namespace Bootc.Composefs.Store;

/// <summary>The EROFS images of a repository that may be mounted. Names are given through <see cref="Publication"/>.</summary>
public sealed class ImageStore
{
    private readonly Repository _repository;

    internal ImageStore(Repository repository)
    {
        _repository = repository;
        Links = new(repository.Root, "images");
    }

    internal LinkFolder Links { get; }

    /// <summary>The ids of all images.</summary>
    public IReadOnlyList<ObjectId> Ids() => [.. Links.Names().Select(ObjectId.Parse)];

    /// <summary>Whether there is an image of that id.</summary>
    public bool Contains(ObjectId id) => id.Equals(Links.TryFind(id.ToString()));

    /// <summary>Opens an image whose content is verified; one that is missing is an <see cref="InvalidDataException"/>.</summary>
    public Fd Open(ObjectId id) =>
        Contains(id)
            ? _repository.Objects.OpenVerified(id)
            : throw new InvalidDataException($"image {id} is missing from the repository {_repository.Path}");
}
