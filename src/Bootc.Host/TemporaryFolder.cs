using Bootc.Linux;

namespace Bootc.Host;

/// <summary>A new folder that only its owner can look into; it goes with all that is in it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private const uint OwnerOnly = 0b111_000_000;

    private readonly Dir _parent;
    private readonly string _name;

    private TemporaryFolder(Dir parent, string name)
    {
        _parent = parent;
        _name = name;
    }

    /// <summary>Its path, as far as its parent knows its own.</summary>
    public string Path => System.IO.Path.Join(_parent.Path, _name);

    /// <summary>Makes one.</summary>
    /// <param name="parent">Stays open as long as the folder is there.</param>
    /// <param name="purpose">What its name says it is for.</param>
    public static TemporaryFolder In(Dir parent, string purpose)
    {
        TemporaryFolder folder = new(parent, $"bootc-{purpose}-{Guid.NewGuid():N}");
        return parent.TryMakeDir(folder._name, OwnerOnly) ? folder : throw new BootcException($"{folder.Path} exists already; try again");
    }

    /// <summary>Opens it.</summary>
    public Dir Open() => _parent.OpenDir(_name);

    public void Dispose() => _parent.TryRemoveTree(_name);
}
