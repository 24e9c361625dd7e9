using System.Text;
using Bootc.Oci.Registry;

namespace Bootc.Fuzz.Targets;

/// <summary>The <c>WWW-Authenticate</c> header by which a registry says how it wants to be convinced. What cannot be read ends the list.</summary>
internal sealed class AuthChallengeTarget : FuzzTarget
{
    public override string Name => "auth-challenge";

    public override IReadOnlyList<Type> Refusals => [];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[] { "Bearer ", "Basic ", "realm=", "service=", "scope=", "\"", "\\\"", ",", ", ", "=", "==", "\t", "token68==", "error=\"invalid_token\"" }.Select(Encoding.Latin1.GetBytes),
    ];

    public override void Read(byte[] input)
    {
        string header = Encoding.Latin1.GetString(input);
        List<AuthChallenge> challenges = AuthChallenge.Parse(header);
        Require(challenges.All(challenge => challenge.Scheme.Length > 0), "a challenge has no scheme");
        Require(
            challenges.Sum(challenge => challenge.Scheme.Length + challenge.Parameters.Sum(parameter => parameter.Key.Length + parameter.Value.Length)) <= header.Length,
            "there is more in the challenges than in the header");
    }
}
