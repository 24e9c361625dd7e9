using System.Text;
using Bootc.Composefs.Tree;
using Bootc.Host.Images;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Images;
using Bootc.Oci;
using Bootc.Oci.Registry;

namespace Bootc.Host.Tests.Operations;

public sealed class UpdateLoginTests : IDisposable
{
    private const string Login = """{"auths": {"registry.example": {"auth": "dXNlcjpzM2NyZXQ="}}}""";
    private const string TeamOnly = """{"auths": {"registry.example/team": {"auth": "dXNlcjpzM2NyZXQ="}}}""";
    private const string Helper = """{"credHelpers": {"registry.example": "lab"}}""";
    private const string Other = """{"auths": {"other.example": {"auth": "dXNlcjpzM2NyZXQ="}}}""";

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-login");

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData("docker://registry.example/os:1", Login, "{}", "/run/ostree/auth.json")]
    [InlineData("docker://registry.example/os:1", Helper, Other, "/run/ostree/auth.json")]
    [InlineData("docker://registry.example/os:1", Login, TeamOnly, "/run/ostree/auth.json")]
    [InlineData("docker://registry.example/team/os:1", Login, TeamOnly, null)]
    [InlineData("docker://registry.example/os:1", Login, Login, null)]
    [InlineData("docker://registry.example/os:1", Login, Helper, null)]
    [InlineData("docker://registry.example/os:1", Login, """{"credsStore": "lab"}""", null)]
    [InlineData("docker://registry.example/os:1", Other, "{}", null)]
    [InlineData("docker://registry.example/os:1", TeamOnly, "{}", null)]
    [InlineData("oci:/mnt/registry.example/os:1", Login, "{}", null)]
    [InlineData("containers-storage:registry.example/os:1", Login, "{}", null)]
    public void Warns_of_a_login_that_only_the_installer_has(string target, string ofInstaller, string ofImage, string? named)
    {
        string? warning = UpdateLogin.Warn(ImageReference.Parse(target), [("/run/ostree/auth.json", Read(ofInstaller))], Read(ofImage));

        warning.Should().Be(named is null
            ? null
            : $"the login for registry.example/os is only in {named} of the installer, so the installed system cannot fetch updates; put it into /etc/ostree/auth.json there, or into the image");
    }

    [Fact]
    public void Logins_that_a_boot_takes_away_are_those_in_run()
    {
        foreach (string file in (string[])["run/ostree/auth.json", "run/containers/0/auth.json", "etc/ostree/auth.json", "etc/containers/auth.json"])
        {
            Directory.CreateDirectory(Path.Join(_root.FullName, Path.GetDirectoryName(file)));
            File.WriteAllText(Path.Join(_root.FullName, file), file.StartsWith("run/o", StringComparison.Ordinal) ? "malformed" : Login);
        }

        RegistryFiles.ReadPassingLogins(_root.FullName).Select(file => (file.Path, file.Logins.Knows(new("registry.example", "os"))))
            .Should().Equal(("/run/ostree/auth.json", false), ("/run/containers/0/auth.json", true));
    }

    [Theory]
    [InlineData("etc/containers/auth.json", Login, true)]
    [InlineData("usr/lib/ostree/auth.json", Login, true)]
    [InlineData("run/ostree/auth.json", Login, false)]
    [InlineData("etc/ostree/auth.json", "malformed", false)]
    public void An_installed_system_has_the_logins_of_its_image(string file, string content, bool knows)
    {
        FileTree image = TestTree.Of("/etc");
        image.AddFile($"/{file}", content);

        RegistryFiles.ReadLogins(image.Files()).Knows(new("registry.example", "os")).Should().Be(knows);
    }

    private static AuthFile Read(string json) => AuthFile.Parse(Encoding.UTF8.GetBytes(json), "auth.json");
}
