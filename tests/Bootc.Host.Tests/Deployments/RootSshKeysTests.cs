using System.Text;
using Bootc.Host.Deployments;

namespace Bootc.Host.Tests.Deployments;

public class RootSshKeysTests
{
    [Theory]
    [InlineData("var/roothome", "/var/roothome")]
    [InlineData("/var/roothome", "/var/roothome")]
    [InlineData("../var/home/../roothome", "/var/roothome")]
    public void Roots_home_is_where_the_link_leads(string link, string home) =>
        RootSshKeys.HomeOf(Encoding.UTF8.GetBytes(link)).Should().Be(home);

    [Theory]
    [InlineData("")]
    [InlineData("/home/root")]
    [InlineData("/var/../etc")]
    [InlineData("/var/a\nf /etc/shadow")]
    [InlineData("/var/%h")]
    public void A_home_that_cannot_be_written_is_refused(string link) =>
        FluentActions.Invoking(() => RootSshKeys.HomeOf(Encoding.UTF8.GetBytes(link))).Should().Throw<BootcException>()
            .WithMessage("*make /root a link to a directory in /var");

    [Theory]
    [InlineData("[etc]\ntransient = true", "transient")]
    [InlineData("[etc]\nmount = \"overlay\"", "overlay")]
    [InlineData("[etc]\nmount = \"none\"\ntransient = false", "none")]
    public void An_image_that_does_not_show_the_etc_of_its_deployment_is_refused(string config, string mount) =>
        FluentActions.Invoking(() => RootSshKeys.RequireEtc(Encoding.UTF8.GetBytes(config))).Should().Throw<BootcException>()
            .WithMessage($"*asks for \"{mount}\", and would have to ask for \"bind\"");

    [Theory]
    [InlineData("")]
    [InlineData("[root]\ntransient = true\n[etc]\nmount = \"bind\"\ntransient = true")]
    [InlineData("[etc]\ntransient = false")]
    public void An_image_that_shows_it_is_taken(string config) =>
        FluentActions.Invoking(() => RootSshKeys.RequireEtc(Encoding.UTF8.GetBytes(config))).Should().NotThrow();

    [Theory]
    [InlineData("")]
    [InlineData("# nobody\n\n")]
    [InlineData("ssh-ed25519\0")]
    public void A_file_without_a_key_is_refused(string content) =>
        FluentActions.Invoking(() => RootSshKeys.Parse(Encoding.UTF8.GetBytes(content), "/keys")).Should().Throw<BootcException>()
            .WithMessage("/keys has no authorized key in it");
}
