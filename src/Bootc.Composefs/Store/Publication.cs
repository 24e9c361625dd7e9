namespace Bootc.Composefs.Store;

/// <summary>
/// Gives names to objects. Names are only collected until <see cref="Publish"/>, which first makes all content durable and then
/// makes the links in the order in which they were added: after a power cut a name is absent, or all it stands for is there.
/// </summary>
public sealed class Publication
{
    private readonly Repository _repository;
    private readonly List<(string Path, string Target)> _links = [];
    private bool _published;

    internal Publication(Repository repository) => _repository = repository;

    /// <summary>Names a splitstream; a stream of that name is replaced.</summary>
    public void AddStream(string name, ObjectId id) => Add(_repository.Streams.Links.PathOf(name), ObjectPath(id));

    /// <summary>Lets an image be mounted, under its id.</summary>
    public void AddImage(ObjectId id) => Add(_repository.Images.Links.PathOf(id.ToString()), ObjectPath(id));

    /// <summary>
    /// Keeps a stream, and what it refers to, from being collected: <c>streams/refs/CATEGORY/NAME</c>. The name may hold slashes
    /// but not begin with <c>@</c>; a reference of that name is replaced.
    /// </summary>
    public void AddStreamReference(string category, string name, string stream)
    {
        if (name.StartsWith('@'))
        {
            throw new FormatException($"the reference \"{name}\" may not begin with @");
        }

        LinkFolder links = _repository.Streams.Links;
        Add(links.PathOfReference(category, StreamStore.EscapeReference(name)), links.PathOf(stream));
    }

    /// <summary>
    /// Syncs the file system once, then makes the links, which become durable with whatever is synced next. A publication is
    /// published once.
    /// </summary>
    public void Publish()
    {
        ObjectDisposedException.ThrowIf(_published, this);
        _published = true;
        _repository.Sync();
        foreach ((string path, string target) in _links)
        {
            LinkFolder.Put(_repository.Root, path, target);
        }
    }

    private void Add(string path, string target)
    {
        ObjectDisposedException.ThrowIf(_published, this);
        _links.Add((path, target));
    }

    private string ObjectPath(ObjectId id)
    {
        _repository.Objects.SizeOf(id); // a link to nothing would break the promise above
        return $"objects/{id.ObjectPath}";
    }
}
