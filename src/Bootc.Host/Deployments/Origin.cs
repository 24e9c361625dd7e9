using System.Text;

namespace Bootc.Host.Deployments;

/// <summary>
/// The <c>.origin</c> file of a deployment: where its image came from and what it boots with. An INI file as upstream bootc
/// writes it; sections and keys this program does not know are kept.
/// </summary>
public sealed class Origin
{
    private const string UnverifiedPrefix = "ostree-unverified-image:";

    /// <summary>The older way to write the former for an image in a registry.</summary>
    private const string UnverifiedRegistryPrefix = "ostree-unverified-registry:";

    /// <summary>Begins <c>ostree-remote-image:REMOTE:…</c> and <c>ostree-remote-registry:REMOTE:NAME</c>, of which the remote's keys are ostree's to check.</summary>
    private const string OstreeRemotePrefix = "ostree-remote-";

    private const string SignedPrefix = "ostree-image-signed:";

    private readonly List<(string Section, string Key, string Value)> _entries;

    private Origin(List<(string, string, string)> entries) => _entries = entries;

    /// <summary>The update source, transport and name, for example <c>docker://quay.io/os/edge:7</c>; null where the file names none.</summary>
    public string? ImageReference
    {
        get
        {
            string? value = OstreeReference is null ? Find("origin", "container-image-reference") : null;
            if (value?.StartsWith(UnverifiedRegistryPrefix, StringComparison.Ordinal) == true)
            {
                return $"docker://{value[UnverifiedRegistryPrefix.Length..]}";
            }

            string? prefix = ((string[])[UnverifiedPrefix, SignedPrefix]).FirstOrDefault(one => value?.StartsWith(one, StringComparison.Ordinal) == true);
            return value?[(prefix?.Length ?? 0)..];
        }
    }

    /// <summary>What the file names in place of an update source that can be followed: an image that a remote of ostree has to vouch for. Null where it does not.</summary>
    public string? OstreeReference =>
        Find("origin", "container-image-reference") is { } value && value.StartsWith(OstreeRemotePrefix, StringComparison.Ordinal) ? value : null;

    /// <summary>Whether nothing may be taken from the update source that no signature policy vouches for.</summary>
    public bool IsPolicyEnforced => Find("origin", "container-image-reference")?.StartsWith(SignedPrefix, StringComparison.Ordinal) == true;

    /// <summary>The digest of the manifest that was deployed; null where the file has none.</summary>
    public string? ManifestDigest => Find("image", "manifest_digest");

    /// <summary>Hex SHA-256 over kernel and initrd; null where the file has none.</summary>
    public string? BootDigest => Find("boot", "digest");

    /// <summary><c>bls</c> or <c>uki</c>; null where the file has none.</summary>
    public string? BootType => Find("boot", "boot_type");

    /// <summary>The origin of a deployment booted by a BLS type 1 entry.</summary>
    /// <param name="imageReference">Transport and name as in container tools: <c>docker://NAME</c>, <c>oci:DIR:TAG</c>.</param>
    /// <param name="manifestDigest">What was deployed.</param>
    /// <param name="bootDigest">Hex SHA-256 over the bytes of the kernel, then the initrd.</param>
    public static Origin ForBls(string imageReference, string manifestDigest, string bootDigest) => new(
    [
        ("origin", "container-image-reference", UnverifiedPrefix + imageReference),
        ("boot", "boot_type", "bls"),
        ("boot", "digest", bootDigest),
        ("image", "manifest_digest", manifestDigest),
    ]);

    /// <summary>The same with another update source and manifest.</summary>
    public Origin WithImage(string imageReference, string manifestDigest) => WithReference(imageReference).With("image", "manifest_digest", manifestDigest);

    /// <summary>The same with another update source.</summary>
    public Origin WithReference(string imageReference) => WithReference(imageReference, IsPolicyEnforced);

    /// <summary>The same where a signature policy has to vouch for what is taken, or has not.</summary>
    public Origin WithPolicyEnforced(bool isPolicyEnforced) => ImageReference is { } reference ? WithReference(reference, isPolicyEnforced) : this;

    /// <summary>The same with another kernel, booted by a BLS type 1 entry.</summary>
    public Origin WithBlsKernel(string bootDigest) => With("boot", "boot_type", BootType ?? "bls").With("boot", "digest", bootDigest);

    public static Origin Parse(string text)
    {
        List<(string, string, string)> entries = [];
        string section = "";
        foreach (string line in text.Split('\n', StringSplitOptions.TrimEntries))
        {
            if (line is ['[', .., ']'])
            {
                section = line[1..^1];
            }
            else if (line.Length > 0 && line[0] is not ('#' or ';') && line.IndexOf('=', StringComparison.Ordinal) is > 0 and var equals)
            {
                entries.Add((section, line[..equals].TrimEnd(), line[(equals + 1)..].TrimStart()));
            }
        }

        return new(entries);
    }

    public override string ToString()
    {
        StringBuilder text = new();
        foreach (var section in _entries.GroupBy(e => e.Section))
        {
            text.Append(text.Length > 0 ? "\n" : "").Append('[').Append(section.Key).Append("]\n");
            foreach ((_, string key, string value) in section)
            {
                text.Append(key).Append('=').Append(value).Append('\n');
            }
        }

        return text.ToString();
    }

    private Origin WithReference(string imageReference, bool isPolicyEnforced) =>
        With("origin", "container-image-reference", (isPolicyEnforced ? SignedPrefix : UnverifiedPrefix) + imageReference);

    private Origin With(string section, string key, string value)
    {
        List<(string Section, string Key, string Value)> entries = [.. _entries];
        int at = entries.FindIndex(e => e.Section == section && e.Key == key);
        if (at < 0)
        {
            entries.Add((section, key, value));
        }
        else
        {
            entries[at] = (section, key, value);
        }

        return new(entries);
    }

    private string? Find(string section, string key) => _entries.FirstOrDefault(e => e.Section == section && e.Key == key).Value;
}
