using System.Security.Cryptography;
using System.Text.Json;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>
/// The published programs for arm64, run by QEMU with the libraries of Debian 12 for arm64: they do what those for x64 do, to the
/// byte.
/// </summary>
[Trait("Category", "All")]
public sealed class Arm64Tests : IDisposable
{
    private const long MaxBytes = 15_000_000;
    private const long MaxRootSetupBytes = 3_000_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-arm64");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Bootc_is_small_and_needs_an_old_C_library_and_nothing_else()
    {
        string bootc = (await Product.ForArm64).Bootc;
        string headers = await LabProgram.RunAsync("readelf", ["--wide", "--file-header", "--dynamic", bootc]);
        string newest = await LabProgram.RunAsync("sh", ["-c", "readelf --version-info \"$1\" | grep -oE 'GLIBC_[0-9.]+' | sort -Vu | tail -n 1", "newest", bootc]);

        headers.Should().MatchRegex("Machine: +AArch64");
        headers.Split('\n').Where(line => line.Contains("(NEEDED)", StringComparison.Ordinal))
            .Should().OnlyContain(line => line.Contains("libc.so.6") || line.Contains("libm.so.6") || line.Contains("ld-linux-aarch64.so.1"));
        Version.Parse(newest.Trim()["GLIBC_".Length..]).Should().BeLessThanOrEqualTo(new Version(2, 36));
        new FileInfo(bootc).Length.Should().BeLessThan(MaxBytes);
    }

    [Fact]
    public async Task Root_setup_is_small_and_needs_no_loader_and_no_library()
    {
        string program = (await Product.ForArm64).RootSetup;
        string headers = await LabProgram.RunAsync("readelf", ["--wide", "--file-header", "--program-headers", "--dynamic", program]);

        headers.Should().MatchRegex("Machine: +AArch64").And.NotContain("INTERP").And.NotContain("NEEDED");
        new FileInfo(program).Length.Should().BeLessThanOrEqualTo(MaxRootSetupBytes);
    }

    [Fact]
    public async Task Bootc_says_what_it_says_on_x64()
    {
        foreach (string[] arguments in (string[][])[["--help"], ["install", "to-disk", "--help"], ["install", "to-disk"], ["status", "--nonsense"]])
        {
            ProgramOutput onArm64 = await Arm64.TryRunAsync((await Product.ForArm64).Bootc, arguments);
            ProgramOutput onX64 = await LabProgram.TryRunAsync((await Product.Instance).Bootc, arguments);

            onArm64.Should().Be(onX64);
        }
    }

