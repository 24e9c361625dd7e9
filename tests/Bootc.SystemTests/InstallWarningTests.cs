using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>What an install that succeeds has to say all the same.</summary>
public sealed class InstallWarningTests : IDisposable
{
    private const string Login = """{"auths": {"registry.example/os": {"auth": "dXNlcjpzM2NyZXQ="}}}""";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-warning");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_login_that_the_installed_system_will_not_have_is_named()
    {
        LabInstall.NewDisk(_folder.FullName);
        Podman podman = await Podman.Instance;
        string install = string.Join(' ', LabInstall.ToDisk("disk.img", "--filesystem", "ext4", "--allow-missing-verity"));

        ProgramOutput result = await podman.TryRunAsync(LabInstall.Arguments(
            await LabImages.Debian, _folder.FullName, ["sh", "-ec", $"mkdir /run/ostree; echo '{Login}' > /run/ostree/auth.json; {install}"]));

        result.ExitCode.Should().Be(0, result.ToString());
        result.Error.Split('\n').Should().ContainSingle(line => line.Contains("login")).Which.Should().Be(
            "warning: the login for registry.example/os/debian is only in /run/ostree/auth.json of the installer, so the installed system cannot fetch updates; "
            + "put it into /etc/ostree/auth.json there, or into the image");
    }
}
