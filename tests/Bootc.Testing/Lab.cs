namespace Bootc.Testing;

/// <summary>The parts of the lab, each made when it is first asked for and kept in the cache of the machine.</summary>
public static class Lab
{
    /// <summary>Debian sid with the C composefs tools (<c>mkcomposefs</c>), erofs-utils and fsverity: the judges of our formats.</summary>
    public static Task<DebianTree> SidTree => Sid.Value;

    /// <summary>Debian trixie with QEMU 10 and OVMF; the QEMU of bookworm is slower, and its guests crash now and then.</summary>
    public static Task<DebianTree> ToolsTree => Tools.Value;

    /// <summary>Debian trixie with the packages of <c>images/debian</c>, what its image is built from.</summary>
    public static Task<DebianTree> DebianBase => Base.Value;

    /// <summary>Debian bookworm with what links NativeAOT programs: the oldest C library that bootc has to run on.</summary>
    public static Task<DebianTree> LinkerTree => Linker.Value;

    private static readonly Lazy<Task<DebianTree>> Sid = new(() => new DebianRecipe(
        "sid", "sid", ["composefs", "erofs-utils", "fsverity"],
        // The clock of a test machine may be ahead of the last Release file of sid.
        "--aptopt=Acquire::Check-Valid-Until \"false\"").EnsureAsync());

    private static readonly Lazy<Task<DebianTree>> Tools = new(() => new DebianRecipe(
        "tools", "trixie", ["qemu-system-x86", "qemu-utils", "ovmf"]).EnsureAsync());

    private static readonly Lazy<Task<DebianTree>> Base = new(() => new DebianRecipe(
        "debian-base", "trixie", [.. File.ReadAllLines(Checkout.PathOf("images", "debian", "packages.txt"))]).EnsureAsync());

    private static readonly Lazy<Task<DebianTree>> Linker = new(() => new DebianRecipe(
        "linker", "bookworm", ["binutils", "ca-certificates", "clang", "libc6-dev", "lld", "zlib1g-dev"]).EnsureAsync());
}
