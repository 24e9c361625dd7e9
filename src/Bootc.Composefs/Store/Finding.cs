namespace Bootc.Composefs.Store;

/// <summary>Something that <see cref="Fsck"/> found.</summary>
/// <param name="IsDamage">Whether something is lost; false for what is only left over, which does no harm.</param>
/// <param name="Path">Where, relative to the repository.</param>
/// <param name="Problem">What is wrong, in words.</param>
public sealed record Finding(bool IsDamage, string Path, string Problem)
{
    /// <summary>The object at that path; null where it is a name, or something else.</summary>
    public ObjectId? StoredObject => LinkFolder.TryParseObjectPath(Path);

    public override string ToString() => $"{Path}: {Problem}";
}
