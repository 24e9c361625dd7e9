using System.Runtime.InteropServices;

namespace Bootc.Oci;

/// <summary>What machine an image is for, in the words of Go: <c>linux/amd64</c>, <c>linux/arm64/v8</c>.</summary>
public sealed record Platform(string Os, string Architecture, string? Variant = null)
{
    /// <summary>The platform this program runs on.</summary>
    public static Platform Native { get; } = new("linux", RuntimeInformation.ProcessArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.X64 => "amd64",
        System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
        var other => other.ToString().ToLowerInvariant(),
    });

    /// <summary>
    /// Whether an image for the other platform runs on this one. The baseline variants need not be named; an image for a
    /// later one (amd64/v3) would die of an illegal instruction on an older machine.
    /// </summary>
    public bool Accepts(Platform image) =>
        image.Os == Os && image.Architecture == Architecture && BaselineVariant(image) == BaselineVariant(this);

    public override string ToString() => string.IsNullOrEmpty(Variant) ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";

    private static string? BaselineVariant(Platform platform) => (platform.Architecture, platform.Variant) switch
    {
        (_, null or "") or ("amd64", "v1") or ("arm64", "v8") => null,
        (_, var variant) => variant,
    };
}
