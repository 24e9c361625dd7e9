using System.CommandLine;
using Bootc.Composefs;

namespace Bootc.Commands.Internals;

/// <summary><c>--digest sha256|sha512</c>: the hash of fs-verity digests.</summary>
internal static class DigestOption
{
    public static Option<VerityAlgorithm> Create()
    {
        Option<VerityAlgorithm> option = new("--digest")
        {
            Description = "The hash of the fs-verity digest",
            HelpName = "sha256|sha512",
            DefaultValueFactory = _ => VerityAlgorithm.Sha512,
            // Other values never get here: they are refused below.
            CustomParser = result => result.Tokens[0].Value == "sha256" ? VerityAlgorithm.Sha256 : VerityAlgorithm.Sha512,
        };
        option.AcceptOnlyFromAmong("sha256", "sha512");
        return option;
    }
}
