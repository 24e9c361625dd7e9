using System.Text;
using Bootc.Host;
using Bootc.Host.Configuration;

namespace Bootc.Fuzz.Targets;

/// <summary>The files by which an image configures its install: each input is taken for both kinds.</summary>
internal sealed class InstallTomlTarget : FuzzTarget
{
    public override string Name => "install-toml";

    public override IReadOnlyList<Type> Refusals => [typeof(FormatException), typeof(BootcException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "[install]", "[install.filesystem.root]", "[[install]]", "kargs = [\"a\"]", "match-architectures = [\"x86_64\"]", "type = \"xfs\"",
            "block = [\"direct\"]", "[", "]", "{", "}", "=", ".", "\"\"\"", "'''", "\\u0000", "\\ud800", "\\U0010ffff", "1979-05-27T07:32:00Z", "\"", "\n", "#",
        }.Select(Encoding.UTF8.GetBytes),
        [0xFF],
        [0xEF, 0xBB, 0xBF],
    ];

    public override void Read(byte[] input)
    {
        try
        {
            InstallConfig config = InstallConfig.Parse(input, "a.toml", "x86_64");
            Require(config.RootFilesystem is null or "xfs" or "ext4" or "btrfs", "a root file system is of no known kind");
            _ = config.With(config);
        }
        catch (FormatException)
        {
            // It may still be the other kind.
        }

        ImageKargs.Parse([new ConfigFile("a.toml", input)], "x86_64");
    }
}
