using System.Text;
using Bootc.Oci.Registry;

namespace Bootc.Oci.Tests.Registry;

public class AuthFileTests
{
    private static readonly string Content = $$"""
        {
          "auths": {
            "registry.example": { "auth": "{{Login("host:1")}}" },
            "registry.example/team": { "auth": "{{Login("team:2:3")}}" },
            "registry.example/team/app": { "auth": "{{Login("app:")}}" },
            "https://old.example:5000/v1/": { "auth": "{{Login("old:4")}}" },
            "https://index.docker.io/v1/": { "auth": "{{Login("hub:5")}}" },
            "token.example": { "auth": "{{Login("00000000-0000-0000-0000-000000000000:")}}", "identitytoken": "refresh" },
            "empty.example": {}
          },
          "credHelpers": { "helped.example": "secretservice" }
        }
        """;

    [Theory]
    [InlineData("registry.example", "other", "host", "1")]
    [InlineData("registry.example", "team", "team", "2:3")]
    [InlineData("registry.example", "team/other", "team", "2:3")]
    [InlineData("registry.example", "team/app", "app", "")]
    [InlineData("registry.example", "teamwork", "host", "1")]
    [InlineData("old.example:5000", "x", "old", "4")]
    [InlineData("docker.io", "library/debian", "hub", "5")]
    public void Finds_the_login_for_the_most_of_a_name(string host, string repository, string user, string password) =>
        Read(Content).Find(new(host, repository)).Should().Be(new RegistryCredentials(user, password));

    [Theory]
    [InlineData("old.example")]
    [InlineData("example")]
    [InlineData("sub.registry.example")]
    [InlineData("empty.example")]
    [InlineData("helped.example")]
    public void Knows_no_login_for_other_names(string host) => Read(Content).Find(new(host, "team")).Should().BeNull();

    [Fact]
    public void Knows_who_keeps_a_login_that_is_not_in_it() =>
        Read(Content).FindHelper(new("helped.example", "a/b")).Should().Be(("secretservice", "helped.example"));

    [Fact]
    public void Reads_identity_tokens() => Read(Content).Find(new("token.example", "x"))!.IdentityToken.Should().Be("refresh");

    [Fact]
    public void Shows_nothing_of_a_login() => Read(Content).Find(new("registry.example", "x"))!.ToString().Should().Be("(credentials)");

    [Theory]
    [InlineData("{\"auths\": {\"a.example\": {\"auth\": \"not base64\"}}}", "auth.json: the login for a.example is malformed")]
    [InlineData("{\"auths\": {\"a.example\": {\"auth\": \"bm9jb2xvbg==\"}}}", "auth.json: the login for a.example is malformed")]
    [InlineData("{\"auths\": 3}", "auth.json is malformed at *")]
    [InlineData("", "auth.json is malformed at *")]
    public void Names_what_is_malformed_and_not_what_is_secret(string json, string message) =>
        FluentActions.Invoking(() => Read(json)).Should().Throw<InvalidDataException>().WithMessage(message);

    private static AuthFile Read(string json) => AuthFile.Parse(Encoding.UTF8.GetBytes(json), "auth.json");

    private static string Login(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
