using System.Text.RegularExpressions;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>The published bootc as a file, and on a system that has little.</summary>
public sealed class ProgramTests : IDisposable
{
    private const long MaxBytes = 15_000_000;
    private const long MaxLibraryBytes = 1_500_000;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-program");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task Is_small_and_runs_on_old_systems()
    {
        Product product = await Product.Instance;
        foreach ((string file, long atMost) in ((string, long)[])[(product.Bootc, MaxBytes), .. product.Sha512Libraries.Select(library => (library, MaxLibraryBytes))])
        {
            string newest = await LabProgram.RunAsync("sh", ["-c", "objdump -T \"$1\" | grep -oE 'GLIBC_[0-9.]+' | sort -Vu | tail -n 1", "newest", file]);

            new FileInfo(file).Length.Should().BeLessThan(atMost);
            Version.Parse(newest.Trim()["GLIBC_".Length..]).Should().BeLessThanOrEqualTo(new Version(2, 36));
        }
    }

    [Fact]
    public async Task Hashes_by_the_widest_vectors_that_there_are_and_as_well_without()
    {
        string file = Path.Join(_root.FullName, "file");
        byte[] content = new byte[3_000_001];
        new Random(1).NextBytes(content);
        await File.WriteAllBytesAsync(file, content);
        string digest = (await (await Lab.SidTree).RunAsync("fsverity", ["digest", "--hash-alg=sha512", "--compact", file])).Trim();
        string processor = await File.ReadAllTextAsync("/proc/cpuinfo");
        string[] avx2 = ["avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"];
        Dictionary<string, string[]> needed = new() { ["avx2"] = avx2, ["avx512"] = [.. avx2, "avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"] };
        Product product = await Product.Instance;
        string bootc = Path.Join(_root.FullName, "usr/bin/bootc");
        Directory.CreateDirectory(Path.GetDirectoryName(bootc)!);
        Directory.CreateDirectory(Path.Join(_root.FullName, "usr/lib/bootc"));
        File.Copy(product.Bootc, bootc);

        (await DigestAsync(bootc, file)).Should().Be((digest, ""));
        foreach (string library in product.Sha512Libraries.Reverse())
        {
            File.Copy(library, Path.Join(_root.FullName, "usr/lib/bootc", Path.GetFileName(library)));
            string vectors = Path.GetFileNameWithoutExtension(library).Split('-')[^1];

            (string found, string loaded) = await DigestAsync(bootc, file);

            found.Should().Be(digest);
            (loaded == vectors).Should().Be(needed[vectors].All(instruction => processor.Contains($" {instruction} ", StringComparison.Ordinal)));
        }
    }

    /// <summary>The digest, and the library that was opened for it.</summary>
    private async Task<(string Digest, string Library)> DigestAsync(string bootc, string file)
    {
        string trace = Path.Join(_root.FullName, "trace");
        string output = await LabProgram.RunAsync("strace", ["-f", "-e", "trace=openat", "-o", trace, bootc, "internals", "composefs", "digest", file]);
        return (output.Split(' ')[0], Regex.Match(await File.ReadAllTextAsync(trace), "libbootc-sha512-([a-z0-9]+).so\".* = [0-9]").Groups[1].Value);
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
