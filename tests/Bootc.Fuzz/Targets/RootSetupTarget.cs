using System.Text;
using Bootc.Initramfs;
using Bootc.Linux;

namespace Bootc.Fuzz.Targets;

/// <summary><c>setup-root-conf.toml</c>.</summary>
internal sealed class RootSetupTarget : FuzzTarget
{
    public override string Name => "root-setup-toml";

    public override IReadOnlyList<Type> Refusals => [typeof(FormatException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "[root]", "[etc]", "[var]", "[[etc]]", "transient = true", "mount = \"overlay\"", "\"\"\"", "'''", "{", "}", "[", "]", "=", ".", "\\u0000", "\\ud800", "1979-05-27T07:32:00Z", "0x", "1e9", "nan",
            "inf", "\r\n", "#", "etc.mount = \"none\"\n",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public override void Read(byte[] input)
    {
        RootSetupConfig config = RootSetupConfig.Parse(Encoding.UTF8.GetString(input), KernelCommandLine.Empty);
        Require(Enum.IsDefined(config.Etc) && Enum.IsDefined(config.Var), "a mount is of no known kind");
    }
}
