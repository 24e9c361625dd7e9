using Bootc.Fuzz.Targets;
using Bootc.Testing;

namespace Bootc.Fuzz;

/// <summary>The targets, and the inputs that are kept for each: of real tools, of earlier runs, and those that once went wrong.</summary>
internal static class Corpus
{
    /// <summary>The target that only tests of the fuzzer ask for.</summary>
    public const string SelfTest = "self-test";

    /// <summary>Makes a target, by its name.</summary>
    public static IReadOnlyDictionary<string, Func<FuzzTarget>> Targets { get; } = new SortedDictionary<string, Func<FuzzTarget>>(StringComparer.Ordinal)
    {
        ["auth-challenge"] = () => new AuthChallengeTarget(),
        ["boot-entry"] = () => new BootEntryTarget(),
        ["dumpfile"] = () => new DumpfileTarget(),
        ["erofs"] = () => new ErofsTarget(),
        ["file-contexts"] = () => new FileContextsTarget(),
        ["host-document"] = () => new HostDocumentTarget(),
        ["image-json"] = () => new ImageJsonTarget(),
        ["install-toml"] = () => new InstallTomlTarget(),
        ["layer-zstd"] = () => new LayerTarget(),
        ["pax"] = () => new PaxTarget(),
        ["quadlet"] = () => new QuadletTarget(),
        ["root-setup-toml"] = () => new RootSetupTarget(),
        [SelfTest] = () => new SelfTestTarget(),
        ["signature-payload"] = () => new SignaturePayloadTarget(),
        ["splitstream"] = () => new SplitStreamTarget(),
        ["storage-json"] = () => new StorageJsonTarget(),
        ["table-of-contents"] = () => new TableOfContentsTarget(),
        ["tar"] = () => new TarTarget(),
        ["tar-split"] = () => new TarSplitTarget(),
    };

    /// <summary>Where the inputs of a target are kept.</summary>
    public static string FolderOf(string target) => Checkout.PathOf("tests", "Bootc.Fuzz", "Corpus", target);

    /// <summary>The inputs of a target, always in the same order.</summary>
    public static IReadOnlyList<string> Files(string target) => [.. Directory.EnumerateFiles(FolderOf(target)).Order(StringComparer.Ordinal)];
}
