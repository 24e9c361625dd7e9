using Bootc.Oci.Registry;

namespace Bootc.Host.Configuration;

/// <summary>Reads a file of registries.conf(5). Keys that are not known here are for other tools, and passed over.</summary>
public static class RegistriesToml
{
    /// <exception cref="FormatException">The file is malformed; the message begins with its name and the line.</exception>
    public static RegistriesFile Parse(ReadOnlySpan<byte> content, string file)
    {
        TomlTable table = TomlTable.Parse(content, file);
        if (table.Table("registries") is not null)
        {
            // To pass over it would be to ask registries that it blocks.
            throw table.Wrong("registries", "[[registry]] tables: [registries.search], [registries.insecure] and [registries.block] are of the first version of this format");
        }

        return new(file)
        {
            UnqualifiedSearchRegistries = table.Strings("unqualified-search-registries"),
            CredentialHelpers = table.Strings("credential-helpers"),
            Aliases = table.Names("aliases"),
            Registries = [.. table.Tables("registry").Select(Registry)],
        };
    }

    private static RegistryTable Registry(TomlTable table) => new()
    {
        Prefix = table.String("prefix"),
        Location = table.String("location"),
        Insecure = table.Flag("insecure") ?? false,
        Blocked = table.Flag("blocked") ?? false,
        MirrorByDigestOnly = table.Flag("mirror-by-digest-only") ?? false,
        Mirrors = [.. table.Tables("mirror").Select(Mirror)],
    };

    private static MirrorTable Mirror(TomlTable table) => new()
    {
        Location = table.String("location"),
        Insecure = table.Flag("insecure") ?? false,
        PullFromMirror = table.OneOf("pull-from-mirror", "all", "digest-only", "tag-only"),
    };
}
