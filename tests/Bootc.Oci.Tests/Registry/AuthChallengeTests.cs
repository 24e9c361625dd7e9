using Bootc.Oci.Registry;

namespace Bootc.Oci.Tests.Registry;

public class AuthChallengeTests
{
    // Shapes of RFC 9110 §11.6.1, and of registries.
    [Theory]
    [InlineData("Basic realm=\"x\"", "Basic realm=x")]
    [InlineData("Bearer realm=\"https://a.example/t\",service=\"s\",scope=\"repository:a/b:pull,push\"", "Bearer realm=https://a.example/t service=s scope=repository:a/b:pull,push")]
    [InlineData("bearer  realm = https://a.example/t , service=s", "bearer realm=https://a.example/t service=s")]
    [InlineData("Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"", "Newauth realm=apps type=1 title=Login to \"apps\"|Basic realm=simple")]
    [InlineData("Negotiate, Basic realm=\"x\"", "Negotiate|Basic realm=x")]
    [InlineData("", "")]
    [InlineData(",,, ,", "")]
    [InlineData("Bearer realm=\"unfinished", "Bearer")]
    [InlineData("realm=\"no scheme\"", "realm")]
    [InlineData("\u0001", "")]
    public void Reads_challenges(string header, string expected) =>
        string.Join('|', AuthChallenge.Parse(header).Select(c => string.Join(' ', c.Parameters.Select(p => $"{p.Key}={p.Value}").Prepend(c.Scheme)))).Should().Be(expected);
}
