namespace Bootc.Composefs.Store;

/// <summary>
/// The named splitstreams of a repository, and the references that keep them from being collected. Names are given through
/// <see cref="Publication"/>.
/// </summary>
public sealed class StreamStore
{
    private readonly Repository _repository;

    internal StreamStore(Repository repository)
    {
        _repository = repository;
        Links = new(repository.Root, "streams");
    }

    internal LinkFolder Links { get; }

    /// <summary>All names, sorted.</summary>
    public IReadOnlyList<string> Names() => Links.Names();

    /// <summary>The object of a stream; null where there is no such stream.</summary>
    public ObjectId? TryFind(string name) => Links.TryFind(name);

    /// <summary>Opens a stream; null where there is none.</summary>
    public SplitStreamReader? TryOpen(string name) =>
        TryFind(name) is { } id ? SplitStreamReader.Open(_repository.Objects, id) : null;

    /// <summary>Opens a stream; one that is missing is an <see cref="InvalidDataException"/>.</summary>
    public SplitStreamReader Open(string name) =>
        TryOpen(name) ?? throw new InvalidDataException($"stream {name} is missing from the repository {_repository.Path}");

    /// <summary>The name of the stream that <c>refs/CATEGORY/NAME</c> keeps; null where there is no such reference.</summary>
    public string? TryFindReference(string category, string name) =>
        Links.TryFindReference(PathOfReference(category, name));

    /// <summary>The names of all references of a category, sorted.</summary>
    public IReadOnlyList<string> References(string category)
    {
        string parent = Links.PathOfReference(category, "-")[..^1];
        return [.. Links.References().Where(path => path.StartsWith(parent, StringComparison.Ordinal)).Select(path => UnescapeReference(path[parent.Length..]))];
    }

    /// <summary>Removes a reference, so that the next collection of garbage may remove what it keeps; false where there is none.</summary>
    public bool RemoveReference(string category, string name)
    {
        _repository.RequireWritable();
        return _repository.Root.TryRemoveFile(PathOfReference(category, name));
    }

    /// <summary>The path in the repository of a reference, whether it is there or not.</summary>
    public string PathOfReference(string category, string name) => Links.PathOfReference(category, EscapeReference(name));

    /// <summary>A name as one component of a path: <c>%</c> and <c>/</c> are escaped (specification §5.1).</summary>
    internal static string EscapeReference(string name) =>
        name.Replace("%", "%25", StringComparison.Ordinal).Replace("/", "%2F", StringComparison.Ordinal);

    private static string UnescapeReference(string name) =>
        name.Replace("%2F", "/", StringComparison.Ordinal).Replace("%25", "%", StringComparison.Ordinal);
}
