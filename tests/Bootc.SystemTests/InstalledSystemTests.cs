using System.Security.Cryptography;
using System.Text.Json;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>An installed machine, as a program inside it sees it.</summary>
public sealed class InstalledSystemTests(InstalledDebian debian) : IClassFixture<InstalledDebian>
{
    private GuestReport Report => debian.FirstBoot.Report;

    /// <summary>The deployment, as the mount source of the root names it.</summary>
    private string Id => Report["root"].Text.Split(' ')[0]["composefs:".Length..];

    [Fact]
    public void Boots_to_a_login_prompt() => debian.FirstBoot.Console.Should().MatchRegex(@"ttyS0\s+\S+ login: ");

    [Fact]
    public void Comes_up_without_a_failed_unit() => Report["state"].Text.Should().Be("running");

    [Fact]
    public void Has_the_image_as_its_root() => Report["root"].Text.Should().MatchRegex(@"^composefs:[0-9a-f]{128}\s+overlay$");

    [Fact]
    public void Has_the_kernel_arguments_of_the_install()
    {
        string[] arguments = [.. Report["cmdline"].Text.Split(' ').Where(a => !a.StartsWith("initrd=", StringComparison.Ordinal))];
        arguments.Should().Equal($"root=UUID={Report["root-uuid"].Text}", "rw", "console=ttyS0", $"composefs=?{Id}");
    }

    [Theory]
    [InlineData("write-usr")]
    [InlineData("write-sysroot")]
    public void Lets_nobody_write_outside_etc_and_var(string attempt)
    {
        Report[attempt].ExitCode.Should().NotBe(0);
        Report[attempt].Error.Should().Contain("Read-only file system");
    }

    [Theory]
    [InlineData("etc")]
    [InlineData("var")]
    public void Keeps_what_was_written_over_a_reboot(string folder)
    {
        Report["write-etc-var"].ExitCode.Should().Be(0);
        debian.SecondBoot.Report[folder].Text.Should().Be(debian.Note);
    }

    [Fact]
    public void Records_where_updates_come_from() =>
        Report["origin"].Text.Should().Contain($"container-image-reference=ostree-unverified-image:docker://{LabInstall.TargetImage}");

    [Fact]
    public void Records_what_was_installed() =>
        JsonDocument.Parse(Report["aleph"].Output).RootElement.GetProperty("digest").GetString().Should().StartWith("sha256:");

    [Fact]
    public void Is_booted_by_the_entry_of_the_deployment() => Report["selected"].Text.Should().Be("bootc_debian-13-1.conf");

    [Fact]
    public async Task Runs_the_program_that_was_published()
    {
        byte[] published = await File.ReadAllBytesAsync((await Product.Instance).Bootc);
        Report["program"].Text.Should().StartWith(Convert.ToHexStringLower(SHA256.HashData(published)));
    }

    [Fact]
    public void Says_which_deployment_is_booted() => Report["status"].Output.Should().Contain(Id).And.Contain(LabInstall.TargetImage);
}
