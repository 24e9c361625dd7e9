using System.Text;
using Bootc.Oci.Registry;

namespace Bootc.Oci.Tests.Registry;

/// <summary>Who is asked for a login, and in which order.</summary>
public class RegistryAccessTests
{
    private static readonly string Content = $$"""
        {
          "auths": {
            "written.example": { "auth": "{{Convert.ToBase64String("file:1"u8)}}" },
            "helped.example": { "auth": "{{Convert.ToBase64String("file:2"u8)}}" },
            "stored.example": {}
          },
          "credHelpers": { "helped.example": "lab", "helped.example/team": "team", "https://index.docker.io/v1/": "one", "registry-1.docker.io": "two", "nobody.example": "" },
          "credsStore": "store"
        }
        """;

    [Theory]
    [InlineData("written.example", "a", "file", "")]
    [InlineData("helped.example", "a", "lab", "lab helped.example")]
    [InlineData("helped.example", "team/a", "team", "team helped.example/team")]
    [InlineData("stored.example:5000", "a", "store", "store stored.example:5000")]
    [InlineData("nobody.example", "a", "store", "store nobody.example")]
    [InlineData("docker.io", "library/a", "two", "two docker.io")]
    public async Task The_nearest_of_file_helper_and_store_is_asked(string host, string repository, string user, string asked)
    {
        List<string> questions = [];

        (await Access(Content, questions).LoginForAsync(new(host, repository), default))!.UserName.Should().Be(user);

        questions.Should().Equal(asked.Split('|', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task Docker_hub_has_an_older_name_in_dockers_store()
    {
        List<string> questions = [];

        await Access("""{"credsStore": "store"}""", questions).LoginForAsync(new("docker.io", "library/a"), default);

        questions.Should().Equal("store https://index.docker.io/v1/");
    }

    [Theory]
    [InlineData("credential-helpers first", new[] { "absent", "global", "containers-auth.json" }, "global", "absent written.example|global written.example")]
    [InlineData("the file first", new[] { "containers-auth.json", "global" }, "file", "")]
    [InlineData("nobody knows it", new[] { "absent" }, null, "absent written.example")]
    public async Task Those_of_registries_conf_are_asked_in_its_order(string order, string[] helpers, string? user, string asked)
    {
        List<string> questions = [];
        RegistryAccess access = Access(Content, questions) with { Config = RegistriesConfig.Of([new("registries.conf") { CredentialHelpers = [.. helpers] }]) };

        (await access.LoginForAsync(new("written.example", "a"), default))?.UserName.Should().Be(user, order);

        questions.Should().Equal(asked.Split('|', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>A helper answers with its own name; the one that is called absent knows nothing.</summary>
    private static RegistryAccess Access(string content, List<string> questions) => new()
    {
        UserAgent = "bootc/1",
        Logins = AuthFile.Parse(Encoding.UTF8.GetBytes(content), "auth.json"),
        AskHelper = (helper, key, _) =>
        {
            questions.Add($"{helper} {key}");
            return Task.FromResult(helper == "absent" ? null : new RegistryCredentials(helper, "secret"));
        },
    };
}
