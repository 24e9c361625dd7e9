using System.Text;
using Bootc.Oci.Chunked;

namespace Bootc.Fuzz.Targets;

/// <summary>The table of contents of a zstd:chunked layer.</summary>
internal sealed class TableOfContentsTarget : FuzzTarget
{
    private const long ContentEnd = 1 << 20;

    public override string Name => "table-of-contents";

    public override IReadOnlyList<Type> Refusals => [typeof(InvalidDataException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "\"version\":1", "\"entries\":[", "\"tarSplitDigest\":", "\"type\":\"reg\"", "\"type\":\"chunk\"", "\"size\":", "\"offset\":", "\"endOffset\":", "\"digest\":",
            "9223372036854775807", "-1", "1048576", "null", "[]", "{}", "\"\\ud800\"",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public override void Read(byte[] input)
    {
        long after = 0;
        foreach (ChunkedFile file in TableOfContents.TryParse(input, ContentEnd)?.Files ?? [])
        {
            Require(file.Size > 0 && file.Offset >= after && file.End > file.Offset && file.End <= ContentEnd, "a file lies where none can be");
            after = file.End;
        }
    }
}
