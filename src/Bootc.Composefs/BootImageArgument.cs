using Bootc.Linux;

namespace Bootc.Composefs;

/// <summary>
/// The kernel argument that names the image to boot: <c>composefs=[?]ID</c>, or <c>composefs.digest=[?]vN-sha512-12:ID</c> where N
/// is the EROFS format version. The command line alone decides how much an image is trusted.
/// </summary>
/// <param name="Id">The image: the fs-verity digest of its EROFS file.</param>
/// <param name="VerityOptional">Whether a <c>?</c> allows objects without fs-verity.</param>
public sealed record BootImageArgument(ObjectId Id, bool VerityOptional)
{
    private const string ShortKey = "composefs";
    private const string LongKey = "composefs.digest";

    /// <summary>
    /// Finds the image that a kernel command line names: the first <c>composefs.digest=</c> of an algorithm that is known here, else
    /// the first <c>composefs=</c>. Null where there is neither. One that cannot be read is a <see cref="FormatException"/>, since
    /// booting something else instead would be worse than not booting.
    /// </summary>
    public static BootImageArgument? Find(KernelCommandLine commandLine)
    {
        List<string> descriptors = [];
        foreach (string value in commandLine.Values(LongKey))
        {
            (bool optional, string rest) = TakeQuestionMark(value);
            if (rest.Split(':') is not [var descriptor, { Length: > 0 } digits] || !IsDescriptor(descriptor))
            {
                throw new FormatException($"{LongKey}={value} on the kernel command line is not [?]vN-HASH-BLOCKBITS:DIGEST");
            }

            if (descriptor is "v1-sha512-12" or "v2-sha512-12")
            {
                return new(ParseId($"{LongKey}={value}", digits), optional);
            }

            descriptors.Add(descriptor);
        }

        if (commandLine.Values(ShortKey).FirstOrDefault() is { } plain)
        {
            (bool optional, string digits) = TakeQuestionMark(plain);
            return new(ParseId($"{ShortKey}={plain}", digits), optional);
        }

        return descriptors.Count == 0
            ? null
            : throw new FormatException(
                $"{LongKey} on the kernel command line gives only {string.Join(", ", descriptors)}; known are v1-sha512-12 and v2-sha512-12");
    }

    /// <summary>A command line without the arguments that name an image.</summary>
    public static KernelCommandLine Remove(KernelCommandLine commandLine) => commandLine.Without(ShortKey).Without(LongKey);

    /// <summary>The argument in the form that every version of bootc reads: <c>composefs=[?]ID</c>.</summary>
    public override string ToString() => $"{ShortKey}={(VerityOptional ? "?" : "")}{Id}";

    private static (bool Optional, string Digits) TakeQuestionMark(string value) => value is ['?', .. var rest] ? (true, rest) : (false, value);

    // vN-HASH-BLOCKBITS, as far as it goes for a version or hash made after this program.
    private static bool IsDescriptor(string text) =>
        text.Split('-') is [['v', .. { Length: > 0 } version], { Length: > 0 } hash, { Length: > 0 } blockBits]
        && version.All(char.IsAsciiDigit) && hash.All(char.IsAsciiLetterOrDigit) && blockBits.All(char.IsAsciiDigit);

    private static ObjectId ParseId(string argument, string digits) =>
        ObjectId.TryParse(digits, out ObjectId? id) && id.Algorithm == VerityAlgorithm.Sha512
            ? id
            : throw new FormatException($"{argument} on the kernel command line does not end in 128 lower-case hex digits");
}
