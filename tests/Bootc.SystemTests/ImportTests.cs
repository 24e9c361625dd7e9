using System.Formats.Tar;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>What an import with the published program costs.</summary>
public sealed class ImportTests : IDisposable
{
    private const int Entries = 200_000;
    private const long MaxMemory = 150_000_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-import");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    [Trait("Category", "All")]
    public async Task Takes_150_MB_at_most_for_200000_entries()
    {
        Product product = await Product.Instance;
        string layout = WriteLayout(Entries);

        // Of all children that were waited for, the largest: the shell has no other.
        string output = await LabProgram.RunAsync("sh",
        [
            "-ec", "\"$@\" >/dev/null 2>&1 & while peak=$(grep VmHWM /proc/$!/status); do last=$peak; sleep 0.05; done; wait $!; echo \"$last\"", "measure",
            product.Bootc, "internals", "oci", "pull", "--insecure", "--repo", Path.Join(_folder.FullName, "repo"), $"oci:{layout}",
        ]);

        long kibibytes = long.Parse(output.Split(' ', '\t', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        (kibibytes * 1024).Should().BeInRange(10_000_000, MaxMemory);
    }

    private static string DigestOf(byte[] content) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}";

    /// <summary>An OCI layout with one layer of so many files, two of three of which become objects.</summary>
    private string WriteLayout(int entries)
    {
        DirectoryInfo layout = _folder.CreateSubdirectory("layout");
        string tar = Path.Join(_folder.FullName, "tar");
        using (FileStream output = File.Create(tar))
        using (TarWriter writer = new(output, TarEntryFormat.Ustar))
        {
            foreach (string path in (string[])["usr", "boot", "sysroot"])
            {
                writer.WriteEntry(new UstarTarEntry(TarEntryType.Directory, path));
            }

            for (int i = 0; i < entries; i++)
            {
                if (i % 50 == 0)
                {
                    writer.WriteEntry(new UstarTarEntry(TarEntryType.Directory, $"usr/directory-{i / 50:d6}"));
                }

                byte[] content = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat($"{i} ", i % 3 == 0 ? 2 : 20)));
                writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, $"usr/directory-{i / 50:d6}/some-file-name-{i:d7}.txt")
                {
                    DataStream = new MemoryStream(content),
                    ModificationTime = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000 + i),
                });
            }
        }

        string diffId;
        using (FileStream input = File.OpenRead(tar))
        {
            diffId = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(input))}";
        }

        string blobs = layout.CreateSubdirectory("blobs/sha256").FullName;
        long size = new FileInfo(tar).Length;
        File.Move(tar, Path.Join(blobs, diffId[7..]));
        string config = Write($$$"""{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["{{{diffId}}}"]}}""", "application/vnd.oci.image.config.v1+json");
        string layer = $$"""{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{{diffId}}","size":{{size}}}""";
        string manifest = Write($$"""{"schemaVersion":2,"config":{{config}},"layers":[{{layer}}]}""", "application/vnd.oci.image.manifest.v1+json");
        File.WriteAllText(Path.Join(layout.FullName, "index.json"), $$"""{"schemaVersion":2,"manifests":[{{manifest}}]}""");
        File.WriteAllText(Path.Join(layout.FullName, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
        return layout.FullName;

        // Stores a document and describes it.
        string Write(string json, string mediaType)
        {
            byte[] content = Encoding.UTF8.GetBytes(json);
            string digest = DigestOf(content);
            File.WriteAllBytes(Path.Join(blobs, digest[7..]), content);
            return $$"""{"mediaType":"{{mediaType}}","digest":"{{digest}}","size":{{content.Length}}}""";
        }
    }
}
