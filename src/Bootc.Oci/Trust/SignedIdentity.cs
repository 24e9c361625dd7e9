namespace Bootc.Oci.Trust;

/// <summary>Which name a signature has to be for, so that it counts for an image (containers-policy.json(5), <c>signedIdentity</c>).</summary>
public abstract record SignedIdentity
{
    private SignedIdentity()
    {
    }

    /// <summary>What holds where a requirement names none: <see cref="RepositoryDigestOrExact"/>.</summary>
    public static SignedIdentity Default { get; } = new RepositoryDigestOrExact();

    /// <summary>Whether a signature counts.</summary>
    /// <param name="image">The name by which the image is asked for.</param>
    /// <param name="signedName">The name in the signature.</param>
    public abstract bool Accepts(ImageName image, ImageName signedName);

    /// <summary><c>matchExact</c>: the same name, with tag or digest.</summary>
    public sealed record Exact : SignedIdentity
    {
        public override bool Accepts(ImageName image, ImageName signedName) => IsFull(image) && IsFull(signedName) && image == signedName;
    }

    /// <summary><c>matchRepoDigestOrExact</c>: for a digest the same repository, otherwise the same name.</summary>
    public sealed record RepositoryDigestOrExact : SignedIdentity
    {
        public override bool Accepts(ImageName image, ImageName signedName) =>
            image.Digest is not null ? SameRepository(image, signedName) : image.Tag is not null && image == signedName;
    }

    /// <summary><c>matchRepository</c>: the same repository. A signature for one tag counts for every other.</summary>
    public sealed record Repository : SignedIdentity
    {
        public override bool Accepts(ImageName image, ImageName signedName) => SameRepository(image, signedName);
    }

    /// <summary><c>exactReference</c>: a name that is given, whatever the image is asked for by.</summary>
    public sealed record ExactReference(ImageName Name) : SignedIdentity
    {
        public override bool Accepts(ImageName image, ImageName signedName) => IsFull(signedName) && Name == signedName;
    }

    /// <summary><c>exactRepository</c>: a repository that is given, whatever the image is asked for by.</summary>
    public sealed record ExactRepository(ImageName Name) : SignedIdentity
    {
        public override bool Accepts(ImageName image, ImageName signedName) => SameRepository(Name, signedName);
    }

    /// <summary><c>remapIdentity</c>: as <see cref="RepositoryDigestOrExact"/>, after the beginning of the image's name was replaced.</summary>
    /// <param name="Prefix">A host, a namespace or a repository.</param>
    /// <param name="SignedPrefix">What signatures have in its place.</param>
    public sealed record Remapped(string Prefix, string SignedPrefix) : SignedIdentity
    {
        public override bool Accepts(ImageName image, ImageName signedName)
        {
            string repository = image.WithoutTag;
            bool matches = repository == Prefix || repository.StartsWith(Prefix + "/", StringComparison.Ordinal);
            return !matches ? Default.Accepts(image, signedName)
                : ImageName.TryParse(SignedPrefix + image.ToString()[Prefix.Length..], out ImageName? remapped) && Default.Accepts(remapped, signedName);
        }
    }

    private static bool IsFull(ImageName name) => name.Tag is not null || name.Digest is not null;

    private static bool SameRepository(ImageName one, ImageName other) => one.WithoutTag == other.WithoutTag;
}
