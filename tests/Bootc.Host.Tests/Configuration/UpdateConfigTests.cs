using Bootc.Host.Configuration;
using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.Host.Tests.Configuration;

public sealed class UpdateConfigTests : IDisposable
{
    private const string File = "etc/bootc/update.d/50.toml";

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-update-config");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void Nothing_is_limited_or_refused_unless_somebody_says_so() => Read().Should().Be(new UpdateConfig(ByteLimit.None, ByteLimit.None, RefuseOlder: false, ContentFrom: []));

    [Theory]
    [InlineData("max-rate = \"2M\"\nmax-bytes = 1000\nrefuse-older = true", "2M", "1000", true)]
    [InlineData("max-rate = 1024\nmax-bytes = \"1G\"\nrefuse-older = false", "1K", "1G", false)]
    [InlineData("max-rate = \"none\"", "none", "none", false)]
    [InlineData("", "none", "none", false)]
    public void Says_what_the_file_says(string keys, string rate, string bytes, bool refuseOlder)
    {
        Write(File, $"[update]\n{keys}\n");

        Read().Should().Match<UpdateConfig>(c => c.MaxRate.ToString() == rate && c.MaxBytes.ToString() == bytes && c.RefuseOlder == refuseOlder);
    }

    [Fact]
    public void A_later_file_beats_an_earlier_by_key_and_hides_one_of_its_name()
    {
        Write("usr/lib/bootc/update.d/10.toml", "[update]\nmax-rate = \"1M\"\nmax-bytes = \"1G\"\nrefuse-older = true\n");
        Write("usr/lib/bootc/update.d/20.toml", "[update]\nmax-rate = \"2M\"\n");
        Write("etc/bootc/update.d/20.toml", "[update]\nmax-rate = \"3M\"\n");
        Write("run/bootc/update.d/30.toml", "[update]\nmax-bytes = \"none\"\n");

        Read().Should().Match<UpdateConfig>(c => c.MaxRate.Bytes == 3 << 20 && c.MaxBytes == ByteLimit.None && c.RefuseOlder);
    }

    [Theory]
    [InlineData("[update]\nmax-speed = 9", "/etc/bootc/update.d/50.toml:2: update.max-speed: there is no such key; known here are content-from, max-bytes, max-rate, refuse-older")]
    [InlineData("[upgrade]", "/etc/bootc/update.d/50.toml:1: upgrade: there is no such key*")]
    [InlineData("update = 1", "/etc/bootc/update.d/50.toml:1: update: wanted a table")]
    [InlineData("[update]\n\nmax-rate = \"1023\"", "/etc/bootc/update.d/50.toml:3: update.max-rate: wanted bytes per second: a number of at least 1024*")]
    [InlineData("[update]\nmax-rate = \"2m\"", "*update.max-rate: wanted bytes per second*")]
    [InlineData("[update]\nmax-rate = \"2 M\"", "*update.max-rate: wanted bytes per second*")]
    [InlineData("[update]\nmax-rate = -2048", "*update.max-rate: wanted bytes per second*")]
    [InlineData("[update]\nmax-rate = 2048.5", "*update.max-rate: wanted a number, or one with a unit in quotes")]
    [InlineData("[update]\nmax-rate = true", "*update.max-rate: wanted a number, or one with a unit in quotes")]
    [InlineData("[update]\nmax-bytes = 0", "*update.max-bytes: wanted bytes: a number, or such as \"300M\" or \"2G\", or \"none\"")]
    [InlineData("[update]\nmax-bytes = \"9000000000G\"", "*update.max-bytes: wanted bytes*")]
    [InlineData("[update]\nmax-bytes = \"\"", "*update.max-bytes: wanted bytes*")]
    [InlineData("[update]\nmax-bytes = 99999999999999999999", "/etc/bootc/update.d/50.toml:2*")]
    [InlineData("[update]\ncontent-from = [\"mnt\"]", "*update.content-from: wanted absolute paths of folders")]
    [InlineData("[update]\nrefuse-older = \"true\"", "*update.refuse-older: wanted true or false")]
    public void A_mistake_is_named(string toml, string message)
    {
        Write(File, toml + "\n");

        FluentActions.Invoking(Read).Should().Throw<FormatException>().WithMessage(message);
    }

    [Fact]
    public void The_example_of_the_documentation_is_understood()
    {
        string page = System.IO.File.ReadAllText(Checkout.PathOf("docs", "automatic-updates.md"));
        Write(File, page.Split("```toml\n")[1].Split("```")[0]);

        Read().Should().Match<UpdateConfig>(c => c.MaxRate.ToString() == "500K" && c.MaxBytes.ToString() == "300M" && c.RefuseOlder);
    }

    [Fact]
    public void The_command_line_counts_instead()
    {
        Write(File, "[update]\nmax-rate = \"1M\"\nmax-bytes = \"1G\"\nrefuse-older = true\n");

        Read().With(new()).Should().Be(Read());
        Read().With(new(ByteLimit.None, Parse("5K"), AllowDowngrade: true)).Should().Be(new UpdateConfig(ByteLimit.None, Parse("5120"), RefuseOlder: false, ContentFrom: []));
    }

    [Fact]
    public void Folders_of_the_command_line_come_on_top()
    {
        Write(File, "[update]\ncontent-from = [\"/mnt\"]\n");

        Read().With(new() { ContentFrom = ["/srv/os"] }).ContentFrom.Should().Equal("/mnt", "/srv/os");
    }

    [Theory]
    [InlineData("1", 1L, "1")]
    [InlineData("1023", 1023L, "1023")]
    [InlineData("3K", 3072L, "3K")]
    [InlineData("2048K", 2097152L, "2M")]
    [InlineData("4G", 4294967296L, "4G")]
    [InlineData("8589934591G", 9223372035781033984L, "8589934591G")]
    public void A_limit_is_a_number_with_a_unit(string text, long bytes, string shortest)
    {
        Parse(text).Bytes.Should().Be(bytes);
        Parse(text).ToString().Should().Be(shortest);
    }

    private static ByteLimit Parse(string text) => ByteLimit.TryParse(text, least: 1, out ByteLimit? limit) ? limit : throw new FormatException(text);

    private UpdateConfig Read()
    {
        using Dir root = Dir.Open(_root.FullName);
        return UpdateConfig.Read(root);
    }

    private void Write(string path, string text)
    {
        string file = Path.Join(_root.FullName, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        System.IO.File.WriteAllText(file, text);
    }
}
