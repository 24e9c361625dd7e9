using System.Text;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Oci.Registry;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests.Images;

/// <summary>Logins and certificates of a system, and a credential helper: a script named <c>docker-credential-lab</c>.</summary>
public sealed class RegistryFilesTests : IDisposable
{
    private const string Secret = "s3cret";

    // https://github.com/docker/docker-credential-helpers: words of a failure go to standard output, too.
    private const string Helper =
        $$$"""
        #!/bin/sh
        read -r registry
        echo "$* < $registry" >> "$(dirname "$0")/log"
        case $registry in
        known.example) echo '{"ServerURL":"known.example","Username":"user","Secret":"{{{Secret}}}"}' ;;
        token.example) echo '{"ServerURL":"token.example","Username":"<token>","Secret":"{{{Secret}}}"}' ;;
        words.example) echo 'the secret is {{{Secret}}}' ;;
        list.example) echo '["{{{Secret}}}"]' ;;
        half.example) echo '{"Secret":"{{{Secret}}}"}' ;;
        number.example) echo '{"Username":"user","Secret":3}' ;;
        nothing.example) ;;
        failing.example) echo '{"Username":"user","Secret":"{{{Secret}}}"}'; echo '{{{Secret}}}' >&2; exit 3 ;;
        *) echo 'credentials not found in native keychain'; exit 1 ;;
        esac
        """;

    private static readonly DirectoryInfo Bin = Directory.CreateTempSubdirectory("bootc-helper");

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-registries");

    static RegistryFilesTests()
    {
        using (Dir folder = Dir.Open(Bin.FullName))
        {
            folder.WriteAtomically("docker-credential-lab", Helper, mode: 0x1ED);
        }

        Environment.SetEnvironmentVariable("PATH", $"{Bin.FullName}:{Environment.GetEnvironmentVariable("PATH")}");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Bin.Delete(recursive: true);
    }

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData("known.example", "user", Secret, null)]
    [InlineData("token.example", "", "", Secret)]
    [InlineData("unknown.example", null, null, null)]
    public async Task A_helper_is_asked_for_the_login_without_telling_anybody_else(string registry, string? user, string? password, string? token)
    {
        Write("etc/ostree/auth.json", $$$"""{"credHelpers": {"{{{registry}}}": "lab"}}""");
        RegistryAccess access = Read();
        (string helper, string key) = access.Logins.FindHelper(new(registry, "os"))!.Value;

        (await access.AskHelper(helper, key, default)).Should().Be(user is null ? null : new RegistryCredentials(user, password!, token));

        (await File.ReadAllLinesAsync(Path.Join(Bin.FullName, "log"))).Should().Contain($"get < {registry}");
    }

    [Fact]
    public async Task The_helper_of_all_other_registries_is_asked_too()
    {
        Write("etc/ostree/auth.json", """{"auths": {"known.example": {}}, "credsStore": "lab"}""");
        RegistryAccess access = Read();
        (string helper, string key) = access.Logins.FindStore(new("known.example", "os"))!.Value;

        (await access.AskHelper(helper, key, default))!.UserName.Should().Be("user");
    }

    [Theory]
    [InlineData("words.example")]
    [InlineData("list.example")]
    [InlineData("half.example")]
    [InlineData("number.example")]
    [InlineData("nothing.example")]
    public async Task An_answer_that_is_no_login_is_refused_and_not_shown(string registry) =>
        await RefusedAsync<BootcException>("lab", registry, $"docker-credential-lab answered with something that is no login; echo {registry} | docker-credential-lab get shows it");

    [Fact]
    public async Task A_helper_that_fails_is_named_and_its_words_are_not_shown() =>
        await RefusedAsync<RegistryException>("lab", "failing.example", "docker-credential-lab failed; echo failing.example | docker-credential-lab get shows why");

    [Theory]
    [InlineData("absent", "this step needs the program docker-credential-absent, which could not be started")]
    [InlineData("../lab", "\"../lab\" cannot be the name of a credential helper")]
    public async Task A_helper_that_is_not_there_is_named(string helper, string message) => await RefusedAsync<BootcException>(helper, "known.example", message);

    [Fact]
    public void The_first_auth_file_counts_and_no_other()
    {
        Write("etc/containers/auth.json", Login("podman:1"));
        Read().Logins.Find(new("known.example", "os"))!.UserName.Should().Be("podman");

        Write("usr/lib/ostree/auth.json", Login("image:1"));
        Read().Logins.Find(new("known.example", "os"))!.UserName.Should().Be("image");

        Write("run/ostree/auth.json", "{}");
        Read().Logins.Find(new("known.example", "os")).Should().BeNull();
    }

    [Theory]
    [InlineData("etc/docker/certs.d/known.example:5000")]
    [InlineData("etc/containers/certs.d/known.example:5000")]
    public void A_key_without_its_certificate_is_named_with_its_folder(string folder)
    {
        Write($"{folder}/readme.txt", "");
        Write($"{folder}/client.key", "");

        FluentActions.Invoking(() => Read().Certificates("known.example:5000")).Should().Throw<InvalidDataException>()
            .WithMessage($"{_root.FullName}/{folder}/client.key has no client.cert beside it");
    }

    [Fact]
    public void Certificates_that_are_missing_would_be_in_the_first_folder() =>
        Read().Certificates("known.example:5000").Folder.Should().Be($"{_root.FullName}/etc/containers/certs.d/known.example:5000");

    private static string Login(string text) => $$$"""{"auths": {"known.example": {"auth": "{{{Convert.ToBase64String(Encoding.UTF8.GetBytes(text))}}}"} } }""";

    private RegistryAccess Read() => RegistryFiles.Read(new Programs(NullLogger<Programs>.Instance), _root.FullName);

    private void Write(string path, string content)
    {
        string file = Path.Join(_root.FullName, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
    }

    private async Task RefusedAsync<TFailure>(string helper, string registry, string message)
        where TFailure : Exception
    {
        RegistryAccess access = Read();
        Func<Task> asking = () => access.AskHelper(helper, registry, default);

        (await asking.Should().ThrowAsync<TFailure>()).WithMessage(message).Which.ToString().Should().NotContain(Secret);
    }
}
