using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>The published bootc as a file, and on a system that has little.</summary>
public sealed class ProgramTests : IDisposable
{
    private const long MaxBytes = 15_000_000;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-program");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task Is_small_and_runs_on_old_systems()
    {
        string bootc = (await Product.Instance).Bootc;
        string newest = await LabProgram.RunAsync("sh", ["-c", "objdump -T \"$1\" | grep -oE 'GLIBC_[0-9.]+' | sort -Vu | tail -n 1", "newest", bootc]);

        new FileInfo(bootc).Length.Should().BeLessThan(MaxBytes);
        Version.Parse(newest.Trim()["GLIBC_".Length..]).Should().BeLessThanOrEqualTo(new Version(2, 36));
    }

    [Fact]
    public async Task Says_in_one_line_that_libssl_is_missing()
    {
        const string fill = """
            cp "$1" "$2/bootc"
            ldd "$1" | grep -o '/[^ ]*' | while read f; do mkdir -p "$2/$(dirname $f)"; cp "$f" "$2/$f"; done
            """;
        await LabProgram.RunAsync("sh", ["-ec", fill, "fill", (await Product.Instance).Bootc, _root.FullName]);

        ProgramOutput refused = await LabProgram.TryRunAsync("chroot", [_root.FullName, "/bootc", "internals", "composefs", "digest", "/bootc"]);
        ProgramOutput help = await LabProgram.TryRunAsync("chroot", [_root.FullName, "/bootc", "--help"]);

        refused.ExitCode.Should().Be(1);
        refused.Error.Should().Be("error: this program needs OpenSSL's libssl.so.3, which is not in this image; install it (on Debian the package libssl3)\n");
        help.ExitCode.Should().Be(0);
    }
}
