using System.Text;
using Bootc.Oci;
using Bootc.Oci.Layers;

namespace Bootc.Fuzz.Targets;

/// <summary>The records of a PAX extended header.</summary>
internal sealed class PaxTarget : FuzzTarget
{
    public override string Name => "pax";

    public override IReadOnlyList<Type> Refusals => [typeof(FormatException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "path=", "linkpath=", "size=", "uid=", "gid=", "mtime=", "SCHILY.xattr.", "LIBARCHIVE.xattr.", "GNU.sparse.", "hdrcharset=BINARY", "12 path=a/b\n",
            "20 mtime=1700000000.\n", "23 SCHILY.xattr.user.a=\n", "\n", "=", " ", ".",
        }.Select(Encoding.Latin1.GetBytes),
    ];

    public override void Read(byte[] input)
    {
        PaxHeader header = PaxHeader.Parse(input);
        Require(header.Size is null or >= 0 && header.Size.GetValueOrDefault() <= Limits.LayerSize, "the size is out of range");
        Require(header.Modified is null || header.Modified is { Seconds: >= 0, Nanoseconds: >= 0 and < 1_000_000_000 }, "the time is out of range");
        Require(header.Xattrs.Length <= Limits.Xattrs, "there are too many attributes");
        Require(
            header.Xattrs.All(x => x.Name.Length is > 0 and <= Limits.XattrName && !x.Name.Span.Contains((byte)0) && x.Value.Length <= Limits.XattrValue),
            "an attribute is out of range");
        Require(header.Xattrs.DistinctBy(x => Encoding.Latin1.GetString(x.Name.Span)).Count() == header.Xattrs.Length, "an attribute comes twice");
    }
}