    [Fact]
    public async Task Images_are_those_of_mkcomposefs()
    {
        string vectors = Checkout.PathOf("tests", "vectors", "composefs");
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Join(vectors, "vectors.json")));
        string bootc = (await Product.ForArm64).Bootc;
        string image = Path.Join(_folder.FullName, "image");
        foreach (JsonProperty vector in json.RootElement.EnumerateObject())
        {
            string dump = Path.Join(vectors, $"{vector.Name}.dump");
            string id = await Arm64.RunAsync(bootc, "internals", "composefs", "mkimage", "--format-version", "1", "--digest", "sha256", dump, image);

            Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(image))).Should().Be(vector.Value.GetProperty("v1_sha256sum").GetString(), vector.Name);
            id.Trim().Should().Be(vector.Value.GetProperty("v1_fsverity_sha256").GetString(), vector.Name);
            File.Delete(image);
        }
    }

    [Fact]
    public async Task The_same_files_have_the_same_ids_in_the_image_for_either_machine()
    {
        string layout = await BuildForBothAsync();

        JsonElement onArm64 = JsonDocument.Parse(await Arm64.RunAsync((await Product.ForArm64).Bootc, Pull("arm64", layout))).RootElement;
        JsonElement onX64 = JsonDocument.Parse(await LabProgram.RunAsync((await Product.Instance).Bootc, Pull("x64", layout))).RootElement;

        foreach (string id in (string[])["imageId", "bootImageId"])
        {
            onArm64.GetProperty(id).GetString().Should().HaveLength(128).And.Be(onX64.GetProperty(id).GetString());
        }

        onArm64.GetProperty("manifestDigest").GetString().Should().Be(await DigestOfAsync(layout, "arm64"));
        onX64.GetProperty("manifestDigest").GetString().Should().Be(await DigestOfAsync(layout, "amd64"));
        (await Arm64.RunAsync((await Product.ForArm64).Bootc, "internals", "composefs", "fsck", "--repo", Path.Join(_folder.FullName, "x64"))).Should().Be("ok\n");
        (await LabProgram.RunAsync((await Product.Instance).Bootc, ["internals", "composefs", "fsck", "--repo", Path.Join(_folder.FullName, "arm64")])).Should().Be("ok\n");
    }

    [Fact]
    public async Task An_image_for_the_other_machine_is_refused()
    {
        string both = await BuildForBothAsync();
        foreach (string architecture in (string[])["amd64", "arm64"])
        {
            await LabProgram.RunAsync("skopeo", ["copy", "--quiet", "--override-arch", architecture, $"oci:{both}", $"oci:{Path.Join(_folder.FullName, architecture)}"]);
        }

        ProgramOutput onArm64 = await Arm64.TryRunAsync((await Product.ForArm64).Bootc, Pull("repo", Path.Join(_folder.FullName, "amd64")));
        ProgramOutput onX64 = await LabProgram.TryRunAsync((await Product.Instance).Bootc, Pull("repo", Path.Join(_folder.FullName, "arm64")));

        onArm64.ExitCode.Should().Be(1);
        onArm64.Error.Should().EndWith(": the image is for linux/amd64; linux/arm64 is wanted\n");
        onX64.ExitCode.Should().Be(1);
        onX64.Error.Should().EndWith(": the image is for linux/arm64; linux/amd64 is wanted\n");
    }

    [Fact]
    public async Task Root_setup_says_why_it_cannot()
    {
        string program = (await Product.ForArm64).RootSetup;
        string id = new('a', 128);

        ProgramOutput usage = await Arm64.TryRunAsync(program);
        ProgramOutput notOurs = await Arm64.TryRunAsync(program, "setup-root", "--sysroot", _folder.FullName, "--cmdline", "root=/dev/vda2 rw");
        ProgramOutput noDeployment = await Arm64.TryRunAsync(program, "setup-root", "--sysroot", _folder.FullName, "--cmdline", $"root=/dev/vda2 rw composefs={id}");

        usage.ExitCode.Should().Be(2);
        usage.Error.Should().StartWith("usage: ");
        notOurs.Should().Be(new ProgramOutput(0, "", ""));
        noDeployment.ExitCode.Should().Be(1);
        noDeployment.Error.Should().Be(
            $"bootc-root-setup: cannot set up the root: {_folder.FullName} has no state/deploy/{id}, the state of the deployment to boot\n");
    }

    private string[] Pull(string repository, string layout) =>
        ["internals", "oci", "pull", "--insecure", "--repo", Path.Join(_folder.FullName, repository), $"oci:{layout}"];

    /// <summary>A layout with one list of two images, of the same files.</summary>
    private async Task<string> BuildForBothAsync()
    {
        const string name = "localhost/bootc-lab/both";
        string context = _folder.CreateSubdirectory("context").FullName;
        const string fill = """
            cd "$1"
            mkdir -p boot etc sysroot usr/bin usr/lib var
            printf 'ID=lab\n' > usr/lib/os-release
            head -c 300000 /dev/zero | tr '\0' x > usr/bin/big
            ln usr/bin/big usr/bin/hard; ln -s big usr/bin/soft; chmod 4755 usr/bin/big
            printf 'FROM scratch\nCOPY . /\n' > ../Containerfile
            """;
        await LabProgram.RunAsync("sh", ["-ec", fill, "fill", context]);
        Podman podman = await Podman.Instance;
        await podman.TryRunAsync(["manifest", "rm", name]);
        await podman.RunAsync(
        [
            // Its cache would give the second machine the first one's image.
            "build", "--quiet", "--no-cache", "--timestamp", "0", "--platform", "linux/amd64,linux/arm64", "--manifest", name,
            "--file", Path.Join(_folder.FullName, "Containerfile"), context,
        ]);
        string layout = Path.Join(_folder.FullName, "both");
        await podman.RunAsync(["manifest", "push", "--quiet", "--all", name, $"oci:{layout}"]);
        await podman.RunAsync(["manifest", "rm", name]);
        return layout;
    }

    /// <summary>The digest that the layout's list gives for an architecture, by skopeo.</summary>
    private static async Task<string?> DigestOfAsync(string layout, string architecture)
    {
        JsonElement list = JsonDocument.Parse(await LabProgram.RunAsync("skopeo", ["inspect", "--raw", $"oci:{layout}"])).RootElement;
        return list.GetProperty("manifests").EnumerateArray()
            .Single(m => m.GetProperty("platform").GetProperty("architecture").GetString() == architecture)
            .GetProperty("digest").GetString();
    }
}
