using System.Collections.Immutable;
using System.Text;
using System.Text.Json;

namespace Bootc.Oci.Trust;

/// <summary>What a policy asks of an image, and where in it that stands.</summary>
/// <param name="Requirements">All of them have to be met; at least one.</param>
/// <param name="Place">The scope, as the policy writes it, for messages.</param>
public sealed record PolicyAnswer(ImmutableArray<PolicyRequirement> Requirements, string Place)
{
    /// <summary>Whether signatures matter.</summary>
    public bool AsksForSignatures => Requirements.Any(requirement => requirement is PolicyRequirement.SigstoreSigned);
}

/// <summary>
/// A signature policy: containers-policy.json(5). What is not known in it is an error, for a key that was misspelled would make it weaker
/// than it was meant to be.
/// </summary>
public sealed class SignaturePolicy
{
    private const int Limit = 1 << 20;

    private readonly ImmutableArray<PolicyRequirement> _default;
    private readonly Dictionary<string, Dictionary<string, ImmutableArray<PolicyRequirement>>> _transports;

    private SignaturePolicy(ImmutableArray<PolicyRequirement> @default, Dictionary<string, Dictionary<string, ImmutableArray<PolicyRequirement>>> transports)
    {
        _default = @default;
        _transports = transports;
    }

    /// <summary>Whether it takes every image that no scope of it names, so that enforcing it would protect from little.</summary>
    public bool AcceptsByDefault => _default.All(requirement => requirement is PolicyRequirement.AcceptAnything);

