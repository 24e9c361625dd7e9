using System.Text;
using Bootc.Host.Images;
using Bootc.Oci;

namespace Bootc.Fuzz.Targets;

/// <summary>A quadlet that an image binds, read as each of the two kinds that there are.</summary>
internal sealed class QuadletTarget : FuzzTarget
{
    public override string Name => "quadlet";

    public override IReadOnlyList<Type> Refusals => [typeof(FormatException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[] { "[Image]\n", "[Container]\n", "[Unit]\n", "Image=", "AuthFile=", "\\\n", "\n#", "\n;", "%%", "%i", ".image", ".build", "@sha256:", ":", "/", "localhost/", "\r\n" }.Select(Encoding.UTF8.GetBytes),
    ];

    public override void Read(byte[] input)
    {
        bool isContainer = input.AsSpan().IndexOf("[Container]"u8) >= 0;
        string image = QuadletFile.ParseImage(input, isContainer ? QuadletFile.ContainerExtension : QuadletFile.ImageExtension);
        Require(ImageName.TryParse(image, out _), "what is bound is no image");
    }
}
