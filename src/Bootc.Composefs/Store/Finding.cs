namespace Bootc.Composefs.Store;

/// <summary>Something that <see cref="Fsck"/> found.</summary>
/// <param name="IsDamage">Whether something is lost; false for what is only left over, which does no harm.</param>
/// <param name="Path">Where, relative to the repository.</param>
/// <param name="Problem">What is wrong, in words.</param>
public sealed record Finding(bool IsDamage, string Path, string Problem)
{
    public override string ToString() => $"{Path}: {Problem}";
}
