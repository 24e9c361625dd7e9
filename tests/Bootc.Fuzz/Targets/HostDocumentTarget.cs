using System.Text;
using Bootc.Documents;
using Bootc.Host.Documents;
using Bootc.Host.Operations;

namespace Bootc.Fuzz.Targets;

/// <summary>The documents of <c>bootc edit</c>, YAML or JSON.</summary>
internal sealed class HostDocumentTarget : FuzzTarget
{
    public override string Name => "host-document";

    public override IReadOnlyList<Type> Refusals => [typeof(FormatException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "apiVersion: org.containers.bootc/v1\n", "kind: BootcHost\n", "spec:\n", "  image:\n", "    image: ", "    transport: oci\n", "    signature: !ostreeRemote a\n",
            "  bootOrder: rollback\n", "- ", "-\n", "---\n", ": ", " #", "'", "''", "\"", "\\\"", "\\u0041", "\\U0001F600", "{}", "[]", "!", "&", "*", "|", "<<: ", "null", "~",
            "\t", "\r\n", "\u2028", "{\"spec\":{\"image\":null}}",
        }.Select(Encoding.UTF8.GetBytes),
        [0xFF],
        [0xEF, 0xBB, 0xBF],
    ];

    public override void Read(byte[] input)
    {
        Require(DepthOf(DocumentReader.Read(input)) <= DocumentReader.MaxDepth + 1, "a document is deeper than any may be");
        HostSpec spec = HostSpecReader.Read(input, Name);
        Require(spec.Image is null || spec.Image.Reference.Name.All(c => c >= ' '), "the name of an image has a control character");
    }

    private static int DepthOf(DocumentNode node) => 1 + (node switch
    {
        DocumentNode.Mapping mapping => mapping.Members.Values.Select(DepthOf).DefaultIfEmpty().Max(),
        DocumentNode.Sequence sequence => sequence.Items.Select(DepthOf).DefaultIfEmpty().Max(),
        _ => 0,
    });
}