    /// <summary>Reads a policy.</summary>
    /// <param name="json">The content of the file.</param>
    /// <param name="what">The name of the file, for messages.</param>
    /// <exception cref="InvalidDataException">It is malformed, or has something in it that is not known.</exception>
    public static SignaturePolicy Parse(ReadOnlyMemory<byte> json, string what)
    {
        if (json.Length > Limit)
        {
            throw new InvalidDataException($"{what} has {json.Length} bytes, more than the {Limit} allowed");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new() { AllowDuplicateProperties = false, MaxDepth = Limits.JsonDepth });
            return new PolicyReader(what).Read(document.RootElement);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{what} is malformed at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}", e);
        }
    }

    /// <summary>What the policy asks of an image: the most specific scope that it has for it.</summary>
    public PolicyAnswer Find(ImageReference image)
    {
        string transport = PolicyScopes.TransportOf(image);
        if (_transports.TryGetValue(transport, out Dictionary<string, ImmutableArray<PolicyRequirement>>? scopes))
        {
            if (!PolicyScopes.AreKnown(image.Transport) && scopes.Keys.FirstOrDefault(scope => scope.Length > 0) is { } unknown)
            {
                // It may be for this image, and ask for more than the whole transport does.
                return new([new PolicyRequirement.Unsupported("a scope within this transport")], Place(unknown));
            }

            foreach (string scope in PolicyScopes.Of(image))
            {
                if (scopes.TryGetValue(scope, out ImmutableArray<PolicyRequirement> requirements))
                {
                    return new(requirements, Place(scope));
                }
            }
        }

        return new(_default, "its default");

        string Place(string scope) => $"\"{scope}\" of transport {transport}";
    }

    /// <summary>Reads the document.</summary>
    /// <param name="what">The name of the file, for messages.</param>
    private sealed class PolicyReader(string what)
    {
        public SignaturePolicy Read(JsonElement root)
        {
            Dictionary<string, JsonElement> members = Members(root, "the policy", ["default", "transports"]);
            Dictionary<string, Dictionary<string, ImmutableArray<PolicyRequirement>>> transports = new(StringComparer.Ordinal);
            if (members.TryGetValue("transports", out JsonElement all))
            {
                foreach (JsonProperty transport in Object(all, "transports").EnumerateObject())
                {
                    string place = $"transports.{transport.Name}";
                    transports[transport.Name] = Object(transport.Value, place).EnumerateObject().ToDictionary(
                        scope => PolicyScopes.CanMatch(transport.Name, scope.Name)
                            ? scope.Name
                            : throw Malformed($"{place}.\"{scope.Name}\"", "is not an absolute path without parts that say nothing, so no image would ever fall under it"),
                        scope => Requirements(scope.Value, $"{place}.\"{scope.Name}\""),
                        StringComparer.Ordinal);
                }
            }

            return new(Requirements(Required(members, "default", "the policy"), "default"), transports);
        }

        private ImmutableArray<PolicyRequirement> Requirements(JsonElement list, string place)
        {
            ImmutableArray<PolicyRequirement> requirements = list.ValueKind == JsonValueKind.Array
                ? [.. list.EnumerateArray().Select((one, i) => Requirement(one, $"{place}[{i}]"))]
                : throw Malformed(place, "is not a list");
            return requirements.IsEmpty ? throw Malformed(place, "is an empty list, which would ask for nothing") : requirements;
        }

        private PolicyRequirement Requirement(JsonElement requirement, string place)
        {
            string type = Type(requirement, place);
            switch (type)
            {
                case "insecureAcceptAnything":
                    Members(requirement, place, ["type"]);
                    return new PolicyRequirement.AcceptAnything();
                case "reject":
                    Members(requirement, place, ["type"]);
                    return new PolicyRequirement.Reject();
                case "sigstoreSigned":
                    return SigstoreSigned(requirement, place);
                default:
                    return new PolicyRequirement.Unsupported($"\"{type}\" of {place}");
            }
        }

        private PolicyRequirement SigstoreSigned(JsonElement requirement, string place)
        {
            string[] keys = ["keyPath", "keyPaths", "keyData", "keyDatas"];
            string[] others = ["fulcio", "pki", "rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas"];
            Dictionary<string, JsonElement> members = Members(requirement, place, ["type", "signedIdentity", .. keys, .. others]);
            SignedIdentity identity = members.TryGetValue("signedIdentity", out JsonElement given)
                ? Identity(given, $"{place}.signedIdentity")
                : SignedIdentity.Default;
            if (others.FirstOrDefault(members.ContainsKey) is { } other)
            {
                return new PolicyRequirement.Unsupported($"\"{other}\" of {place}");
            }

            if (keys.Where(members.ContainsKey).ToArray() is not [var key])
            {
                throw Malformed(place, $"has to have one of {string.Join(", ", keys)}");
            }

            JsonElement value = members[key];
            ImmutableArray<string> texts = key.EndsWith('s')
                ? value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(one => Text(one, $"{place}.{key}"))] : throw Malformed($"{place}.{key}", "is not a list")
                : [Text(value, $"{place}.{key}")];
            return texts.IsEmpty
                ? throw Malformed($"{place}.{key}", "is an empty list")
                : new PolicyRequirement.SigstoreSigned(
                    [.. texts.Select(text => key.StartsWith("keyPath", StringComparison.Ordinal) ? new PolicyKey(text, null) : new PolicyKey(null, Data(text, $"{place}.{key}")))],
                    identity);
        }

        private SignedIdentity Identity(JsonElement identity, string place)
        {
            switch (Type(identity, place))
            {
                case "matchExact":
                    Members(identity, place, ["type"]);
                    return new SignedIdentity.Exact();
                case "matchRepoDigestOrExact":
                    Members(identity, place, ["type"]);
                    return new SignedIdentity.RepositoryDigestOrExact();
                case "matchRepository":
                    Members(identity, place, ["type"]);
                    return new SignedIdentity.Repository();
                case "exactReference":
                    return Name(identity, place, "dockerReference") is { } reference && (reference.Tag is not null || reference.Digest is not null)
                        ? new SignedIdentity.ExactReference(reference)
                        : throw Malformed($"{place}.dockerReference", "has neither tag nor digest");
                case "exactRepository":
                    return new SignedIdentity.ExactRepository(Name(identity, place, "dockerRepository"));
                case "remapIdentity":
                    Dictionary<string, JsonElement> members = Members(identity, place, ["type", "prefix", "signedPrefix"]);
                    return new SignedIdentity.Remapped(Prefix("prefix"), Prefix("signedPrefix"));

                    string Prefix(string key) => Text(Required(members, key, place), $"{place}.{key}") is var prefix && PolicyScopes.IsPrefix(prefix)
                        ? prefix
                        : throw Malformed($"{place}.{key}", "is neither a host nor the beginning of a name");
                case var type:
                    throw Malformed($"{place}.type", $"\"{type}\" is not known");
            }
        }

        private ImageName Name(JsonElement identity, string place, string key)
        {
            string text = Text(Required(Members(identity, place, ["type", key]), key, place), $"{place}.{key}");
            return ImageName.TryParse(text, out ImageName? name) && name.Domain is not null
                ? name.Canonical
                : throw Malformed($"{place}.{key}", "is not the full name of an image");
        }

        private string Data(string base64, string place)
        {
            byte[] bytes = new byte[base64.Length];
            return Convert.TryFromBase64String(base64, bytes, out int length) ? Encoding.UTF8.GetString(bytes, 0, length) : throw Malformed(place, "is not base64");
        }

        private string Type(JsonElement element, string place) =>
            Object(element, place).TryGetProperty("type", out JsonElement type) ? Text(type, $"{place}.type") : throw Malformed(place, "has no type");

        private JsonElement Object(JsonElement element, string place) =>
            element.ValueKind == JsonValueKind.Object ? element : throw Malformed(place, "is not an object");

        private string Text(JsonElement element, string place) =>
            element.ValueKind == JsonValueKind.String ? element.GetString()! : throw Malformed(place, "is not text");

        private JsonElement Required(Dictionary<string, JsonElement> members, string key, string place) =>
            members.TryGetValue(key, out JsonElement value) ? value : throw Malformed(place, $"has no {key}");

        private Dictionary<string, JsonElement> Members(JsonElement element, string place, string[] known)
        {
            Dictionary<string, JsonElement> members = Object(element, place).EnumerateObject().ToDictionary(member => member.Name, member => member.Value, StringComparer.Ordinal);
            return members.Keys.Except(known).FirstOrDefault() is { } unknown ? throw Malformed($"{place}.{unknown}", "is not known") : members;
        }

        private InvalidDataException Malformed(string place, string problem) => new($"{what}: {place} {problem}");
    }
}
