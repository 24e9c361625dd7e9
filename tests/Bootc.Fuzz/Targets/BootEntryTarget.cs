using System.Text;
using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;

namespace Bootc.Fuzz.Targets;

/// <summary>The files by which a machine is described to itself: boot entries, and origin and os-release, which never are refused.</summary>
internal sealed class BootEntryTarget : FuzzTarget
{
    public override string Name => "boot-entry";

    public override IReadOnlyList<Type> Refusals => [typeof(FormatException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "\nversion 1\n", "\nlinux /a\n", "title ", "initrd ", "options ", "sort-key ", "\t", "\"", "'", "\\", "#", "=", "[origin]", "[", "]", "composefs=?", "composefs.digest=v1-sha512-12:", "\u00a0",
            "\u2028", "\r", "\v", "root=UUID=",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public override void Read(byte[] input)
    {
        string text = Encoding.UTF8.GetString(input);
        string origin = Origin.Parse(text).ToString();
        Require(Origin.Parse(origin).ToString() == origin, "an origin is another one when written and read again");
        OsRelease os = OsRelease.Parse(text);
        string name = BootEntryName.For(os, "deployment", 1).ToString();
        Require(!name.Contains('/') && !name.Contains('+') && !name.Contains('\0'), "the name of a boot entry is none");

        BootEntry entry = BootEntry.Parse(text);
        string written = entry.ToString();
        BootEntry again = BootEntry.Parse(written);
        Require(again.ToString() == written, "a boot entry is another one when written and read again");
        Require(again.Options.Equals(entry.Options), "kernel arguments are others when written and read again");
        _ = BootImageArgument.Find(entry.Options);
    }
}
