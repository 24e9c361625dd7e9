using System.Text;
using Bootc.Oci;
using Bootc.Oci.Trust;

namespace Bootc.Fuzz.Targets;

/// <summary>What a signature is of: whoever has a key may write it, and it comes from a registry.</summary>
internal sealed class SignaturePayloadTarget : FuzzTarget
{
    public override string Name => "signature-payload";

    public override IReadOnlyList<Type> Refusals => [typeof(InvalidDataException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "{\"critical\":", "\"identity\":", "\"docker-reference\":", "\"image\":", "\"docker-manifest-digest\":", "\"type\":", "\"cosign container image signature\"", "\"optional\":", "null", "{}", "[]",
            "\"sha256:", "\"sha512:", "\\u0000", "\\ud800", ":5000/", "@sha256:", "..",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public override void Read(byte[] input)
    {
        (ImageName name, Digest manifest) = new SigstoreSignature(input, []).ReadPayload();
        Require(name.Domain is not null, "the name is not full");
        Require(ImageName.TryParse(name.ToString(), out ImageName? again) && again == name, "the name is another one when it is read again");
        Require(Digest.TryParse(manifest.ToString(), out Digest same) && same == manifest, "the digest is another one when it is read again");
    }
}
